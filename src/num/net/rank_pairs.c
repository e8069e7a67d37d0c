/*
 * rank_pairs.c: see rank_pairs.h.
 */
#include "num/net/rank_pairs.h"

#include <string.h>

#include "num/base/cpu.h"
#include "num/base/simd.h"

void
pairs_user_halves(float *halves, const FoldedRanker *folded, const float *users, int n)
{
	for (int i = 0; i < n; i++)
		memcpy(halves + (int64_t) i * PAIR_HALF, folded->b1, sizeof(folded->b1));
	matmul(halves, PAIR_HALF, users, VECTOR_DIMS, folded->w1_user, n, VECTOR_DIMS, PAIR_HALF,
		   true);
}

void
pairs_movie_halves(float *halves, const FoldedRanker *folded, const float *movies, int n)
{
	matmul(halves, PAIR_HALF, movies, VECTOR_DIMS, folded->w1_movie, n, VECTOR_DIMS, PAIR_HALF,
		   false);
}

int64_t
pairs_scratch(int n)
{
	return (int64_t) n * (PAIR_HALF + RANKER_HIDDEN2 + RANKER_HIDDEN3);
}

/* h1 [n][PAIR_HALF] = relu(the sums of the halves); the movies' may be there. */
MULTIVERSION static void
add_halves(float *restrict h1, const RankPair *pairs, int n)
{
	for (int i = 0; i < n; i++, h1 += PAIR_HALF)
	{
		const float *restrict user = pairs[i].user_half;
		const float *restrict movie = pairs[i].movie_half;

		if (movie != NULL)
			for (int j = 0; j < PAIR_HALF; j++)
			{
				float		sum = movie[j] + user[j];

				h1[j] = sum > 0 ? sum : 0;
			}
		else
			for (int j = 0; j < PAIR_HALF; j++)
			{
				float		sum = h1[j] + user[j];

				h1[j] = sum > 0 ? sum : 0;
			}
	}
}

/* The last layer, and the wide part beside it, whose first numbers are biases. */
static float
add_up(const FoldedRanker *folded, const float *h3, const float *user, const float *movie)
{
	float		deep = simd_dot(h3, folded->w4, RANKER_HIDDEN3);
	float		wide = simd_dot(user, movie, VECTOR_DIMS) - user[0] * movie[0];

	return folded->b4 + deep + wide + user[0] + movie[0];
}

void
pairs_predict(float *out, const FoldedRanker *folded, const RankPair *pairs, int n, float *scratch)
{
	float	   *h1 = scratch;
	float	   *h2 = h1 + (int64_t) n * PAIR_HALF;
	float	   *h3 = h2 + (int64_t) n * RANKER_HIDDEN2;
	float	   *movies = h2;	/* [n][VECTOR_DIMS], needed before h2 is */

	if (n > 0 && pairs[0].movie_half == NULL)
	{
		for (int i = 0; i < n; i++)
			memcpy(movies + (int64_t) i * VECTOR_DIMS, pairs[i].movie,
				   sizeof(float) * VECTOR_DIMS);
		pairs_movie_halves(h1, folded, movies, n);
	}
	add_halves(h1, pairs, n);
	ranker_layers(h3, h2, h1, folded, n);
	for (int i = 0; i < n; i++)
		out[i] = add_up(folded, h3 + (int64_t) i * RANKER_HIDDEN3, pairs[i].user, pairs[i].movie);
}
