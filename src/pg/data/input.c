/*
 * input.c: reading named columns of a relation of the user's.
 *
 * Rows are read by an SQL query, as the invoker, so that privileges, row
 * security, views, partitions and foreign tables are the executor's business.
 * They go through a row receiver, one slot at a time: a cursor that
 * fetches in batches took three times as long for a million rows, and SPI's own
 * tuple table holds them all in memory.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "tcop/dest.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "pg/data/input.h"
#include "pg/util/relations.h"
#include "pg/util/row_receiver.h"

#define MAX_COLUMNS 8

/* What the rows of a query are handed on with. */
typedef struct InputReader
{
	const InputColumn *column;
	int			n;
	InputRow	row;
	void	   *arg;
	MemoryContext row_context;
} InputReader;

/* ------------------------------------------------------------------ columns */

static bool
is_integer(Oid type)
{
	return type == INT2OID || type == INT4OID || type == INT8OID;
}

static bool
is_string(Oid type)
{
	char		category;
	bool		preferred;

	if (!OidIsValid(type))
		return false;
	get_type_category_preferred(type, &category, &preferred);
	return category == TYPCATEGORY_STRING;
}

static bool
kind_accepts(InputKind kind, Oid type)
{
	switch (kind)
	{
		case INPUT_ID:
			return is_integer(type);
		case INPUT_NUMBER:
			return is_integer(type) || type == FLOAT4OID || type == FLOAT8OID || type == NUMERICOID;
		case INPUT_TIME:
			return is_integer(type) || type == TIMESTAMPTZOID || type == TIMESTAMPOID ||
				type == DATEOID || is_string(type);
		case INPUT_TEXT:
			return is_string(type);
		case INPUT_ANY:
			return true;
	}
	return false;
}

static const char *
kind_text(InputKind kind)
{
	switch (kind)
	{
		case INPUT_ID:
			return "It must be smallint, integer or bigint.";
		case INPUT_NUMBER:
			return "It must be an integer, numeric, real or double precision.";
		case INPUT_TIME:
			return "It must be timestamptz, timestamp, date, text that reads as a timestamp, or an "
				"integer number of seconds or milliseconds.";
		case INPUT_TEXT:
			return "It must be text.";
		case INPUT_ANY:
			break;
	}
	return "It may have any type.";
}

/*
 * Text is read without a time zone, so that it means the same in every session.
 */
static const char *
time_read_as(Oid type)
{
	if (!OidIsValid(type) || is_integer(type))
		return "int8";
	return type == TIMESTAMPTZOID ? "timestamptz" : "timestamp";
}

/* The type that a column is read as. */
static const char *
read_as(const InputColumn *column)
{
	switch (column->kind)
	{
		case INPUT_ID:
			return "int8";
		case INPUT_NUMBER:
			return column->type == NUMERICOID ? "numeric" : "float8";
		case INPUT_TIME:
			return time_read_as(column->type);
		case INPUT_TEXT:
		case INPUT_ANY:
			break;
	}
	return "text";
}

/* "a, b and c" of the columns that cannot be left out. */
static char *
required_columns(const InputColumn *column, int n)
{
	StringInfoData list;
	int			left = 0;

	for (int i = 0; i < n; i++)
		left += !column[i].optional;
	initStringInfo(&list);
	for (int i = 0; i < n; i++)
	{
		if (column[i].optional)
			continue;
		appendStringInfoString(&list, column[i].name);
		left--;
		if (left > 0)
			appendStringInfoString(&list, left == 1 ? " and " : ", ");
	}
	return list.data;
}

bool
input_accepts(Oid relation, const InputColumn *column)
{
	AttrNumber	number = get_attnum(relation, column->name);

	if (number == InvalidAttrNumber)
		return column->optional;
	return number > 0 && kind_accepts(column->kind, getBaseType(get_atttype(relation, number)));
}

static bool
is_numeric(Oid relation, const char *column)
{
	return getBaseType(get_atttype(relation, get_attnum(relation, column))) == NUMERICOID;
}

/*
 * A cast of numeric to float8 would raise an error that says nothing but the
 * number, with all its digits.
 */
char *
input_number(Oid relation, const char *column)
{
	return psprintf("%s::pg_catalog.%s", quote_identifier(column),
					is_numeric(relation, column) ? "numeric" : "float8");
}

char *
input_time_order(Oid ratings)
{
	AttrNumber	number = get_attnum(ratings, "rated_at");

	if (number == InvalidAttrNumber)
		return NULL;
	return psprintf("rated_at::pg_catalog.%s",
					time_read_as(getBaseType(get_atttype(ratings, number))));
}

double
input_double(Oid type, Datum value)
{
	if (type == NUMERICOID)
		value = DirectFunctionCall1(numeric_float8_no_overflow, value);
	return DatumGetFloat8(value);
}

static void
refuse_absence(Oid relation, const InputColumn *columns, int n, const InputColumn *column,
			   int32 model_id)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("relation %s has no column \"%s\"", relation_quoted(relation), column->name),
			 model_id != 0 ?
			 errdetail("Recommender model %d reads the column.", model_id) :
			 errdetail("Its columns must include %s.", required_columns(columns, n)),
			 model_id != 0 ?
			 errhint("Give the name %s to a view that has the column, or train a new model.",
					 relation_quoted(relation)) :
			 errhint("Adapt a table with other columns by a view, and pass the view.")));
}

