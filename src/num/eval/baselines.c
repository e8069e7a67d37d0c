/*
 * baselines.c: the simple predictors that a network has to beat.
 */
#include "num/eval/baselines.h"

#include <string.h>

void
baselines_take(Baselines *baselines, const Ratings *ratings, Arena *arena)
{
	baselines->biases.count = ARENA_ARRAY(arena, int32_t, ratings->n_movies);
	baselines->biases.movie = ARENA_ARRAY(arena, float, ratings->n_movies);
	baselines->biases.user = ARENA_ARRAY(arena, float, ratings->n_users);
	baselines->biases.sum = ARENA_ARRAY(arena, double, ratings->n_movies);
	baselines->likes = ARENA_ARRAY(arena, float, ratings->n_movies);
	baselines->raw_mean = ARENA_ARRAY(arena, float, ratings->n_movies);
	baselines->item_mean = ARENA_ARRAY(arena, float, ratings->n_movies);
}

/* One past the user's last training row. */
static int64_t
training_end(const Ratings *ratings, int32_t user)
{
	return ratings->start[user] + ratings->n_trainval[user];
}

/* Likes and means, once the biases have counted. */
static void
fit_means(Baselines *baselines, const Ratings *ratings, float like_threshold)
{
	const Biases *biases = &baselines->biases;
	double	   *sum = biases->sum;

	memset(baselines->likes, 0, ratings->n_movies * sizeof(float));
	memset(sum, 0, ratings->n_movies * sizeof(double));
	for (int32_t user = 0; user < ratings->n_users; user++)
		for (int64_t row = ratings->start[user]; row < training_end(ratings, user); row++)
		{
			int32_t		movie = ratings->movie[row];

			baselines->likes[movie] += ratings->rating[row] >= like_threshold;
			sum[movie] += ratings->rating[row];
		}
	for (int32_t movie = 0; movie < ratings->n_movies; movie++)
	{
		int32_t		count = biases->count[movie];

		baselines->raw_mean[movie] = count > 0 ? sum[movie] / count : 0;
		baselines->item_mean[movie] = (sum[movie] + BIAS_MOVIE_DAMPING * biases->mean) /
			(count + BIAS_MOVIE_DAMPING);
	}
}

void
baselines_fit(Baselines *baselines, const Ratings *ratings, float like_threshold)
{
	biases_fit(&baselines->biases, ratings, ratings->n_trainval, NULL);
	fit_means(baselines, ratings, like_threshold);
}

/* The prediction for a row, with a user's bias. */
static float
predict(const Biases *biases, const Ratings *ratings, int64_t row, float user)
{
	return (float) (biases->mean +
					biases->deviation * (user + biases->movie[ratings->movie[row]]));
}

void
baselines_bias_static(const Baselines *baselines, const Ratings *ratings, int32_t user, float *out)
{
	const Biases *biases = &baselines->biases;
	int64_t		first = training_end(ratings, user);

	for (int64_t row = first; row < ratings->start[user + 1]; row++)
		out[row - first] = predict(biases, ratings, row, biases->user[user]);
}

/* Prefixes do not shrink from row to row, so one running sum serves them all. */
void
baselines_bias_live(const Baselines *baselines, const Ratings *ratings, int32_t user, float *out)
{
	const Biases *biases = &baselines->biases;
	int64_t		start = ratings->start[user];
	int64_t		first = training_end(ratings, user);
	int32_t		known = 0;
	double		sum = 0;

	for (int64_t row = first; row < ratings->start[user + 1]; row++)
	{
		for (; known < ratings->prefix[row]; known++)
			sum += standardise(row_value(ratings, start + known), biases->mean, biases->deviation) -
				biases->movie[ratings->movie[start + known]];
		out[row - first] = predict(biases, ratings, row, user_bias((float) sum, known));
	}
}
