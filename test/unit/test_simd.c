/*
 * Every kernel against the plain loop in double precision, on every size from 0
 * to 130 and at every alignment that a float can have within a vector.  Blocks
 * are as long as the data, so that the sanitizer sees each step beyond an end.
 */
#include "unit.h"

#include <float.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "num/base/simd.h"

#define MAX_N		130
#define MAX_SHIFT	4
#define EPSILON		1e-6

static uint64_t state = 42;

/* Uniform in [-1, 1). */
static float
draw(void)
{
	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (float) ((double) (state >> 33) / (1ULL << 30) - 1);
}

/*
 * A new block of n random floats, shift floats into a block of malloc; free
 * with release.
 */
static float *
vector(int n, int shift)
{
	float	   *x = (float *) malloc(sizeof(float) * (n + shift)) + shift;

	for (int i = 0; i < n; i++)
		x[i] = draw();
	return x;
}

static void
release(float *x, int shift)
{
	free(x - shift);
}

static void
check_sums(int n, int shift)
{
	float	   *a = vector(n, shift);
	float	   *b = vector(n, 0);
	double		dot = 0;
	double		l2sq = 0;
	double		aa = 0;
	double		bb = 0;
	double		size = 0;

	for (int i = 0; i < n; i++)
	{
		dot += (double) a[i] * b[i];
		l2sq += ((double) a[i] - b[i]) * ((double) a[i] - b[i]);
		aa += (double) a[i] * a[i];
		bb += (double) b[i] * b[i];
		size += fabs((double) a[i] * b[i]);
	}
	CHECK_NEAR(simd_dot(a, b, n), dot, size * EPSILON);
	CHECK_NEAR(simd_l2sq(a, b, n), l2sq, l2sq * EPSILON);
	CHECK_NEAR(simd_norm2(a, n), aa, aa * EPSILON);
	if (n > 0)
	{
		CHECK_NEAR(simd_cosine(a, b, n), dot / sqrt(aa * bb), 2 * EPSILON);
		CHECK(simd_cosine(a, a, n) == 1);
	}
	else
		CHECK(isnan(simd_cosine(a, b, n)));
	CHECK(simd_l2sq(a, a, n) == 0);
	release(a, shift);
	release(b, 0);
}

static void
check_elementwise(int n, int shift)
{
	float	   *a = vector(n, shift);
	float	   *b = vector(n, 0);
	float	   *out = vector(n, 2);
	bool		right = true;

	simd_add(out, a, b, n);
	for (int i = 0; i < n; i++)
		right = right && out[i] == a[i] + b[i];
	simd_sub(out, a, b, n);
	for (int i = 0; i < n; i++)
		right = right && out[i] == a[i] - b[i];
	simd_mul(out, a, b, n);
	for (int i = 0; i < n; i++)
		right = right && out[i] == a[i] * b[i];
	simd_add(out, out, out, n);
	for (int i = 0; i < n; i++)
		right = right && out[i] == 2 * (a[i] * b[i]);
	CHECK(right);
	release(a, shift);
	release(b, 0);
	release(out, 2);
}

static void
check_updates(int n, int shift)
{
	float	   *x = vector(n, shift);
	float	   *y = vector(n, 1);
	float	   *before = vector(n, 0);
	double	   *sum = malloc(sizeof(double) * n);
	bool		right = true;

	for (int i = 0; i < n; i++)
	{
		before[i] = y[i];
		sum[i] = i;
	}
	simd_axpy(y, 0.75f, x, n);
	for (int i = 0; i < n; i++)
		right = right && fabs(y[i] - (before[i] + 0.75 * x[i])) < EPSILON;
	CHECK(right);

	simd_accumulate(sum, x, n);
	for (int i = 0; i < n; i++)
		right = right && sum[i] == (double) i + x[i];
	CHECK(right);

	memcpy(y, x, sizeof(float) * n);
	simd_scale(y, -3, n);
	for (int i = 0; i < n; i++)
		right = right && y[i] == -3 * x[i];
	CHECK(right);
	release(x, shift);
	release(y, 1);
	release(before, 0);
	free(sum);
}

/* Each odd value is found in each place. */
static void
check_finite(int n, int shift)
{
	const float odd[] = {NAN, -NAN, INFINITY, -INFINITY};
	const float even[] = {FLT_MAX, -FLT_MAX, 0, -0.0f, 1e-45f};
	float	   *x = vector(n, shift);
	bool		right = true;

	CHECK(simd_all_finite(x, n));
	for (int i = 0; i < n; i++)
	{
		float		kept = x[i];

		for (int v = 0; v < 4; v++)
		{
			x[i] = odd[v];
			right = right && !simd_all_finite(x, n);
		}
		for (int v = 0; v < 5; v++)
		{
			x[i] = even[v];
			right = right && simd_all_finite(x, n);
		}
		x[i] = kept;
	}
	CHECK(right);
	release(x, shift);
}

int
main(void)
{
	for (int n = 0; n <= MAX_N; n++)
	{
		for (int shift = 0; shift < MAX_SHIFT; shift++)
		{
			check_sums(n, shift);
			check_elementwise(n, shift);
			check_updates(n, shift);
			check_finite(n, shift);
		}
	}
	return unit_finish();
}
