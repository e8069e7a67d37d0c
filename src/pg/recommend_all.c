/*
 * recommend_all.c: recommend for many users in one go.
 *
 * The ratings are read once, in order of users, through a cursor; users are
 * collected into batches, and a batch goes through the towers together and is
 * scored against the films as a product of two matrices.  The films come in
 * blocks, so that memory is bounded by the batch, not by users times films:
 *
 *		scores [users of the batch][films of the block] -> a heap per user
 *
 * There is no mask per user.  What a user has seen gets a score of -INFINITY
 * in the block's scores, and falls out of the heap at the end.
 */
#include "postgres.h"

#include <math.h>

#include <cblas.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "compat.h"
#include "prepared.h"
#include "recommend.h"
#include "relations.h"

#define BATCH_USERS 256
#define BLOCK_FILMS 4096
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

/* A user of the batch */
typedef struct Seat
{
	UserState  *state;
	int32	   *seen;			/* [n_seen], ascending, indices in the catalogue */
	int32		n_seen;
	int32		next_seen;
	Topk		topk;
} Seat;

typedef struct Batch
{
	Serving		serving;
	Wish		wish;
	ReturnSetInfo *result;

	Person	   *people;			/* [n_people] ascending; NULL: whoever has ratings */
	int32		n_people;
	int32		people_capacity;
	int32		next_person;

	MemoryContext context;		/* of the seats' users, reset with each batch */
	Seat		seats[BATCH_USERS];
	int32		n_seats;
	UserState  *current;		/* whose ratings are being read; NULL: nobody's */
	bool		has_last_user;
	int64		last_user;		/* of the row read last */

	Desk		desk;
	float	   *vectors;		/* [BATCH_USERS * VECTOR_DIMS] */
	float	   *rank_vectors;	/* [BATCH_USERS * VECTOR_DIMS] */
	float	   *tower_scratch;
	float	   *scores;			/* [BATCH_USERS * BLOCK_FILMS] */
	Pick	   *picks;			/* [BATCH_USERS * n] */
} Batch;

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

static char *
ratings_text(Oid ratings)
{
	return psprintf("SELECT user_id::pg_catalog.int8, movie_id::pg_catalog.int8, "
					"rating::pg_catalog.float8 FROM %s "
					"WHERE user_id IS NOT NULL AND movie_id IS NOT NULL "
					"ORDER BY user_id", relation_quoted(ratings));
}

static char *
some_ratings_text(Oid ratings)
{
	return psprintf("SELECT user_id::pg_catalog.int8, movie_id::pg_catalog.int8, "
					"rating::pg_catalog.float8 FROM %s "
					"WHERE user_id OPERATOR(pg_catalog.=) ANY ($1) AND movie_id IS NOT NULL "
					"ORDER BY user_id", relation_quoted(ratings));
}

static Prepared people_query = {people_text, 0, {0}};
static Prepared some_people_query = {some_people_text, 1, {INT8ARRAYOID}};
static Prepared ratings_query = {ratings_text, 0, {0}};
static Prepared some_ratings_query = {some_ratings_text, 1, {INT8ARRAYOID}};

/* ---------------------------------------------------------------------------
 * A batch of users through the networks
 * ------------------------------------------------------------------------- */

static int
compare_int32(const void *a, const void *b)
{
	int32		x = *(const int32 *) a;
	int32		y = *(const int32 *) b;

	return x < y ? -1 : x > y;
}

/*
 * Lists what the user of a seat has seen.
 */
static void
list_seen(Seat *seat, const Catalogue *catalogue)
{
	const UserState *state = seat->state;
	int32		n = 0;

	seat->seen = palloc_extended(sizeof(int32) * Max(state->n_seen + state->n_other, 1),
								 MCXT_ALLOC_HUGE);
	for (int32 i = 0; i < state->n_seen; i++)
		seat->seen[n++] = state->seen[i].movie;
	for (int32 i = 0; i < state->n_other; i++)
	{
		int32		movie = catalogue_find(catalogue, state->other[i]);

		if (movie >= 0)
			seat->seen[n++] = movie;
	}
	qsort(seat->seen + state->n_seen, n - state->n_seen, sizeof(int32), compare_int32);
	seat->n_seen = n;
	seat->next_seen = 0;
}

/*
 * Scores `count` films, from `first` on, for all users of the batch.
 */
