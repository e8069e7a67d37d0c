/*
 * recents.c: see recents.h.
 */
#include "num/net/recents.h"

#include <math.h>
#include <string.h>

#include "num/base/cpu.h"

#define LEVELS_PER_DEVIATION 8
#define SECONDS_PER_DAY 86400.0
#define TOO_LITTLE 1e-9f

/* 2^(-1 / half-life), of 1, 2, 5, 15 and 50 ratings. */
static const float kept[RECENT_SUMS] = {0.5f, 0.70710678f, 0.87055056f, 0.95484160f, 0.98623270f};

uint8_t
recent_level(float z)
{
	const float middle = RECENT_LEVELS / 2;
	float		level = rintf(z * LEVELS_PER_DEVIATION) + middle;

	return (uint8_t) fminf(fmaxf(level, 0), 2 * middle);
}

float
recent_decay(double seconds)
{
	return seconds > 0 ? expf((float) (-seconds / SECONDS_PER_DAY)) : 1;
}

void
recents_user_decays(float *decay, const Ratings *ratings, int32_t user, int64_t n)
{
	const int64_t *time = ratings->time + ratings->start[user];

	for (int64_t i = 0; i < n; i++)
		decay[i] = i == 0 ? 0 : recent_decay(ratings_seconds(ratings, time[i - 1], time[i]));
}

void
recents_decays(float *decay, const Ratings *ratings)
{
	for (int32_t user = 0; user < ratings->n_users; user++)
		recents_user_decays(decay + ratings->start[user], ratings, user,
							ratings->start[user + 1] - ratings->start[user]);
}

float
recents_left(const Ratings *ratings, int32_t user, int32_t known, int64_t row)
{
	return known == 0 ? 0 :
		recent_decay(ratings_seconds(ratings, ratings->time[ratings->start[user] + known - 1],
									 ratings->time[row]));
}

static float
level_z(int level)
{
	return (float) (level - RECENT_LEVELS / 2) / LEVELS_PER_DEVIATION;
}

void
recents_gates(float *gate, const float *slope, const float *offset)
{
	for (int level = 0; level < RECENT_LEVELS; level++, gate += RECENT_DIMS)
		for (int d = 0; d < RECENT_DIMS; d++)
			gate[d] = 1 + tanhf(slope[d] * level_z(level) + offset[d]);
}

void
recents_gates_backward(float *dslope, float *doffset, const float *dgate, const float *gate)
{
	memset(dslope, 0, sizeof(float) * RECENT_DIMS);
	memset(doffset, 0, sizeof(float) * RECENT_DIMS);
	for (int level = 0; level < RECENT_LEVELS; level++, gate += RECENT_DIMS, dgate += RECENT_DIMS)
		for (int d = 0; d < RECENT_DIMS; d++)
		{
			/* 1 - tanh^2 */
			float		dinput = dgate[d] * gate[d] * (2 - gate[d]);

			dslope[d] += dinput * level_z(level);
			doffset[d] += dinput;
		}
}

void
recents_begin(Recents *recents, const float *table, const float *gate)
{
	memset(recents, 0, sizeof(*recents));
	recents->table = table;
	recents->gate = gate;
}

MULTIVERSION void
recents_add(Recents *recents, const RecentRows *rows, int64_t from, int64_t to)
{
	float		passed = 1;		/* decay of rows passed over */

	for (int64_t i = from; i < to; i++)
	{
		const float *restrict row = recents->table + ((int64_t) rows->movie[i] + 1) * RECENT_DIMS;
		const float *restrict gate = recents->gate + rows->level[i] * RECENT_DIMS;
		float		value[RECENT_DIMS];

		passed *= rows->decay[i];
		if (rows->movie[i] < 0)
			continue;
		for (int d = 0; d < RECENT_DIMS; d++)
			value[d] = row[d] * gate[d];
		for (int k = 0; k < RECENT_SUMS; k++)
		{
			float	   *restrict sum = recents->sum[k];
			float		factor = kept[k] * passed;

			for (int d = 0; d < RECENT_DIMS; d++)
				sum[d] = sum[d] * factor + value[d];
			recents->count[k] = recents->count[k] * factor + 1;
		}
		passed = 1;
	}
	for (int k = 0; k < RECENT_SUMS && passed != 1; k++)
	{
		for (int d = 0; d < RECENT_DIMS; d++)
			recents->sum[k][d] *= passed;
		recents->count[k] *= passed;
	}
}

