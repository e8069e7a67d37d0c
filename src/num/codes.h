/*
 * codes.h: unit vectors as bytes, to find the nearest ones of very many.
 *
 * A search goes through the codes, a quarter of the bytes of the vectors, and
 * looks a vector up only if its code says that it may be among the best k.
 * The result is exact: what a code can be wrong by is known.
 */
#ifndef CODES_H
#define CODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image.h"
#include "topk.h"

#define CODES_BLOCK 16			/* vectors that are coded together */

/* How blocks are gone through; the best one that the processor has. */
typedef enum CodesKernel
{
	CODES_PLAIN,
	CODES_AVX2,
	CODES_VNNI
} CodesKernel;

extern CodesKernel codes_best_kernel(void);

/* At the start of the codes; behind it come the blocks, then the places. */
typedef struct CodesHeader
{
	int32_t		n_blocks;
	float		step;			/* a code c stands for step * (c - 128) */
	float		error;			/* at most, the distance of a vector and its code */
	int32_t		unused[13];
} CodesHeader;

/* Bytes of the codes of n vectors in so many blocks. */
extern uint64_t codes_size(int32_t n_blocks);

/* The number of blocks that n vectors fill. */
static inline int32_t
codes_blocks(int32_t n)
{
	return n / CODES_BLOCK + (n % CODES_BLOCK != 0);
}

/* The largest absolute value of n floats, a multiple of CODES_BLOCK. */
extern float codes_largest(const float *x, int64_t n);

/*
 * Prepares to code n vectors of at most unit length, whose coordinates are at
 * most `largest`.  order [n_blocks * CODES_BLOCK] says which vector goes into
 * which place, negative: none; NULL: in order.
 */
extern void codes_begin(void *codes, float largest, int32_t n, const int32_t *order,
						int32_t n_blocks);

/* Codes the places from .. to - 1, from a multiple of CODES_BLOCK on; false: no more. */
extern bool codes_make(void *codes, const float *vectors, int64_t from, int64_t to);

/* Whether `size` bytes are codes of n vectors, as far as a search relies on it. */
extern bool codes_are_sound(const void *codes, uint64_t size, int32_t n);

/* A query, ready to be compared with codes */
typedef struct CodesQuery
{
	const float *vector;		/* [VECTOR_DIMS], of unit length */
	int8_t		code[VECTOR_DIMS];
	float		unit;			/* of a sum of products of codes, as a cosine */
	float		error;			/* at most, of a cosine that codes tell */
	int32_t		offset;			/* of the sums, since codes are not negative */
	CodesKernel kernel;
} CodesQuery;

extern void codes_query(CodesQuery *query, const void *codes, const float *vector,
						CodesKernel kernel);

/*
 * Offers to `topk` those of the blocks from .. to - 1 that may be among the best,
 * by the exact inner product of vectors [n * VECTOR_DIMS], if skip[vector] is 0;
 * skip may be NULL.
 */
extern void codes_search(Topk *topk, const CodesQuery *query, const void *codes,
						 int32_t from, int32_t to, const float *vectors, const uint8_t *skip);

#endif							/* CODES_H */
