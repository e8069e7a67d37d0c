/*
 * The history in order: the sums against their definition, growing against from
 * scratch, without a row against from scratch, and the way back against differences.
 */
#include "gradient.h"

#include <string.h>

#include "num/net/recents.h"

#define MOVIES 15
#define LENGTH 12				/* rows */
#define LONG 5000
#define SUMS (RECENT_SUMS * RECENT_DIMS)

static const double half_life[RECENT_SUMS] = {1, 2, 5, 15, 50};

static float table[(MOVIES + 1) * RECENT_DIMS];
static float slope[RECENT_DIMS];
static float offset[RECENT_DIMS];
static float gate[RECENT_LEVELS * RECENT_DIMS];
static const int32_t movie[LENGTH] = {3, 0, 14, -1, 7, 1, -1, 9, 2, 11, 5, -1};
static const float days[LENGTH] = {9, 0, 0.5f, 0.1f, 0, 2, 0.01f, 0, 0, 0.3f, 0.2f, 0.1f};
static uint8_t level[LENGTH];
static float decay[LENGTH];
static const RecentRows rows = {movie, level, decay};

static void
set_up(void)
{
	fill_random(table, (MOVIES + 1) * RECENT_DIMS, 1, 1);
	fill_random(slope, RECENT_DIMS, 1, 2);
	fill_random(offset, RECENT_DIMS, 0.5f, 3);
	for (int i = 0; i < LENGTH; i++)
	{
		level[i] = recent_level(-2 + 0.4f * i);
		decay[i] = recent_decay(days[i] * 86400);
	}
	recents_gates(gate, slope, offset);
}

static void
test_levels(void)
{
	CHECK(recent_level(0) == 32 && recent_level(1) == 40 && recent_level(-0.5f) == 28);
	CHECK(recent_level(1e30f) == 64 && recent_level(-4.1f) == 0);
	CHECK(recent_level(0.26f) == 34);
	CHECK(recent_decay(0) == 1 && recent_decay(-5) == 1 && recent_decay(1e300) == 0);
	CHECK_NEAR(recent_decay(86400), exp(-1), 1e-6);
	CHECK_NEAR(gate[40 * RECENT_DIMS + 7], 1 + tanh(slope[7] + offset[7]), 1e-6);
}

/* As recents.h words it, for the first n rows and a moment `after` days behind the last. */
static void
from_scratch(double *out, int n, double after)
{
	for (int k = 0; k < RECENT_SUMS; k++)
	{
		double		sum[RECENT_DIMS] = {0};
		double		count = 0;
		double		ago = after;
		int			ratings_ago = 0;

		for (int i = n - 1; i >= 0; ago += days[i--])
		{
			double		weight = exp2(-ratings_ago / half_life[k]) * exp(-ago);

			if (movie[i] < 0)
				continue;
			ratings_ago++;
			count += weight;
			for (int d = 0; d < RECENT_DIMS; d++)
				sum[d] += weight * table[(movie[i] + 1) * RECENT_DIMS + d] *
					gate[level[i] * RECENT_DIMS + d];
		}
		for (int d = 0; d < RECENT_DIMS; d++)
			out[k * RECENT_DIMS + d] = 6 * sum[d] / sqrt(count + 1);
		out[SUMS + k] = count / (count + 1);
	}
}

static void
test_growing(void)
{
	Recents		grown;
	Recents		scratch;
	float		out[RECENT_INPUTS + 1];
	double		exact[RECENT_INPUTS];

	recents_begin(&grown, table, gate);
	for (int n = 0; n <= LENGTH; n++)
	{
		double		worst = 0;

		if (n > 0)
			recents_add(&grown, &rows, n - 1, n);
		out[RECENT_INPUTS] = 99;
		recents_features(out, NULL, &grown, recent_decay(0.7 * 86400));
		from_scratch(exact, n, 0.7);
		for (int i = 0; i < RECENT_INPUTS; i++)
			worst = worst_of(worst, fabs(out[i] - exact[i]));
		CHECK_NEAR(worst, 0, 1e-5);
		CHECK(out[RECENT_INPUTS] == 99);

		/* row by row is the same bits as at once, but where a movie was passed over */
		recents_begin(&scratch, table, gate);
		recents_add(&scratch, &rows, 0, n);
		worst = 0;
		for (int i = 0; i < SUMS; i++)
			worst = worst_of(worst, fabs((&scratch.sum[0][0])[i] - (&grown.sum[0][0])[i]));
		CHECK(n > 3 ? worst < 1e-6 : worst == 0);
	}
	recents_features(out, NULL, &grown, 0);
	for (int i = 0; i < RECENT_INPUTS; i++)
		CHECK(out[i] == 0);
}

/* ---------------------------------------------------------------- without a row */

static double
difference_of(const Recents *a, const Recents *b)
{
	double		worst = 0;

	for (int k = 0; k < RECENT_SUMS; k++)
	{
		worst = worst_of(worst, largest_difference(a->sum[k], b->sum[k], RECENT_DIMS));
		worst = worst_of(worst, fabs(a->count[k] - b->count[k]));
	}
	return worst;
}

