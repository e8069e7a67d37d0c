/*
 * What is counted before anything is learned, against counts by hand.
 */
#include "unit.h"

#include <string.h>

#include "num/data/statistics.h"

#define MOVIES 4
#define ROWS 20

/* Two users; the last two rows of the second one are test rows. */
static const int64_t start[] = {0, 8, 20};
static const int32_t n_train[] = {8, 10};
static const int32_t movie[ROWS] = {0, 1, 0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 0, 1, 2, 2, 2, 2, 3, 3};
static float rating[ROWS];
static int64_t times[ROWS];

static const Ratings ratings = {
	.n_users = 2, .n_movies = MOVIES, .n_rows = ROWS, .n_train_rows = 18, .n_trainval_rows = 18,
	.start = start, .n_train = n_train, .n_trainval = n_train, .movie = movie, .rating = rating,
	.time = times
};

static int32_t count[MOVIES];
static float popularity[MOVIES];
static float bias[MOVIES];
static float of_users[2];
static double sum[MOVIES];
static int	checks;

static void
count_check(void)
{
	checks++;
}

static MovieStatistics
statistics(const Ratings *of)
{
	MovieStatistics movie_stats = {.ratings = count, .popularity = popularity, .bias = bias,
		.user_bias = of_users, .sum = sum};

	memset(count, 0x55, sizeof(count));
	memset(popularity, 0x55, sizeof(popularity));
	memset(bias, 0x55, sizeof(bias));
	memset(of_users, 0x55, sizeof(of_users));
	checks = 0;
	movie_statistics(&movie_stats, of, 4, count_check);
	CHECK(checks > 0);
	return movie_stats;
}

static void
test_means(void)
{
	MovieStatistics movie_stats;
	const double all = (9 * 4 + 5 * 3 + 4 * 5) / 18.0;
	const double squares = (9 * 16 + 5 * 9 + 4 * 25) / 18.0;

	for (int i = 0; i < ROWS; i++)
	{
		times[i] = i;
		rating[i] = movie[i] == 0 ? 4 : movie[i] == 2 ? 5 : 3;
	}
	movie_stats = statistics(&ratings);
	CHECK_NEAR(movie_stats.mean_rating, all, 1e-6);
	CHECK(count[0] == 9 && count[1] == 5 && count[2] == 4 && count[3] == 0);
	CHECK_NEAR(movie_stats.deviation, sqrt(squares - all * all), 1e-6);
	/* in order, damped, and none where nothing is known */
	CHECK(bias[1] < bias[0] && bias[0] < bias[2] && bias[3] == 0);
	CHECK(bias[2] < (5 - all) / movie_stats.deviation);
}

/* A long row of ratings by one user, one after the other, of three movies. */
#define MANY 2000
static int32_t many_movie[MANY];
static float many_rating[MANY];
static int64_t many_time[MANY];
static const int64_t many_start[] = {0, MANY};
static const int32_t many_train[] = {MANY};
static const Ratings many = {
	.n_users = 1, .n_movies = MOVIES, .n_rows = MANY, .n_train_rows = MANY,
	.n_trainval_rows = MANY, .start = many_start, .n_train = many_train,
	.n_trainval = many_train, .movie = many_movie, .rating = many_rating, .time = many_time
};

/* Popularities are those of the rows since a time. */
static void
check_since(int64_t time)
{
	statistics(&many);
	for (int m = 0; m < MOVIES; m++)
	{
		int			likes = 0;

		for (int i = 0; i < MANY; i++)
			likes += many_movie[i] == m && many_rating[i] >= 4 && many_time[i] >= time;
		CHECK_NEAR(popularity[m], log(1 + likes), 1e-6);
	}
}

/* An eighth of 2000 rows are the last 250, more than 25 for each of four movies. */
static void
test_popularity(void)
{
	for (int i = 0; i < MANY; i++)
	{
		many_movie[i] = i * 7 % 11 % 3;
		many_rating[i] = 3 + i % 5 / 2;
		many_time[i] = i;
	}
	check_since(1750);

	/* rows of one time go together, though they are more than that */
	for (int i = 1700; i < 1960; i++)
		many_time[i] = 1959;
	many_time[2] = 1959;
	check_since(1959);

	/* all at one time, at either end of time */
	for (int end = 0; end < 2; end++)
	{
		for (int i = 0; i < MANY; i++)
			many_time[i] = end ? INT64_MAX : INT64_MIN;
		check_since(INT64_MIN);
	}
}

/* Where an eighth is less than 25 rows for each movie, more rows count: here all. */
static void
test_popularity_of_few(void)
{
	for (int i = 0; i < ROWS; i++)
	{
		times[i] = i;
		rating[i] = 5;
	}
	statistics(&ratings);
	CHECK_NEAR(popularity[0], log(1 + 9), 1e-6);
	CHECK_NEAR(popularity[1], log(1 + 5), 1e-6);
	CHECK_NEAR(popularity[2], log(1 + 4), 1e-6);
	CHECK(popularity[3] == 0);
}

static void
test_no_train_rows(void)
{
	const int32_t none[] = {0, 0};
	Ratings		empty = ratings;
	MovieStatistics movie_stats;

	empty.n_train = none;
	empty.n_train_rows = 0;
	movie_stats = statistics(&empty);
	CHECK(movie_stats.mean_rating == 0 && movie_stats.deviation == 1);
	for (int i = 0; i < MOVIES; i++)
		CHECK(count[i] == 0 && popularity[i] == 0 && bias[i] == 0);
}

/* The smallest rating at or above the mean, on any scale. */
static void
test_likes(void)
{
	static const float scale[] = {1, 0.2f, 1e-30f, 20};

	for (int k = 0; k < 4; k++)
	{
		for (int i = 0; i < ROWS; i++)
			rating[i] = scale[k] * (float) (1 + i % 5);
		rating[18] = rating[19] = scale[k] * 3.5f;	/* not of the training */
		CHECK(default_like_threshold(&ratings) == scale[k] * 3);
		CHECK_NEAR(like_share(&ratings, scale[k] * 3), 10 / 18.0, 1e-9);
		CHECK(like_share(&ratings, scale[k] * 6) == 0);
	}
	/* the mean is a rating, though its sum is rounded */
	for (int i = 0; i < ROWS; i++)
		rating[i] = 0.1f;
	CHECK(default_like_threshold(&ratings) == 0.1f);
	CHECK(like_share(&ratings, 0.1f) == 1);
	for (int i = 0; i < ROWS; i++)
		rating[i] = -(float) (1 + i % 5);
	CHECK(default_like_threshold(&ratings) == -2);
}

int
main(void)
{
	test_means();
	test_popularity();
	test_popularity_of_few();
	test_no_train_rows();
	test_likes();
	return unit_finish();
}