static void
score_block(Batch *batch, const float *films, int32 first, int32 count)
{
	const uint8 *skip = batch->serving.catalogue->hidden;

	cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, batch->n_seats, count, VECTOR_DIMS,
				1.0f, batch->vectors, VECTOR_DIMS, films, VECTOR_DIMS,
				0.0f, batch->scores, BLOCK_FILMS);
	for (int32 i = 0; i < batch->n_seats; i++)
	{
		Seat	   *seat = &batch->seats[i];
		float	   *scores = batch->scores + (Size) i * BLOCK_FILMS;

		for (; seat->next_seen < seat->n_seen && seat->seen[seat->next_seen] < first + count;
			 seat->next_seen++)
			scores[seat->seen[seat->next_seen] - first] = -INFINITY;
		topk_push_block(&seat->topk, scores, first, count, skip + first);
	}
}

static void
score_films(Batch *batch)
{
	const Catalogue *catalogue = batch->serving.catalogue;

	for (int32 at = 0; at < catalogue->n_known; at += BLOCK_FILMS)
	{
		CHECK_FOR_INTERRUPTS();
		score_block(batch, catalogue_vector(catalogue, at), at,
					Min(BLOCK_FILMS, catalogue->n_known - at));
	}
	for (int32 at = catalogue->n_known; at < catalogue->n_films; at += BLOCK_FILMS)
	{
		CHECK_FOR_INTERRUPTS();
		score_block(batch, catalogue_vector(catalogue, at), at,
					Min(BLOCK_FILMS, catalogue->n_films - at));
	}
}

/*
 * Ranks the candidates of a seat; the films recommended go to picks, their
 * number is returned.
 */
static int32
rank_seat(Batch *batch, int32 place, Pick *picks)
{
	Seat	   *seat = &batch->seats[place];
	int32		n;

	topk_sort(&seat->topk);
	while (seat->topk.n > 0 && isinf(seat->topk.entry[seat->topk.n - 1].score))
		seat->topk.n--;
	memcpy(batch->desk.topk.entry, seat->topk.entry, sizeof(TopkEntry) * seat->topk.n);
	batch->desk.topk.n = seat->topk.n;
	n = recommend_rank(&batch->desk, &batch->serving, &batch->wish,
					   batch->vectors + (Size) place * VECTOR_DIMS,
					   batch->rank_vectors + (Size) place * VECTOR_DIMS);
	memcpy(picks, batch->desk.picks, sizeof(Pick) * n);
	return n;
}

/*
 * Answers for the users of the batch, and empties it.
 */
static void
finish_batch(Batch *batch)
{
	MemoryContext caller = MemoryContextSwitchTo(batch->context);
	UserInput  *inputs = palloc(sizeof(UserInput) * BATCH_USERS);
	int32	   *counts = palloc(sizeof(int32) * BATCH_USERS);
	MovieText  *films;
	int32		n = 0;

	for (int32 i = 0; i < batch->n_seats; i++)
	{
		Seat	   *seat = &batch->seats[i];

		inputs[i] = seat->state->input;
		list_seen(seat, batch->serving.catalogue);
		topk_init(&seat->topk, palloc(sizeof(TopkEntry) * Max(batch->desk.topk.k, 1)),
				  batch->desk.topk.k);
	}
	model_users(batch->serving.model->model, inputs, batch->n_seats, batch->vectors,
				batch->rank_vectors, batch->tower_scratch);
	score_films(batch);
	for (int32 i = 0; i < batch->n_seats; i++)
	{
		CHECK_FOR_INTERRUPTS();
		n += counts[i] = rank_seat(batch, i, batch->picks + n);
	}

	films = recommend_describe(&batch->serving, batch->picks, n, batch->context);
	n = 0;
	for (int32 i = 0; i < batch->n_seats; i++)
	{
		for (int32 rank = 1; rank <= counts[i]; rank++, n++)
		{
			Datum		values[1 + PICK_COLUMNS];
			bool		nulls[1 + PICK_COLUMNS];

			values[0] = Int64GetDatum(batch->seats[i].state->user_id);
			nulls[0] = false;
			recommend_columns(&batch->picks[n], &films[n], rank, values + 1, nulls + 1);
			tuplestore_putvalues(batch->result->setResult, batch->result->setDesc, values, nulls);
		}
	}
	batch->n_seats = 0;
	MemoryContextSwitchTo(caller);
	MemoryContextReset(batch->context);
}

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
find_person(const Batch *batch, int64 user_id)
{
	Person		key = {.user_id = user_id};

	return bsearch(&key, batch->people, batch->n_people, sizeof(Person), compare_people);
}

