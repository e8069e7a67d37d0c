/*
 * recommend_all.c: recommend for many users in one go.
 *
 * The ratings are read once, in order of users, through a cursor.  Users are
 * seated in a batch as their rows come by, and whenever it is full it goes
 * through the networks (recommend_batch.c).  Memory does not grow with the
 * ratings: sorting them, where no index has them in order, is the server's.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "pg/catalogue/cached_query.h"
#include "pg/data/input.h"
#include "pg/serve/recommend_batch.h"
#include "pg/util/compat.h"
#include "pg/util/relations.h"

#define FETCH_ROWS 10000

/* More user ids than these are looked for while reading everything. */
#define MAX_LOOKED_UP 1000

PG_FUNCTION_INFO_V1(mlrec_recommend_all);

/* A user to recommend for */
typedef struct RequestedUser
{
	int64		user_id;
	uint8		attribute[N_ATTRIBUTES];
} RequestedUser;

/* A row of ratings */
typedef struct Row
{
	int64		user_id;
	int64		movie_id;
	double		rating;			/* NaN: null */
	int64		time;			/* CLOCK_UNKNOWN: null */
} Row;

/* Users in the order of their ids, beside their ratings in the same order */
typedef struct UserStream
{
	const Serving *serving;
	Batch	   *batch;

	RequestedUser *people;		/* [n_people] ascending; NULL: whoever has ratings */
	int32		n_people;
	int32		capacity;
	int32		next_requested_user;

	BatchSlot  *current;		/* whose ratings are being read; NULL: nobody's */
	bool		has_last_user;
	int64		last_user;		/* of the row read last */

	Row		   *rows;			/* [FETCH_ROWS] of one fetch */
	int32		n_rows;
} UserStream;

/* ---------------------------------------------------------------------------
 * Queries
 * ------------------------------------------------------------------------- */

static char *
people_text(Oid users)
{
	return psprintf("SELECT user_id::pg_catalog.int8, %s FROM %s",
					user_state_attribute_list(users, "%s::pg_catalog.text"),
					relation_quoted(users));
}

static char *
some_people_text(Oid users)
{
	return psprintf("%s WHERE user_id OPERATOR(pg_catalog.=) ANY ($1)", people_text(users));
}

/*
 * The rows of all users, or of some, of which value is selected.  Ordered by the
 * column itself, not by what is selected, for an index to do.
 */
static char *
rows_text(Oid ratings, const char *value, const char *users)
{
	return psprintf("SELECT user_id::pg_catalog.int8, movie_id::pg_catalog.int8, %s, %s "
					"FROM %s AS r WHERE user_id %s AND movie_id IS NOT NULL ORDER BY r.user_id",
					value, clock_column(ratings), relation_quoted(ratings), users);
}

#define ALL_USERS "IS NOT NULL"
#define SOME_USERS "OPERATOR(pg_catalog.=) ANY ($1)"

static char *
ratings_text(Oid ratings)
{
	return rows_text(ratings, user_state_rating(ratings), ALL_USERS);
}

static char *
some_ratings_text(Oid ratings)
{
	return rows_text(ratings, user_state_rating(ratings), SOME_USERS);
}

static char *
events_text(Oid ratings)
{
	return rows_text(ratings, user_state_weight(ratings), ALL_USERS);
}

static char *
some_events_text(Oid ratings)
{
	return rows_text(ratings, user_state_weight(ratings), SOME_USERS);
}

static CachedQuery people_query = {people_text, 0, {0}};
static CachedQuery some_people_query = {some_people_text, 1, {INT8ARRAYOID}};
static CachedQuery ratings_query = {ratings_text, 0, {0}};
static CachedQuery some_ratings_query = {some_ratings_text, 1, {INT8ARRAYOID}};
static CachedQuery events_query = {events_text, 0, {0}};
static CachedQuery some_events_query = {some_events_text, 1, {INT8ARRAYOID}};

/* ---------------------------------------------------------------------------
 * Who
 * ------------------------------------------------------------------------- */

