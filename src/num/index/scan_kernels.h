/*
 * scan_kernels.h: the inner loops of scan.c, once for each instruction set.
 */
#ifndef MLREC_INDEX_SCAN_KERNELS_H
#define MLREC_INDEX_SCAN_KERNELS_H

#include "num/index/scan.h"

/* Positions in the codes whose score may reach the threshold */
typedef struct Survivors
{
	int32_t    *position;
	float	   *bound;			/* at least the score, with the block's bias */
	int32_t		n;
} Survivors;

/*
 * The largest code of a query on AVX2, which adds products of bytes in pairs, in 16
 * bits and with saturation: 2 * 255 * this must fit.
 */
#define SCAN_AVX2_STEPS 64

/* Vectors are scored in groups of this many. */
#define SCAN_GROUP 4

/* scores [SCAN_GROUP] of vectors [SCAN_GROUP][VECTOR_DIMS]. */
typedef void (*ScoreGroup) (float *scores, const float *const *vectors, const float *query);

/*
 * Appends to `survivors`, which have room, the positions of n blocks whose upper
 * bound reaches the threshold.  centroid [n]: the scores of the blocks' centroids.
 * The blocks' biases are added if `biased`.
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
 * The quantization error bound: how much a score may exceed its estimate by codes.
 * With residual = r + e and query = q + f, where r and q are what the codes stand
 * for,
 *
 *		residual . query - r . q = r . f + e . query <= |r| |f| + |e| |query|
 *
 * by the Cauchy-Schwarz inequality.  The effect of rounding on the sum of 64
 * products, on estimate, bias and bound is below SCAN_ROUNDING of their magnitudes:
 * a float's unit is 6e-8, and there are under 100 of them.
 */
#define SCAN_ROUNDING 1e-5f

static inline float
scan_error_bound(const CodeBlock *block, const ScanQuery *query, float bias)
{
	return block->norm * query->error + block->error * query->norm +
		SCAN_ROUNDING * (block->norm * query->norm + bias);
}

/*
 * How much scores of a block may exceed the centroid's, if at most the share
 * bound_factor of a residual points along the query; 1 is a bound for every query.
 */
static inline float
scan_upper_bound(const CodeBlock *block, const ScanQuery *query, bool biased, float bound_factor)
{
	float		bias = biased ? block->bias : 0;

	return bound_factor * block->norm * query->norm + scan_error_bound(block, query, bias) + bias;
}

#endif							/* MLREC_INDEX_SCAN_KERNELS_H */
