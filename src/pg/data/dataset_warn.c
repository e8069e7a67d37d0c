/*
 * dataset_warn.c: what whoever trains should know of the data.
 */
#include "postgres.h"

#include "utils/lsyscache.h"

#include "pg/data/dataset.h"
#include "pg/util/relations.h"

/* Serving looks for the model's relations by their names. */
static void
warn_temporary(Oid relation)
{
	if (relation_is_temporary(relation))
		ereport(WARNING,
				(errmsg("relation \"%s\" is temporary", get_rel_name(relation)),
				 errdetail("Only this session can serve from a model that is trained on it.")));
}

static void
warn_values(Oid relation, const char *column, int32 found)
{
	if (found > MAX_VALUES)
		ereport(WARNING,
				(errmsg("column \"%s\" of relation %s has %d different values", column,
						relation_quoted(relation), found),
				 errdetail("Only the %d most frequent ones are told apart.",
						   MAX_VALUES)));
}

/*
 * A list that another character separates is one genre, which says little.  Told
 * when no list at all has the right one and every tenth has the other.
 */
static void
warn_separator(Oid movies, const GenreSeparators *found)
{
	int			most = 0;

	for (int i = 1; i < lengthof(found->other); i++)
		if (found->other[i] > found->other[most])
			most = i;
	if (found->bar > 0 || found->other[most] < 2 || found->other[most] < found->lists / 10)
		return;
	ereport(WARNING,
			(errmsg("column \"genres\" of relation %s seems to be separated by \"%c\"",
					relation_quoted(movies), OTHER_SEPARATORS[most]),
			 errdetail("The separator of genres is \"|\": each list counts as one genre."),
			 errhint("Convert the column in a view, and pass the view.")));
}

/* Ratings that say nothing of what was thought of a movie are taken as events. */
static void
notice_events(const Dataset *dataset)
{
	const DatasetFacts *facts = &dataset->facts;

	if (dataset->ratings.weight == NULL)
		return;
	ereport(NOTICE,
			(facts->has_ratings ?
			 errmsg("all ratings of relation %s are %g: they are taken as events",
					relation_quoted(facts->ratings), dataset->max_rating) :
			 errmsg("relation %s has no column \"rating\": its rows are taken as events",
					relation_quoted(facts->ratings)),
			 errdetail("An event says that a user chose a movie, not what they thought of it."),
			 errhint("Recommendations are ordered by relevance. Where movies are chosen again, "
					 "ask with exclude_seen => false.")));
	if (facts->n_replaced > 0)
		ereport(NOTICE,
				(errmsg_plural("%lld event is of a user and a movie that have an earlier one",
							   "%lld events are of a user and a movie that have an earlier one",
							   (unsigned long) facts->n_replaced, (long long) facts->n_replaced),
				 errdetail("Each user and movie count once, with the sum of the weights.")));
}

/* What is not known of when the ratings were given. */
static void
notice_times(const DatasetFacts *facts)
{
	if (facts->timeless)
		ereport(NOTICE,
				(facts->has_times ?
				 errmsg("all times of relation %s are equal", relation_quoted(facts->ratings)) :
				 errmsg("relation %s has no column \"rated_at\"",
						relation_quoted(facts->ratings)),
				 errdetail("The split is random, and a rating's history is all other ratings of "
						   "its user. There are no live metrics, which need times.")));
	else if (facts->tie_share > MAX_TIE_SHARE)
		ereport(NOTICE,
				(errmsg("a rating has the time of %.0f %% of its user's others",
						100 * facts->tie_share),
				 errdetail("In training a fixed random order stands for the one that is not known. "
						   "Live metrics know only what is of strictly earlier time.")));
}

static void
warn_movies(const DatasetFacts *facts)
{
	if (!OidIsValid(facts->movies))
		ereport(NOTICE,
				(errmsg("there is no relation of movies"),
				 errdetail("Movies are known by their ids and ratings alone: without titles, "
						   "genres and years, and a new movie only from the next training on.")));
	if (facts->n_unlisted > 0)
		ereport(WARNING,
				(errmsg_plural("%lld rated movie has no row in %s",
							   "%lld rated movies have no row in %s",
							   (unsigned long) facts->n_unlisted,
							   (long long) facts->n_unlisted, relation_quoted(facts->movies)),
				 errdetail("Without genres and year, only the ratings tell of such a movie.")));
}

void
dataset_warn(const Dataset *dataset)
{
	const DatasetFacts *facts = &dataset->facts;
	static const char *const attribute[N_ATTRIBUTES] = {"gender", "age", "occupation"};

	warn_temporary(facts->ratings);
	warn_temporary(facts->movies);
	warn_temporary(facts->users);
	notice_events(dataset);
	notice_times(facts);
	warn_movies(facts);
	if (facts->n_replaced > 0 && dataset->ratings.weight == NULL)
		ereport(WARNING,
				(errmsg_plural("%lld rating of relation %s is left out",
							   "%lld ratings of relation %s are left out",
							   (unsigned long) facts->n_replaced,
							   (long long) facts->n_replaced, relation_quoted(facts->ratings)),
				 errdetail("A later rating of the movie by the same user counts instead.")));
	warn_separator(facts->movies, &facts->separators);
	warn_values(facts->movies, "genres", facts->n_genres_found);
	for (int a = 0; a < N_ATTRIBUTES; a++)
		warn_values(facts->users, attribute[a], facts->n_values_found[a]);
}