static void
sort_people(Batch *batch)
{
	int32		n = 0;

	qsort(batch->people, batch->n_people, sizeof(Person), compare_people);
	for (int32 i = 0; i < batch->n_people; i++)
	{
		if (n == 0 || batch->people[n - 1].user_id != batch->people[i].user_id)
			batch->people[n++] = batch->people[i];
	}
	batch->n_people = n;
}

static Person *
add_person(Batch *batch, int64 user_id)
{
	Person	   *person;

	if (batch->n_people == batch->people_capacity)
	{
		batch->people_capacity *= 2;
		batch->people = repalloc_huge(batch->people, sizeof(Person) * batch->people_capacity);
	}
	person = &batch->people[batch->n_people++];
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
	Batch	   *batch = arg;
	bool		isnull;
	int64		user_id = slot_int64(slot, 1, &isnull);

	if (!isnull)
		set_attributes(add_person(batch, user_id), batch->serving.model, slot);
}

/* A row of users, some of whom are wanted. */
static void
receive_attributes(void *arg, TupleTableSlot *slot)
{
	Batch	   *batch = arg;
	bool		isnull;
	int64		user_id = slot_int64(slot, 1, &isnull);
	Person	   *person = isnull ? NULL : find_person(batch, user_id);

	if (person != NULL)
		set_attributes(person, batch->serving.model, slot);
}

/*
 * Lists the users asked for, or else all of users, or else nobody: then users
 * are taken as their ratings come.
 */
static void
list_people(Batch *batch, ArrayType *user_ids)
{
	Oid			users = batch->serving.relations.users;
	Datum		values[] = {PointerGetDatum(user_ids)};
	int64		id;

	if (user_ids == NULL && !OidIsValid(users))
		return;
	batch->people_capacity = 64;
	batch->people = palloc(sizeof(Person) * batch->people_capacity);
	if (user_ids == NULL)
	{
		prepared_run(&people_query, users, NULL, NULL, receive_person, batch);
		sort_people(batch);
		return;
	}

	FOR_EACH_ID(id, user_ids)
		add_person(batch, id);
	sort_people(batch);
	if (OidIsValid(users) && batch->n_people <= MAX_LOOKED_UP)
		prepared_run(&some_people_query, users, values, NULL, receive_attributes, batch);
	else if (OidIsValid(users))
		prepared_run(&people_query, users, NULL, NULL, receive_attributes, batch);
}

/* ---------------------------------------------------------------------------
 * Their ratings
 * ------------------------------------------------------------------------- */

static void
start_user(Batch *batch, int64 user_id, const uint8 *attribute)
{
	UserState  *state;

	if (batch->n_seats == BATCH_USERS)
		finish_batch(batch);
	state = user_state_create(batch->context);
	user_state_begin(state, batch->serving.model, user_id);
	if (attribute != NULL)
		memcpy(state->input.attribute, attribute, N_ATTRIBUTES);
	batch->seats[batch->n_seats++].state = state;
	batch->current = state;
}

/*
 * All rows of the current user have come.
 */
static void
finish_user(Batch *batch)
{
	UserState  *state = batch->current;
	uint8		attribute[N_ATTRIBUTES];

	if (state == NULL)
		return;
	if (user_state_finish(state))
	{
		/* films rated more than once: their times must be looked at */
		memcpy(attribute, state->input.attribute, N_ATTRIBUTES);
		state = user_state_read(batch->serving.model, &batch->serving.relations,
								state->user_id, batch->context);
		memcpy(state->input.attribute, attribute, N_ATTRIBUTES);
		batch->seats[batch->n_seats - 1].state = state;
	}
	batch->current = NULL;
}

/*
 * Seats the people asked for in order, up to this id.
 */
static void
seat_people(Batch *batch, int64 user_id)
{
	while (batch->next_person < batch->n_people &&
		   batch->people[batch->next_person].user_id <= user_id)
	{
		Person	   *person = &batch->people[batch->next_person++];

		finish_user(batch);
		start_user(batch, person->user_id, person->attribute);
	}
}