static void
test_without(void)
{
	Recents		whole;
	RecentsTail tail;

	recents_begin(&whole, table, gate);
	recents_add(&whole, &rows, 0, LENGTH);
	recents_tail_begin(&tail);
	for (int row = LENGTH - 1; row >= 0; row--)
	{
		int32_t		others[LENGTH];
		Recents		scratch;
		Recents		out;

		if (movie[row] >= 0)
		{
			memcpy(others, movie, sizeof(others));
			others[row] = -1;
			recents_begin(&scratch, table, gate);
			recents_add(&scratch, &(RecentRows) {others, level, decay}, 0, LENGTH);
			recents_without(&out, &whole, &tail, &rows, row);
			CHECK_NEAR(difference_of(&out, &scratch), 0, 1e-5);
			CHECK(difference_of(&out, &whole) > 1e-4);
		}
		recents_tail_add(&tail, &whole, &rows, row, row + 1);
	}
}

/* However long the history is, what its latest 1,500 ratings leave of the rest is nothing. */
static void
test_tail(void)
{
	static int32_t long_movie[LONG];
	static uint8_t long_level[LONG];
	static float long_decay[LONG];
	RecentRows	all = {long_movie, long_level, long_decay};
	Recents		whole;
	Recents		end;
	RecentsTail tail;
	int			from = LONG;

	for (int i = 0; i < LONG; i++)
	{
		long_movie[i] = i % MOVIES;
		long_level[i] = i % RECENT_LEVELS;
		long_decay[i] = 1;
	}
	recents_begin(&whole, table, gate);
	end = whole;
	recents_add(&whole, &all, 0, LONG);
	recents_tail_begin(&tail);
	for (; from > 0 && !recents_tail_is_all(&tail); from--)
		recents_tail_add(&tail, &whole, &all, from - 1, from);
	CHECK(from >= LONG - 1500 && from <= LONG - 1000);
	memcpy(end.sum, tail.sum, sizeof(end.sum));
	memcpy(end.count, tail.count, sizeof(end.count));
	CHECK_NEAR(difference_of(&whole, &end), 0, 1e-3);
	recents_tail_add(&tail, &whole, &all, from - 1, from);
	CHECK(recents_tail_is_all(&tail));
}

/* ---------------------------------------------------------------- the way back */

#define MIDDLE 6				/* a moment that is looked at too */

static float coefficient[2][SUMS];

/* The loss sees the sums of two moments. */
static double
sums_loss(void *arg)
{
	Recents		recents;
	double		loss;

	recents_gates(gate, slope, offset);
	recents_begin(&recents, table, gate);
	recents_add(&recents, &rows, 0, MIDDLE);
	loss = weighted_sum(&recents.sum[0][0], coefficient[0], SUMS);
	recents_add(&recents, &rows, MIDDLE, LENGTH);
	return loss + weighted_sum(&recents.sum[0][0], coefficient[1], SUMS);
}

static void
test_backward(void)
{
	Slope		at = {sums_loss, NULL, 0.02, 1e-3};
	float		dsum[SUMS];
	float		drow[LENGTH * RECENT_DIMS];
	float		dtable[(MOVIES + 1) * RECENT_DIMS] = {0};
	float		dgate[RECENT_LEVELS * RECENT_DIMS] = {0};
	float		dslope[RECENT_DIMS];
	float		doffset[RECENT_DIMS];

	memcpy(dsum, coefficient[1], sizeof(dsum));
	recents_backward(dsum, drow + MIDDLE * RECENT_DIMS, &rows, MIDDLE, LENGTH);
	for (int i = 0; i < SUMS; i++)
		dsum[i] += coefficient[0][i];
	/* in two parts */
	recents_backward(dsum, drow + 2 * RECENT_DIMS, &rows, 2, MIDDLE);
	recents_backward(dsum, drow, &rows, 0, 2);
	for (int i = 0; i < LENGTH; i++)
		for (int d = 0; d < RECENT_DIMS; d++)
		{
			int			entry = (movie[i] + 1) * RECENT_DIMS + d;
			int			of_gate = level[i] * RECENT_DIMS + d;

			CHECK(movie[i] >= 0 || drow[i * RECENT_DIMS + d] == 0);
			dtable[entry] += drow[i * RECENT_DIMS + d] * gate[of_gate];
			dgate[of_gate] += drow[i * RECENT_DIMS + d] * table[entry];
		}
	recents_gates_backward(dslope, doffset, dgate, gate);
	check_gradient("the table of movies", &at, table, dtable, (MOVIES + 1) * RECENT_DIMS);
	check_gradient("the slope of the gates", &at, slope, dslope, RECENT_DIMS);
	check_gradient("the offset of the gates", &at, offset, doffset, RECENT_DIMS);
}

int
main(void)
{
	set_up();
	fill_random(&coefficient[0][0], 2 * SUMS, 1, 4);
	test_levels();
	test_growing();
	test_without();
	test_tail();
	test_backward();
	return unit_finish();
}