static void
refuse_type(Oid relation, const InputColumn *column, Oid type, int32 model_id)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("column \"%s\" of relation %s has type %s", column->name,
					relation_quoted(relation), format_type_be(type)),
			 model_id != 0 ?
			 errdetail("Recommender model %d reads the column. %s", model_id,
					   kind_text(column->kind)) :
			 errdetail_internal("%s", kind_text(column->kind)),
			 model_id != 0 ?
			 errhint("Give the name %s to a view that converts the column, or train a new model.",
					 relation_quoted(relation)) :
			 errhint("Convert the column in a view, and pass the view.")));
}

void
input_check(Oid relation, InputColumn *column, int n, int32 model_id)
{
	Relation	rel = relation_open(relation, AccessShareLock);

	for (int i = 0; i < n; i++)
	{
		AttrNumber	number = get_attnum(relation, column[i].name);
		Oid			type;

		column[i].type = InvalidOid;
		if (number == InvalidAttrNumber && column[i].optional)
			continue;
		if (number == InvalidAttrNumber)
			refuse_absence(relation, column, n, &column[i], model_id);

		type = get_atttype(relation, number);
		column[i].type = getBaseType(type);
		if (!kind_accepts(column[i].kind, column[i].type))
			refuse_type(relation, &column[i], type, model_id);
	}
	relation_close(rel, NoLock);
}

/* False for a timestamp of infinity or -infinity. */
bool
input_time_is_finite(const InputColumn *column, Datum value)
{
	return is_integer(column->type) || !TIMESTAMP_NOT_FINITE(DatumGetTimestamp(value));
}

/* A second more would be in the year 5138, or of milliseconds in 1973. */
#define MAX_SECONDS INT64CONST(100000000000)

int64
input_time_second(const InputColumn *column, int64 largest)
{
	if (!is_integer(column->type) || largest >= MAX_SECONDS * 1000)
		return 1000000;
	return largest >= MAX_SECONDS ? 1000 : 1;
}

/*
 * A value of an INPUT_TIME column as the user would see it, palloc'd.
 */
char *
input_time_text(const InputColumn *column, Datum value)
{
	PGFunction	out = is_integer(column->type) ? int8out :
		column->type == TIMESTAMPTZOID ? timestamptz_out : timestamp_out;

	return DatumGetCString(DirectFunctionCall1(out, value));
}

/* ------------------------------------------------------------------ reading */

static void
receive_row(void *arg, TupleTableSlot *slot)
{
	InputReader *reader = arg;
	MemoryContext caller = MemoryContextSwitchTo(reader->row_context);
	Datum		values[MAX_COLUMNS];

	for (int i = 0; i < reader->n; i++)
	{
		values[i] = slot->tts_values[i];
		if (reader->column[i].type == NUMERICOID && reader->column[i].kind == INPUT_NUMBER &&
			!slot->tts_isnull[i])
			values[i] = Float8GetDatum(input_double(NUMERICOID, values[i]));
	}
	reader->row(reader->arg, values, slot->tts_isnull);
	MemoryContextSwitchTo(caller);
	MemoryContextReset(reader->row_context);
}

static char *
build_query(Oid relation, const InputColumn *column, int n)
{
	StringInfoData query;

	initStringInfo(&query);
	appendStringInfoString(&query, "SELECT ");
	for (int i = 0; i < n; i++)
		appendStringInfo(&query, "%s%s::pg_catalog.%s", i > 0 ? ", " : "",
						 OidIsValid(column[i].type) ? quote_identifier(column[i].name) : "NULL",
						 read_as(&column[i]));
	appendStringInfo(&query, " FROM %s", relation_quoted(relation));
	return query.data;
}

/*
 * In the place of an error that text does not read as a time, which names neither
 * relation nor column, raises one that does.
 */
static void
explain_text_time(Oid relation, const InputColumn *column, int n, MemoryContext context)
{
	int			sqlstate = geterrcode();
	ErrorData  *error;

	if (sqlstate != ERRCODE_INVALID_DATETIME_FORMAT && sqlstate != ERRCODE_DATETIME_FIELD_OVERFLOW)
		return;
	for (int i = 0; i < n; i++)
	{
		if (column[i].kind != INPUT_TIME || !is_string(column[i].type))
			continue;
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		ereport(ERROR,
				(errcode(sqlstate), errmsg_internal("%s", error->message),
				 errdetail("Column \"%s\" of relation %s is text, and each value must read as a "
						   "timestamp.", column[i].name, relation_quoted(relation)),
				 errhint("Correct the row, or convert the column in a view, and pass the view.")));
	}
}

/*
 * Calls row(arg, …) for every row of the relation, whose columns input_check
 * has looked up.  The rows are those that the active snapshot sees, so several
 * relations read by one statement belong together.
 */
void
input_read(Oid relation, const InputColumn *column, int n, InputRow row, void *arg)
{
	char	   *query = build_query(relation, column, n);
	SPIExecuteOptions options = {0};
	InputReader reader = {column, n, row, arg};
	RowReceiver receiver = row_receiver(receive_row, &reader);
	MemoryContext caller = CurrentMemoryContext;
	int			code;

	Assert(n <= MAX_COLUMNS);
	reader.row_context = AllocSetContextCreate(CurrentMemoryContext, "mlrec input row",
											   ALLOCSET_DEFAULT_SIZES);

	SPI_connect();
	options.read_only = true;
	options.dest = &receiver.receiver;
	PG_TRY();
	{
		code = SPI_execute_extended(query, &options);
	}
	PG_CATCH();
	{
		explain_text_time(relation, column, n, caller);
		PG_RE_THROW();
	}
	PG_END_TRY();
	if (code != SPI_OK_SELECT)
		elog(ERROR, "could not execute \"%s\": %s", query, SPI_result_code_string(code));
	SPI_finish();

	MemoryContextDelete(reader.row_context);
	pfree(query);
}
