/*
 * user_state.c: what is known of a user at this moment.
 *
 * One query reads the user's own ratings, for both the history that the towers
 * pool and the movies to leave out; another reads gender, age and occupation.
 * Both run as the invoker under the caller's snapshot.  So a rating given a
 * statement ago counts, ROLLBACK takes it back, and row security decides what
 * there is to know.
 *
 * The history goes to the model in the order that training has seen, by time,
 * whatever the order of the rows, so that sums of floats, and with them results, do
 * not depend on the plan of the query.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "num/data/rating_table.h"
#include "pg/catalogue/cached_query.h"
#include "pg/data/input.h"
#include "pg/serve/user_state.h"
#include "pg/util/relations.h"

static const char *const attribute_names[N_ATTRIBUTES] = {"gender", "age", "occupation"};

/* ---------------------------------------------------------------------------
 * Queries
 * ------------------------------------------------------------------------- */

char *
user_state_rating(Oid ratings)
{
	return input_number(ratings, "rating");
}

char *
user_state_weight(Oid ratings)
{
	return relation_has_column(ratings, "weight") ? input_number(ratings, "weight") :
		"1::pg_catalog.float8";
}

/* A user's rows, of which value is selected. */
static char *
user_rows_text(Oid ratings, const char *value)
{
	return psprintf("SELECT movie_id::pg_catalog.int8, %s, %s FROM %s "
					"WHERE user_id OPERATOR(pg_catalog.=) $1", value, clock_column(ratings),
					relation_quoted(ratings));
}

static char *
ratings_text(Oid ratings)
{
	return user_rows_text(ratings, user_state_rating(ratings));
}

static char *
events_text(Oid ratings)
{
	return user_rows_text(ratings, user_state_weight(ratings));
}

char *
user_state_attribute_list(Oid users, const char *expression)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int a = 0; a < N_ATTRIBUTES; a++)
	{
		const char *name = relation_has_column(users, attribute_names[a]) ?
			attribute_names[a] : "NULL::pg_catalog.text";

		if (a > 0)
			appendStringInfoString(&list, ", ");
		appendStringInfo(&list, expression, name);
	}
	return list.data;
}

static char *
attributes_text(Oid users)
{
	return psprintf("SELECT %s FROM %s WHERE user_id OPERATOR(pg_catalog.=) $1",
					user_state_attribute_list(users, "%s::pg_catalog.text"),
					relation_quoted(users));
}

static CachedQuery ratings_query = {ratings_text, 1, {INT8OID}};
static CachedQuery events_query = {events_text, 1, {INT8OID}};
static CachedQuery attributes_query = {attributes_text, 1, {INT8OID}};

/* ---------------------------------------------------------------------------
 * Collecting a user's rows
 * ------------------------------------------------------------------------- */

UserState *
user_state_create(MemoryContext context)
{
	UserState  *state = MemoryContextAllocZero(context, sizeof(UserState));

	state->context = context;
	return state;
}

/*
 * What the model has learned of a user, who has the index, is used only for those
 * who see a rating of the user.  Where some ratings may be hidden they must see as
 * many as were trained on: what was learned from hidden ones is hidden too, and
 * two users of whom the same can be seen are the same.  0: there is no such number.
 */
static int32
ratings_needed(const CachedModel *model, const StoreRelations *relations, int32 user)
{
	const int32 *trained = model_file_section(model->header, MODEL_FILE_USER_RATINGS);

	return user >= 0 && relations->ratings_may_hide ? Max(trained[user], 1) : 0;
}

/*
 * user_state_begin: starts a user without ratings or attributes.
 */
void
user_state_begin(UserState *state, const CachedModel *model, const StoreRelations *relations,
				 Clock clock, int64 user_id)
{
	const ModelFileHeader *header = model->header;

	state->user_id = user_id;
	state->events = header->events != 0;
	state->clock = clock;
	state->n_seen = 0;
	state->n_other = 0;
	memset(&state->input, 0, sizeof(UserInput));
	state->input.user = id_find(model_file_section(header, MODEL_FILE_USER_IDS), header->n_users,
								user_id);
	state->needed = ratings_needed(model, relations, state->input.user);
}

/* Makes room for one more element of an array that has n. */
static void *
room_for(MemoryContext context, void *array, int32 n, int32 *capacity, Size size)
{
	if (n < *capacity)
		return array;
	*capacity = Max(64, 2 * *capacity);
	if (array == NULL)
		return MemoryContextAllocHuge(context, *capacity * size);
	return repalloc_huge(array, *capacity * size);
}

/*
 * A rating may lie a little off the scale that training saw, but nothing that
 * somebody typed in by mistake may carry the networks out of their range.
 */
