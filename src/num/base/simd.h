/*
 * simd.h: the arithmetic kernels, compiled for several generations of CPU and
 * picked when the module is loaded.
 *
 * Sums are taken in an order that the compiler chooses for the CPU at hand, so
 * results may differ in the last bits between CPUs, never between two calls
 * on the same one.  Pointers need the alignment of their type only; n may be
 * zero.  Outputs come first and must not overlap inputs unless said so.
 */
#ifndef MLREC_BASE_SIMD_H
#define MLREC_BASE_SIMD_H

#include <stdbool.h>
#include <stdint.h>

/* The server loads modules into one name space: keep these names out of it. */
#pragma GCC visibility push(hidden)

/*
 * Squares of floats beyond 1e19 leave the range of a float and those below 1e-19
 * vanish.  A sum of squares within these bounds has suffered from neither: what
 * 16,000 of them can lose to underflow is below 1e-40.
 */
#define SIMD_SUM_MIN	1e-30f
#define SIMD_SUM_MAX	1e+37f

static inline bool
simd_sum_sound(float sum)
{
	return sum >= SIMD_SUM_MIN && sum <= SIMD_SUM_MAX;
}

/* Sum of a[i] * b[i]. */
extern float simd_dot(const float *a, const float *b, int n);

/* Sum of (a[i] - b[i]) squared. */
extern float simd_l2sq(const float *a, const float *b, int n);

/* Sum of a[i] squared. */
extern float simd_norm2(const float *a, int n);

/*
 * The cosine of a and b in one pass, exactly 1 for a == b; rounding may carry it
 * beyond 1 or -1.  NaN if the squares of either do not sum soundly (or are zero):
 * see similarity_cosine.
 */
extern double simd_cosine(const float *a, const float *b, int n);

/* y[i] += alpha * x[i] */
extern void simd_axpy(float *y, float alpha, const float *x, int n);

/* x[i] *= alpha */
extern void simd_scale(float *x, float alpha, int n);

/* out[i] = a[i] op b[i]; out may be a or b. */
extern void simd_add(float *out, const float *a, const float *b, int n);
extern void simd_sub(float *out, const float *a, const float *b, int n);
extern void simd_mul(float *out, const float *a, const float *b, int n);

/* sum[i] += x[i], in double precision */
extern void simd_accumulate(double *sum, const float *x, int n);

/* Whether every x[i] is finite. */
extern bool simd_all_finite(const float *x, int n);

#pragma GCC visibility pop

#endif							/* MLREC_BASE_SIMD_H */
