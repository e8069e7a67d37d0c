/*
 * choice.c: see choice.h.
 *
 * Newton's method with step halving.  A user's options enter through three sums over
 * those that were not chosen, of exp(score), exp(score) x and exp(score) x x'; each
 * chosen one then adds itself.
 *
 * What was tried before was the best NDCG@10 of a grid of weights: it jumped from one
 * end of the grid to the other when the users were others.
 */
#include "num/eval/choice.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define N N_CHOICE_FEATURES
#define MAX_ROUNDS 30
#define MAX_HALVINGS 20

/* The weights are pulled to those that are given as if by so many users. */
#define PRIOR_USERS 20.0

/* The criterion at some weights. */
typedef struct Fit
{
	double		value;
	double		gradient[N];
	double		hessian[N][N];	/* of minus the value: positive definite */
} Fit;

/* Sums of exp(score) times 1, x and x x'. */
typedef struct Moments
{
	double		sum;
	double		x[N];
	double		xx[N][N];
} Moments;

static double
score_of(const double *weight, const float *x)
{
	double		score = 0;

	for (int i = 0; i < N; i++)
		score += weight[i] * x[i];
	return score;
}

static void
add_option(Moments *moments, const float *x, double chance)
{
	moments->sum += chance;
	for (int i = 0; i < N; i++)
	{
		moments->x[i] += chance * x[i];
		for (int j = 0; j < N; j++)
			moments->xx[i][j] += chance * x[i] * x[j];
	}
}

/* A chosen option x against all that were not; above: its score less the largest. */
static void
add_chosen(Fit *fit, const Moments *others, const float *x, double above, double share)
{
	Moments		all = *others;

	add_option(&all, x, exp(above));
	fit->value += share * (above - log(all.sum));
	for (int i = 0; i < N; i++)
	{
		double		mean = all.x[i] / all.sum;

		fit->gradient[i] += share * (x[i] - mean);
		for (int j = 0; j < N; j++)
			fit->hessian[i][j] += share * (all.xx[i][j] / all.sum - mean * all.x[j] / all.sum);
	}
}

static void
add_user(Fit *fit, const double *weight, const float *feature, const uint8_t *chosen, int64_t n)
{
	Moments		others = {0};
	double		largest = -INFINITY;
	int64_t		n_chosen = 0;

	for (int64_t i = 0; i < n; i++)
	{
		largest = fmax(largest, score_of(weight, feature + i * N));
		n_chosen += chosen[i];
	}
	if (n_chosen == 0 || n_chosen == n)
		return;
	for (int64_t i = 0; i < n; i++)
		if (!chosen[i])
			add_option(&others, feature + i * N,
					   exp(score_of(weight, feature + i * N) - largest));
	for (int64_t i = 0; i < n; i++)
		if (chosen[i])
			add_chosen(fit, &others, feature + i * N,
					   score_of(weight, feature + i * N) - largest, 1.0 / n_chosen);
}

static Fit
fit_at(const double *weight, const double *prior, const Choices *choices,
	   void (*check_interrupts) (void))
{
	Fit			fit = {0};

	for (int i = 0; i < N; i++)
	{
		double		away = weight[i] - prior[i];

		fit.value -= PRIOR_USERS / 2 * away * away;
		fit.gradient[i] = -PRIOR_USERS * away;
		fit.hessian[i][i] = PRIOR_USERS;
	}
	for (int32_t user = 0; user < choices->n_users; user++)
	{
		int64_t		first = choices->start[user];

		add_user(&fit, weight, choices->feature + first * N, choices->chosen + first,
				 choices->start[user + 1] - first);
		check_interrupts();
	}
	return fit;
}

/* step = hessian^-1 gradient, by elimination: a positive definite matrix needs no pivots. */
static void
newton_step(double *step, const Fit *fit)
{
	double		a[N][N];

	memcpy(a, fit->hessian, sizeof(a));
	memcpy(step, fit->gradient, sizeof(fit->gradient));
	for (int i = 0; i < N; i++)
		for (int row = i + 1; row < N; row++)
		{
			double		factor = a[row][i] / a[i][i];

			for (int j = i; j < N; j++)
				a[row][j] -= factor * a[i][j];
			step[row] -= factor * step[i];
		}
	for (int i = N - 1; i >= 0; i--)
	{
		for (int j = i + 1; j < N; j++)
			step[i] -= a[i][j] * step[j];
		step[i] /= a[i][i];
	}
}

/* Goes along the step as far as the value rises; returns whether it does. */
static bool
go(double *weight, Fit *fit, const double *step, const double *prior, const Choices *choices,
   void (*check_interrupts) (void))
{
	double		scale = 1;

	for (int i = 0; i < MAX_HALVINGS; i++, scale /= 2)
	{
		double		next[N];
		Fit			there;

		for (int j = 0; j < N; j++)
			next[j] = weight[j] + scale * step[j];
		there = fit_at(next, prior, choices, check_interrupts);
		if (there.value > fit->value)
		{
			memcpy(weight, next, sizeof(next));
			*fit = there;
			return true;
		}
	}
	return false;
}

void
choice_fit(double *weight, const Choices *choices, void (*check_interrupts) (void))
{
	Fit			fit;
	double		prior[N];
	double		step[N];

	memcpy(prior, weight, sizeof(prior));
	fit = fit_at(weight, prior, choices, check_interrupts);
	for (int round = 0; round < MAX_ROUNDS; round++)
	{
		double		length = 0;

		newton_step(step, &fit);
		for (int i = 0; i < N; i++)
			length += fabs(step[i]);
		if (!(length > 1e-6) || !go(weight, &fit, step, prior, choices, check_interrupts))
			break;
	}
}

/* How strongly the slope of chances is pulled to 1, and the intercept to that of one in 100. */
#define LINE_PRIOR 1.0
#define FIRST_INTERCEPT (-4.6)

void
choice_calibrate(double *line, const double *weight, const Choices *choices,
				 void (*check_interrupts) (void))
{
	line[0] = FIRST_INTERCEPT;
	line[1] = 1;
	for (int round = 0; round < MAX_ROUNDS; round++)
	{
		double		g[2] = {-LINE_PRIOR * (line[0] - FIRST_INTERCEPT), -LINE_PRIOR * (line[1] - 1)};
		double		h[3] = {LINE_PRIOR, 0, LINE_PRIOR};
		double		determinant;
		double		step[2];

		for (int64_t i = 0; i < choices->start[choices->n_users]; i++)
		{
			double		score = score_of(weight, choices->feature + i * N);
			double		chance = 1 / (1 + exp(-line[0] - line[1] * score));
			double		error = choices->chosen[i] - chance;
			double		spread = chance * (1 - chance);

			g[0] += error;
			g[1] += error * score;
			h[0] += spread;
			h[1] += spread * score;
			h[2] += spread * score * score;
		}
		check_interrupts();
		determinant = h[0] * h[2] - h[1] * h[1];
		step[0] = (h[2] * g[0] - h[1] * g[1]) / determinant;
		step[1] = (h[0] * g[1] - h[1] * g[0]) / determinant;
		/* a long step would overshoot where chances are near 0 or 1 */
		for (int i = 0; i < 2; i++)
			line[i] += fmax(-2, fmin(2, step[i]));
		if (fabs(step[0]) + fabs(step[1]) < 1e-7)
			break;
	}
}