static int
compare_people(const void *a, const void *b)
{
	int64		x = ((const RequestedUser *) a)->user_id;
	int64		y = ((const RequestedUser *) b)->user_id;

	return x < y ? -1 : x > y;
}

static RequestedUser *
find_requested_user(const UserStream *stream, int64 user_id)
{
	RequestedUser key = {.user_id = user_id};

	return bsearch(&key, stream->people, stream->n_people, sizeof(RequestedUser), compare_people);
}

static void
sort_people(UserStream *stream)
{
	int32		n = 0;

	qsort(stream->people, stream->n_people, sizeof(RequestedUser), compare_people);
	for (int32 i = 0; i < stream->n_people; i++)
	{
		if (n == 0 || stream->people[n - 1].user_id != stream->people[i].user_id)
			stream->people[n++] = stream->people[i];
	}
	stream->n_people = n;
}

static RequestedUser *
add_requested_user(UserStream *stream, int64 user_id)
{
	RequestedUser *requested;

	if (stream->n_people == stream->capacity)
	{
		stream->capacity *= 2;
		stream->people = repalloc_huge(stream->people, sizeof(RequestedUser) * stream->capacity);
	}
	requested = &stream->people[stream->n_people++];
	memset(requested, 0, sizeof(RequestedUser));
	requested->user_id = user_id;
	return requested;
}

static void
set_attributes(RequestedUser *requested, const CachedModel *model, TupleTableSlot *slot)
{
	for (int a = 0; a < N_ATTRIBUTES; a++)
		requested->attribute[a] = user_state_attribute(model, a, slot_text(slot, a + 2));
}

/* A row of users, all of whom are wanted. */
static void
receive_requested_user(void *arg, TupleTableSlot *slot)
{
	UserStream *stream = arg;
	bool		isnull;
	int64		user_id = slot_int64(slot, 1, &isnull);

	if (!isnull)
		set_attributes(add_requested_user(stream, user_id), stream->serving->model, slot);
}

/* A row of users, some of whom are wanted. */
static void
receive_attributes(void *arg, TupleTableSlot *slot)
{
	UserStream *stream = arg;
	bool		isnull;
	int64		user_id = slot_int64(slot, 1, &isnull);
	RequestedUser *requested = isnull ? NULL : find_requested_user(stream, user_id);

	if (requested != NULL)
		set_attributes(requested, stream->serving->model, slot);
}

/*
 * Lists the users asked for, or else all of users, or else nobody: then users
 * are taken as their ratings come.
 */
static void
list_people(UserStream *stream, ArrayType *user_ids)
{
	Oid			users = stream->serving->relations.users;
	Datum		values[] = {PointerGetDatum(user_ids)};
	int64		id;

	if (user_ids == NULL && !OidIsValid(users))
		return;
	stream->capacity = 64;
	stream->people = palloc(sizeof(RequestedUser) * stream->capacity);
	if (user_ids == NULL)
	{
		cached_query_run(&people_query, users, NULL, NULL, receive_requested_user, stream);
		sort_people(stream);
		return;
	}

	FOR_EACH_ID(id, user_ids)
		add_requested_user(stream, id);
	sort_people(stream);
	if (OidIsValid(users) && stream->n_people <= MAX_LOOKED_UP)
		cached_query_run(&some_people_query, users, values, NULL, receive_attributes, stream);
	else if (OidIsValid(users))
		cached_query_run(&people_query, users, NULL, NULL, receive_attributes, stream);
}

/* ---------------------------------------------------------------------------
 * Their ratings
 * ------------------------------------------------------------------------- */

static void
start_user(UserStream *stream, int64 user_id, const uint8 *attribute)
{
	stream->current = batch_add_user(stream->batch, user_id);
	if (attribute != NULL)
		memcpy(stream->current->state->input.attribute, attribute, N_ATTRIBUTES);
}

/*
 * All rows of the current user have come.
 */
static void
finish_user(UserStream *stream)
{
	if (stream->current != NULL)
		user_state_finish(stream->current->state);
	stream->current = NULL;
}

/*
 * Gives the people asked for slots in order, up to this id.
 */
