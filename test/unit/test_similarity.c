/*
 * Distances of vectors at the ends of what a float can hold.
 */
#include "unit.h"

#include <float.h>
#include <stdint.h>
#include <stdlib.h>

#include "num/base/similarity.h"

#define DIMS	100

static uint64_t state = 42;

static float
draw(void)
{
	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (float) ((double) (state >> 33) / (1ULL << 30) - 1);
}

/* Scaling by a power of two changes no digit of any result. */
static void
check_scaled(const float *a, const float *b, float scale)
{
	float		as[DIMS];
	float		bs[DIMS];
	double		dot = similarity_dot(a, b, DIMS) * scale * scale;
	double		l2 = similarity_l2(a, b, DIMS) * scale;
	double		norm = similarity_norm(a, DIMS) * scale;

	for (int i = 0; i < DIMS; i++)
	{
		as[i] = a[i] * scale;
		bs[i] = b[i] * scale;
	}
	CHECK_NEAR(similarity_dot(as, bs, DIMS) / dot, 1, 1e-5);
	CHECK_NEAR(similarity_l2(as, bs, DIMS) / l2, 1, 1e-6);
	CHECK_NEAR(similarity_norm(as, DIMS) / norm, 1, 1e-6);
	CHECK_NEAR(similarity_cosine(as, bs, DIMS), similarity_cosine(a, b, DIMS), 1e-6);
}

static void
check_range(void)
{
	float		a[DIMS];
	float		b[DIMS];

	for (int i = 0; i < DIMS; i++)
	{
		a[i] = draw();
		b[i] = draw();
	}
	for (int exponent = -100; exponent <= 126; exponent++)
		check_scaled(a, b, ldexpf(1, exponent));
}

/* The cosine of a vector with itself is 1, with its negative -1: exactly. */
static void
check_self(void)
{
	for (int round = 0; round < 1000; round++)
	{
		float		a[DIMS];
		float		negative[DIMS];
		int			n = 1 + round % DIMS;
		float		scale = ldexpf(1, round % 200 - 100);

		for (int i = 0; i < n; i++)
		{
			a[i] = draw() * scale;
			negative[i] = -a[i];
		}
		CHECK(similarity_cosine(a, a, n) == 1);
		CHECK(similarity_cosine(a, negative, n) == -1);
		CHECK(similarity_l2(a, a, n) == 0);
	}
}

/* Vectors that differ by rounding alone must not leave [-1, 1]. */
static void
check_parallel(void)
{
	for (int round = 0; round < 1000; round++)
	{
		float		a[DIMS];
		float		b[DIMS];
		float		factor = draw() * 3;
		double		cosine;

		for (int i = 0; i < DIMS; i++)
		{
			a[i] = draw();
			b[i] = a[i] * factor;
		}
		cosine = similarity_cosine(a, b, DIMS);
		CHECK(fabs(cosine) <= 1);
		CHECK_NEAR(fabs(cosine), 1, 1e-6);
	}
}

static void
check_extremes(void)
{
	const float zero[3] = {0, -0.0f, 0};
	const float tiny[3] = {1e-45f, 0, 0};
	const float huge[3] = {FLT_MAX, FLT_MAX, FLT_MAX};
	const float negative[3] = {-FLT_MAX, -FLT_MAX, -FLT_MAX};

	CHECK(isnan(similarity_cosine(zero, huge, 3)));
	CHECK(isnan(similarity_cosine(huge, zero, 3)));
	CHECK(isnan(similarity_cosine(zero, zero, 3)));
	CHECK(isnan(similarity_cosine(NULL, NULL, 0)));
	CHECK(similarity_cosine(tiny, tiny, 3) == 1);
	CHECK(similarity_cosine(huge, negative, 3) == -1);
	CHECK_NEAR(similarity_cosine(tiny, huge, 3), sqrt(1.0 / 3), 1e-12);
	CHECK_NEAR(similarity_l2(huge, negative, 3) / (2 * sqrt(3.0) * FLT_MAX), 1, 1e-12);
	CHECK_NEAR(similarity_dot(huge, negative, 3) / (-3.0 * FLT_MAX * FLT_MAX), 1, 1e-12);
	CHECK(similarity_norm(tiny, 3) == 1e-45f);
	CHECK(similarity_norm(zero, 3) == 0);
}

int
main(void)
{
	check_range();
	check_self();
	check_parallel();
	check_extremes();
	return unit_finish();
}
