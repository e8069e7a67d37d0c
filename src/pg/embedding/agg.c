/*
 * agg.c: sum(embedding) and avg(embedding).
 *
 * Both keep the same state, so that a query with both of them adds up once: a
 * count and, in double precision, the sum of each dimension.  The state lives
 * in the aggregate's context; parallel workers hand it over in the binary form
 * of serialize below.
 */
#include "postgres.h"

#include <math.h>

#include "libpq/pqformat.h"

#include "num/base/simd.h"
#include "pg/embedding/embedding.h"

PG_FUNCTION_INFO_V1(mlrec_embedding_accum);
PG_FUNCTION_INFO_V1(mlrec_embedding_combine);
PG_FUNCTION_INFO_V1(mlrec_embedding_serialize);
PG_FUNCTION_INFO_V1(mlrec_embedding_deserialize);
PG_FUNCTION_INFO_V1(mlrec_embedding_sum);
PG_FUNCTION_INFO_V1(mlrec_embedding_avg);

/* No state at all stands for no rows. */
typedef struct SumState
{
	int64		count;
	int32		dims;
	double		sum[FLEXIBLE_ARRAY_MEMBER];
} SumState;

static MemoryContext
aggregate_context(FunctionCallInfo fcinfo)
{
	MemoryContext context;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "aggregate function called in non-aggregate context");
	return context;
}

static SumState *
new_state(MemoryContext context, int dims)
{
	Size		size = offsetof(SumState, sum) + sizeof(double) * (Size) dims;
	SumState   *state = (SumState *) MemoryContextAllocZero(context, size);

	state->dims = dims;
	return state;
}

static SumState *
state_arg(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : (SumState *) PG_GETARG_POINTER(n);
}

static void
check_dims(const SumState *state, int dims)
{
	if (state->dims != dims)
		embedding_dims_differ(state->dims, dims);
}

/* embedding_accum(internal, embedding): nulls do not count */
Datum
mlrec_embedding_accum(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	SumState   *state = state_arg(fcinfo, 0);

	if (!PG_ARGISNULL(1))
	{
		Embedding  *e = PG_GETARG_EMBEDDING_P(1);

		if (state == NULL)
			state = new_state(context, e->dims);
		check_dims(state, e->dims);
		state->count++;
		simd_accumulate(state->sum, e->x, e->dims);
	}
	if (state == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(state);
}

/* embedding_combine(internal, internal): the second state is a worker's */
Datum
mlrec_embedding_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	SumState   *state = state_arg(fcinfo, 0);
	SumState   *other = state_arg(fcinfo, 1);

	if (other != NULL)
	{
		if (state == NULL)
			state = new_state(context, other->dims);
		check_dims(state, other->dims);
		state->count += other->count;
		for (int i = 0; i < state->dims; i++)
			state->sum[i] += other->sum[i];
	}
	if (state == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(state);
}

/* embedding_serialize(internal): count, dimensions, sums */
Datum
mlrec_embedding_serialize(PG_FUNCTION_ARGS)
{
	SumState   *state = (SumState *) PG_GETARG_POINTER(0);
	StringInfoData buf;

	aggregate_context(fcinfo);
	pq_begintypsend(&buf);
	pq_sendint64(&buf, state->count);
	pq_sendint32(&buf, state->dims);
	for (int i = 0; i < state->dims; i++)
		pq_sendfloat8(&buf, state->sum[i]);
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

/* embedding_deserialize(bytea, internal) */
Datum
mlrec_embedding_deserialize(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);
	StringInfoData buf;
	SumState   *state;
	int64		count;

	aggregate_context(fcinfo);
	initStringInfo(&buf);
	appendBinaryStringInfo(&buf, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
	count = pq_getmsgint64(&buf);
	state = new_state(CurrentMemoryContext, pq_getmsgint(&buf, sizeof(int32)));
	state->count = count;
	for (int i = 0; i < state->dims; i++)
		state->sum[i] = pq_getmsgfloat8(&buf);
	pq_getmsgend(&buf);
	PG_RETURN_POINTER(state);
}

/* The sums divided by divisor, as an embedding.  Errors: overflow. */
static Embedding *
state_to_embedding(const SumState *state, double divisor)
{
	Embedding  *e = embedding_new(state->dims);

	for (int i = 0; i < state->dims; i++)
	{
		e->x[i] = (float) (state->sum[i] / divisor);
		if (isinf(e->x[i]))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("value out of range for type embedding: overflow"),
					 errdetail("Dimension %d adds up to %g.", i + 1, state->sum[i])));
	}
	return e;
}

/* embedding_sum(internal): NULL for no rows, as SQL has it */
Datum
mlrec_embedding_sum(PG_FUNCTION_ARGS)
{
	SumState   *state = state_arg(fcinfo, 0);

	if (state == NULL)
		PG_RETURN_NULL();
	PG_RETURN_EMBEDDING_P(state_to_embedding(state, 1));
}

/* embedding_avg(internal): NULL for no rows */
Datum
mlrec_embedding_avg(PG_FUNCTION_ARGS)
{
	SumState   *state = state_arg(fcinfo, 0);

	if (state == NULL)
		PG_RETURN_NULL();
	PG_RETURN_EMBEDDING_P(state_to_embedding(state, state->count));
}
