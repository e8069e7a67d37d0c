/*
 * statistics.c: see statistics.h.
 */
#include "num/data/statistics.h"

#include <math.h>
#include <string.h>

/* How many train ratings are of this time or later. */
static int64_t
count_since(const Ratings *ratings, int64_t time, void (*check_interrupts) (void))
{
	int64_t		n = 0;

	for (int32_t user = 0; user < ratings->n_users; user++)
	{
		for (int32_t i = 0; i < ratings->n_train[user]; i++)
			n += ratings->time[ratings->start[user] + i] >= time;
		check_interrupts();
	}
	return n;
}

/*
 * The latest time since which there are as many train ratings as are wanted, or more
 * where rows share that time; the first time, if there are fewer.
 */
static int64_t
recent_since(const Ratings *ratings, void (*check_interrupts) (void))
{
	int64_t		share = (int64_t) ceil(ratings->n_train_rows * RECENT_SHARE);
	int64_t		enough = (int64_t) RECENT_PER_MOVIE * ratings->n_movies;
	int64_t		wanted = share > enough ? share : enough;
	int64_t		low = INT64_MIN;
	int64_t		high = INT64_MAX;

	while (low < high)
	{
		/* the mean, rounded up */
		int64_t		middle = (low >> 1) + (high >> 1) + ((low | high) & 1);

		if (count_since(ratings, middle, check_interrupts) >= wanted)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

/* Means, counts and biases. */
static void
fit_biases(MovieStatistics *movie_stats, const Ratings *ratings, void (*check_interrupts) (void))
{
	Biases		biases = {
		.count = movie_stats->ratings,
		.movie = movie_stats->bias,
		.user = movie_stats->user_bias,
		.sum = movie_stats->sum
	};

	biases_fit(&biases, ratings, ratings->n_train, check_interrupts);
	movie_stats->mean_rating = biases.mean;
	movie_stats->deviation = biases.deviation;
}

void
movie_statistics(MovieStatistics *movie_stats, const Ratings *ratings, float like_threshold,
				 void (*check_interrupts) (void))
{
	int32_t		n_movies = ratings->n_movies;
	int64_t		since = recent_since(ratings, check_interrupts);

	fit_biases(movie_stats, ratings, check_interrupts);
	memset(movie_stats->popularity, 0, sizeof(float) * n_movies);
	for (int32_t user = 0; user < ratings->n_users; user++)
	{
		for (int32_t i = 0; i < ratings->n_train[user]; i++)
		{
			int64_t		row = ratings->start[user] + i;

			movie_stats->popularity[ratings->movie[row]] +=
				ratings->rating[row] >= like_threshold && ratings->time[row] >= since;
		}
		check_interrupts();
	}
	for (int32_t movie = 0; movie < n_movies; movie++)
		movie_stats->popularity[movie] = log1pf(movie_stats->popularity[movie]);
}

/*
 * The mean is a rounded sum, and may lie a little above the one value that all
 * ratings have.
 */
#define MEAN_ROUNDING 1e-9

float
default_like_threshold(const Ratings *ratings)
{
	double		mean = 0;
	double		from;
	float		threshold = INFINITY;

	if (ratings->n_train_rows == 0)
		return 0;
	for (int32_t user = 0; user < ratings->n_users; user++)
		for (int32_t i = 0; i < ratings->n_train[user]; i++)
			mean += ratings->rating[ratings->start[user] + i] / (double) ratings->n_train_rows;
	from = mean - MEAN_ROUNDING * fabs(mean);
	for (int32_t user = 0; user < ratings->n_users; user++)
		for (int32_t i = 0; i < ratings->n_train[user]; i++)
		{
			float		rating = ratings->rating[ratings->start[user] + i];

			if (rating >= from && rating < threshold)
				threshold = rating;
		}
	return threshold;
}

double
like_share(const Ratings *ratings, float like_threshold)
{
	int64_t		likes = 0;

	for (int32_t user = 0; user < ratings->n_users; user++)
		for (int32_t i = 0; i < ratings->n_train[user]; i++)
			likes += ratings->rating[ratings->start[user] + i] >= like_threshold;
	return ratings->n_train_rows > 0 ? (double) likes / (double) ratings->n_train_rows : 0;
}
