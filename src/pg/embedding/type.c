/*
 * type.c: input and output of the type embedding: text, binary, type modifier,
 * casts.  Each accepts 1 to 16,000 finite floats and nothing else.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "num/base/simd.h"
#include "num/base/vectext.h"
#include "pg/embedding/embedding.h"

/* Bytes of an offending literal that a message repeats. */
#define EXCERPT_BYTES	64

PG_FUNCTION_INFO_V1(mlrec_embedding_in);
PG_FUNCTION_INFO_V1(mlrec_embedding_out);
PG_FUNCTION_INFO_V1(mlrec_embedding_recv);
PG_FUNCTION_INFO_V1(mlrec_embedding_send);
PG_FUNCTION_INFO_V1(mlrec_embedding_typmod_in);
PG_FUNCTION_INFO_V1(mlrec_embedding_typmod_out);
PG_FUNCTION_INFO_V1(mlrec_embedding);
PG_FUNCTION_INFO_V1(mlrec_array_to_embedding);
PG_FUNCTION_INFO_V1(mlrec_embedding_to_real_array);

/*
 * The limits.  context is where soft errors go (NULL: throw); false means
 * that one was reported there.
 */
static bool
check_dims(int dims, Node *context)
{
	if (dims < 1)
		ereturn(context, false,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("embedding must have at least 1 dimension")));
	if (dims > EMBEDDING_MAX_DIMS)
		ereturn(context, false,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("embedding cannot have more than %d dimensions", EMBEDDING_MAX_DIMS),
				 errdetail("The value has %d.", dims)));
	return true;
}

/* typmod -1 allows any dimensions */
static bool
check_typmod(int dims, int32 typmod, Node *context)
{
	if (typmod != -1 && typmod != dims)
		ereturn(context, false,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("embedding(%d) cannot hold an embedding(%d)", typmod, dims)));
	return true;
}

static void
check_finite_value(double x)
{
	if (isnan(x))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("embedding cannot hold NaN")));
	if (isinf(x))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("embedding cannot hold an infinite value")));
}

static void
check_finite(const Embedding *e)
{
	if (simd_all_finite(e->x, e->dims))
		return;
	for (int i = 0; i < e->dims; i++)
		check_finite_value(e->x[i]);
}

void
embedding_dims_differ(int a, int b)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("different embedding dimensions: %d and %d", a, b)));
}

Embedding *
embedding_new(int dims)
{
	Embedding  *e;

	check_dims(dims, NULL);
	e = (Embedding *) palloc0(EMBEDDING_SIZE(dims));
	SET_VARSIZE(e, EMBEDDING_SIZE(dims));
	e->dims = dims;
	return e;
}

/* text, or its beginning followed by "...", for a message */
static const char *
excerpt(const char *text)
{
	int			len = strlen(text);

	if (len <= EXCERPT_BYTES)
		return text;
	len = pg_mbcliplen(text, len, EXCERPT_BYTES);
	return psprintf("%.*s...", len, text);
}

/*
 * Reports the error that vectext_parse found in the text at `at`.
 */
static void
report_syntax(VecTextResult result, const char *text, const char *at, Node *context)
{
	const char *rest = excerpt(at);

	switch (result)
	{
		case VECTEXT_NOT_FINITE:
			errsave(context,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("embedding cannot hold NaN or infinite values"),
					 errdetail("A finite number was expected at \"%s\".", rest)));
			break;
		case VECTEXT_OVERFLOW:
			errsave(context,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("value out of range for type embedding"),
					 errdetail("The number at \"%s\" does not fit into a real.", rest)));
			break;
		default:
			errsave(context,
					(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
					 errmsg("invalid input syntax for type embedding: \"%s\"", excerpt(text)),
					 result == VECTEXT_NO_OPENING ? errdetail("It must start with \"[\".") :
					 result == VECTEXT_TRAILING ? errdetail("Nothing may follow \"]\".") :
					 *at == '\0' ? errdetail("It ends before \"]\".") :
					 result == VECTEXT_NO_NUMBER ?
					 errdetail("A number was expected at \"%s\".", rest) :
					 errdetail("\",\" or \"]\" was expected at \"%s\".", rest)));
			break;
	}
}

/* embedding_in(cstring, oid, integer) */
Datum
mlrec_embedding_in(PG_FUNCTION_ARGS)
{
	const char *text = PG_GETARG_CSTRING(0);
	int32		typmod = PG_GETARG_INT32(2);
	Node	   *context = fcinfo->context;
	int			capacity = vectext_count(text);
	Embedding  *e;
	VecTextResult result;
	const char *at;
	int			dims;

	if (!check_dims(capacity, context))
		PG_RETURN_NULL();
	e = embedding_new(capacity);

	result = vectext_parse(text, e->x, capacity, &dims, &at);
	if (result != VECTEXT_OK)
	{
		report_syntax(result, text, at, context);
		PG_RETURN_NULL();
	}
	if (!check_dims(dims, context) || !check_typmod(dims, typmod, context))
		PG_RETURN_NULL();

	/* in well-formed text each comma stands between two values */
	Assert(dims == capacity);
	PG_RETURN_EMBEDDING_P(e);
}

