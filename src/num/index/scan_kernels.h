/*
 * scan_kernels.h: the inner loops of scan.c, for one level of processor each.
 */
#ifndef MLREC_INDEX_SCAN_KERNELS_H
#define MLREC_INDEX_SCAN_KERNELS_H

#include "num/index/scan.h"

/* Places in the codes whose score may reach a bar */
typedef struct Survivors
{
	int32_t    *place;
	float	   *bound;			/* at least the score, with the block's bias */
	int32_t		n;
} Survivors;

/*
 * AVX2 adds products of bytes in pairs, in 16 bits and with saturation; what a
 * query's codes may be at most, so that 2 * 255 * this fits.
 */
#define SCAN_AVX2_STEPS 64

/* Rows are scored in groups of so many. */
#define SCAN_GROUP 4

/* scores[SCAN_GROUP] of as many rows. */
typedef void (*ScoreGroup) (float *scores, const float *const *rows, const float *query);

/*
 * Appends to `survivors`, which have room, the places of n blocks with a bound of
 * at least `bar`.  origin [n] are the scores of the blocks' origins; the blocks'
 * biases are added if `biased`.
 */
typedef void (*SelectBlocks) (Survivors *survivors, const Codes *codes, const int32_t *blocks,
							  const float *centroid, int32_t n, const ScanQuery *query, bool biased,
							  float threshold);

typedef struct ScanKernels
{
	ScoreGroup	score_group;
	SelectBlocks select_blocks;
} ScanKernels;

extern const ScanKernels scan_kernels[N_SCAN_LEVELS];

/*
 * How much a score may exceed its estimate by codes.  With row - origin = r + e
 * and query = q + f, r and q what the codes stand for,
 *
 *		(row - origin) . query - r . q = r . f + e . query <= |r| |f| + |e| |query|
 *
 * by Cauchy and Schwarz.  What rounding does to the sum of 64 products, to
 * estimate, bias and bound is below SCAN_ROUNDING of their magnitudes: a float's
 * unit is 6e-8, and there are under 100 of them.
 */
#define SCAN_ROUNDING 1e-5f

static inline float
scan_error_bound(const CodeBlock *block, const ScanQuery *query, float bias)
{
	return block->norm * query->error + block->error * query->norm +
		SCAN_ROUNDING * (block->norm * query->norm + bias);
}

/*
 * How much scores of a block may exceed the origin's, for a query that agrees
 * with what movies have beyond the origin to at most `margin` of what is possible.
 */
static inline float
scan_upper_bound(const CodeBlock *block, const ScanQuery *query, bool biased, float bound_factor)
{
	float		bias = biased ? block->bias : 0;

	return bound_factor * block->norm * query->norm + scan_error_bound(block, query, bias) + bias;
}

#endif							/* MLREC_INDEX_SCAN_KERNELS_H */