void
recents_tail_begin(RecentsTail *tail)
{
	memset(tail, 0, sizeof(*tail));
	for (int k = 0; k < RECENT_SUMS; k++)
		tail->left[k] = 1;
}

MULTIVERSION void
recents_tail_add(RecentsTail *tail, const Recents *whole, const RecentRows *rows, int64_t from,
				 int64_t to)
{
	for (int64_t i = to - 1; i >= from; i--)
	{
		const float *restrict row = whole->table + ((int64_t) rows->movie[i] + 1) * RECENT_DIMS;
		const float *restrict gate = whole->gate + rows->level[i] * RECENT_DIMS;
		bool		added = rows->movie[i] >= 0;

		for (int k = 0; k < RECENT_SUMS; k++)
		{
			float	   *restrict sum = tail->sum[k];
			float		left = tail->left[k];

			for (int d = 0; d < RECENT_DIMS && added; d++)
				sum[d] += left * row[d] * gate[d];
			tail->count[k] += added ? left : 0;
			tail->left[k] = left * rows->decay[i] * (added ? kept[k] : 1);
		}
	}
}

/* The last of the half-lives is the longest. */
bool
recents_tail_is_all(const RecentsTail *tail)
{
	return tail->left[RECENT_SUMS - 1] < TOO_LITTLE;
}

/*
 * Of the sums before the row there is left what is in the whole but not in the tail, nor
 * from the row itself.  Without the row they have been forgotten once less.
 */
MULTIVERSION void
recents_without(Recents *out, const Recents *whole, const RecentsTail *tail,
				const RecentRows *rows, int64_t row)
{
	const float *restrict value = whole->table + ((int64_t) rows->movie[row] + 1) * RECENT_DIMS;
	const float *restrict gate = whole->gate + rows->level[row] * RECENT_DIMS;

	*out = *whole;
	for (int k = 0; k < RECENT_SUMS; k++)
	{
		const float *restrict sum = tail->sum[k];
		float		left = tail->left[k];

		for (int d = 0; d < RECENT_DIMS; d++)
			out->sum[k][d] = sum[d] +
				(whole->sum[k][d] - sum[d] - left * value[d] * gate[d]) / kept[k];
		out->count[k] = tail->count[k] + (whole->count[k] - tail->count[k] - left) / kept[k];
	}
}

MULTIVERSION void
recents_features(float *out, float *scale, const Recents *recents, float left)
{
	for (int k = 0; k < RECENT_SUMS; k++)
	{
		float		count = recents->count[k] * left;
		float		factor = left * RECENT_GAIN / sqrtf(count + 1);

		for (int d = 0; d < RECENT_DIMS; d++)
			out[k * RECENT_DIMS + d] = recents->sum[k][d] * factor;
		out[RECENT_SUMS * RECENT_DIMS + k] = count / (count + 1);
		if (scale)
			scale[k] = factor;
	}
}

MULTIVERSION void
recents_backward(float *restrict dsum, float *restrict drow, const RecentRows *rows, int64_t from,
				 int64_t to)
{
	for (int64_t i = to - 1; i >= from; i--)
	{
		float	   *restrict out = drow + (i - from) * RECENT_DIMS;
		bool		added = rows->movie[i] >= 0;

		for (int d = 0; d < RECENT_DIMS; d++)
			out[d] = 0;
		for (int k = 0; k < RECENT_SUMS; k++)
		{
			float	   *restrict sum = dsum + k * RECENT_DIMS;
			float		factor = added ? kept[k] * rows->decay[i] : rows->decay[i];

			for (int d = 0; d < RECENT_DIMS; d++)
			{
				out[d] += added ? sum[d] : 0;
				sum[d] *= factor;
			}
		}
	}
}
