/*
 * similarity.c: distances that hold for every pair of finite vectors.
 *
 * The kernels sum in single precision.  Squares of floats beyond 1e19 leave its
 * range and those below 1e-19 vanish, which would make infinite distances
 * of finite vectors and zero vectors of short ones.  So a sum is believed while
 * it lies well inside the range, as all but contrived ones do; otherwise it is
 * taken again in double precision, where the product of any two floats fits.
 */
#include "similarity.h"

#include <math.h>

#include "simd.h"

/*
 * What the squares of 16,000 floats can lose to underflow is below 1e-40: no
 * part of a sum that reaches SUM_MIN.
 */
#define SUM_MIN	1e-30f
#define SUM_MAX	1e+37f

/* Is this sum of products free of overflow and underflow?  (Of NaN, too.) */
static bool
trusted(float sum)
{
	float		size = fabsf(sum);

	return size >= SUM_MIN && size <= SUM_MAX;
}

static double
wide_dot(const float *a, const float *b, int n)
{
	double		sum = 0;

	for (int i = 0; i < n; i++)
		sum += (double) a[i] * b[i];
	return sum;
}

double
similarity_dot(const float *a, const float *b, int n)
{
	float		sum = simd_dot(a, b, n);

	return trusted(sum) ? sum : wide_dot(a, b, n);
}

double
similarity_norm(const float *a, int n)
{
	float		sum = simd_norm2(a, n);

	return sqrt(trusted(sum) ? sum : wide_dot(a, a, n));
}

double
similarity_l2(const float *a, const float *b, int n)
{
	float		narrow = simd_l2sq(a, b, n);
	double		sum = 0;

	if (trusted(narrow))
		return sqrt(narrow);
	for (int i = 0; i < n; i++)
	{
		double		d = (double) a[i] - b[i];

		sum += d * d;
	}
	return sqrt(sum);
}

bool
similarity_cosine(double *cosine, const float *a, const float *b, int n)
{
	SimdCosine	sums = simd_cosine(a, b, n);
	double		dot = sums.dot;
	double		aa = sums.aa;
	double		bb = sums.bb;

	/* by Cauchy and Schwarz the dot product is in range when the squares are */
	if (!trusted(sums.aa) || !trusted(sums.bb))
	{
		dot = wide_dot(a, b, n);
		aa = wide_dot(a, a, n);
		bb = wide_dot(b, b, n);
	}
	if (aa == 0 || bb == 0)
		return false;

	/* one root, not two: of a square it is exact; rounding may still leave [-1, 1] */
	*cosine = fmax(-1, fmin(1, dot / sqrt(aa * bb)));
	return true;
}
