/*
 * dataset.c: the three input relations as packed columns, encoded and split.
 *
 * The movies are read first and get the first codes.  Then the ratings stream
 * into four columns of 20 bytes a row altogether, ids already as codes.  A
 * counting sort moves them into the table's columns, user by user in the order
 * of ids; only then are the users read, since which values of an attribute
 * count is learned from the training rows.
 *
 * What lasts is in the caller's context, what does not in a child of it.  The
 * peak is while both sets of columns exist: 40 bytes a rating.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "num/data/movie_features.h"
#include "pg/data/dataset.h"
#include "pg/data/encode.h"
#include "pg/data/rating_list.h"
#include "pg/util/relations.h"

#define CHUNK_ROWS 65536		/* rows worked on between checks for interrupts */

/* A Dataset and what is needed to split it again */
typedef struct LoadedDataset
{
	Dataset		public;			/* must be first */
	Oid			ratings;
	Oid			movies;
	Oid			users;
	RatingTable rows;
	float	   *features;		/* ratings.movie_features */
	uint8	   *trained;		/* [n_movies], has training rows */
	UserRating *scratch;		/* twice the rows of the user with the most */
	int32		n_genres_found;
	GenreSeparators separators;
	int32		n_values_found[N_ATTRIBUTES];
} LoadedDataset;

/* ----------------------------------------------------------------- the table */

/* The ids in ascending order, and the index of each code, both palloc'd. */
static int64 *
rank_ids(const IdMap *ids, int32 **index)
{
	int64	   *sorted = palloc0_huge_array(ids->n, sizeof(int64));
	IdSlot	   *scratch = palloc0_huge_array(ids->n, 2 * sizeof(IdSlot));

	*index = palloc0_huge_array(ids->n, sizeof(int32));
	idmap_rank(ids, sorted, *index, scratch);
	pfree(scratch);
	return sorted;
}

/* Allocates the table's columns in the current memory context. */
static void
alloc_table(RatingTable *table, int64 n_rows)
{
	table->start = palloc0_huge_array((Size) table->n_users + 1, sizeof(int64));
	table->n_train = palloc0_huge_array(table->n_users, sizeof(int32));
	table->n_trainval = palloc0_huge_array(table->n_users, sizeof(int32));
	table->time = palloc_extended(n_rows * sizeof(int64), MCXT_ALLOC_HUGE);
	table->movie = palloc_extended(n_rows * sizeof(int32), MCXT_ALLOC_HUGE);
	table->rating = palloc_extended(n_rows * sizeof(float), MCXT_ALLOC_HUGE);
	table->prefix = palloc_extended(n_rows * sizeof(int32), MCXT_ALLOC_HUGE);
}

/* Moves the ratings into the table, user by user. */
static void
group_by_user(RatingTable *table, RatingList *list, const int32 *user_index,
			  const int32 *movie_index)
{
	for (int64 from = 0; from < list->n; from += CHUNK_ROWS)
	{
		int64		n = Min(CHUNK_ROWS, list->n - from);

		CHECK_FOR_INTERRUPTS();
		for (int64 i = from; i < from + n; i++)
		{
			list->user[i] = user_index[list->user[i]];
			list->movie[i] = movie_index[list->movie[i]];
		}
		rows_count(table->start, list->user + from, n);
	}
	rows_open(table);
	for (int64 from = 0; from < list->n; from += CHUNK_ROWS)
	{
		CHECK_FOR_INTERRUPTS();
		rows_place(table, list->user + from, list->movie + from, list->rating + from,
				   list->time + from, Min(CHUNK_ROWS, list->n - from));
	}
	rows_close(table);
}

