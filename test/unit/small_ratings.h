/*
 * small_ratings.h: ratings made up for tests, of any size and shape, with
 * their statistics.
 */
#ifndef SMALL_RATINGS_H
#define SMALL_RATINGS_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "num/base/rng.h"
#include "num/data/ratings.h"
#include "num/data/statistics.h"

#define LIKE_THRESHOLD 4.0f

/* What the data should look like. */
typedef struct SmallSpec
{
	int32_t		n_users;
	int32_t		n_movies;
	int32_t		n_genres;
	int32_t		least;			/* rows of a user: least .. most, of as many movies */
	int32_t		most;
	int32_t		every_validation;	/* each user's last one in so many rows, 0: none */
	int32_t		every_test;		/* likewise, behind those */
	int32_t		newcomers;		/* users whose rows are all test rows */
	float		equal;			/* the rating of all rows, 0: 1 to 5 */
	bool		events;			/* rows have weights */
	bool		leave_one_out;
	uint64_t	seed;
} SmallSpec;

/* The arrays behind the constant pointers of Ratings. */
typedef struct SmallRatings
{
	Ratings		ratings;
	MovieStatistics movie_stats;
	int64_t    *ids;
	int64_t    *start;
	int32_t    *n_train;
	int32_t    *n_trainval;
	int32_t    *movie;
	float	   *rating;
	float	   *weight;			/* NULL: no events */
	int64_t    *time;
	int32_t    *prefix;
	uint8_t    *attribute;
	float	   *features;
	uint8_t    *listed;
} SmallRatings;

static inline int32_t
small_rows_of(const SmallSpec *spec, int32_t user)
{
	int32_t		n = spec->least + rng_below(spec->seed + 1, user, spec->most - spec->least + 1);

	return n < spec->n_movies ? n : spec->n_movies;
}

/* A user's rows: a walk through the catalogue, pairs of rows at one time. */
static inline void
small_user(SmallRatings *data, const SmallSpec *spec, int32_t user)
{
	int64_t		start = data->start[user];
	int32_t		n = (int32_t) (data->start[user + 1] - start);
	int32_t		n_test = user < spec->newcomers ? n : spec->every_test ? n / spec->every_test : 0;
	int32_t		first = rng_below(spec->seed + 2, user, spec->n_movies);

	data->n_trainval[user] = n - n_test;
	data->n_train[user] = n - n_test;
	if (spec->every_validation)
		data->n_train[user] -= (n - n_test) / spec->every_validation;
	for (int32_t i = 0; i < n; i++)
	{
		int64_t		row = start + i;

		/* one after the other from anywhere: no movie comes twice */
		data->movie[row] = (first + i) % spec->n_movies;
		data->rating[row] = spec->equal ? spec->equal : 1 + rng_below(spec->seed + 3, row, 5);
		if (spec->events)
			data->weight[row] = logf(2 + rng_below(spec->seed + 10, row, 9));
		data->time[row] = (int64_t) 20000 * (1000 * user + i / 2);	/* a quarter of a day apart */
		data->prefix[row] = spec->leave_one_out ? data->n_train[user] : i / 2 * 2;
	}
}

static inline void
small_features(SmallRatings *data, const SmallSpec *spec)
{
	int32_t		width = spec->n_genres + 1;

	for (int32_t user = 0; user < spec->n_users; user++)
		for (int a = 0; a < N_ATTRIBUTES; a++)
			data->attribute[user * N_ATTRIBUTES + a] = rng_below(spec->seed + 4 + a, user, 3);
	for (int32_t movie = 0; movie < spec->n_movies; movie++)
		for (int32_t f = 0; f < width; f++)
			data->features[movie * width + f] = f < spec->n_genres ?
				rng_below(spec->seed + 8, movie * width + f, 2) :
				rng_uniform(spec->seed + 9, movie);
}

/* For what lets itself be interrupted: nothing interrupts it here. */
static inline void
small_check_interrupts(void)
{
}

/* The caller frees with small_free. */
static inline SmallRatings
small_ratings(const SmallSpec *spec)
{
	SmallRatings data = {.start = malloc(sizeof(int64_t) * (spec->n_users + 1))};
	int32_t		most = spec->n_users > spec->n_movies ? spec->n_users : spec->n_movies;
	Ratings    *ratings = &data.ratings;
	int64_t		n_rows = 0;

	for (int32_t user = 0; user < spec->n_users; user++)
	{
		data.start[user] = n_rows;
		n_rows += small_rows_of(spec, user);
	}
	data.start[spec->n_users] = n_rows;
	data.ids = malloc(sizeof(int64_t) * most);
	for (int32_t i = 0; i < most; i++)
		data.ids[i] = 10 * i + 1;
	data.n_train = malloc(sizeof(int32_t) * spec->n_users);
	data.n_trainval = malloc(sizeof(int32_t) * spec->n_users);
	data.movie = malloc(sizeof(int32_t) * n_rows);
	data.rating = malloc(sizeof(float) * n_rows);
	data.weight = spec->events ? malloc(sizeof(float) * n_rows) : NULL;
	data.time = malloc(sizeof(int64_t) * n_rows);
	data.prefix = malloc(sizeof(int32_t) * n_rows);
	data.attribute = malloc(spec->n_users * N_ATTRIBUTES);
	data.features = malloc(sizeof(float) * spec->n_movies * (spec->n_genres + 1));
	data.listed = calloc(spec->n_movies, 1);
	*ratings = (Ratings)
	{
		.n_users = spec->n_users, .n_movies = spec->n_movies, .n_genres = spec->n_genres,
		.n_values = {2, 2, 2}, .n_rows = n_rows, .leave_one_out = spec->leave_one_out,
		.second = 1,
		.user_ids = data.ids, .movie_ids = data.ids, .start = data.start,
		.n_train = data.n_train, .n_trainval = data.n_trainval, .movie = data.movie,
		.rating = data.rating, .weight = data.weight, .time = data.time, .prefix = data.prefix,
		.attribute = data.attribute, .movie_features = data.features,
		.movie_listed = data.listed
	};
	for (int32_t user = 0; user < spec->n_users; user++)
	{
		small_user(&data, spec, user);
		ratings->n_train_rows += data.n_train[user];
		ratings->n_trainval_rows += data.n_trainval[user];
	}
	small_features(&data, spec);
	data.movie_stats.ratings = malloc(sizeof(int32_t) * spec->n_movies);
	data.movie_stats.popularity = malloc(sizeof(float) * spec->n_movies);
	data.movie_stats.bias = malloc(sizeof(float) * spec->n_movies);
	data.movie_stats.user_bias = malloc(sizeof(float) * spec->n_users);
	data.movie_stats.sum = malloc(sizeof(double) * spec->n_movies);
	movie_statistics(&data.movie_stats, ratings, LIKE_THRESHOLD, small_check_interrupts);
	return data;
}

static inline void
small_free(SmallRatings *data)
{
	free(data->ids);
	free(data->start);
	free(data->n_train);
	free(data->n_trainval);
	free(data->movie);
	free(data->rating);
	free(data->weight);
	free(data->time);
	free(data->prefix);
	free(data->attribute);
	free(data->features);
	free(data->listed);
	free(data->movie_stats.ratings);
	free(data->movie_stats.popularity);
	free(data->movie_stats.bias);
	free(data->movie_stats.user_bias);
	free(data->movie_stats.sum);
}

#endif							/* SMALL_RATINGS_H */
