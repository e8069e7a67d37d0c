/*
 * Pairs of many users and movies are rated as the ranker rates them one user at
 * a time, with the movies' halves of the first layer known or not.
 */
#include "gradient.h"

#include <stdlib.h>

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

/* What the ranker says of user and movie of pair i. */
static float
expected(int i)
{
	float		out;
	float	   *scratch = malloc(sizeof(float) * ranker_scratch(1));

	ranker_predict(&out, &folded, users + i % USERS * VECTOR_DIMS, 0,
				   movies + i % MOVIES * VECTOR_DIMS, 1, scratch);
	free(scratch);
	return out;
}

static void
check(int n, bool halves)
{
	RankPair	pairs[MOST];
	float		out[MOST + 1];
	float	   *scratch = malloc(sizeof(float) * pairs_scratch(n) + 1);

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
		CHECK_NEAR(out[i], expected(i), 1e-4 * (1 + fabsf(expected(i))));
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
	}
	return unit_finish();
}