/* embedding_out(embedding): the shortest digits that read back as the same floats */
Datum
mlrec_embedding_out(PG_FUNCTION_ARGS)
{
	Embedding  *e = PG_GETARG_EMBEDDING_P(0);
	char	   *text = palloc((Size) e->dims * FLOAT_SHORTEST_DECIMAL_LEN + 2);
	char	   *end = text;

	*end++ = '[';
	for (int i = 0; i < e->dims; i++)
	{
		if (i > 0)
			*end++ = ',';
		end += float_to_shortest_decimal_bufn(e->x[i], end);
	}
	*end++ = ']';
	*end = '\0';
	PG_RETURN_CSTRING(text);
}

/*
 * embedding_recv(internal, oid, integer).  The binary form is that of pgvector, so
 * that drivers which know it can send embeddings: int16 dimensions, int16 zero,
 * then the floats.
 */
Datum
mlrec_embedding_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	int32		typmod = PG_GETARG_INT32(2);
	int			dims = (int16) pq_getmsgint(buf, sizeof(int16));
	int			reserved = (int16) pq_getmsgint(buf, sizeof(int16));
	Embedding  *e;

	if (reserved != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid binary format for type embedding"),
				 errdetail("The field after the dimensions must be 0, not %d.", reserved)));
	e = embedding_new(dims);
	check_typmod(dims, typmod, NULL);
	for (int i = 0; i < dims; i++)
		e->x[i] = pq_getmsgfloat4(buf);
	check_finite(e);
	PG_RETURN_EMBEDDING_P(e);
}

/* embedding_send(embedding) */
Datum
mlrec_embedding_send(PG_FUNCTION_ARGS)
{
	Embedding  *e = PG_GETARG_EMBEDDING_P(0);
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendint16(&buf, e->dims);
	pq_sendint16(&buf, 0);
	for (int i = 0; i < e->dims; i++)
		pq_sendfloat4(&buf, e->x[i]);
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

/* embedding_typmod_in(cstring[]): the (dims) of embedding(dims) */
Datum
mlrec_embedding_typmod_in(PG_FUNCTION_ARGS)
{
	ArrayType  *args = PG_GETARG_ARRAYTYPE_P(0);
	int			n;
	int32	   *typmods = ArrayGetIntegerTypmods(args, &n);

	if (n != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("type embedding takes one modifier, not %d", n),
				 errhint("Write embedding(dimensions).")));
	if (typmods[0] < 1 || typmods[0] > EMBEDDING_MAX_DIMS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("dimensions of type embedding must be between 1 and %d, not %d",
						EMBEDDING_MAX_DIMS, typmods[0])));
	PG_RETURN_INT32(typmods[0]);
}

/* embedding_typmod_out(integer) */
Datum
mlrec_embedding_typmod_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(psprintf("(%d)", PG_GETARG_INT32(0)));
}

/* embedding(embedding, integer, boolean): the cast to embedding(dims) checks only */
Datum
mlrec_embedding(PG_FUNCTION_ARGS)
{
	Embedding  *e = PG_GETARG_EMBEDDING_P(0);

	check_typmod(e->dims, PG_GETARG_INT32(1), NULL);
	PG_RETURN_EMBEDDING_P(e);
}

/*
 * Element number position of an array as a float.  A finite value beyond the
 * floats is an overflow; one below them becomes zero, as in text.
 */
static float
element_to_float(Datum value, Oid type, int position)
{
	double		wide = 0;
	bool		overflow = false;

	switch (type)
	{
		case INT4OID:
			wide = DatumGetInt32(value);
			break;
		case FLOAT4OID:
			wide = DatumGetFloat4(value);
			break;
		case FLOAT8OID:
			wide = DatumGetFloat8(value);
			break;
		case NUMERICOID:
			wide = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, value));
			overflow = isinf(wide) && !numeric_is_inf(DatumGetNumeric(value));
			break;
		default:
			elog(ERROR, "cannot make an embedding of elements of type %u", type);
	}
	if (!overflow)
		check_finite_value(wide);
	if (isinf((float) wide))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("value out of range for type embedding"),
				 errdetail("Element %d does not fit into a real.", position)));
	return (float) wide;
}

/*
 * array_to_embedding(integer[] | real[] | double precision[] | numeric[], integer,
 * boolean)
 */
Datum
mlrec_array_to_embedding(PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	int32		typmod = PG_GETARG_INT32(1);
	Oid			type = ARR_ELEMTYPE(array);
	Embedding  *e;
	ArrayIterator elements;
	Datum		value;
	bool		isnull;
	int			dims = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));

	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("embedding needs an array of one dimension, not %d", ARR_NDIM(array))));
	if (array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("embedding cannot hold nulls")));
	check_dims(dims, NULL);
	check_typmod(dims, typmod, NULL);

	e = embedding_new(dims);
	elements = array_create_iterator(array, 0, NULL);
	for (int i = 0; array_iterate(elements, &value, &isnull); i++)
		e->x[i] = element_to_float(value, type, i + 1);
	array_free_iterator(elements);
	PG_RETURN_EMBEDDING_P(e);
}

/* embedding_to_real_array(embedding) */
Datum
mlrec_embedding_to_real_array(PG_FUNCTION_ARGS)
{
	Embedding  *e = PG_GETARG_EMBEDDING_P(0);
	Datum	   *elements = (Datum *) palloc(sizeof(Datum) * e->dims);

	for (int i = 0; i < e->dims; i++)
		elements[i] = Float4GetDatum(e->x[i]);
	PG_RETURN_ARRAYTYPE_P(construct_array(elements, e->dims, FLOAT4OID,
										  sizeof(float4), true, TYPALIGN_INT));
}
