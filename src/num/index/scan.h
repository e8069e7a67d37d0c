/*
 * scan.h: the k best of all movies, exactly.
 *
 * A movie's score is query . vector + bias[movie], in float, always summed in the
 * same order: whichever way a movie is reached, its score has the same bits on
 * the same machine.  Movies with skip[movie] 1 are left out.  The best are pushed
 * into the caller's Topk, which may hold others already.
 */
#ifndef MLREC_INDEX_SCAN_H
#define MLREC_INDEX_SCAN_H

#include "num/base/topk.h"
#include "num/index/codes.h"

/* The instruction sets that there are kernels for */
typedef enum ScanLevel
{
	SCAN_PLAIN,
	SCAN_AVX2,					/* with FMA */
	SCAN_AVX512,				/* F, BW, VL and VNNI */
	N_SCAN_LEVELS
} ScanLevel;

/* A query in float and in codes: vector ~ scale * code */
typedef struct ScanQuery
{
	float		vector[VECTOR_DIMS];
	int8_t		code[VECTOR_DIMS];
	int32_t		zero_point;		/* what CODE_ZERO adds to a product, negated */
	float		scale;
	float		norm;			/* at least |vector| */
	float		error;			/* at least |vector - scale * code| */
	ScanLevel	level;
} ScanQuery;

/* Movies in memory; bias and skip may be NULL */
typedef struct ScanMovies
{
	const float *vectors;		/* [n * VECTOR_DIMS] */
	const float *bias;			/* [n], not negative */
	const uint8_t *skip;		/* [n], 0 or 1 */
} ScanMovies;

/* The best level of this processor. */
extern ScanLevel scan_level(void);

/*
 * Sets the query to vector [VECTOR_DIMS] * scale, finite.  The level is scan_level()
 * or a lower one.
 */
extern void scan_prepare(ScanQuery *query, const float *vector, float scale, ScanLevel level);

/* The score that an entry must reach to be kept; k > 0. */
extern float scan_threshold(const Topk *topk);

/*
 * scores[i] = query . vectors[movies[i]] for i < n, or with movies NULL of vectors[i].
 */
extern void scan_scores(float *scores, const ScanQuery *query, const float *vectors,
						const int32_t *movies, int32_t n);

/*
 * Pushes movies from .. to - 1 with index first + movie, by their vectors alone: for
 * small catalogues.
 */
extern void scan_vectors(Topk *topk, const ScanMovies *movies, int32_t first, int32_t from,
						 int32_t to, const ScanQuery *query);

/* Blocks that are scanned together */
#define SCAN_BLOCKS 32

/*
 * A scan by codes, then by the vectors of those movies whose upper bound reaches
 * the threshold.  With a bound factor of 1 the result is the same as by vectors
 * alone.  A smaller one also skips blocks whose movies could only reach the
 * threshold if more than that share of their residual pointed along the query.
 */
typedef struct CodeScan
{
	Topk	   *topk;			/* k > 0 */
	const ScanMovies *movies;
	const Codes *codes;
	const ScanQuery *query;
	float		bound_factor;
	int32_t		n_scanned;		/* blocks */

	/* blocks that wait to be scanned, and the scores of their centroids */
	int32_t		block[SCAN_BLOCKS];
	float		centroid[SCAN_BLOCKS];
	int32_t		n;
} CodeScan;

/*
 * Scans blocks from .. to - 1, which have one centroid, whose score is given; some
 * may wait for scan_finish.
 */
extern void scan_blocks(CodeScan *scan, int32_t from, int32_t to, float centroid);

/* Scans the blocks that wait. */
extern void scan_finish(CodeScan *scan);

#endif							/* MLREC_INDEX_SCAN_H */
