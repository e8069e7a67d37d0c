/*
 * scan.h: the k best of all movies, exactly.
 *
 * A movie's score is query . row + bias[movie], in float, always summed in the
 * same order: whichever way a movie is reached, its score has the same bits on
 * the same machine.  Movies that are skipped are not there.  The best are pushed
 * into the caller's Topk, which may hold others already.
 */
#ifndef MLREC_INDEX_SCAN_H
#define MLREC_INDEX_SCAN_H

#include "num/base/topk.h"
#include "num/index/codes.h"

/* What the processor can do */
typedef enum ScanLevel
{
	SCAN_PLAIN,
	SCAN_AVX2,					/* with FMA */
	SCAN_AVX512,				/* F, BW, VL and VNNI */
	N_SCAN_LEVELS
} ScanLevel;

/* A query in float and in codes: vector ~ step * code */
typedef struct ScanQuery
{
	float		vector[VECTOR_DIMS];
	int8_t		code[VECTOR_DIMS];
	int32_t		zero_point;		/* of the products, that of CODE_ZERO */
	float		scale;
	float		norm;			/* at least |vector| */
	float		error;			/* at least |vector - step * code| */
	ScanLevel	level;
} ScanQuery;

/* Movies in memory; bias and skip may be NULL */
typedef struct ScanMovies
{
	const float *rows;			/* [n * VECTOR_DIMS] */
	const float *bias;			/* [n], not negative */
	const uint8_t *skip;		/* [n], 0 or 1 */
} ScanMovies;

/* The best that this processor can do. */
extern ScanLevel scan_level(void);

/* Query vector[VECTOR_DIMS] * scale, finite; the level is scan_level() or a lower one. */
extern void scan_prepare(ScanQuery *query, const float *vector, float scale, ScanLevel level);

/* The score that a newcomer must reach; k > 0. */
extern float scan_threshold(const Topk *topk);

/*
 * scores[i] = query . rows[movies[i]] for i < n, or with movies NULL of rows[i].
 */
extern void scan_scores(float *scores, const ScanQuery *query, const float *rows,
						const int32_t *movies, int32_t n);

/*
 * Movies from .. to - 1, numbered first + movie, by their rows alone: what small
 * catalogues need.
 */
extern void scan_rows(Topk *topk, const ScanMovies *movies, int32_t first, int32_t from, int32_t to,
					  const ScanQuery *query);

/*
 * A scan by codes, and of those movies by their rows that may be among the best.
 * With a margin of 1 the result is the same as by rows.  A smaller one also passes
 * over blocks whose movies could only be among the best if more than that share of
 * what they have beyond the origin pointed along the query.
 */
#define SCAN_BLOCKS 32

typedef struct CodeScan
{
	Topk	   *topk;			/* k > 0 */
	const ScanMovies *movies;
	const Codes *codes;
	const ScanQuery *query;
	float		bound_factor;
	int32_t		n_scanned;		/* blocks that were looked into */

	/* blocks that wait to be looked into, and the scores of their origins */
	int32_t		block[SCAN_BLOCKS];
	float		centroid[SCAN_BLOCKS];
	int32_t		n;
} CodeScan;

/* Blocks from .. to - 1, which have one origin; its score is query . origin. */
extern void scan_blocks(CodeScan *scan, int32_t from, int32_t to, float centroid);

/* Looks into those that wait. */
extern void scan_finish(CodeScan *scan);

#endif							/* MLREC_INDEX_SCAN_H */
