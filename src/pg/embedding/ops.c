/*
 * ops.c: operators and functions of embeddings: distances, arithmetic, comparison.
 */
#include "postgres.h"

#include <math.h>

#include "common/hashfn.h"

#include "num/base/simd.h"
#include "num/base/similarity.h"
#include "pg/embedding/embedding.h"

PG_FUNCTION_INFO_V1(mlrec_l2_distance);
PG_FUNCTION_INFO_V1(mlrec_inner_product);
PG_FUNCTION_INFO_V1(mlrec_negative_inner_product);
PG_FUNCTION_INFO_V1(mlrec_cosine_similarity);
PG_FUNCTION_INFO_V1(mlrec_cosine_distance);
PG_FUNCTION_INFO_V1(mlrec_dims);
PG_FUNCTION_INFO_V1(mlrec_norm);
PG_FUNCTION_INFO_V1(mlrec_normalize);
PG_FUNCTION_INFO_V1(mlrec_embedding_add);
PG_FUNCTION_INFO_V1(mlrec_embedding_sub);
PG_FUNCTION_INFO_V1(mlrec_embedding_mul);
PG_FUNCTION_INFO_V1(mlrec_embedding_lt);
PG_FUNCTION_INFO_V1(mlrec_embedding_le);
PG_FUNCTION_INFO_V1(mlrec_embedding_eq);
PG_FUNCTION_INFO_V1(mlrec_embedding_ne);
PG_FUNCTION_INFO_V1(mlrec_embedding_ge);
PG_FUNCTION_INFO_V1(mlrec_embedding_gt);
PG_FUNCTION_INFO_V1(mlrec_embedding_cmp);
PG_FUNCTION_INFO_V1(mlrec_embedding_hash);
PG_FUNCTION_INFO_V1(mlrec_embedding_hash_extended);

/* Values that are hashed at a time */
#define HASH_BLOCK 256

/* ---- distances: (embedding, embedding) to double precision ---- */

Datum
mlrec_l2_distance(PG_FUNCTION_ARGS)
{
	Embedding  *a = PG_GETARG_EMBEDDING_P(0);
	Embedding  *b = PG_GETARG_EMBEDDING_P(1);

	embedding_check_same_dims(a, b);
	PG_RETURN_FLOAT8(similarity_l2(a->x, b->x, a->dims));
}

Datum
mlrec_inner_product(PG_FUNCTION_ARGS)
{
	Embedding  *a = PG_GETARG_EMBEDDING_P(0);
	Embedding  *b = PG_GETARG_EMBEDDING_P(1);

	embedding_check_same_dims(a, b);
	PG_RETURN_FLOAT8(similarity_dot(a->x, b->x, a->dims));
}

/* negative, so that ascending order means the largest products first */
Datum
mlrec_negative_inner_product(PG_FUNCTION_ARGS)
{
	Embedding  *a = PG_GETARG_EMBEDDING_P(0);
	Embedding  *b = PG_GETARG_EMBEDDING_P(1);

	embedding_check_same_dims(a, b);
	/* a difference, because -x shows zero as -0 */
	PG_RETURN_FLOAT8(0.0 - similarity_dot(a->x, b->x, a->dims));
}

/* NaN if either is zero: there is no angle then */
static inline double
cosine_of(const Embedding *a, const Embedding *b)
{
	embedding_check_same_dims(a, b);
	return similarity_cosine(a->x, b->x, a->dims);
}

/* NULL if either is zero */
Datum
mlrec_cosine_similarity(PG_FUNCTION_ARGS)
{
	double		cosine = cosine_of(PG_GETARG_EMBEDDING_P(0), PG_GETARG_EMBEDDING_P(1));

	if (isnan(cosine))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(cosine);
}

/* 1 - cosine, hence from 0 to 2; NULL if either is zero */
Datum
mlrec_cosine_distance(PG_FUNCTION_ARGS)
{
	double		cosine = cosine_of(PG_GETARG_EMBEDDING_P(0), PG_GETARG_EMBEDDING_P(1));

	if (isnan(cosine))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(1 - cosine);
}

/* ---- of one embedding ---- */

Datum
mlrec_dims(PG_FUNCTION_ARGS)
{
	/* the head of a stored value is enough: spare fetching a long one */
	Embedding  *head = (Embedding *) PG_DETOAST_DATUM_SLICE(PG_GETARG_DATUM(0), 0,
															sizeof(int32));

	PG_RETURN_INT32(head->dims);
}

Datum
mlrec_norm(PG_FUNCTION_ARGS)
{
	Embedding  *e = PG_GETARG_EMBEDDING_P(0);

	PG_RETURN_FLOAT8(similarity_norm(e->x, e->dims));
}

