/*
 * Biases: they have no unit, and are what the data were made of.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "num/base/rng.h"
#include "num/data/bias.h"

#define USERS 50
#define MOVIES 40
#define ROWS (USERS * MOVIES)

static int64_t start[USERS + 1];
static int32_t n_rows[USERS];
static int32_t movie[ROWS];
static float rating[ROWS];
static Ratings ratings = {
	.n_users = USERS, .n_movies = MOVIES, .n_rows = ROWS, .start = start, .movie = movie,
	.rating = rating
};

static int32_t count[MOVIES];
static float of_movies[MOVIES];
static float of_users[USERS];
static double sum[MOVIES];

/* Every user rates every movie; the last is no train rating. */
static void
make(double scale, double offset)
{
	for (int user = 0; user < USERS; user++)
	{
		start[user] = user * MOVIES;
		n_rows[user] = MOVIES - 1;
		for (int i = 0; i < MOVIES; i++)
		{
			double		z = user / 25.0 - i / 10.0 + rng_uniform(1, user * MOVIES + i);

			movie[user * MOVIES + i] = i;
			rating[user * MOVIES + i] = (float) (offset + scale * z);
		}
	}
	start[USERS] = ROWS;
}

static Biases
fit(void)
{
	Biases		biases = {.count = count, .movie = of_movies, .user = of_users, .sum = sum};

	memset(of_movies, 0x55, sizeof(of_movies));
	memset(of_users, 0x55, sizeof(of_users));
	biases_fit(&biases, &ratings, n_rows, NULL);
	return biases;
}

static void
test_unit(double scale, double offset, double tolerance)
{
	float		plain_movies[MOVIES];
	float		plain_users[USERS];
	Biases		plain;
	Biases		biases;

	make(1, 0);
	plain = fit();
	memcpy(plain_movies, of_movies, sizeof(of_movies));
	memcpy(plain_users, of_users, sizeof(of_users));
	make(scale, offset);
	biases = fit();
	CHECK_NEAR((biases.mean - offset) / scale, plain.mean, tolerance);
	CHECK_NEAR(biases.deviation / scale, plain.deviation, tolerance);
	for (int i = 0; i < MOVIES; i++)
		CHECK_NEAR(of_movies[i], plain_movies[i], tolerance);
	for (int i = 0; i < USERS; i++)
		CHECK_NEAR(of_users[i], plain_users[i], tolerance);
	CHECK(of_movies[MOVIES - 1] == 0 && count[MOVIES - 1] == 0);
}

/* A step of one user is 1/25, of one movie 1/10, both damped. */
static void
test_planted(void)
{
	Biases		biases;

	make(1, 0);
	biases = fit();
	CHECK_NEAR((of_users[40] - of_users[0]) * biases.deviation, 40 / 25.0 * 39 / 49, 0.2);
	CHECK_NEAR((of_movies[0] - of_movies[20]) * biases.deviation, 20 / 10.0 * 50 / 55, 0.2);
	CHECK_NEAR(standardise((float) biases.mean, biases.mean, biases.deviation), 0, 1e-6);
}

static void
test_equal(void)
{
	Biases		biases;

	for (int i = 0; i < ROWS; i++)
		rating[i] = 7;
	biases = fit();
	CHECK(biases.mean == 7 && biases.deviation == 1);
	for (int i = 0; i < MOVIES; i++)
		CHECK(of_movies[i] == 0);
	memset(n_rows, 0, sizeof(n_rows));
	biases = fit();
	CHECK(biases.mean == 0 && biases.deviation == 1 && of_users[3] == 0);
}

int
main(void)
{
	test_unit(0.01, 0, 1e-5);
	test_unit(20, 1000, 1e-4);
	test_unit(1, 1e6, 0.02);	/* as far as a float tells ratings apart there */
	test_unit(1e-30, 0, 1e-5);
	test_unit(1e30, 0, 1e-5);
	test_planted();
	test_equal();
	return unit_finish();
}
