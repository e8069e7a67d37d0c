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
#include "pg/serve/recommend_batch.h"
#include "pg/util/compat.h"
#include "pg/util/relations.h"

#define FETCH_ROWS 10000

/* More user ids than these are looked for while reading everything. */
#define MAX_LOOKED_UP 1000

PG_FUNCTION_INFO_V1(mlrec_recommend_all);

/* A user to recommend for */
typedef struct Person
{
	int64		user_id;
	uint8		attribute[N_ATTRIBUTES];
} Person;

/* A row of ratings */
typedef struct Row
{
	int64		user_id;
	int64		movie_id;
	double		rating;			/* NaN: null */
} Row;

/* Users in the order of their ids, beside their ratings in the same order */
typedef struct Audience
{
	const Serving *serving;
	Batch	   *batch;

	Person	   *people;			/* [n_people] ascending; NULL: whoever has ratings */
	int32		n_people;
	int32		capacity;
	int32		next_person;

	Seat	   *current;		/* whose ratings are being read; NULL: nobody's */
	bool		has_last_user;
	int64		last_user;		/* of the row read last */

	Row		   *rows;			/* [FETCH_ROWS] of one fetch */
	int32		n_rows;
} Audience;

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

/* Ordered by the column itself, not by what is selected, for an index to do. */
static char *
ratings_text(Oid ratings)
{
	return psprintf("SELECT user_id::pg_catalog.int8, movie_id::pg_catalog.int8, "
					"rating::pg_catalog.float8 FROM %s AS r "
					"WHERE user_id IS NOT NULL AND movie_id IS NOT NULL "
					"ORDER BY r.user_id", relation_quoted(ratings));
}

static char *
some_ratings_text(Oid ratings)
{
	return psprintf("SELECT user_id::pg_catalog.int8, movie_id::pg_catalog.int8, "
					"rating::pg_catalog.float8 FROM %s AS r "
					"WHERE user_id OPERATOR(pg_catalog.=) ANY ($1) AND movie_id IS NOT NULL "
					"ORDER BY r.user_id", relation_quoted(ratings));
}

static Prepared people_query = {people_text, 0, {0}};
static Prepared some_people_query = {some_people_text, 1, {INT8ARRAYOID}};
static Prepared ratings_query = {ratings_text, 0, {0}};
static Prepared some_ratings_query = {some_ratings_text, 1, {INT8ARRAYOID}};

/* ---------------------------------------------------------------------------
 * Who
 * ------------------------------------------------------------------------- */

static int
compare_people(const void *a, const void *b)
{
	int64		x = ((const Person *) a)->user_id;
	int64		y = ((const Person *) b)->user_id;

	return x < y ? -1 : x > y;
}

static Person *
find_person(const Audience *audience, int64 user_id)
{
	Person		key = {.user_id = user_id};

	return bsearch(&key, audience->people, audience->n_people, sizeof(Person), compare_people);
}

static void
sort_people(Audience *audience)
{
	int32		n = 0;

	qsort(audience->people, audience->n_people, sizeof(Person), compare_people);
	for (int32 i = 0; i < audience->n_people; i++)
	{
		if (n == 0 || audience->people[n - 1].user_id != audience->people[i].user_id)
			audience->people[n++] = audience->people[i];
	}
	audience->n_people = n;
}

static Person *
add_person(Audience *audience, int64 user_id)
{
	Person	   *person;

	if (audience->n_people == audience->capacity)
	{
		audience->capacity *= 2;
		audience->people = repalloc_huge(audience->people, sizeof(Person) * audience->capacity);
	}
	person = &audience->people[audience->n_people++];
	memset(person, 0, sizeof(Person));
	person->user_id = user_id;
	return person;
}

static void
set_attributes(Person *person, const CachedModel *model, TupleTableSlot *slot)
{
	for (int a = 0; a < N_ATTRIBUTES; a++)
		person->attribute[a] = user_state_attribute(model, a, slot_text(slot, a + 2));
}

/* A row of users, all of whom are wanted. */
static void
receive_person(void *arg, TupleTableSlot *slot)
{
	Audience   *audience = arg;
	bool		isnull;
	int64		user_id = slot_int64(slot, 1, &isnull);

	if (!isnull)
		set_attributes(add_person(audience, user_id), audience->serving->model, slot);
}

/* A row of users, some of whom are wanted. */
static void
receive_attributes(void *arg, TupleTableSlot *slot)
{
	Audience   *audience = arg;
	bool		isnull;
	int64		user_id = slot_int64(slot, 1, &isnull);
	Person	   *person = isnull ? NULL : find_person(audience, user_id);

	if (person != NULL)
		set_attributes(person, audience->serving->model, slot);
}

/*
 * Lists the users asked for, or else all of users, or else nobody: then users
 * are taken as their ratings come.
 */
