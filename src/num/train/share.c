/*
 * share.c: see share.h.
 *
 * With f = predicted - base and r = actual - base the least squares give
 * s = sum r f / sum f^2; a user's part in its error is sum f (r - s f).
 */
#include "num/train/share.h"

#include <math.h>

/* Sums over validation rows. */
typedef struct Sums
{
	double		rr;
	double		rf;
	double		ff;
} Sums;

static Sums
sums_of(const float *predicted, const float *base, const float *actual, int64_t n)
{
	Sums		sums = {0, 0, 0};

	for (int64_t i = 0; i < n; i++)
	{
		double		f = (double) predicted[i] - base[i];
		double		r = (double) actual[i] - base[i];

		sums.rr += r * r;
		sums.rf += f * r;
		sums.ff += f * f;
	}
	return sums;
}

/* The variance of sum f (r - s f), by users. */
static double
variance(double s, const float *predicted, const float *base, const float *actual,
		 const Ratings *ratings)
{
	double		sum = 0;
	int64_t		at = 0;

	for (int32_t user = 0; user < ratings->n_users; user++)
	{
		int32_t		n = ratings->n_trainval[user] - ratings->n_train[user];
		Sums		own = sums_of(predicted + at, base + at, actual + at, n);

		sum += (own.rf - s * own.ff) * (own.rf - s * own.ff);
		at += n;
	}
	return sum;
}

Share
share_fit(const float *predicted, const float *base, const float *actual, const Ratings *ratings)
{
	int64_t		n = ratings->n_trainval_rows - ratings->n_train_rows;
	Sums		sums = sums_of(predicted, base, actual, n);
	double		s = 0;

	if (n == 0)
		return (Share) {1, NAN, NAN};
	if (sums.ff > 0 && isfinite(sums.ff))
	{
		s = sums.rf / sums.ff;
		s -= sqrt(variance(s, predicted, base, actual, ratings)) / sums.ff;
		s = fmin(fmax(s, 0), 1);
	}
	return (Share) {
		(float) s,
		(float) sqrt(fmax(sums.rr - (s > 0 ? 2 * s * sums.rf - s * s * sums.ff : 0), 0) / n),
		(float) sqrt(sums.rr / n)
	};
}
