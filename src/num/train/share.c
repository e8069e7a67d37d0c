/*
 * share.c: see share.h.
 *
 * With f = predicted - base and r = actual - base the least squares give
 * s = sum r f / sum f^2; a user's part in its error is sum f (r - s f).
 *
 * Of one user the error is 0, and says nothing; of two or three it says little: 20
 * users of MovieLens 1M, of whom one has nearly all of the validation ratings, had
 * predictions worse than the biases'.  Hence the damping.
 */
#include "num/train/share.h"

#include <math.h>

/* The share is pulled to 0 as if by so many users beside those after the first. */
#define USER_DAMPING 2

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

/*
 * The variance of sum f (r - s f), by users, and how many users there are, counted
 * by what they weigh: as many as would be if all weighed the same.
 */
static double
variance(double *n_users, double s, const float *predicted, const float *base,
		 const float *actual, const Ratings *ratings)
{
	double		sum = 0;
	double		weights = 0;
	double		squares = 0;
	int64_t		at = 0;

	for (int32_t user = 0; user < ratings->n_users; user++)
	{
		int32_t		n = ratings->n_trainval[user] - ratings->n_train[user];
		Sums		own = sums_of(predicted + at, base + at, actual + at, n);

		sum += (own.rf - s * own.ff) * (own.rf - s * own.ff);
		weights += own.ff;
		squares += own.ff * own.ff;
		at += n;
	}
	*n_users = weights * weights / squares;
	return sum;
}

Share
share_fit(const float *predicted, const float *base, const float *actual, const Ratings *ratings)
{
	int64_t		n = ratings->n_trainval_rows - ratings->n_train_rows;
	Sums		sums = sums_of(predicted, base, actual, n);
	Share		result = {1, NAN, NAN};
	double		s = 0;
	double		n_users;

	if (n == 0)
		return result;
	if (sums.ff > 0 && isfinite(sums.ff))
	{
		s = sums.rf / sums.ff;
		s -= sqrt(variance(&n_users, s, predicted, base, actual, ratings)) / sums.ff;
		s = fmin(fmax(s, 0), 1) * fmax(n_users - 1, 0) / (n_users - 1 + USER_DAMPING);
	}
	result.share = (float) s;
	result.base_rmse = (float) sqrt(sums.rr / n);
	result.rmse = result.base_rmse;
	if (s > 0)
		result.rmse = (float) sqrt(fmax(sums.rr - 2 * s * sums.rf + s * s * sums.ff, 0) / n);
	return result;
}
