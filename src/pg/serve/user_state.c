/*
 * user_state.c: what is known of a user at this moment.
 *
 * One query reads the user's own ratings, for both the history that the towers
 * pool and the movies to leave out; another reads gender, age and occupation.
 * Both run as the invoker under the caller's snapshot.  So a rating given a
 * statement ago counts, ROLLBACK takes it back, and row security decides what
 * there is to know.
 *
 * The history goes to the model in ascending order of movies whatever the order
 * of the rows, so that sums of floats, and with them results, do not depend on
 * the plan of the query.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

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
	return psprintf("SELECT movie_id::pg_catalog.int8, %s FROM %s "
					"WHERE user_id OPERATOR(pg_catalog.=) $1", value, relation_quoted(ratings));
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

static char *
ordered_ratings_text(Oid ratings)
{
	char	   *time = input_time_order(ratings);

	return psprintf("%s ORDER BY %s rating NULLS FIRST", ratings_text(ratings),
					time == NULL ? "" : psprintf("%s NULLS FIRST,", time));
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
static CachedQuery ordered_ratings_query = {ordered_ratings_text, 1, {INT8OID}};
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
				 int64 user_id)
{
	const ModelFileHeader *header = model->header;

	state->user_id = user_id;
	state->events = header->events != 0;
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
user_state_add(UserState *state, const CachedModel *model, int64 movie_id, double rating)
{
	const ModelFileHeader *header = model->header;
	int32		movie = id_find(model_file_section(header, MODEL_FILE_MOVIE_IDS), header->n_movies,
								movie_id);
	SeenMovie	item = {
		.movie_id = movie_id,
		.movie = movie,
		.rating = within_reason(rating, header)
	};

	if (movie < 0)
	{
		item.arrival = state->n_other;
		state->other = room_for(state->context, state->other, state->n_other,
								&state->other_capacity, sizeof(SeenMovie));
		state->other[state->n_other++] = item;
		return;
	}
	item.arrival = state->n_seen;
	state->seen = room_for(state->context, state->seen, state->n_seen,
						   &state->seen_capacity, sizeof(SeenMovie));
	state->seen[state->n_seen++] = item;
}

static int
compare_seen(const void *a, const void *b)
{
	const SeenMovie *x = a;
	const SeenMovie *y = b;

	if (x->movie_id != y->movie_id)
		return x->movie_id < y->movie_id ? -1 : 1;
	return x->arrival < y->arrival ? -1 : 1;
}

/* The weight of two events: a NaN is no weight. */
static float
add_weights(float a, float b)
{
	return isnan(a) ? b : isnan(b) ? a : a + b;
}

/*
 * Puts rated movies in order and keeps of the ratings of one movie the one that
 * came last, of events the sum of their weights.  Returns whether it matters which
 * came last: whether any movie had more than one rating.
 */
static bool
order_seen(SeenMovie *seen, int32 *n, bool events)
{
	bool		sorted = true;
	int32		kept = 0;
	bool		repeated;

	for (int32 i = 1; i < *n && sorted; i++)
		sorted = seen[i - 1].movie_id < seen[i].movie_id;
	if (sorted)
		return false;
	qsort(seen, *n, sizeof(SeenMovie), compare_seen);
	for (int32 i = 0; i < *n; i++)
	{
		if (i + 1 < *n && seen[i + 1].movie_id == seen[i].movie_id)
		{
			if (events)
				seen[i + 1].rating = add_weights(seen[i].rating, seen[i + 1].rating);
			continue;
		}
		seen[kept++] = seen[i];
	}
	repeated = !events && kept < *n;
	*n = kept;
	return repeated;
}

/* Appends rated movies to a history of n; returns how many it has then. */
static int32
append_history(int32 *movie, float *rating, int32 n, const SeenMovie *seen, int32 n_seen)
{
	for (int32 i = 0; i < n_seen; i++)
	{
		if (isnan(seen[i].rating))
			continue;
		movie[n] = seen[i].movie;
		rating[n++] = seen[i].rating;
	}
	return n;
}

/* The model's input of what was seen. */
static void
fill_history(UserState *state)
{
	Size		n = (Size) state->n_seen + state->n_other;
	int32	   *movie = MemoryContextAllocHuge(state->context, sizeof(int32) * Max(n, 1));
	float	   *rating = MemoryContextAllocHuge(state->context, sizeof(float) * Max(n, 1));

	n = append_history(movie, rating, 0, state->seen, state->n_seen);
	n = append_history(movie, rating, n, state->other, state->n_other);
	for (Size i = 0; state->events && i < n; i++)
		rating[i] = log1pf(rating[i]);
	state->input.n_history = n;
	state->input.history_movie = movie;
	state->input.history_rating = rating;
}

/*
 * user_state_finish: makes the model's input of the rows.  Returns whether the
 * user has rated a movie more than once; then the one that was added last
 * counts.
 */
bool
user_state_finish(UserState *state)
{
	bool		repeated = order_seen(state->seen, &state->n_seen, state->events);

	repeated = order_seen(state->other, &state->n_other, state->events) || repeated;
	if (state->n_seen < state->needed || state->n_seen + state->n_other == 0)
		state->input.user = -1;
	fill_history(state);
	return repeated;
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

	if (isnull)
		return;
	rating = slot_double(slot, 2, &isnull);
	user_state_add(reading->state, reading->model, movie_id, isnull ? NAN : rating);
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
user_state_read(const CachedModel *model, const StoreRelations *relations, int64 user_id,
				MemoryContext context)
{
	UserState  *state = user_state_create(context);
	Reading		reading = {model, state, false};
	Datum		values[] = {Int64GetDatum(user_id)};

	user_state_begin(state, model, relations, user_id);
	cached_query_run(state->events ? &events_query : &ratings_query, relations->ratings, values,
					 NULL, receive_rating, &reading);
	if (user_state_finish(state))
	{
		/* only times, or else the values, tell which of a movie's ratings counts */
		user_state_begin(state, model, relations, user_id);
		cached_query_run(&ordered_ratings_query, relations->ratings, values, NULL,
						 receive_rating, &reading);
		user_state_finish(state);
	}
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