/* Orders every user's rows, and leaves out ratings that were given again. */
static void
order_rows(LoadedDataset *d)
{
	RatingTable *table = &d->rows;
	int64		longest = rows_longest(table->start, table->n_users);
	int32	   *last_seen = palloc0_huge_array(table->n_movies, sizeof(int32));
	int64		end = 0;
	int64		ordered = 0;

	if (longest > PG_INT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a user has %lld ratings, more than %d", (long long) longest,
						PG_INT32_MAX)));
	d->scratch = palloc0_huge_array(longest, 2 * sizeof(UserRating));
	for (int32 user = 0; user < table->n_users; user++)
	{
		d->public.n_replaced += rows_order_user(table, user, d->scratch, last_seen, &end);
		if (end - ordered >= CHUNK_ROWS)
		{
			CHECK_FOR_INTERRUPTS();
			ordered = end;
		}
	}
	pfree(last_seen);
}

/* ---------------------------------------------------------------- splitting */

static void
scale_years(LoadedDataset *d)
{
	Ratings    *ratings = &d->public.ratings;
	Size		width = (Size) ratings->n_genres + 1;
	YearScale	scale;

	year_scale(&scale, d->public.year, d->trained, ratings->n_movies);
	for (int32 movie = 0; movie < ratings->n_movies; movie++)
		d->features[movie * width + ratings->n_genres] =
			year_feature(&scale, d->public.year[movie]);
	d->public.min_year = scale.min_year;
	d->public.max_year = scale.max_year;
	d->public.median_year = scale.median_year;
}

static void
split_rows(LoadedDataset *d, const SplitOptions *options)
{
	RatingTable *table = &d->rows;
	Dataset    *public = &d->public;
	SplitPlan	plan;
	SplitSummary summary;
	int64		interruptible = 0;

	split_plan(&plan, table, options);
	for (int32 user = 0; user < table->n_users; user++)
	{
		split_user(table, &plan, user, d->scratch);
		if (table->start[user] >= interruptible)
		{
			CHECK_FOR_INTERRUPTS();
			interruptible = table->start[user] + CHUNK_ROWS;
		}
	}
	split_summary(&summary, table, d->trained);

	public->ratings.leave_one_out = options->random;
	public->ratings.n_train_rows = summary.n_train;
	public->ratings.n_trainval_rows = summary.n_trainval;
	public->mean_rating = (float) summary.mean_rating;
	public->min_rating = summary.min_rating;
	public->max_rating = summary.max_rating;
	public->boundary = summary.last_trainval;
}

void
dataset_resplit(Dataset *dataset, const SplitOptions *options)
{
	LoadedDataset *d = (LoadedDataset *) dataset;

	split_rows(d, options);
	scale_years(d);
}

/* ------------------------------------------------------------------ loading */

/* Lets the ratings of ratings.h point into the table. */
static void
publish_rows(LoadedDataset *d)
{
	const RatingTable *table = &d->rows;
	Ratings    *ratings = &d->public.ratings;

	ratings->n_users = table->n_users;
	ratings->n_movies = table->n_movies;
	ratings->n_rows = table->n_rows;
	ratings->user_ids = table->user_ids;
	ratings->movie_ids = table->movie_ids;
	ratings->start = table->start;
	ratings->n_train = table->n_train;
	ratings->n_trainval = table->n_trainval;
	ratings->movie = table->movie;
	ratings->rating = table->rating;
	ratings->prefix = table->prefix;
	d->public.ratings.time = table->time;
}

static void
publish_movies(LoadedDataset *d, const MovieList *list, const int32 *index)
{
	Ratings    *ratings = &d->public.ratings;
	int16	   *year = palloc0_huge_array(ratings->n_movies, sizeof(int16));
	uint8	   *listed = palloc0_huge_array(ratings->n_movies, sizeof(uint8));

	ratings->n_genres = vocabulary_size(list->genres);
	d->features = palloc0_huge_array((Size) ratings->n_movies,
									 ((Size) ratings->n_genres + 1) * sizeof(float));
	movies_encode(list, index, d->features, year, listed);
	ratings->movie_features = d->features;
	ratings->movie_listed = listed;
	d->public.year = year;
	d->public.n_unlisted = ratings->n_movies - list->n_listed;
	d->n_genres_found = list->n_genres_found;
	d->separators = list->separators;
}

