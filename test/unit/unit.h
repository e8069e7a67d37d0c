/*
 * unit.h: checks of the unit tests.  A test program calls CHECK and CHECK_NEAR
 * as often as it likes and returns unit_finish() from main.
 */
#ifndef UNIT_H
#define UNIT_H

#include <math.h>
#include <stdbool.h>
#include <stdio.h>

static int	unit_passed;
static int	unit_failed;

static inline bool
unit_check(bool holds, const char *what, const char *file, int line)
{
	if (holds)
		unit_passed++;
	else
	{
		unit_failed++;
		printf("%s:%d: %s does not hold\n", file, line, what);
	}
	return holds;
}

static inline bool
unit_check_near(double a, double b, double tolerance, const char *what, const char *file, int line)
{
	/* written so that NaN fails */
	if (fabs(a - b) <= tolerance)
		unit_passed++;
	else
	{
		unit_failed++;
		printf("%s:%d: %s: %.9g and %.9g differ by more than %.3g\n",
			   file, line, what, a, b, tolerance);
		return false;
	}
	return true;
}

/*
 * The larger of two differences, or NaN if either is: fmax would drop a NaN, and a
 * CHECK of the result would pass.
 */
static inline double
worst_of(double worst, double difference)
{
	return isnan(worst) || isnan(difference) ? NAN : fmax(worst, difference);
}

/* The largest difference of two vectors [n]; NaN if there is any. */
static inline double
largest_difference(const float *a, const float *b, int n)
{
	double		worst = 0;

	for (int i = 0; i < n; i++)
		worst = worst_of(worst, fabs(a[i] - b[i]));
	return worst;
}

#define CHECK(cond) unit_check((cond), #cond, __FILE__, __LINE__)
#define CHECK_NEAR(a, b, tolerance) \
	unit_check_near((a), (b), (tolerance), #a " near " #b, __FILE__, __LINE__)

static inline int
unit_finish(void)
{
	printf("%d passed, %d failed\n", unit_passed, unit_failed);
	return unit_failed > 0 || unit_passed == 0;
}

#endif							/* UNIT_H */
