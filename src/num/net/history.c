/*
 * history.c: see history.h.
 */
#include "num/net/history.h"

#include <math.h>
#include <string.h>

#include "num/base/cpu.h"
#include "num/data/bias.h"

/* HISTORY_DIMS of tensors.h: loops of this width need no loop. */
#define USUAL_WIDTH 32

void
history_begin(History *history, const float *table, int32_t width, float gain, float *sum)
{
	history->table = table;
	history->width = width;
	history->gain = gain;
	history->sum = sum;
	history->deviations = 0;
	history->count = 0;
	history->residuals = 0;
	history->rated = 0;
	memset(sum, 0, sizeof(float) * 2 * width);
}

/* A history_add of a width that the compiler may know. */
static inline void
add_movies(History *history, const int32_t *movie, const float *deviation, int64_t n,
		   int32_t width)
{
	float	   *restrict weighted = history->sum;
	float	   *restrict plain = history->sum + width;

	for (int64_t i = 0; i < n; i++)
	{
		const float *restrict row = history->table + ((int64_t) movie[i] + 1) * 2 * width;
		float		dev = deviation[i];

		history->residuals += dev;
		history->rated++;
		if (movie[i] < 0)
			continue;
		/* two loops: in one the halves could overlap for all that the compiler knows */
		for (int d = 0; d < width; d++)
			weighted[d] += dev * row[d];
		for (int d = 0; d < width; d++)
			plain[d] += row[width + d];
		history->deviations += dev;
		history->count++;
	}
}

MULTIVERSION void
history_add(History *history, const int32_t *movie, const float *deviation, int64_t n)
{
	if (history->width == USUAL_WIDTH)
		add_movies(history, movie, deviation, n, USUAL_WIDTH);
	else
		add_movies(history, movie, deviation, n, history->width);
}

float
history_bias(const History *history)
{
	return user_bias(history->residuals, history->rated);
}

float
history_bias_without(const History *history, float without_deviation)
{
	return user_bias(history->residuals - without_deviation, history->rated - 1);
}

float
history_scale(int32_t count)
{
	return 1.0f / sqrtf(count + HISTORY_DAMPING);
}

MULTIVERSION void
history_features(float *out, const History *history, int32_t without, float without_deviation)
{
	int32_t		width = history->width;
	bool		leave_out = without >= 0;
	int32_t		count = history->count - leave_out;
	float		deviations = history->deviations - (leave_out ? without_deviation : 0);
	float		scale = history->gain * history_scale(count);

	if (leave_out)
	{
		const float *row = history->table + ((int64_t) without + 1) * 2 * width;

		for (int d = 0; d < width; d++)
		{
			out[d] = (history->sum[d] - without_deviation * row[d]) * scale;
			out[width + d] = (history->sum[width + d] - row[width + d]) * scale;
		}
	}
	else
		for (int d = 0; d < 2 * width; d++)
			out[d] = history->sum[d] * scale;
	out += 2 * width;
	out[0] = deviations / (count + HISTORY_DAMPING);
	out[HISTORY_LOG_COUNT] = log1pf(count) / 5;
	out[2] = history_scale(count);
}

MULTIVERSION void
history_backward(float *restrict dtable, const float *restrict dsum, int32_t width,
				 const int32_t *movie, const float *deviation, int64_t n, float sign)
{
	for (int64_t i = 0; i < n; i++)
	{
		float	   *row = dtable + ((int64_t) movie[i] + 1) * 2 * width;
		float		dev = deviation[i] * sign;

		if (movie[i] < 0)
			continue;
		for (int d = 0; d < width; d++)
			row[d] += dev * dsum[d];
		for (int d = width; d < 2 * width; d++)
			row[d] += sign * dsum[d];
	}
}
