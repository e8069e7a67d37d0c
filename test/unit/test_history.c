/*
 * Histories: running sums against sums from scratch, and the way back.
 */
#include "gradient.h"

#include "num/net/history.h"

#define WIDTH 6
#define GAIN 3
#define COLUMNS (2 * WIDTH)
#define FEATURES (COLUMNS + 3)
#define MOVIES 15
#define LENGTH 12				/* in the history */

static float table[(MOVIES + 1) * COLUMNS];
static const int32_t movie[LENGTH] = {3, 0, 14, -1, 7, 1, -1, 9, 2, 11, 5, 13};
static float deviation[LENGTH];

/* The features of movies 0 .. n - 1 but for one, as history.h words them. */
static void
from_scratch(double *out, int n, int without)
{
	double		deviations = 0;
	int			count = 0;

	memset(out, 0, FEATURES * sizeof(double));
	for (int i = 0; i < n; i++)
	{
		const float *row = table + (movie[i] + 1) * COLUMNS;

		if (movie[i] < 0 || i == without)
			continue;
		for (int d = 0; d < WIDTH; d++)
		{
			out[d] += (double) deviation[i] * row[d];
			out[WIDTH + d] += row[WIDTH + d];
		}
		deviations += deviation[i];
		count++;
	}
	for (int d = 0; d < COLUMNS; d++)
		out[d] *= GAIN / sqrt(count + 5);
	out[COLUMNS] = deviations / (count + 5);
	out[COLUMNS + 1] = log(1 + count) / 5;
	out[COLUMNS + 2] = 1 / sqrt(count + 5);
}

static void
check_features(const History *history, int n, int without)
{
	float		out[FEATURES + 1];
	double		exact[FEATURES];
	double		worst = 0;

	out[FEATURES] = 99;
	history_features(out, history, without < 0 ? -1 : movie[without],
					 without < 0 ? NAN : deviation[without]);
	from_scratch(exact, n, without);
	for (int i = 0; i < FEATURES; i++)
		worst = worst_of(worst, fabs(out[i] - exact[i]));
	CHECK_NEAR(worst, 0, 1e-6);
	CHECK(out[FEATURES] == 99);
}

static void
test_growing(void)
{
	float		sum[COLUMNS];
	History		history;

	fill_random(sum, COLUMNS, 1, 3);
	history_begin(&history, table, WIDTH, GAIN, sum);
	check_features(&history, 0, -1);
	for (int n = 0; n < LENGTH; n += 3)
	{
		history_add(&history, movie + n, deviation + n, 3);
		history_add(&history, NULL, NULL, 0);
		check_features(&history, n + 3, -1);
		for (int without = 0; without < n + 3; without++)
			if (movie[without] >= 0)
				check_features(&history, n + 3, without);
	}
	CHECK(history.count == 10);
}

/* A user's bias: the damped mean of what the biases of all movies leave. */
static void
test_bias(void)
{
	float		sum[COLUMNS];
	double		all = 0;
	History		history;

	history_begin(&history, table, WIDTH, GAIN, sum);
	CHECK(history_bias(&history) == 0);
	history_add(&history, movie, deviation, LENGTH);
	for (int i = 0; i < LENGTH; i++)
		all += deviation[i];
	CHECK_NEAR(history_bias(&history), all / (LENGTH + 10), 1e-6);
	for (int i = 0; i < LENGTH; i++)
		CHECK_NEAR(history_bias_without(&history, deviation[i]),
				   (all - deviation[i]) / (LENGTH + 9), 1e-6);
	/* without a table there is the bias still */
	history_begin(&history, NULL, 0, GAIN, sum);
	history_add(&history, movie, deviation, LENGTH);
	CHECK_NEAR(history_bias(&history), all / (LENGTH + 10), 1e-6);
}

/* Nothing is left of a history of one movie without it. */
static void
test_leaving_out_the_only_one(void)
{
	float		sum[COLUMNS];
	float		out[FEATURES];
	float		empty[FEATURES];
	History		history;

	history_begin(&history, table, WIDTH, GAIN, sum);
	history_features(empty, &history, -1, 0);
	history_add(&history, movie, deviation, 1);
	history_features(out, &history, movie[0], deviation[0]);
	for (int i = 0; i < FEATURES; i++)
		CHECK_NEAR(out[i], empty[i], 1e-7);
	CHECK(empty[0] == 0 && empty[COLUMNS + 1] == 0);
}

/* ---------------------------------------------------------------- the way back */

static float coefficient[COLUMNS];

/* The loss sees the sums only; the movie at `without` was taken back. */
static double
sums_loss(void *arg)
{
	const int  *without = arg;
	float		sum[COLUMNS];
	float		out[FEATURES];
	History		history;

	history_begin(&history, table, WIDTH, GAIN, sum);
	history_add(&history, movie, deviation, LENGTH);
	history_features(out, &history, *without < 0 ? -1 : movie[*without],
					 *without < 0 ? 0 : deviation[*without]);
	return weighted_sum(out, coefficient, COLUMNS) / (GAIN * out[COLUMNS + 2]);
}

static void
test_backward(int without)
{
	float		dtable[(MOVIES + 1) * COLUMNS] = {0};
	Slope		slope = {sums_loss, &without, 0.1, 1e-4};

	history_backward(dtable, coefficient, WIDTH, movie, deviation, LENGTH, 1);
	if (without >= 0)
		history_backward(dtable, coefficient, WIDTH, movie + without, deviation + without, 1, -1);
	check_gradient("the table of movies", &slope, table, dtable, (MOVIES + 1) * COLUMNS);
}

int
main(void)
{
	fill_random(table, (MOVIES + 1) * COLUMNS, 1, 1);
	fill_random(deviation, LENGTH, 2, 2);
	fill_random(coefficient, COLUMNS, 1, 4);
	test_growing();
	test_bias();
	test_leaving_out_the_only_one();
	test_backward(-1);
	test_backward(0);
	test_backward(7);
	return unit_finish();
}
