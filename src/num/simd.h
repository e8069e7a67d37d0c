/*
 * simd.h: the arithmetic kernels, compiled for several generations of CPU and
 * picked when the module is loaded.
 *
 * Sums are taken in an order that the compiler chooses for the CPU at hand, so
 * results may differ in the last bits between CPUs, never between two calls
 * on the same one.  Pointers need the alignment of their type only; n may be
 * zero.  Outputs come first and must not overlap inputs unless said so.
 */
#ifndef MLREC_SIMD_H
#define MLREC_SIMD_H

#include <stdbool.h>
#include <stdint.h>

/* The server loads modules into one name space: keep these names out of it. */
#pragma GCC visibility push(hidden)

/* The three sums that a cosine needs. */
typedef struct SimdCosine
{
	float		dot;			/* a . b */
	float		aa;				/* a . a */
	float		bb;				/* b . b */
} SimdCosine;

/* Sum of a[i] * b[i]. */
extern float simd_dot(const float *a, const float *b, int n);

/* Sum of (a[i] - b[i]) squared. */
extern float simd_l2sq(const float *a, const float *b, int n);

/* Sum of a[i] squared. */
extern float simd_norm2(const float *a, int n);

/*
 * The sums of a cosine in one pass over both vectors.  For a == b the three are
 * the same to the last bit.
 */
extern SimdCosine simd_cosine(const float *a, const float *b, int n);

/* out[row] = rows[row][...] . query, for n_rows rows of dims floats each. */
extern void simd_dot_rows(const float *rows, const float *query, int n_rows, int dims, float *out);

/*
 * Sum of a[i] * b[i] over bytes.  Exact for n up to 131,071, where the sum
 * could first leave an int32.
 */
extern int32_t simd_dot_i8(const int8_t *a, const int8_t *b, int n);

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

/* Is no x[i] a NaN or an infinity? */
extern bool simd_all_finite(const float *x, int n);

#pragma GCC visibility pop

#endif							/* MLREC_SIMD_H */
