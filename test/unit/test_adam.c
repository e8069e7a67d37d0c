/*
 * Adam against the textbook in double precision, and its first step by hand.
 */
#include "unit.h"

#include <string.h>

#include "num/base/rng.h"
#include "num/net/adam.h"

#define N 37					/* not a multiple of any vector */
#define PARTS 3

/* The textbook, with both bias corrections where the paper has them. */
static void
textbook(double *param, double *m, double *v, double gradient, double rate, double decay, int step)
{
	gradient += decay * *param;
	*m = 0.9 * *m + 0.1 * gradient;
	*v = 0.999 * *v + 0.001 * gradient * gradient;
	*param -= rate * (*m / (1 - pow(0.9, step))) /
		(sqrt(*v / (1 - pow(0.999, step))) + 1e-7);
}

/*
 * The first step goes by the rate against the gradient's sign, whatever its
 * size; a second gradient of the opposite sign turns back by
 * (0.9 - 1) / 1.9 of the rate.
 */
static void
test_by_hand(void)
{
	float		param[] = {1, 1, 1, 1};
	float		m[4] = {0};
	float		v[4] = {0};
	float		gradient[] = {3, -3, 0.001f, 0};
	const float back[] = {-3, 3, -0.001f, 0};
	const float first[] = {0.99f, 1.01f, 0.99f, 1};

	adam_update(param, m, v, gradient, 1, 0, 4, adam_step(0.01f, 0, 1));
	for (int i = 0; i < 4; i++)
		CHECK_NEAR(param[i], first[i], 2e-6);
	CHECK_NEAR(m[0], 0.3, 1e-6);
	CHECK_NEAR(v[0], 0.009, 1e-6);
	CHECK(param[3] == 1 && m[3] == 0 && v[3] == 0);
	adam_update(param, m, v, back, 1, 0, 4, adam_step(0.01f, 0, 2));
	for (int i = 0; i < 3; i++)
		CHECK_NEAR(param[i], first[i] + (first[i] < 1 ? 1 : -1) * 0.01 * 0.1 / 1.9, 4e-6);
	CHECK(param[3] == 1);
}

static void
test_many_steps(float decay)
{
	float		param[N];
	float		m[N] = {0};
	float		v[N] = {0};
	double		exact[N];
	double		exact_m[N] = {0};
	double		exact_v[N] = {0};
	double		worst = 0;
	float		parts[PARTS][N + 5];
	float		before[PARTS][N + 5];

	for (int i = 0; i < N; i++)
		exact[i] = param[i] = rng_uniform(1, i) - 0.5f;
	for (int step = 1; step <= 50; step++)
	{
		float		rate = step < 30 ? 1e-2f : 1e-3f;

		for (int p = 0; p < PARTS; p++)
			for (int i = 0; i < N + 5; i++)
				parts[p][i] = rng_uniform(step * PARTS + p, i) - 0.3f;
		memcpy(before, parts, sizeof(parts));
		adam_update(param, m, v, parts[0], PARTS, N + 5, N, adam_step(rate, decay, step));
		for (int i = 0; i < N; i++)
			textbook(exact + i, exact_m + i, exact_v + i,
					 (double) parts[0][i] + parts[1][i] + parts[2][i], rate, decay, step);
		CHECK(memcmp(before, parts, sizeof(parts)) == 0);
	}
	for (int i = 0; i < N; i++)
	{
		worst = worst_of(worst, fabs(param[i] - exact[i]));
		worst = worst_of(worst, fabs(m[i] - exact_m[i]));
		worst = worst_of(worst, fabs(v[i] - exact_v[i]));
	}
	CHECK_NEAR(worst, 0, 5e-6);
	CHECK(fabs(param[0] - (rng_uniform(1, 0) - 0.5f)) > 0.1);
}

/* The penalty alone pulls towards zero, from either side. */
static void
test_decay(void)
{
	float		param[] = {0.5f, -0.5f};
	float		m[2] = {0};
	float		v[2] = {0};
	float		gradient[2] = {0};

	adam_update(param, m, v, gradient, 1, 0, 2, adam_step(0.01f, 1e-2f, 1));
	CHECK_NEAR(param[0], 0.49, 1e-5);
	CHECK_NEAR(param[1], -0.49, 1e-5);
	CHECK_NEAR(m[0], 0.1 * 1e-2 * 0.5, 1e-8);
}

/* With one part both ways are the same; one leaves zeros behind. */
static void
test_clearing(void)
{
	float		param[2][N];
	float		m[2][N] = {{0}};
	float		v[2][N] = {{0}};
	float		gradient[N + 1];

	for (int i = 0; i < N; i++)
		param[0][i] = param[1][i] = rng_uniform(7, i);
	for (int step = 1; step <= 5; step++)
	{
		int			left = 0;

		for (int i = 0; i <= N; i++)
			gradient[i] = rng_uniform(100 + step, i) - 0.5f;
		adam_update(param[0], m[0], v[0], gradient, 1, 0, N, adam_step(1e-2f, 1e-3f, step));
		adam_update_clear(param[1], m[1], v[1], gradient, N, adam_step(1e-2f, 1e-3f, step));
		for (int i = 0; i < N; i++)
			left += gradient[i] != 0;
		CHECK(left == 0 && gradient[N] != 0);
	}
	CHECK(memcmp(param[0], param[1], sizeof(param[0])) == 0);
	CHECK(memcmp(m[0], m[1], sizeof(m[0])) == 0);
	CHECK(memcmp(v[0], v[1], sizeof(v[0])) == 0);
}

/*
 * Numbers shared out between processes: a number must get the same bits
 * wherever the part that it is in begins.
 */
static void
test_same_bits_of_any_part(void)
{
	float		whole[3][N];
	float		parts[3][N];
	float		gradient[2][N];
	AdamStep	step = adam_step(1e-3f, 1e-5f, 3);

	for (int i = 0; i < N; i++)
	{
		whole[0][i] = parts[0][i] = rng_uniform(11, i) - 0.5f;
		whole[1][i] = parts[1][i] = rng_uniform(12, i) - 0.5f;
		whole[2][i] = parts[2][i] = rng_uniform(13, i);
		gradient[0][i] = rng_uniform(14, i) - 0.5f;
		gradient[1][i] = rng_uniform(15, i) - 0.5f;
	}
	adam_update(whole[0], whole[1], whole[2], gradient[0], 2, N, N, step);
	for (int from = 0, to; from < N; from = to)
	{
		to = from + 1 + from / 2;
		to = to < N ? to : N;
		adam_update(parts[0] + from, parts[1] + from, parts[2] + from, gradient[0] + from, 2, N,
					to - from, step);
	}
	CHECK(memcmp(whole, parts, sizeof(whole)) == 0);
}

int
main(void)
{
	test_by_hand();
	test_many_steps(0);
	test_many_steps(1e-2f);
	test_decay();
	test_clearing();
	test_same_bits_of_any_part();
	return unit_finish();
}
