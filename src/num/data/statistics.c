/*
 * statistics.c: see statistics.h.
 */
#include "num/data/statistics.h"

#include <math.h>
#include <string.h>

/* How many fit rows are of this time or later. */
static int64_t
count_since(const Ratings *ratings, int64_t time, void (*tick) (void))
{
	int64_t		n = 0;

	for (int32_t user = 0; user < ratings->n_users; user++)
	{
		for (int32_t i = 0; i < ratings->n_fit[user]; i++)
			n += ratings->time[ratings->start[user] + i] >= time;
		tick();
	}
	return n;
}

/*
 * The latest time since which there are RECENT_SHARE of the fit rows, or more
 * where rows share that time: all of them, if they are all of one time.
 */
static int64_t
recent_since(const Ratings *ratings, void (*tick) (void))
{
	int64_t		wanted = (int64_t) ceil(ratings->n_fit_rows * RECENT_SHARE);
	int64_t		low = INT64_MIN;
	int64_t		high = INT64_MAX;

	while (low < high)
	{
		/* the mean, rounded up */
		int64_t		middle = (low >> 1) + (high >> 1) + ((low | high) & 1);

		if (count_since(ratings, middle, tick) >= wanted)
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
		for (int32_t i = 0; i < ratings->n_fit[user]; i++)
			total += ratings->rating[ratings->start[user] + i];
	return ratings->n_fit_rows > 0 ? (float) (total / ratings->n_fit_rows) : 0;
}

void
film_statistics(FilmStatistics *films, const Ratings *ratings, float like_threshold,
				void (*tick) (void))
{
	int32_t		n_movies = ratings->n_movies;
	int64_t		since = recent_since(ratings, tick);

	films->mean_rating = mean_rating(ratings);
	memset(films->ratings, 0, sizeof(int32_t) * n_movies);
	memset(films->popularity, 0, sizeof(float) * n_movies);
	memset(films->mean, 0, sizeof(float) * n_movies);
	for (int32_t user = 0; user < ratings->n_users; user++)
	{
		for (int32_t i = 0; i < ratings->n_fit[user]; i++)
		{
			int64_t		row = ratings->start[user] + i;
			int32_t		movie = ratings->movie[row];

			films->ratings[movie]++;
			films->popularity[movie] += ratings->rating[row] >= like_threshold &&
				ratings->time[row] >= since;
			films->mean[movie] += ratings->rating[row] - films->mean_rating;
		}
		tick();
	}
	for (int32_t movie = 0; movie < n_movies; movie++)
	{
		films->mean[movie] = films->mean_rating +
			films->mean[movie] / (films->ratings[movie] + MEAN_DAMPING);
		films->popularity[movie] = log1pf(films->popularity[movie]);
	}
}
