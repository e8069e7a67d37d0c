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

#include <math.h>

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
	RatingTable rows;
	float	   *features;		/* ratings.movie_features */
	uint8	   *trained;		/* [n_movies], has training rows */
	UserRating *scratch;		/* twice the rows of the user with the most */
	float	   *weight;			/* ratings.weight, NULL if the ratings are no events */
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

/* The events after the first ones of their user and movie */
typedef struct RepeatedEvents
{
	RepeatedEvent *event;		/* [n] */
	int64		n;
	int64		capacity;
} RepeatedEvents;

static void
order_events(RatingTable *table, int32 user, UserRating *scratch, int32 *last_seen, int64 *end,
			 RepeatedEvents *repeated)
{
	int64		n = table->start[user + 1] - table->start[user];

	if (repeated->capacity < repeated->n + n)
	{
		repeated->capacity = 2 * (repeated->n + n);
		repeated->event = repeated->event == NULL ?
			palloc_extended(repeated->capacity * sizeof(RepeatedEvent), MCXT_ALLOC_HUGE) :
			repalloc_huge(repeated->event, repeated->capacity * sizeof(RepeatedEvent));
	}
	repeated->n += rows_order_events(table, user, scratch, last_seen, end,
									 repeated->event + repeated->n);
}

/*
 * Orders every user's rows, and leaves out ratings that were given again, or
 * events but the first, which go to repeated.
 */
static void
order_rows(LoadedDataset *d, RepeatedEvents *repeated)
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
		if (d->weight != NULL)
			order_events(table, user, d->scratch, last_seen, &end, repeated);
		else
			d->public.facts.n_replaced += rows_order_user(table, user, d->scratch, last_seen, &end);
		if (end - ordered >= CHUNK_ROWS)
		{
			CHECK_FOR_INTERRUPTS();
			ordered = end;
		}
	}
	pfree(last_seen);
}

/*
 * What the events say once the split is known: the first of a user and a movie
 * gets the weights of those after it, but of none in the time of the test part.
 */
static void
add_repeated(LoadedDataset *d, RepeatedEvents *repeated)
{
	int64	   *row_of;

	if (repeated->event == NULL)
		return;
	d->public.facts.n_replaced = repeated->n;
	row_of = palloc0_huge_array(d->rows.n_movies, sizeof(int64));
	rows_add_repeated(&d->rows, repeated->event, repeated->n,
					  d->public.random ? PG_INT64_MAX : d->public.boundary.time, row_of);
	pfree(row_of);
	pfree(repeated->event);
}

static void
fill_weights(LoadedDataset *d)
{
	for (int64 row = 0; d->weight != NULL && row < d->rows.n_rows; row++)
		d->weight[row] = log1pf(d->rows.rating[row]);
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
	SplitOptions own = *options;
	SplitPlan	plan;
	SplitSummary summary;
	int64		interruptible = 0;

	own.random = own.random || (d->public.facts.timeless && !own.has_boundary);
	own.leave_last = own.leave_last && !own.random;
	split_plan(&plan, table, &own);
	public->facts.tie_share = plan.tie_share;
	public->ratings.second = plan.tie_share > MAX_TIE_SHARE || public->facts.timeless ? 0 :
		public->facts.second;
	public->random = own.random;
	for (int32 user = 0; user < table->n_users; user++)
	{
		split_user(table, &plan, user, d->scratch);
		if (table->start[user] >= interruptible)
		{
			CHECK_FOR_INTERRUPTS();
			interruptible = table->start[user] + CHUNK_ROWS;
		}
	}
	split_summary(&summary, public->ratings.rating, table, d->trained);

	public->ratings.leave_one_out = own.random;
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
	fill_weights(d);
	scale_years(d);
}

/* ------------------------------------------------------------------ loading */

/* The ratings of events, which are all the same. */
static float *
same_ratings(int64 n_rows, float rating)
{
	float	   *ratings = palloc0_huge_array(n_rows, sizeof(float));

	for (int64 row = 0; row < n_rows; row++)
		ratings[row] = rating;
	return ratings;
}

/* Lets the ratings of ratings.h point into the table. */
static void
publish_rows(LoadedDataset *d, const RatingList *list)
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
	ratings->rating = list->events ? same_ratings(table->n_rows, list->event_rating) :
		table->rating;
	ratings->weight = d->weight;
	ratings->prefix = table->prefix;
	ratings->time = table->time;
	ratings->day = list->timeless ? 0 : 24 * 60 * 60 * input_time_second(
		&list->column[TIME_COLUMN], list->latest);
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
	d->public.facts.n_unlisted = OidIsValid(list->relation) ?
		ratings->n_movies - list->n_listed : 0;
	d->public.facts.n_genres_found = list->n_genres_found;
	d->public.facts.separators = list->separators;
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
		d->public.facts.n_values_found[a] = list->n_values_found[a];
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

/* The ids, the ratings in their order, and the split. */
static void
load_ratings(LoadedDataset *d, RatingList *list, const SplitOptions *options,
			 const int32 *user_index, const int32 *movie_index)
{
	RepeatedEvents repeated = {0};

	alloc_table(&d->rows, list->n);
	group_by_user(&d->rows, list, user_index, movie_index);
	d->weight = list->events ? palloc0_huge_array(list->n, sizeof(float)) : NULL;
	order_rows(d, &repeated);
	publish_rows(d, list);

	d->trained = palloc0_huge_array(d->rows.n_movies, sizeof(uint8));
	split_rows(d, options);
	add_repeated(d, &repeated);
	fill_weights(d);
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

	/* all columns are checked before any row is read */
	MemoryContextSwitchTo(passing);
	movie_list = movies_open(movies);
	rating_list = ratings_open(ratings, &movie_list->ids, memory_limit);
	user_list = users_open(users);
	movies_read(movie_list);
	ratings_read(rating_list);

	MemoryContextSwitchTo(target);
	d->public.facts = (DatasetFacts) {
		.ratings = ratings,.movies = movies,.users = users,
		.has_ratings = OidIsValid(rating_list->column[RATING_COLUMN].type),
		.has_times = OidIsValid(rating_list->column[TIME_COLUMN].type),
		.timeless = rating_list->timeless,
		.second = input_time_second(&rating_list->column[TIME_COLUMN], rating_list->latest)
	};
	d->rows.n_users = rating_list->users.n;
	d->rows.n_movies = movie_list->ids.n;
	d->rows.user_ids = rank_ids(&rating_list->users, &user_index);
	d->rows.movie_ids = rank_ids(&movie_list->ids, &movie_index);
	load_ratings(d, rating_list, options, user_index, movie_index);

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
