/*
 * metrics.c: how good predictions and lists are.
 */
#include "num/eval/metrics.h"

#include <math.h>
#include <stddef.h>

#include "num/base/radix.h"

#define DIGIT_BITS 11			/* three digits make the 32 bits of a score */
#define N_DIGITS 3
#define N_BUCKETS (1 << DIGIT_BITS)

/* The score's bits in an order that unsigned integers share, -0 made 0. */
static uint32_t
ordered_bits(float score)
{
	return (uint32_t) float_to_ordered(score + 0.0f) ^ 0x80000000U;
}

/*
 * Sorts from[n] by bits 32 and up, one digit at a time from the lowest;
 * returns which of from and to [n] holds the result.
 */
static uint64_t *
sort_by_score(uint64_t *from, uint64_t *to, int64_t n)
{
	for (int digit = 0; digit < N_DIGITS; digit++)
	{
		int			shift = 32 + digit * DIGIT_BITS;
		int64_t		next[N_BUCKETS] = {0};
		uint64_t   *sorted = to;

		for (int64_t i = 0; i < n; i++)
			next[(from[i] >> shift) & (N_BUCKETS - 1)]++;
		radix_starts(next, N_BUCKETS);
		for (int64_t i = 0; i < n; i++)
			to[next[(from[i] >> shift) & (N_BUCKETS - 1)]++] = from[i];
		to = from;
		from = sorted;
	}
	return from;
}

double
metrics_auc(const float *score, const uint8_t *liked, int64_t n, uint64_t *scratch)
{
	uint64_t   *sorted;
	double		wins = 0;
	int64_t		n_liked = 0;
	int64_t		n_below = 0;

	for (int64_t i = 0; i < n; i++)
		scratch[i] = (uint64_t) ordered_bits(score[i]) << 32 | liked[i];
	sorted = sort_by_score(scratch, scratch + n, n);

	for (int64_t i = 0; i < n;)
	{
		uint64_t	bits = sorted[i] >> 32;
		int64_t		tied_liked = 0;
		int64_t		first = i;

		for (; i < n && sorted[i] >> 32 == bits; i++)
			tied_liked += sorted[i] & 1;
		wins += (double) tied_liked * (n_below + 0.5 * (i - first - tied_liked));
		n_below += i - first - tied_liked;
		n_liked += tied_liked;
	}
	if (n_liked == 0 || n_below == 0)
		return NAN;
	return wins / ((double) n_liked * (double) n_below);
}

double
metrics_rmse(const float *predicted, const float *actual, int64_t n)
{
	double		sum = 0;

	for (int64_t i = 0; i < n; i++)
	{
		double		error = (double) predicted[i] - actual[i];

		sum += error * error;
	}
	return n > 0 ? sqrt(sum / n) : NAN;
}

double
metrics_mae(const float *predicted, const float *actual, int64_t n)
{
	double		sum = 0;

	for (int64_t i = 0; i < n; i++)
		sum += fabs((double) predicted[i] - actual[i]);
	return n > 0 ? sum / n : NAN;
}

static int
min_int(int a, int b)
{
	return a < b ? a : b;
}

static int
count_relevant(const uint8_t *relevant, int n)
{
	int			count = 0;

	for (int i = 0; i < n; i++)
		count += relevant[i];
	return count;
}

double
metrics_recall(const uint8_t *relevant, int n, int k, int n_relevant)
{
	return (double) count_relevant(relevant, min_int(n, k)) / n_relevant;
}

double
metrics_ndcg(const uint8_t *relevant, int n, int k, int n_relevant)
{
	double		gain = 0;
	double		ideal = 0;

	for (int i = 0; i < min_int(n, k); i++)
		if (relevant[i])
			gain += 1 / log2(i + 2);
	for (int i = 0; i < min_int(k, n_relevant); i++)
		ideal += 1 / log2(i + 2);
	return gain / ideal;
}

double
metrics_hit(const uint8_t *relevant, int n, int k)
{
	return count_relevant(relevant, min_int(n, k)) > 0;
}

double
metrics_reciprocal_rank(const uint8_t *relevant, int n)
{
	for (int i = 0; i < n; i++)
		if (relevant[i])
			return 1.0 / (i + 1);
	return 0;
}

int32_t
metrics_rank(const float *score, const uint8_t *skip, int32_t n, int32_t at)
{
	int32_t		rank = 0;

	for (int32_t other = 0; other < n; other++)
		rank += !skip[other] &&
			(score[other] > score[at] || (other < at && score[other] == score[at]));
	return rank;
}
