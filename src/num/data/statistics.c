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
 * The latest time since which there are RECENT_SHARE of the train ratings, or more
 * where rows share that time: all of them, if they are all of one time.
 */
static int64_t
recent_since(const Ratings *ratings, void (*check_interrupts) (void))
{
	int64_t		wanted = (int64_t) ceil(ratings->n_train_rows * RECENT_SHARE);
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

static float
mean_rating(const Ratings *ratings)
{
	double		total = 0;

	for (int32_t user = 0; user < ratings->n_users; user++)
		for (int32_t i = 0; i < ratings->n_train[user]; i++)
			total += ratings->rating[ratings->start[user] + i];
	return ratings->n_train_rows > 0 ? (float) (total / ratings->n_train_rows) : 0;
}

void
movie_statistics(MovieStatistics *movie_stats, const Ratings *ratings, float like_threshold,
				 void (*check_interrupts) (void))
{
	int32_t		n_movies = ratings->n_movies;
	int64_t		since = recent_since(ratings, check_interrupts);

	movie_stats->mean_rating = mean_rating(ratings);
	memset(movie_stats->ratings, 0, sizeof(int32_t) * n_movies);
	memset(movie_stats->popularity, 0, sizeof(float) * n_movies);
	memset(movie_stats->mean, 0, sizeof(float) * n_movies);
	for (int32_t user = 0; user < ratings->n_users; user++)
	{
		for (int32_t i = 0; i < ratings->n_train[user]; i++)
		{
			int64_t		row = ratings->start[user] + i;
			int32_t		movie = ratings->movie[row];

			movie_stats->ratings[movie]++;
			movie_stats->popularity[movie] += ratings->rating[row] >= like_threshold &&
				ratings->time[row] >= since;
			movie_stats->mean[movie] += ratings->rating[row] - movie_stats->mean_rating;
		}
		check_interrupts();
	}
	for (int32_t movie = 0; movie < n_movies; movie++)
	{
		movie_stats->mean[movie] = movie_stats->mean_rating +
			movie_stats->mean[movie] / (movie_stats->ratings[movie] + MEAN_DAMPING);
		movie_stats->popularity[movie] = log1pf(movie_stats->popularity[movie]);
	}
}
