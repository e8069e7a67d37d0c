/*
 * statistics.c: see statistics.h.
 */
#include "statistics.h"

#include <string.h>

void
film_statistics(FilmStatistics *films, const Ratings *ratings, float like_threshold)
{
	int32_t		n_movies = ratings->n_movies;
	double		total = 0;
	float		mean;

	memset(films->ratings, 0, sizeof(int32_t) * n_movies);
	memset(films->likes, 0, sizeof(int32_t) * n_movies);
	memset(films->mean, 0, sizeof(float) * n_movies);
	for (int32_t user = 0; user < ratings->n_users; user++)
		for (int32_t i = 0; i < ratings->n_fit[user]; i++)
			total += ratings->rating[ratings->start[user] + i];
	mean = ratings->n_fit_rows > 0 ? (float) (total / ratings->n_fit_rows) : 0;
	films->mean_rating = mean;
	for (int32_t user = 0; user < ratings->n_users; user++)
		for (int32_t i = 0; i < ratings->n_fit[user]; i++)
		{
			int64_t		row = ratings->start[user] + i;
			int32_t		movie = ratings->movie[row];

			films->ratings[movie]++;
			films->likes[movie] += ratings->rating[row] >= like_threshold;
			films->mean[movie] += ratings->rating[row] - mean;
		}
	for (int32_t movie = 0; movie < n_movies; movie++)
		films->mean[movie] = mean + films->mean[movie] / (films->ratings[movie] + MEAN_DAMPING);
}