static void
fill_slots(UserStream *stream, int64 user_id)
{
	while (stream->next_requested_user < stream->n_people &&
		   stream->people[stream->next_requested_user].user_id <= user_id)
	{
		RequestedUser *requested = &stream->people[stream->next_requested_user++];

		finish_user(stream);
		start_user(stream, requested->user_id, requested->attribute);
	}
}

/*
 * The first of the rows of a user: gives the user a slot, if wanted.
 */
static void
go_to_user(UserStream *stream, int64 user_id)
{
	if (stream->people != NULL)
		fill_slots(stream, user_id);
	else
	{
		finish_user(stream);
		start_user(stream, user_id, NULL);
	}
	if (stream->current != NULL && stream->current->state->user_id != user_id)
		finish_user(stream);
}

static void
take_row(UserStream *stream, const Row *row)
{
	if (!stream->has_last_user || row->user_id != stream->last_user)
		go_to_user(stream, row->user_id);
	stream->has_last_user = true;
	stream->last_user = row->user_id;
	if (stream->current != NULL)
		user_state_add(stream->current->state, stream->serving->model, row->movie_id,
					   row->rating, row->time);
}

static void
receive_row(void *arg, TupleTableSlot *slot)
{
	UserStream *stream = arg;
	Row		   *row = &stream->rows[stream->n_rows++];
	bool		isnull;

	row->user_id = slot_int64(slot, 1, &isnull);
	row->movie_id = slot_int64(slot, 2, &isnull);
	row->rating = slot_double(slot, 3, &isnull);
	if (isnull)
		row->rating = NAN;
	row->time = slot_int64(slot, 4, &isnull);
	if (isnull)
		row->time = CLOCK_UNKNOWN;
}

/*
 * A fetch is taken after it has ended, for to answer a batch means to run
 * queries.
 */
static void
read_ratings(UserStream *stream, ArrayType *user_ids)
{
	Oid			ratings = stream->serving->relations.ratings;
	Datum		values[] = {PointerGetDatum(user_ids)};
	bool		some = user_ids != NULL && stream->n_people <= MAX_LOOKED_UP;
	bool		events = stream->serving->model->header->events != 0;
	CachedQuery *query = some ? (events ? &some_events_query : &some_ratings_query) :
		(events ? &events_query : &ratings_query);
	Portal		portal = cached_query_open(query, ratings, some ? values : NULL, NULL);

	stream->rows = palloc(sizeof(Row) * FETCH_ROWS);
	do
	{
		stream->n_rows = 0;
		cached_query_fetch(portal, FETCH_ROWS, receive_row, stream);
		for (int32 i = 0; i < stream->n_rows; i++)
			take_row(stream, &stream->rows[i]);
	} while (stream->n_rows == FETCH_ROWS);
	SPI_cursor_close(portal);
	fill_slots(stream, PG_INT64_MAX);
	finish_user(stream);
}

/* ---------------------------------------------------------------------------
 * SQL function
 * ------------------------------------------------------------------------- */

/*
 * recommend_all(top_k_retrieve int, top_n_final int, user_ids bigint[]) ->
 * user_id and the columns of recommend, in order of user_id and rank.
 */
Datum
mlrec_recommend_all(PG_FUNCTION_ARGS)
{
	ArrayType  *user_ids = PG_ARGISNULL(2) ? NULL : PG_GETARG_ARRAYTYPE_P(2);
	UserStream	stream = {0};
	RecommendRequest request = {0};
	Serving		serving;

	request.retrieve = serve_count(fcinfo, 0, "top_k_retrieve", 1);
	request.n = serve_count(fcinfo, 1, "top_n_final", 0);
	request.exclude_seen = true;

	InitMaterializedSRF(fcinfo, 0);
	serve_begin(&serving, fcinfo, 0);
	recommend_settle_order(&request, &serving);
	stream.serving = &serving;
	stream.batch = batch_create(&serving, &request, (ReturnSetInfo *) fcinfo->resultinfo);
	list_people(&stream, user_ids);
	read_ratings(&stream, user_ids);
	batch_finish(stream.batch);
	serve_end(&serving);
	return (Datum) 0;
}
