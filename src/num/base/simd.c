/*
 * simd.c: the arithmetic kernels.
 *
 * The loops are plain C for the compiler to vectorize; the build lets it
 * reorder sums in this file and nowhere else (see num.mk).  Each function
 * is compiled for baseline x86-64, for AVX2 with FMA and for AVX-512, and the
 * dynamic linker picks one when the module is loaded, so that a package built
 * on one machine is fast on another and never dies of an illegal instruction.
 * Feature levels (x86-64-v3) are named rather than models (haswell), which a
 * CPU of another maker would not match.
 *
 * A sum in one vector register waits for its own last addition.  Therefore dot
 * and distance run over the two halves of their input side by side; the cosine
 * has three sums anyhow.
 *
 * Tried and rejected: vectors of 64 bytes as a compiler extension are twice
 * as fast as these loops on AVX-512 and a tenth as fast on AVX2, where gcc keeps
 * them in memory; four parts instead of two lose below 200 dimensions what they
 * gain above.
 */
#include "num/base/simd.h"

#include <float.h>
#include <math.h>
#include <stddef.h>

#include "num/base/cpu.h"

/* What one dimension adds to a dot product, or to a squared distance. */
static inline float
term(float a, float b, bool distance)
{
	return distance ? (a - b) * (a - b) : a * b;
}

/* The sum of all terms, in two halves: two chains of sums. */
static inline float
sum_terms(const float *a, const float *b, int n, bool distance)
{
	int			half = n / 2;
	const float *a2 = a + half;
	const float *b2 = b + half;
	float		sum = 0;
	float		sum2 = 0;

	for (int i = 0; i < half; i++)
	{
		sum += term(a[i], b[i], distance);
		sum2 += term(a2[i], b2[i], distance);
	}
	if (n % 2 != 0)
		sum += term(a[n - 1], b[n - 1], distance);
	return sum + sum2;
}

MULTIVERSION float
simd_dot(const float *a, const float *b, int n)
{
	return sum_terms(a, b, n, false);
}

MULTIVERSION float
simd_l2sq(const float *a, const float *b, int n)
{
	return sum_terms(a, b, n, true);
}

MULTIVERSION float
simd_norm2(const float *a, int n)
{
	return sum_terms(a, a, n, false);
}

/*
 * Without a clone for AVX-512: on short vectors, folding its three wide registers
 * into three sums costs more than the loop saves (64 dimensions in a table: 6 per
 * cent slower), and long ones wait for memory anyhow.
 */
MULTIVERSION_AVX2 double
simd_cosine(const float *a, const float *b, int n)
{
	float		dot = 0;
	float		aa = 0;
	float		bb = 0;

	for (int i = 0; i < n; i++)
	{
		dot += a[i] * b[i];
		aa += a[i] * a[i];
		bb += b[i] * b[i];
	}
	if (!simd_sum_sound(aa) || !simd_sum_sound(bb))
		return NAN;

	/* in double precision the product of the squares is exact, and so is its root */
	return dot / sqrt((double) aa * bb);
}

MULTIVERSION void
simd_axpy(float *y, float alpha, const float *x, int n)
{
	for (int i = 0; i < n; i++)
		y[i] += alpha * x[i];
}

MULTIVERSION void
simd_scale(float *x, float alpha, int n)
{
	for (int i = 0; i < n; i++)
		x[i] *= alpha;
}

MULTIVERSION void
simd_add(float *out, const float *a, const float *b, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = a[i] + b[i];
}

MULTIVERSION void
simd_sub(float *out, const float *a, const float *b, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = a[i] - b[i];
}

MULTIVERSION void
simd_mul(float *out, const float *a, const float *b, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = a[i] * b[i];
}

MULTIVERSION void
simd_accumulate(double *sum, const float *x, int n)
{
	for (int i = 0; i < n; i++)
		sum[i] += x[i];
}

MULTIVERSION bool
simd_all_finite(const float *x, int n)
{
	int			n_others = 0;

	/* a comparison with a NaN is false; no early exit, or it cannot be vectorized */
	for (int i = 0; i < n; i++)
		n_others += !(fabsf(x[i]) <= FLT_MAX);
	return n_others == 0;
}