static void
list_people(Audience *audience, ArrayType *user_ids)
{
	Oid			users = audience->serving->relations.users;
	Datum		values[] = {PointerGetDatum(user_ids)};
	int64		id;

	if (user_ids == NULL && !OidIsValid(users))
		return;
	audience->capacity = 64;
	audience->people = palloc(sizeof(Person) * audience->capacity);
	if (user_ids == NULL)
	{
		prepared_run(&people_query, users, NULL, NULL, receive_person, audience);
		sort_people(audience);
		return;
	}

	FOR_EACH_ID(id, user_ids)
		add_person(audience, id);
	sort_people(audience);
	if (OidIsValid(users) && audience->n_people <= MAX_LOOKED_UP)
		prepared_run(&some_people_query, users, values, NULL, receive_attributes, audience);
	else if (OidIsValid(users))
		prepared_run(&people_query, users, NULL, NULL, receive_attributes, audience);
}

/* ---------------------------------------------------------------------------
 * Their ratings
 * ------------------------------------------------------------------------- */

static void
start_user(Audience *audience, int64 user_id, const uint8 *attribute)
{
	audience->current = batch_seat(audience->batch, user_id);
	if (attribute != NULL)
		memcpy(audience->current->state->input.attribute, attribute, N_ATTRIBUTES);
}

/*
 * All rows of the current user have come.
 */
static void
finish_user(Audience *audience)
{
	Seat	   *seat = audience->current;
	uint8		attribute[N_ATTRIBUTES];

	if (seat == NULL)
		return;
	if (user_state_finish(seat->state))
	{
		/* films rated more than once: their times must be looked at */
		memcpy(attribute, seat->state->input.attribute, N_ATTRIBUTES);
		seat->state = user_state_read(audience->serving->model, &audience->serving->relations,
									  seat->state->user_id, audience->batch->context);
		memcpy(seat->state->input.attribute, attribute, N_ATTRIBUTES);
	}
	audience->current = NULL;
}

/*
 * Seats the people asked for in order, up to this id.
 */
static void
seat_people(Audience *audience, int64 user_id)
{
	while (audience->next_person < audience->n_people &&
		   audience->people[audience->next_person].user_id <= user_id)
	{
		Person	   *person = &audience->people[audience->next_person++];

		finish_user(audience);
		start_user(audience, person->user_id, person->attribute);
	}
}

/*
 * The first of the rows of a user: seats him or her, if wanted.
 */
static void
go_to_user(Audience *audience, int64 user_id)
{
	if (audience->people != NULL)
		seat_people(audience, user_id);
	else
	{
		finish_user(audience);
		start_user(audience, user_id, NULL);
	}
	if (audience->current != NULL && audience->current->state->user_id != user_id)
		finish_user(audience);
}

static void
take_row(Audience *audience, const Row *row)
{
	if (!audience->has_last_user || row->user_id != audience->last_user)
		go_to_user(audience, row->user_id);
	audience->has_last_user = true;
	audience->last_user = row->user_id;
	if (audience->current != NULL)
		user_state_add(audience->current->state, audience->serving->model, row->movie_id,
					   row->rating);
}

static void
receive_row(void *arg, TupleTableSlot *slot)
{
	Audience   *audience = arg;
	Row		   *row = &audience->rows[audience->n_rows++];
	bool		isnull;

	row->user_id = slot_int64(slot, 1, &isnull);
	row->movie_id = slot_int64(slot, 2, &isnull);
	row->rating = slot_double(slot, 3, &isnull);
	if (isnull)
		row->rating = NAN;
}

/*
 * A fetch is taken after it has ended, for to answer a batch means to run
 * queries.
 */
static void
read_ratings(Audience *audience, ArrayType *user_ids)
{
	Oid			ratings = audience->serving->relations.ratings;
	Datum		values[] = {PointerGetDatum(user_ids)};
	bool		some = user_ids != NULL && audience->n_people <= MAX_LOOKED_UP;
	Portal		portal = some ? prepared_open(&some_ratings_query, ratings, values, NULL) :
		prepared_open(&ratings_query, ratings, NULL, NULL);

	audience->rows = palloc(sizeof(Row) * FETCH_ROWS);
	do
	{
		audience->n_rows = 0;
		prepared_fetch(portal, FETCH_ROWS, receive_row, audience);
		for (int32 i = 0; i < audience->n_rows; i++)
			take_row(audience, &audience->rows[i]);
	} while (audience->n_rows == FETCH_ROWS);
	SPI_cursor_close(portal);
	seat_people(audience, PG_INT64_MAX);
	finish_user(audience);
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
	Audience	audience = {0};
	Wish		wish = {0};
	Serving		serving;

	wish.retrieve = serve_count(fcinfo, 0, "top_k_retrieve", 1);
	wish.n = serve_count(fcinfo, 1, "top_n_final", 0);
	wish.exclude_seen = true;

	InitMaterializedSRF(fcinfo, 0);
	serve_begin(&serving, fcinfo, 0);
	audience.serving = &serving;
	audience.batch = batch_create(&serving, &wish, (ReturnSetInfo *) fcinfo->resultinfo);
	list_people(&audience, user_ids);
	read_ratings(&audience, user_ids);
	batch_finish(audience.batch);
	serve_end(&serving);
	return (Datum) 0;
}