static void
publish_users(LoadedDataset *d, const UserList *list)
{
	Ratings    *ratings = &d->public.ratings;
	uint8	   *attribute = palloc0_huge_array(ratings->n_users, N_ATTRIBUTES);

	users_encode(list, ratings->n_users, attribute);
	ratings->attribute = attribute;
	for (int a = 0; a < N_ATTRIBUTES; a++)
	{
		ratings->n_values[a] = vocabulary_size(list->values[a]);
		d->n_values_found[a] = list->n_values_found[a];
	}
}

static void
publish_names(LoadedDataset *d, const MovieList *movies, const UserList *users)
{
	StringInfoData names;

	initStringInfo(&names);
	vocabulary_append(movies->genres, &names);
	for (int a = 0; a < N_ATTRIBUTES; a++)
		vocabulary_append(users->values[a], &names);
	d->public.names = names.data;
	d->public.names_length = names.len;
}

Dataset *
dataset_load(Oid ratings, Oid movies, Oid users, const SplitOptions *options, Size memory_limit)
{
	LoadedDataset *d = palloc0(sizeof(LoadedDataset));
	MemoryContext target = CurrentMemoryContext;
	MemoryContext passing = AllocSetContextCreate(target, "mlrec reading", ALLOCSET_DEFAULT_SIZES);
	MovieList  *movie_list;
	RatingList *rating_list;
	UserList   *user_list;
	int32	   *user_index;
	int32	   *movie_index;

	d->ratings = ratings;
	d->movies = movies;
	d->users = users;

	/* all columns are checked before any row is read */
	MemoryContextSwitchTo(passing);
	movie_list = movies_open(movies);
	rating_list = ratings_open(ratings, &movie_list->ids, memory_limit);
	user_list = users_open(users);
	movies_read(movie_list);
	ratings_read(rating_list);

	MemoryContextSwitchTo(target);
	d->rows.n_users = rating_list->users.n;
	d->rows.n_movies = movie_list->ids.n;
	d->rows.user_ids = rank_ids(&rating_list->users, &user_index);
	d->rows.movie_ids = rank_ids(&movie_list->ids, &movie_index);
	alloc_table(&d->rows, rating_list->n);
	group_by_user(&d->rows, rating_list, user_index, movie_index);
	order_rows(d);
	publish_rows(d);

	d->trained = palloc0_huge_array(d->rows.n_movies, sizeof(uint8));
	split_rows(d, options);

	MemoryContextSwitchTo(passing);
	users_read(user_list, &rating_list->users, user_index, d->rows.n_users, d->rows.n_trainval);
	MemoryContextSwitchTo(target);
	publish_movies(d, movie_list, movie_index);
	publish_users(d, user_list);
	publish_names(d, movie_list, user_list);
	scale_years(d);

	pfree(user_index);
	pfree(movie_index);
	MemoryContextDelete(passing);
	return &d->public;
}

/* ----------------------------------------------------------------- warnings */

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

void
dataset_warn(const Dataset *dataset)
{
	const LoadedDataset *d = (const LoadedDataset *) dataset;
	static const char *const attribute[N_ATTRIBUTES] = {"gender", "age", "occupation"};

	warn_temporary(d->ratings);
	warn_temporary(d->movies);
	warn_temporary(d->users);
	if (dataset->n_unlisted > 0)
		ereport(WARNING,
				(errmsg_plural("%lld rated movie has no row in %s",
							   "%lld rated movies have no row in %s",
							   (unsigned long) dataset->n_unlisted,
							   (long long) dataset->n_unlisted, relation_quoted(d->movies)),
				 errdetail("Without genres and year, only the ratings tell of such a movie.")));
	if (dataset->n_replaced > 0)
		ereport(WARNING,
				(errmsg_plural("%lld rating of relation %s is left out",
							   "%lld ratings of relation %s are left out",
							   (unsigned long) dataset->n_replaced,
							   (long long) dataset->n_replaced, relation_quoted(d->ratings)),
				 errdetail("A later rating of the movie by the same user counts instead.")));
	warn_separator(d->movies, &d->separators);
	warn_values(d->movies, "genres", d->n_genres_found);
	for (int a = 0; a < N_ATTRIBUTES; a++)
		warn_values(d->users, attribute[a], d->n_values_found[a]);
}
