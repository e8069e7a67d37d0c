/*
 * rating_list.c: ratings as they stream in, with codes in place of ids.
 *
 * Columns of 20 bytes a rating, or 24 with weights, that grow by doubling.  A row
 * that nothing can be learned from stops the reading and is named with its keys,
 * rather than left out in silence.
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "pg/data/encode.h"
#include "pg/data/rating_list.h"
#include "pg/util/relations.h"

#define CHECKED_ROWS 65536		/* rows between looks at memory and interrupts */

static const InputColumn rating_columns[N_RATING_COLUMNS] = {
	{"user_id", INPUT_ID, false, InvalidOid},
	{"movie_id", INPUT_ID, false, InvalidOid},
	{"rating", INPUT_NUMBER, true, InvalidOid},
	{"rated_at", INPUT_TIME, true, InvalidOid},
	{"weight", INPUT_NUMBER, true, InvalidOid}
};

static bool
has_column(const RatingList *list, int column)
{
	return OidIsValid(list->column[column].type);
}

/* "user_id 1, movie_id null, ..." of a row that is refused. */
static char *
row_text(const RatingList *list, const Datum *value, const bool *isnull)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int c = 0; c < N_RATING_COLUMNS; c++)
	{
		if (!has_column(list, c))
			continue;
		appendStringInfo(&text, "%s%s ", c > 0 ? ", " : "", list->column[c].name);
		if (isnull[c])
			appendStringInfoString(&text, "null");
		else if (list->column[c].kind == INPUT_ID)
			appendStringInfo(&text, "%lld", (long long) DatumGetInt64(value[c]));
		else if (list->column[c].kind == INPUT_NUMBER)
			appendStringInfo(&text, "%g", DatumGetFloat8(value[c]));
		else
			appendStringInfoString(&text, input_time_text(&list->column[c], value[c]));
	}
	return text.data;
}

/* Raises that the value of a column in a row cannot be learned from. */
static void
refuse_row(const RatingList *list, int sqlstate, const char *message, const char *row)
{
	ereport(ERROR,
			(errcode(sqlstate), errmsg_internal("%s", message), errdetail("The row has %s.", row),
			 errhint("Correct the row, or leave it out by a view.")));
}

/* Refuses what cannot be learned from, with the keys of the row. */
static void
check_rating(const RatingList *list, const Datum *value, const bool *isnull)
{
	for (int c = 0; c < WEIGHT_COLUMN; c++)
		if (unlikely(isnull[c]) && has_column(list, c))
			refuse_row(list, ERRCODE_NOT_NULL_VIOLATION,
					   psprintf("null value in column \"%s\" of relation %s", list->column[c].name,
								relation_quoted(list->relation)),
					   row_text(list, value, isnull));
	if (has_column(list, RATING_COLUMN) &&
		unlikely(!isfinite((float) DatumGetFloat8(value[RATING_COLUMN]))))
		refuse_row(list, ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
				   psprintf("rating in relation %s is not a finite number of type real",
							relation_quoted(list->relation)),
				   row_text(list, value, isnull));
	if (has_column(list, TIME_COLUMN) &&
		unlikely(!input_time_is_finite(&list->column[TIME_COLUMN], value[TIME_COLUMN])))
		refuse_row(list, ERRCODE_DATETIME_VALUE_OUT_OF_RANGE,
				   psprintf("time in relation %s is not finite", relation_quoted(list->relation)),
				   row_text(list, value, isnull));
}

/*
 * Keeps the weight of a row.  Only once all are read is it known whether they are
 * events, which need it, so the first bad one is kept in words.
 */
static void
take_weight(RatingList *list, const Datum *value, const bool *isnull)
{
	float		weight = isnull[WEIGHT_COLUMN] ? 0 : (float) DatumGetFloat8(value[WEIGHT_COLUMN]);
	MemoryContext caller;

	list->weight[list->n] = weight;
	if (likely(weight > 0 && isfinite(weight)) || list->bad_weight != NULL)
		return;
	caller = MemoryContextSwitchTo(GetMemoryChunkContext(list));
	list->bad_weight = row_text(list, value, isnull);
	MemoryContextSwitchTo(caller);
}

