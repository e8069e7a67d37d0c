/*
 * input.h: reading named columns of a relation of the user's.
 */
#ifndef MLREC_DATA_INPUT_H
#define MLREC_DATA_INPUT_H

typedef enum InputKind
{
	INPUT_ID,					/* any integer type, read as int8 */
	INPUT_NUMBER,				/* any numeric type, read as float8 */
	INPUT_TIME,					/* timestamptz, timestamp, date or a string type, read
								 * as int8 microseconds since 2000, or an integer type,
								 * read as the integer */
	INPUT_TEXT,					/* text or a string type, read as text */
	INPUT_ANY					/* whatever there is, read as text */
} InputKind;

typedef struct InputColumn
{
	const char *name;
	InputKind	kind;
	bool		optional;		/* when absent, it reads as NULLs */
	Oid			type;			/* set by input_check: InvalidOid when absent */
} InputColumn;

/* Called with one row, in a context that lasts as long as the call */
typedef void (*InputRow) (void *arg, const Datum *value, const bool *isnull);

/* Whether the relation has the column, with a type that it may have, or need not have it. */
extern bool input_accepts(Oid relation, const InputColumn *column);

/* How a query has to select a column of numbers: as numeric or as float8. */
extern char *input_number(Oid relation, const char *column);

/* How a query has to order by rated_at; NULL if the relation has no such column. */
extern char *input_time_order(Oid ratings);

/* A number that was selected so; a numeric beyond the range of float8 is infinite. */
extern double input_double(Oid type, Datum value);

/*
 * Looks the columns up and sets their types.  Raises ERRCODE_UNDEFINED_COLUMN
 * or ERRCODE_DATATYPE_MISMATCH, in words for whoever passed the relation, or for
 * whoever uses the model of that number, which is 0 where there is none.  The
 * relation stays locked against changes until the transaction ends.
 */
extern void input_check(Oid relation, InputColumn *column, int n, int32 model_id);
extern void input_read(Oid relation, const InputColumn *column, int n, InputRow row, void *arg);
extern bool input_time_is_finite(const InputColumn *column, Datum value);
/*
 * What a second is in the unit of an INPUT_TIME column.  Integers are seconds, or
 * where the largest is too large for that milliseconds or microseconds.
 */
extern int64 input_time_second(const InputColumn *column, int64 largest);
extern char *input_time_text(const InputColumn *column, Datum value);

#endif							/* MLREC_DATA_INPUT_H */
