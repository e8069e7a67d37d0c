/*
 * Baselines on four movies and three users, against values computed by hand.
 */
#include "unit.h"

#include <stdlib.h>

#include "num/eval/baselines.h"

static const int64_t user_ids[] = {1, 2, 3};
static const int64_t movie_ids[] = {10, 20, 30, 40};

/* user 1: 3 training rows, 3 test rows; user 2: 2 and 1; user 3: 0 and 2 */
static const int64_t start[] = {0, 6, 9, 11};
static const int32_t n_trainval[] = {3, 2, 0};
static const int32_t movie[] = {0, 1, 2, 3, 1, 0, 0, 1, 2, 0, 3};
static const float rating[] = {5, 4, 3, 1, 2, 5, 4, 1, 5, 2, 3};
static const int32_t prefix[] = {0, 1, 2, 3, 3, 5, 0, 1, 2, 0, 1};

static const Ratings ratings = {
	.n_users = 3,
	.n_movies = 4,
	.n_rows = 11,
	.n_train_rows = 5,
	.n_trainval_rows = 5,
	.user_ids = user_ids,
	.movie_ids = movie_ids,
	.start = start,
	.n_train = n_trainval,
	.n_trainval = n_trainval,
	.movie = movie,
	.rating = rating,
	.prefix = prefix,
};

static void *
open_baselines(Baselines *baselines, float like_threshold)
{
	Arena		arena = {NULL, 0};
	void	   *block;

	baselines_take(baselines, &ratings, &arena);
	block = malloc(arena.used);
	arena = (Arena) {block, 0};
	baselines_take(baselines, &ratings, &arena);
	baselines_fit(baselines, &ratings, like_threshold);
	return block;
}

/* The test part (movie 40 altogether) must not show in any of these. */
static void
test_means(void)
{
	Baselines	baselines;
	void	   *block = open_baselines(&baselines, 4);

	CHECK_NEAR(baselines.biases.mean, 17.0 / 5, 1e-6);
	CHECK(baselines.biases.count[0] == 2 && baselines.biases.count[1] == 2);
	CHECK(baselines.biases.count[2] == 1 && baselines.biases.count[3] == 0);
	CHECK(baselines.likes[0] == 2 && baselines.likes[1] == 1);
	CHECK(baselines.likes[2] == 0 && baselines.likes[3] == 0);
	CHECK_NEAR(baselines.raw_mean[1], 2.5, 1e-6);
	CHECK_NEAR(baselines.raw_mean[3], 0, 0);
	CHECK_NEAR(baselines.item_mean[0], (9 + 5 * 3.4) / 7, 1e-6);
	CHECK_NEAR(baselines.item_mean[2], (3 + 5 * 3.4) / 6, 1e-6);
	CHECK_NEAR(baselines.item_mean[3], 3.4, 1e-6);
	free(block);
}

/* Ten rounds of the two averages, written out for this data. */
static void
test_bias(void)
{
	const double mean = 3.4;
	double		movie_bias[4] = {0};
	double		user[3] = {0};
	Baselines	baselines;
	void	   *block = open_baselines(&baselines, 4);
	const double deviation = baselines.biases.deviation;
	float		out[3];

	/* the ratings 5, 4, 3, 4, 1 */
	CHECK_NEAR(deviation, sqrt((25 + 16 + 9 + 16 + 1) / 5.0 - mean * mean), 1e-6);
	for (int round = 0; round < 10; round++)
	{
		movie_bias[0] = ((5 - mean - user[0]) + (4 - mean - user[1])) / (2 +
																		 BIAS_MOVIE_DAMPING);
		movie_bias[1] = ((4 - mean - user[0]) + (1 - mean - user[1])) / (2 +
																		 BIAS_MOVIE_DAMPING);
		movie_bias[2] = (3 - mean - user[0]) / (1 + BIAS_MOVIE_DAMPING);
		user[0] = (12 - 3 * mean - movie_bias[0] - movie_bias[1] -
				   movie_bias[2]) / (3 + BIAS_USER_DAMPING);
		user[1] = (5 - 2 * mean - movie_bias[0] - movie_bias[1]) / (2 + BIAS_USER_DAMPING);
	}
	for (int i = 0; i < 4; i++)
		CHECK_NEAR(deviation * baselines.biases.movie[i], movie_bias[i], 1e-6);
	for (int i = 0; i < 3; i++)
		CHECK_NEAR(deviation * baselines.biases.user[i], user[i], 1e-6);

	baselines_bias_static(&baselines, &ratings, 0, out);
	CHECK_NEAR(out[0], mean + user[0], 1e-6);
	CHECK_NEAR(out[1], mean + user[0] + movie_bias[1], 1e-6);
	CHECK_NEAR(out[2], mean + user[0] + movie_bias[0], 1e-6);

	/* rows 3 and 4 are of one moment: neither knows the other; row 5 knows both */
	baselines_bias_live(&baselines, &ratings, 0, out);
	CHECK_NEAR(out[0], mean + user[0], 1e-6);
	CHECK_NEAR(out[1], mean + user[0] + movie_bias[1], 1e-6);
	CHECK_NEAR(out[2],
			   mean + movie_bias[0] +
				   (user[0] * 13 + (1 - mean) + (2 - mean - movie_bias[1])) /
			   (5 + BIAS_USER_DAMPING),
			   1e-6);

	/* nothing known of user 3, then their first test row */
	baselines_bias_live(&baselines, &ratings, 2, out);
	CHECK_NEAR(out[0], mean + movie_bias[0], 1e-6);
	CHECK_NEAR(out[1], mean + (2 - mean - movie_bias[0]) / (1 + BIAS_USER_DAMPING), 1e-6);
	free(block);
}

int
main(void)
{
	test_means();
	test_bias();
	return unit_finish();
}
