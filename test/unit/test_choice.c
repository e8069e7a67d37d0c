/*
 * Weights by the conditional logit: those that the choices were made by, the same from
 * two halves of the users, and popularity's where there are few.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "num/base/rng.h"
#include "num/eval/choice.h"

#define USERS 4000
#define OPTIONS 60
#define MAX_OPTIONS (USERS * OPTIONS)

static int64_t start[USERS + 1];
static float feature[MAX_OPTIONS * N_CHOICE_FEATURES];
static uint8_t chosen[MAX_OPTIONS];
static int	checks;

static void
count_check(void)
{
	checks++;
}

/* Each user takes the option with the largest weight . x + Gumbel noise: a softmax. */
static void
choose(const double *weight, uint64_t seed)
{
	for (int user = 0; user < USERS; user++)
	{
		double		largest = -INFINITY;
		int			best = 0;

		start[user + 1] = (user + 1) * (int64_t) OPTIONS;
		for (int i = 0; i < OPTIONS; i++)
		{
			int64_t		at = (int64_t) user * OPTIONS + i;
			double		score = -log(-log(rng_uniform(seed, at) * 0.999998 + 1e-6));

			for (int f = 0; f < N_CHOICE_FEATURES; f++)
			{
				float		x = 3 * rng_uniform(seed + 1, at * N_CHOICE_FEATURES + f);

				feature[at * N_CHOICE_FEATURES + f] = x;
				score += weight[f] * x;
			}
			chosen[at] = 0;
			if (score > largest)
			{
				largest = score;
				best = i;
			}
		}
		chosen[(int64_t) user * OPTIONS + best] = 1;
	}
}

/* Pulled to a weight of the cosine, and popularity. */
static void
fit_near(double *weight, double cosine, int32_t first, int32_t n)
{
	Choices		choices = {n, start + first, feature, chosen};

	weight[CHOICE_COSINE] = cosine;
	weight[CHOICE_RATING] = 0;
	weight[CHOICE_POPULARITY] = 1;
	checks = 0;
	choice_fit(weight, &choices, count_check);
	CHECK(checks >= n);
}

static void
fit(double *weight, int32_t first, int32_t n)
{
	fit_near(weight, 0, first, n);
}

static void
test_truth(double cosine, double rating, double popularity)
{
	const double truth[] = {cosine, rating, popularity};
	double		all[N_CHOICE_FEATURES];
	double		one[N_CHOICE_FEATURES];
	double		other[N_CHOICE_FEATURES];

	choose(truth, 5);
	fit(all, 0, USERS);
	fit(one, 0, USERS / 2);
	fit(other, USERS / 2, USERS / 2);
	for (int i = 0; i < N_CHOICE_FEATURES; i++)
	{
		CHECK_NEAR(all[i], truth[i], 0.06);
		/* the two halves agree within a tenth, of what is 1 at least */
		CHECK_NEAR(one[i], other[i], 0.1 * fmax(1, fabs(truth[i])));
	}
}

/* Of nobody the first weights remain, of two users nearly, of many what they chose by. */
static void
test_few(void)
{
	const double truth[] = {2, 1, 0};
	double		two[N_CHOICE_FEATURES];
	double		many[N_CHOICE_FEATURES];
	double		none[N_CHOICE_FEATURES];

	choose(truth, 9);
	fit(none, 0, 0);
	CHECK(none[CHOICE_COSINE] == 0 && none[CHOICE_RATING] == 0 && none[CHOICE_POPULARITY] == 1);
	fit(two, 0, 2);
	fit(many, 0, 300);
	CHECK(two[CHOICE_COSINE] > 0 && two[CHOICE_COSINE] < 0.5);
	CHECK(two[CHOICE_POPULARITY] > 0.7);
	CHECK(many[CHOICE_COSINE] > 1.5 && many[CHOICE_POPULARITY] < 0.4);
	fit_near(none, 3, 0, 0);
	CHECK(none[CHOICE_COSINE] == 3);
	fit_near(two, 3, 0, 2);
	CHECK_NEAR(two[CHOICE_COSINE], 3, 0.6);
}

/* Several choices of a user count together as one; who takes all or nothing does not. */
static void
test_users_count_alike(void)
{
	const double truth[] = {1, 0.5, 1};
	double		before[N_CHOICE_FEATURES];
	double		after[N_CHOICE_FEATURES];

	choose(truth, 11);
	fit(before, 0, 100);
	memset(chosen + 100 * OPTIONS, 0, OPTIONS);
	memset(chosen + 101 * OPTIONS, 1, OPTIONS);
	fit(after, 0, 102);
	for (int i = 0; i < N_CHOICE_FEATURES; i++)
		CHECK_NEAR(after[i], before[i], 1e-9);
	/* huge scores do no harm */
	for (int i = 0; i < 100 * OPTIONS * N_CHOICE_FEATURES; i++)
		feature[i] *= 1000;
	fit(after, 0, 100);
	for (int i = 0; i < N_CHOICE_FEATURES; i++)
		CHECK(isfinite(after[i]));
}

/* Chances: those that the options were chosen with, one by one. */
static void
test_chances(void)
{
	const double weight[] = {1, 0, 0.5};
	Choices		choices = {USERS, start, feature, chosen};
	double		line[2];

	choose(weight, 21);
	for (int64_t i = 0; i < MAX_OPTIONS; i++)
	{
		double		score = feature[i * N_CHOICE_FEATURES] + 0.5 *
			feature[i * N_CHOICE_FEATURES + CHOICE_POPULARITY];

		chosen[i] = rng_uniform(22, i) < 1 / (1 + exp(5 - 0.8 * score));
	}
	choice_calibrate(line, weight, &choices, count_check);
	CHECK_NEAR(line[0], -5, 0.1);
	CHECK_NEAR(line[1], 0.8, 0.05);
	choices.n_users = 0;
	choice_calibrate(line, weight, &choices, count_check);
	CHECK(line[1] == 1 && line[0] < 0);
}

int
main(void)
{
	test_truth(1, 0.5, 1);
	test_truth(0.3, 0, 1.4);
	test_truth(2, -1, 0.5);
	test_few();
	test_users_count_alike();
	test_chances();
	return unit_finish();
}
