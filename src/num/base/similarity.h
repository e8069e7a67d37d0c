/*
 * similarity.h: distances that hold for every pair of finite vectors.
 *
 * The kernels sum in single precision, where squares overflow and vanish early:
 * finite vectors would have infinite distances, and short ones the norm 0.  So a
 * sum is used if it is sound (simd_sum_sound), as all but contrived ones are;
 * otherwise it is computed again in double precision, where the product of any
 * two floats fits.  All results are finite; n may be zero.
 */
#ifndef MLREC_BASE_SIMILARITY_H
#define MLREC_BASE_SIMILARITY_H

#include <math.h>

#include "num/base/simd.h"

#pragma GCC visibility push(hidden)

/* The same in double precision throughout. */
extern double similarity_wide_dot(const float *a, const float *b, int n);
extern double similarity_wide_l2(const float *a, const float *b, int n);
extern double similarity_wide_cosine(const float *a, const float *b, int n);

#pragma GCC visibility pop

static inline double
similarity_dot(const float *a, const float *b, int n)
{
	float		sum = simd_dot(a, b, n);

	return simd_sum_sound(fabsf(sum)) ? sum : similarity_wide_dot(a, b, n);
}

static inline double
similarity_l2(const float *a, const float *b, int n)
{
	float		sum = simd_l2sq(a, b, n);

	return simd_sum_sound(sum) ? sqrt(sum) : similarity_wide_l2(a, b, n);
}

static inline double
similarity_norm(const float *a, int n)
{
	float		sum = simd_norm2(a, n);

	return sqrt(simd_sum_sound(sum) ? sum : similarity_wide_dot(a, a, n));
}

/*
 * The cosine of a and b, within [-1, 1] and exactly 1 for a == b; NaN if a or b is
 * zero: then there is no angle.
 */
static inline double
similarity_cosine(const float *a, const float *b, int n)
{
	double		cosine = simd_cosine(a, b, n);

	if (isnan(cosine))
		cosine = similarity_wide_cosine(a, b, n);

	/* not by fmin and fmax, which would be calls of the C library */
	return cosine > 1 ? 1 : cosine < -1 ? -1 : cosine;
}

#endif							/* MLREC_BASE_SIMILARITY_H */
