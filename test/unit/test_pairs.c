/*
 * A pair of a user and a movie is rated the same, bit for bit, alone and among
 * others, in any place, with the halves of the first layer known or not, and with
 * one user for all movies or one for each.
 */
#include "gradient.h"

#include <stdlib.h>
#include <string.h>

#include "num/net/rank_pairs.h"

#define USERS 7
#define MOVIES 31
#define MOST 130

static FoldedRanker folded;
static float users[USERS * VECTOR_DIMS];
static float movies[MOVIES * VECTOR_DIMS];
static float user_halves[USERS * PAIR_HALF];
static float movie_halves[MOVIES * PAIR_HALF];

static void
set_up(void)
{
	fill_random((float *) &folded, sizeof(folded) / sizeof(float), 0.2f, 1);
	fill_random(users, USERS * VECTOR_DIMS, 1, 2);
	fill_random(movies, MOVIES * VECTOR_DIMS, 1, 3);
	pairs_user_halves(user_halves, &folded, users, USERS);
	pairs_movie_halves(movie_halves, &folded, movies, MOVIES);
}

/* What is said of user and movie of pair i, alone. */
static float
expected(int i)
{
	float		out;
	float	   *scratch = malloc(sizeof(float) * pairs_scratch(1));

	pairs_predict_vectors(&out, &folded, users + i % USERS * VECTOR_DIMS, 0,
						  movies + i % MOVIES * VECTOR_DIMS, 1, scratch);
	free(scratch);
	return out;
}

static void
check(int n, bool halves)
{
	RankPair	pairs[MOST];
	float		out[MOST + 1];
	float	   *scratch = malloc(sizeof(float) * pairs_scratch(n));

	for (int i = 0; i < n; i++)
	{
		pairs[i].user = users + i % USERS * VECTOR_DIMS;
		pairs[i].user_half = user_halves + i % USERS * PAIR_HALF;
		pairs[i].movie = movies + i % MOVIES * VECTOR_DIMS;
		pairs[i].movie_half = halves ? movie_halves + i % MOVIES * PAIR_HALF : NULL;
	}
	out[n] = 99;
	pairs_predict(out, &folded, pairs, n, scratch);
	for (int i = 0; i < n; i++)
		CHECK(out[i] == expected(i));
	CHECK(out[n] == 99);
	free(scratch);
}

/* The vectors themselves, in rows; with one_user the first user in all. */
static void
check_vectors(int n, bool one_user)
{
	static float some_users[MOST * VECTOR_DIMS];
	static float some_movies[MOST * VECTOR_DIMS];
	float		out[MOST + 1];
	float	   *scratch = malloc(sizeof(float) * pairs_scratch(n));

	for (int i = 0; i < n; i++)
	{
		memcpy(some_users + i * VECTOR_DIMS, users + i % USERS * VECTOR_DIMS,
			   sizeof(float) * VECTOR_DIMS);
		memcpy(some_movies + i * VECTOR_DIMS, movies + i % MOVIES * VECTOR_DIMS,
			   sizeof(float) * VECTOR_DIMS);
	}
	out[n] = 99;
	pairs_predict_vectors(out, &folded, some_users, one_user ? 0 : VECTOR_DIMS, some_movies, n,
						  scratch);
	for (int i = 0; i < n; i++)
		if (!one_user || i % USERS == 0)
			CHECK(out[i] == expected(i));
	CHECK(out[n] == 99);
	free(scratch);
}

int
main(void)
{
	set_up();
	for (int n = 0; n <= MOST; n++)
	{
		check(n, true);
		check(n, false);
		check_vectors(n, true);
		check_vectors(n, false);
	}
	return unit_finish();
}
