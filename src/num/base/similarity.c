/*
 * similarity.c: distances in double precision, for the few pairs of vectors whose
 * squares leave the range of a float.
 */
#include "num/base/similarity.h"

double
similarity_wide_dot(const float *a, const float *b, int n)
{
	double		sum = 0;

	for (int i = 0; i < n; i++)
		sum += (double) a[i] * b[i];
	return sum;
}

double
similarity_wide_l2(const float *a, const float *b, int n)
{
	double		sum = 0;

	for (int i = 0; i < n; i++)
	{
		double		d = (double) a[i] - b[i];

		sum += d * d;
	}
	return sqrt(sum);
}

double
similarity_wide_cosine(const float *a, const float *b, int n)
{
	double		squares = similarity_wide_dot(a, a, n) * similarity_wide_dot(b, b, n);

	return squares > 0 ? similarity_wide_dot(a, b, n) / sqrt(squares) : NAN;
}
