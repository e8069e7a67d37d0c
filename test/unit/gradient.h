/*
 * gradient.h: gradients against central differences.
 *
 * The networks compute in single precision, so a difference quotient is only
 * as good as its step: small enough for the curve, large enough for the
 * rounding.  Where the corner of a ReLU lies within a step a smaller one is
 * tried, and at last the steps to either side: on the corner itself the gradient is
 * the slope of one side.  Tolerances are relative to the largest element of the gradient,
 * or to its length for a step along it.  A gradient of nothing but zeros fails.
 */
#ifndef GRADIENT_H
#define GRADIENT_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "num/base/rng.h"
#include "unit.h"

/* Tensors up to this size are checked element by element, others at samples. */
#ifndef GRADIENT_ALL
#define GRADIENT_ALL 400
#endif
#define GRADIENT_SAMPLES 8

/* What the gradient is of, and how closely it is looked at. */
typedef struct Slope
{
	double		(*loss) (void *arg);
	void	   *arg;
	double		step;
	double		tolerance;
} Slope;

static inline void
gradient_report(const char *what, int64_t element, double is, double should)
{
	unit_failed++;
	printf("gradient of %s, element %lld: %.6g, by differences %.6g\n",
		   what, (long long) element, is, should);
}

/* Steps that are tried, each smaller than the one before. */
#define GRADIENT_STEPS 8
#define GRADIENT_STEP_FACTOR 0.4

/* From x - below to x + above. */
static inline double
gradient_slope(const Slope *slope, float *x, double below, double above)
{
	float		old = *x;
	float		up = (float) (old + above);
	float		down = (float) (old - below);
	double		difference;

	*x = up;
	difference = slope->loss(slope->arg);
	*x = down;
	difference -= slope->loss(slope->arg);
	*x = old;
	return difference / ((double) up - down);
}

/* The slope along a direction, whose length it is multiplied by. */
static inline double
gradient_slope_along(const Slope *slope, float *x, const float *direction, int64_t n, double step)
{
	float	   *old = malloc(n * sizeof(float));
	double		norm = 0;
	double		difference = 0;

	memcpy(old, x, n * sizeof(float));
	for (int64_t i = 0; i < n; i++)
		norm += (double) direction[i] * direction[i];
	norm = sqrt(norm);
	for (int sign = 1; sign >= -1; sign -= 2)
	{
		for (int64_t i = 0; i < n; i++)
			x[i] = (float) (old[i] + sign * step * direction[i] / norm);
		difference += sign * slope->loss(slope->arg);
	}
	memcpy(x, old, n * sizeof(float));
	free(old);
	return norm * difference / (2 * step);
}

static inline void
check_element(const char *what, const Slope *slope, float *x, const float *gradient, int64_t i,
			  double largest)
{
	static const double sides[][2] = {{1, 1}, {0, 1}, {1, 0}};
	double		should[3] = {0};

	for (int side = 0; side < 3; side++)
	{
		double		step = slope->step;

		for (int t = 0; t < GRADIENT_STEPS; t++, step *= GRADIENT_STEP_FACTOR)
		{
			should[side] = gradient_slope(slope, x + i, sides[side][0] * step,
										  sides[side][1] * step);
			if (fabs(gradient[i] - should[side]) <= slope->tolerance * largest)
			{
				unit_passed++;
				return;
			}
		}
	}
	gradient_report(what, i, gradient[i], should[0]);
}

/* Along itself, a gradient's slope is the square of its length. */
static inline void
check_along(const char *what, const Slope *slope, float *x, const float *gradient, int64_t n,
			double square)
{
	double		step = slope->step;
	double		along = 0;

	for (int t = 0; t < GRADIENT_STEPS; t++, step *= GRADIENT_STEP_FACTOR)
	{
		along = gradient_slope_along(slope, x, gradient, n, step);
		if (fabs(along - square) <= slope->tolerance * square)
		{
			unit_passed++;
			return;
		}
	}
	gradient_report(what, n, square, along);
}

/* gradient [n] is that of slope->loss by x [n]. */
static inline void
check_gradient(const char *what, const Slope *slope, float *x, const float *gradient, int64_t n)
{
	double		square = 0;
	double		largest = 0;
	int64_t		at_largest = 0;

	for (int64_t i = 0; i < n; i++)
	{
		square += (double) gradient[i] * gradient[i];
		if (fabs(gradient[i]) > largest)
		{
			largest = fabs(gradient[i]);
			at_largest = i;
		}
	}
	if (!(largest > 0))
	{
		gradient_report(what, -1, 0, NAN);
		return;
	}
	if (n <= GRADIENT_ALL)
		for (int64_t i = 0; i < n; i++)
			check_element(what, slope, x, gradient, i, largest);
	else
	{
		check_element(what, slope, x, gradient, at_largest, largest);
		for (int i = 0; i < GRADIENT_SAMPLES; i++)
			check_element(what, slope, x, gradient, rng_below(n, i, (uint32_t) n), largest);
	}
	check_along(what, slope, x, gradient, n, square);
}

/* Numbers in -limit .. limit. */
static inline void
fill_random(float *x, int64_t n, float limit, uint64_t key)
{
	for (int64_t i = 0; i < n; i++)
		x[i] = limit * (2 * rng_uniform(key, i) - 1);
}

/* A loss to take gradients of: the sum of coefficient[i] * out[i]. */
static inline double
weighted_sum(const float *out, const float *coefficient, int64_t n)
{
	double		sum = 0;

	for (int64_t i = 0; i < n; i++)
		sum += (double) coefficient[i] * out[i];
	return sum;
}

#endif							/* GRADIENT_H */