/*
 * The first of the rows of a user: seats him or her, if wanted.
 */
static void
go_to_user(Batch *batch, int64 user_id)
{
	if (batch->people != NULL)
		seat_people(batch, user_id);
	else
	{
		finish_user(batch);
		start_user(batch, user_id, NULL);
	}
	if (batch->current != NULL && batch->current->user_id != user_id)
		finish_user(batch);
}

/* Takes the rows of one fetch. */
static void
take_ratings(Batch *batch, SPITupleTable *rows, uint64 n)
{
	for (uint64 i = 0; i < n; i++)
	{
		HeapTuple	row = rows->vals[i];
		bool		isnull;
		int64		user_id = DatumGetInt64(SPI_getbinval(row, rows->tupdesc, 1, &isnull));
		int64		movie_id = DatumGetInt64(SPI_getbinval(row, rows->tupdesc, 2, &isnull));
		Datum		rating = SPI_getbinval(row, rows->tupdesc, 3, &isnull);

		if (!batch->has_last_user || user_id != batch->last_user)
			go_to_user(batch, user_id);
		batch->has_last_user = true;
		batch->last_user = user_id;
		if (batch->current != NULL)
			user_state_add(batch->current, batch->serving.model, movie_id,
						   isnull ? NAN : DatumGetFloat8(rating));
	}
}

static void
read_ratings(Batch *batch, ArrayType *user_ids)
{
	Oid			ratings = batch->serving.relations.ratings;
	Datum		values[] = {PointerGetDatum(user_ids)};
	bool		some = user_ids != NULL && batch->n_people <= MAX_LOOKED_UP;
	Portal		portal = some ? prepared_open(&some_ratings_query, ratings, values, NULL) :
		prepared_open(&ratings_query, ratings, NULL, NULL);
	uint64		n;

	do
	{
		SPITupleTable *rows;

		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		MemoryContextSwitchTo(batch->serving.context);	/* SPI changes it */
		rows = SPI_tuptable;
		n = SPI_processed;
		take_ratings(batch, rows, n);
		SPI_freetuptable(rows);
	} while (n == FETCH_ROWS);
	SPI_cursor_close(portal);
	seat_people(batch, PG_INT64_MAX);
	finish_user(batch);
}

/* ---------------------------------------------------------------------------
 * SQL function
 * ------------------------------------------------------------------------- */

static void
allocate_batch(Batch *batch)
{
	const Model *model = batch->serving.model->model;

	batch->context = AllocSetContextCreate(CurrentMemoryContext, "mlrec batch",
										   ALLOCSET_DEFAULT_SIZES);
	recommend_open_desk(&batch->desk, &batch->serving, &batch->wish);
	batch->vectors = palloc(sizeof(float) * BATCH_USERS * VECTOR_DIMS);
	batch->rank_vectors = palloc(sizeof(float) * BATCH_USERS * VECTOR_DIMS);
	batch->tower_scratch = palloc(sizeof(float) * model_users_scratch(model, BATCH_USERS));
	batch->scores = palloc(sizeof(float) * BATCH_USERS * BLOCK_FILMS);
	batch->picks = palloc_extended(sizeof(Pick) * BATCH_USERS *
								   Max(Min(batch->wish.n, batch->desk.topk.k), 1),
								   MCXT_ALLOC_HUGE);
}

/*
 * recommend_all(top_k_retrieve int, top_n_final int, user_ids bigint[]) ->
 * user_id and the columns of recommend, in order of user_id and rank.
 */
Datum
mlrec_recommend_all(PG_FUNCTION_ARGS)
{
	Batch	   *batch = palloc0(sizeof(Batch));
	ArrayType  *user_ids = PG_ARGISNULL(2) ? NULL : PG_GETARG_ARRAYTYPE_P(2);

	batch->wish.retrieve = serve_count(fcinfo, 0, "top_k_retrieve", 1);
	batch->wish.n = serve_count(fcinfo, 1, "top_n_final", 0);
	batch->wish.exclude_seen = true;
	batch->result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	serve_begin(&batch->serving, fcinfo, 0);
	allocate_batch(batch);
	list_people(batch, user_ids);
	read_ratings(batch, user_ids);
	if (batch->n_seats > 0)
		finish_batch(batch);
	serve_end(&batch->serving);
	return (Datum) 0;
}
