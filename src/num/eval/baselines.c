/*
 * baselines.c: the simple predictors that a network has to beat.
 */
#include "num/eval/baselines.h"

#include <string.h>

#define BIAS_ROUNDS 10

void
baselines_take(Baselines *baselines, const Ratings *ratings, Arena *arena)
{
	baselines->count = ARENA_ARRAY(arena, int32_t, ratings->n_movies);
	baselines->likes = ARENA_ARRAY(arena, float, ratings->n_movies);
	baselines->raw_mean = ARENA_ARRAY(arena, float, ratings->n_movies);
	baselines->item_mean = ARENA_ARRAY(arena, float, ratings->n_movies);
	baselines->movie_bias = ARENA_ARRAY(arena, float, ratings->n_movies);
	baselines->user_bias = ARENA_ARRAY(arena, float, ratings->n_users);
	baselines->sum = ARENA_ARRAY(arena, double, ratings->n_movies);
}

/* One past the user's last training row. */
static int64_t
training_end(const Ratings *ratings, int32_t user)
{
	return ratings->start[user] + ratings->n_trainval[user];
}

/* Counts, likes and means. */
static void
fit_means(Baselines *baselines, const Ratings *ratings, float like_threshold)
{
	double		sum = 0;
	int64_t		n = 0;

	memset(baselines->count, 0, ratings->n_movies * sizeof(int32_t));
	memset(baselines->likes, 0, ratings->n_movies * sizeof(float));
	memset(baselines->sum, 0, ratings->n_movies * sizeof(double));
	for (int32_t user = 0; user < ratings->n_users; user++)
		for (int64_t row = ratings->start[user]; row < training_end(ratings, user); row++)
		{
			int32_t		movie = ratings->movie[row];

			baselines->count[movie]++;
			baselines->likes[movie] += ratings->rating[row] >= like_threshold;
			baselines->sum[movie] += ratings->rating[row];
			sum += ratings->rating[row];
			n++;
		}

	baselines->mean = n > 0 ? sum / n : 0;
	for (int32_t movie = 0; movie < ratings->n_movies; movie++)
	{
		int32_t		count = baselines->count[movie];

		baselines->raw_mean[movie] = count > 0 ? baselines->sum[movie] / count : 0;
		baselines->item_mean[movie] = (baselines->sum[movie] +
									   BASELINE_MOVIE_DAMPING * (double) baselines->mean) /
			(count + BASELINE_MOVIE_DAMPING);
	}
}

/* Each movie's bias, given the users'. */
static void
fit_movie_biases(Baselines *baselines, const Ratings *ratings)
{
	memset(baselines->sum, 0, ratings->n_movies * sizeof(double));
	for (int32_t user = 0; user < ratings->n_users; user++)
		for (int64_t row = ratings->start[user]; row < training_end(ratings, user); row++)
			baselines->sum[ratings->movie[row]] += ratings->rating[row] - baselines->mean -
				baselines->user_bias[user];
	for (int32_t movie = 0; movie < ratings->n_movies; movie++)
		baselines->movie_bias[movie] = baselines->sum[movie] /
			(baselines->count[movie] + BASELINE_MOVIE_DAMPING);
}

/* What the movie's bias leaves of a rating for the user's. */
static double
residual(const Baselines *baselines, const Ratings *ratings, int64_t row)
{
	return (double) ratings->rating[row] - baselines->mean -
		baselines->movie_bias[ratings->movie[row]];
}

/* Each user's bias, given the movies'. */
static void
fit_user_biases(Baselines *baselines, const Ratings *ratings)
{
	for (int32_t user = 0; user < ratings->n_users; user++)
	{
		double		sum = 0;

		for (int64_t row = ratings->start[user]; row < training_end(ratings, user); row++)
			sum += residual(baselines, ratings, row);
		baselines->user_bias[user] = sum / (ratings->n_trainval[user] + BASELINE_USER_DAMPING);
	}
}

void
baselines_fit(Baselines *baselines, const Ratings *ratings, float like_threshold)
{
	fit_means(baselines, ratings, like_threshold);
	memset(baselines->user_bias, 0, ratings->n_users * sizeof(float));
	for (int round = 0; round < BIAS_ROUNDS; round++)
	{
		fit_movie_biases(baselines, ratings);
		fit_user_biases(baselines, ratings);
	}
}

void
baselines_bias_static(const Baselines *baselines, const Ratings *ratings, int32_t user, float *out)
{
	int64_t		first = training_end(ratings, user);

	for (int64_t row = first; row < ratings->start[user + 1]; row++)
		out[row - first] = baselines->mean + baselines->user_bias[user] +
			baselines->movie_bias[ratings->movie[row]];
}

/* Prefixes do not shrink from row to row, so one running sum serves them all. */
void
baselines_bias_live(const Baselines *baselines, const Ratings *ratings, int32_t user, float *out)
{
	int64_t		start = ratings->start[user];
	int64_t		first = training_end(ratings, user);
	int32_t		known = 0;
	double		sum = 0;

	for (int64_t row = first; row < ratings->start[user + 1]; row++)
	{
		for (; known < ratings->prefix[row]; known++)
			sum += residual(baselines, ratings, start + known);
		out[row - first] = baselines->mean + sum / (known + BASELINE_USER_DAMPING) +
			baselines->movie_bias[ratings->movie[row]];
	}
}