static float
within_reason(double rating, const ModelFileHeader *header)
{
	double		scale = Max((double) header->max_rating - header->min_rating, header->deviation);

	if (isnan(rating) || (header->events && !(rating > 0)))
		return NAN;
	if (header->events)
		return (float) Min(rating, FLT_MAX);
	return (float) Max(header->min_rating - scale, Min(header->max_rating + scale, rating));
}

/*
 * user_state_add: a movie that the user has rated; rating NaN if with NULL.
 */
void
user_state_add(UserState *state, const CachedModel *model, int64 movie_id, double rating,
			   int64 time)
{
	const ModelFileHeader *header = model->header;
	int32		movie = id_find(model_file_section(header, MODEL_FILE_MOVIE_IDS), header->n_movies,
								movie_id);
	SeenMovie	item = {
		.movie_id = movie_id,
		.movie = movie,
		.rating = within_reason(rating, header),
		.time = time,
		.tie_order = rating_tie_order(state->user_id, movie_id)
	};

	if (movie < 0)
	{
		state->other = room_for(state->context, state->other, state->n_other,
								&state->other_capacity, sizeof(SeenMovie));
		state->other[state->n_other++] = item;
		return;
	}
	state->seen = room_for(state->context, state->seen, state->n_seen,
						   &state->seen_capacity, sizeof(SeenMovie));
	state->seen[state->n_seen++] = item;
}

/* Of ratings of one movie the latest comes last, and of several of that time the highest. */
static int
compare_seen(const void *a, const void *b)
{
	const SeenMovie *x = a;
	const SeenMovie *y = b;

	if (x->movie_id != y->movie_id)
		return x->movie_id < y->movie_id ? -1 : 1;
	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	if (isnan(x->rating) || isnan(y->rating))
		return isnan(y->rating) - isnan(x->rating);
	return x->rating < y->rating ? -1 : x->rating > y->rating;
}

/* What a rating comes before others by, and which one it is */
typedef struct RatingOrder
{
	int64		time;
	uint64		tie_order;
	const SeenMovie *item;
} RatingOrder;

static inline int
compare_times(const RatingOrder *a, const RatingOrder *b)
{
	if (a->time != b->time)
		return a->time < b->time ? -1 : 1;
	return a->tie_order < b->tie_order ? -1 : 1;
}

#define ST_SORT sort_by_time
#define ST_ELEMENT_TYPE RatingOrder
#define ST_COMPARE(a, b) compare_times(a, b)
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

/* The weight of two events: a NaN is no weight. */
static float
add_weights(float a, float b)
{
	return isnan(a) ? b : isnan(b) ? a : a + b;
}

/*
 * Puts rated movies in order and keeps of the ratings of one movie the one that
 * counts; of events the first, with the sum of their weights.
 */
static void
order_seen(SeenMovie *seen, int32 *n, bool events)
{
	bool		sorted = true;
	int32		kept = 0;

	for (int32 i = 1; i < *n && sorted; i++)
		sorted = seen[i - 1].movie_id < seen[i].movie_id;
	if (sorted)
		return;
	qsort(seen, *n, sizeof(SeenMovie), compare_seen);
	for (int32 i = 0; i < *n; i++)
	{
		if (i + 1 < *n && seen[i + 1].movie_id == seen[i].movie_id)
		{
			if (events)
			{
				seen[i + 1].rating = add_weights(seen[i].rating, seen[i + 1].rating);
				seen[i + 1].time = seen[i].time;
			}
			continue;
		}
		seen[kept++] = seen[i];
	}
	*n = kept;
}

/* Memory for something of each rated movie. */
static void *
history_array(UserState *state, Size size)
{
	return MemoryContextAllocHuge(state->context,
								  size * Max((Size) state->n_seen + state->n_other, 1));
}

/* Appends those of n movies that have a rating; returns how many there are then. */
static int32
append_rated(RatingOrder *ordered, int32 n_ordered, const SeenMovie *seen, int32 n)
{
	for (int32 i = 0; i < n; i++)
		if (!isnan(seen[i].rating))
			ordered[n_ordered++] = (RatingOrder) {seen[i].time, seen[i].tie_order, &seen[i]};
	return n_ordered;
}

/* All that was rated, in order; returns how many. */
static int32
order_ratings(const UserState *state, RatingOrder *ordered)
{
	int32		n = append_rated(ordered, 0, state->seen, state->n_seen);

	n = append_rated(ordered, n, state->other, state->n_other);
	sort_by_time(ordered, n);
	return n;
}