static void
check_memory(const RatingList *list)
{
	Size		needed = (Size) (list->n + CHECKED_ROWS) * RATING_PEAK_BYTES;

	if (list->memory_limit > 0 && needed > list->memory_limit)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the ratings of relation %s do not fit into the memory allowed",
						relation_quoted(list->relation)),
				 errdetail("The first %lld ratings need %zu MB, and %zu MB are allowed.",
						   (long long) list->n, needed >> 20, list->memory_limit >> 20),
				 errhint("Raise mlrec.training_memory, or pass a view that selects fewer "
						 "ratings.")));
}

/* Doubles the room; the pages not yet written cost nothing. */
static void
grow(RatingList *list)
{
	list->capacity *= 2;
	list->user = repalloc_huge(list->user, list->capacity * sizeof(int32));
	list->movie = repalloc_huge(list->movie, list->capacity * sizeof(int32));
	list->rating = repalloc_huge(list->rating, list->capacity * sizeof(float));
	list->time = repalloc_huge(list->time, list->capacity * sizeof(int64));
	if (list->weight != NULL)
		list->weight = repalloc_huge(list->weight, list->capacity * sizeof(float));
}

static void
receive_rating(void *arg, const Datum *value, const bool *isnull)
{
	RatingList *list = arg;
	int64		i = list->n;

	check_rating(list, value, isnull);
	if (unlikely(i % CHECKED_ROWS == 0))
	{
		CHECK_FOR_INTERRUPTS();
		check_memory(list);
		if (i == list->capacity)
			grow(list);
	}
	list->user[i] = encode_id(&list->users, DatumGetInt64(value[0]));
	list->movie[i] = encode_id(list->movies, DatumGetInt64(value[1]));
	list->rating[i] = has_column(list, RATING_COLUMN) ?
		(float) DatumGetFloat8(value[RATING_COLUMN]) : 1;
	list->time[i] = has_column(list, TIME_COLUMN) ? DatumGetInt64(value[TIME_COLUMN]) : 0;
	if (list->weight != NULL)
		take_weight(list, value, isnull);
	list->n++;
}

RatingList *
ratings_open(Oid relation, IdMap *movies, Size memory_limit)
{
	RatingList *list = palloc0(sizeof(RatingList));

	list->relation = relation;
	memcpy(list->column, rating_columns, sizeof(rating_columns));
	input_check(relation, list->column, N_RATING_COLUMNS, 0);

	list->memory_limit = memory_limit;
	list->movies = movies;
	encode_init_ids(&list->users);
	list->capacity = CHECKED_ROWS;
	list->user = palloc(list->capacity * sizeof(int32));
	list->movie = palloc(list->capacity * sizeof(int32));
	list->rating = palloc(list->capacity * sizeof(float));
	list->time = palloc(list->capacity * sizeof(int64));
	if (has_column(list, WEIGHT_COLUMN))
		list->weight = palloc(list->capacity * sizeof(float));
	return list;
}

/* Gives events their weights, 1 each without a column. */
static void
take_events(RatingList *list)
{
	list->event_rating = list->rating[0];
	if (list->bad_weight != NULL)
		refuse_row(list, ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
				   psprintf("weight in relation %s is not a positive finite number of type real",
							relation_quoted(list->relation)),
				   list->bad_weight);
	for (int64 i = 0; i < list->n; i++)
		list->rating[i] = list->weight == NULL ? 1 : list->weight[i];
}

void
ratings_read(RatingList *list)
{
	input_read(list->relation, list->column, N_RATING_COLUMNS, receive_rating, list);
	if (list->n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("relation %s holds no ratings", relation_quoted(list->relation)),
				 errhint("Load ratings first, for instance with load_movielens().")));
	list->events = list->n > 1 || !has_column(list, RATING_COLUMN);
	list->timeless = list->n > 1 || !has_column(list, TIME_COLUMN);
	list->latest = list->time[0];
	for (int64 i = 1; i < list->n; i++)
	{
		list->latest = Max(list->latest, list->time[i]);
		list->events = list->events && list->rating[i] == list->rating[0];
		list->timeless = list->timeless && list->time[i] == list->time[0];
	}
	if (list->events)
		take_events(list);
}