/* e with length 1; a zero vector stays as it is */
Datum
mlrec_normalize(PG_FUNCTION_ARGS)
{
	Embedding  *e = PG_GETARG_EMBEDDING_P(0);
	double		norm = similarity_norm(e->x, e->dims);
	Embedding  *result = embedding_new(e->dims);

	if (norm > 0)
	{
		for (int i = 0; i < e->dims; i++)
			result->x[i] = (float) (e->x[i] / norm);
	}
	PG_RETURN_EMBEDDING_P(result);
}

/* ---- arithmetic, value by value ---- */

typedef void (*Kernel) (float *out, const float *a, const float *b, int n);

/* Errors: different dimensions, overflow. */
static Embedding *
apply(Kernel kernel, const Embedding *a, const Embedding *b)
{
	Embedding  *result;

	embedding_check_same_dims(a, b);
	result = embedding_new(a->dims);
	kernel(result->x, a->x, b->x, a->dims);
	if (!simd_all_finite(result->x, result->dims))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("value out of range for type embedding: overflow")));
	return result;
}

Datum
mlrec_embedding_add(PG_FUNCTION_ARGS)
{
	PG_RETURN_EMBEDDING_P(apply(simd_add, PG_GETARG_EMBEDDING_P(0), PG_GETARG_EMBEDDING_P(1)));
}

Datum
mlrec_embedding_sub(PG_FUNCTION_ARGS)
{
	PG_RETURN_EMBEDDING_P(apply(simd_sub, PG_GETARG_EMBEDDING_P(0), PG_GETARG_EMBEDDING_P(1)));
}

Datum
mlrec_embedding_mul(PG_FUNCTION_ARGS)
{
	PG_RETURN_EMBEDDING_P(apply(simd_mul, PG_GETARG_EMBEDDING_P(0), PG_GETARG_EMBEDDING_P(1)));
}

/* ---- comparison ---- */

/*
 * Value by value, like arrays; a beginning of another embedding is the smaller.
 */
static int
compare(const Embedding *a, const Embedding *b)
{
	int			shared = Min(a->dims, b->dims);

	for (int i = 0; i < shared; i++)
	{
		if (a->x[i] != b->x[i])
			return a->x[i] < b->x[i] ? -1 : 1;
	}
	return (a->dims > b->dims) - (a->dims < b->dims);
}

/* Index builds and sorts call this in one long-lived context: free copies. */
static int
compare_args(FunctionCallInfo fcinfo)
{
	Embedding  *a = PG_GETARG_EMBEDDING_P(0);
	Embedding  *b = PG_GETARG_EMBEDDING_P(1);
	int			result = compare(a, b);

	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	return result;
}

Datum
mlrec_embedding_lt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare_args(fcinfo) < 0);
}

Datum
mlrec_embedding_le(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare_args(fcinfo) <= 0);
}

Datum
mlrec_embedding_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare_args(fcinfo) == 0);
}

Datum
mlrec_embedding_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare_args(fcinfo) != 0);
}

Datum
mlrec_embedding_ge(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare_args(fcinfo) >= 0);
}

Datum
mlrec_embedding_gt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare_args(fcinfo) > 0);
}

Datum
mlrec_embedding_cmp(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(compare_args(fcinfo));
}

/* ---- hashing ---- */

/*
 * Equal embeddings differ in no bit but the sign of zeros, which adding zero
 * takes off.
 */
static uint64
hash(const Embedding *e, uint64 seed)
{
	float		block[HASH_BLOCK];

	for (int at = 0; at < e->dims; at += HASH_BLOCK)
	{
		int			n = Min(HASH_BLOCK, e->dims - at);

		for (int i = 0; i < n; i++)
			block[i] = e->x[at + i] + 0.0f;
		seed = hash_bytes_extended((const unsigned char *) block, sizeof(float) * n, seed);
	}
	return seed;
}

static uint64
hash_argument(FunctionCallInfo fcinfo, uint64 seed)
{
	Embedding  *e = PG_GETARG_EMBEDDING_P(0);
	uint64		result = hash(e, seed);

	PG_FREE_IF_COPY(e, 0);
	return result;
}

/* As PostgreSQL asks for, the lower half of the extended hash with the seed 0. */
Datum
mlrec_embedding_hash(PG_FUNCTION_ARGS)
{
	PG_RETURN_UINT32((uint32) hash_argument(fcinfo, 0));
}

Datum
mlrec_embedding_hash_extended(PG_FUNCTION_ARGS)
{
	PG_RETURN_UINT64(hash_argument(fcinfo, (uint64) PG_GETARG_INT64(1)));
}