/* The model's input of what was seen. */
static void
fill_history(UserState *state)
{
	const Clock *clock = &state->clock;
	bool		timed = clock->second > 0;
	int32	   *movie = history_array(state, sizeof(int32));
	float	   *rating = history_array(state, sizeof(float));
	float	   *decay = history_array(state, sizeof(float));
	RatingOrder *ordered = history_array(state, sizeof(RatingOrder));
	int32		n = order_ratings(state, ordered);

	for (int32 i = 0; i < n; i++)
	{
		const SeenMovie *item = ordered[i].item;

		movie[i] = item->movie;
		rating[i] = state->events ? log1pf(item->rating) : item->rating;
		decay[i] = timed && i > 0 ? clock_decay(clock, ordered[i - 1].time, item->time) : 0;
	}
	state->input.n_history = n;
	state->input.history_movie = movie;
	state->input.history_rating = rating;
	state->input.history_decay = timed ? decay : NULL;
	state->input.left = timed && n > 0 ?
		clock_decay(clock, ordered[n - 1].time, clock->moment) : 0;
	pfree(ordered);
}

/*
 * user_state_finish: makes the model's input of the rows.
 */
void
user_state_finish(UserState *state)
{
	order_seen(state->seen, &state->n_seen, state->events);
	order_seen(state->other, &state->n_other, state->events);
	if (state->n_seen < state->needed || state->n_seen + state->n_other == 0)
		state->input.user = -1;
	fill_history(state);
}

/* ---------------------------------------------------------------------------
 * Reading one user
 * ------------------------------------------------------------------------- */

typedef struct Reading
{
	const CachedModel *model;
	UserState  *state;
	bool		found;
} Reading;

static void
receive_rating(void *arg, TupleTableSlot *slot)
{
	Reading    *reading = arg;
	bool		isnull;
	int64		movie_id = slot_int64(slot, 1, &isnull);
	double		rating;
	int64		time;

	if (isnull)
		return;
	rating = slot_double(slot, 2, &isnull);
	rating = isnull ? NAN : rating;
	time = slot_int64(slot, 3, &isnull);
	if (reading->state->clock.past && (isnull || time >= reading->state->clock.moment))
		return;
	user_state_add(reading->state, reading->model, movie_id, rating,
				   isnull ? CLOCK_UNKNOWN : time);
}

static void
receive_attributes(void *arg, TupleTableSlot *slot)
{
	Reading    *reading = arg;

	if (reading->found)
		return;
	reading->found = true;
	for (int a = 0; a < N_ATTRIBUTES; a++)
		reading->state->input.attribute[a] =
			user_state_attribute(reading->model, a, slot_text(slot, a + 1));
}

/*
 * user_state_attribute: 1 + index of the value, 0 for one that the model does
 * not know.
 */
uint8
user_state_attribute(const CachedModel *model, int attribute, const char *name)
{
	for (int i = 0; name != NULL && i < model->header->n_values[attribute]; i++)
	{
		if (strcmp(model->values[attribute][i], name) == 0)
			return (uint8) (i + 1);
	}
	return 0;
}

UserState *
user_state_read(const CachedModel *model, const StoreRelations *relations, Clock clock,
				int64 user_id, MemoryContext context)
{
	UserState  *state = user_state_create(context);
	Reading		reading = {model, state, false};
	Datum		values[] = {Int64GetDatum(user_id)};

	user_state_begin(state, model, relations, clock, user_id);
	cached_query_run(state->events ? &events_query : &ratings_query, relations->ratings, values,
					 NULL, receive_rating, &reading);
	user_state_finish(state);
	if (OidIsValid(relations->users))
		cached_query_run(&attributes_query, relations->users, values, NULL,
						 receive_attributes, &reading);
	return state;
}

/*
 * user_state_mark_seen: sets skip[movie] of the movies that the user has rated.
 */
void
user_state_mark_seen(const UserState *state, const Catalogue *catalogue, uint8 *skip)
{
	for (int32 i = 0; i < state->n_seen; i++)
		skip[state->seen[i].movie] = 1;
	for (int32 i = 0; i < state->n_other; i++)
	{
		int32		movie = catalogue_find(catalogue, state->other[i].movie_id);

		if (movie >= 0)
			skip[movie] = 1;
	}
}

/*
 * user_state_forget: takes a movie out of the history, as if the user had not
 * rated it.
 */
void
user_state_forget(UserState *state, int64 movie_id)
{
	for (int32 i = 0; i < state->n_seen; i++)
		if (state->seen[i].movie_id == movie_id)
			state->seen[i].rating = NAN;
	for (int32 i = 0; i < state->n_other; i++)
		if (state->other[i].movie_id == movie_id)
			state->other[i].rating = NAN;
	fill_history(state);
}
