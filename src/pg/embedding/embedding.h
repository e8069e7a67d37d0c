/*
 * embedding.h: the SQL type embedding as C code sees it.
 */
#ifndef MLREC_EMBEDDING_EMBEDDING_H
#define MLREC_EMBEDDING_EMBEDDING_H

#include "postgres.h"

#include "fmgr.h"

#include "pg/util/compat.h"

#define EMBEDDING_MAX_DIMS	16000

/* A varlena; every x[i] is finite, and dims is 1 to EMBEDDING_MAX_DIMS. */
typedef struct Embedding
{
	int32		vl_len_;		/* varlena header (do not touch directly!) */
	int32		dims;
	float		x[FLEXIBLE_ARRAY_MEMBER];
} Embedding;

#define EMBEDDING_SIZE(dims)		(offsetof(Embedding, x) + sizeof(float) * (Size) (dims))

#define DatumGetEmbeddingP(d)		((Embedding *) PG_DETOAST_DATUM(d))
#define EmbeddingPGetDatum(p)		PointerGetDatum(p)
#define PG_GETARG_EMBEDDING_P(n)	DatumGetEmbeddingP(PG_GETARG_DATUM(n))
#define PG_RETURN_EMBEDDING_P(p)	return EmbeddingPGetDatum(p)

#pragma GCC visibility push(hidden)

/* A palloc'd embedding of zeros.  Errors: dims out of range. */
extern Embedding *embedding_new(int dims);

/* Reports that two embeddings do not fit together. */
pg_noreturn extern void embedding_dims_differ(int a, int b);

#pragma GCC visibility pop

/* Error, which names both, unless a and b have the same dimensions. */
static inline void
embedding_check_same_dims(const Embedding *a, const Embedding *b)
{
	if (unlikely(a->dims != b->dims))
		embedding_dims_differ(a->dims, b->dims);
}

#endif							/* MLREC_EMBEDDING_EMBEDDING_H */
