/*
 * rank_pairs.c: see rank_pairs.h.
 *
 * Compiled with sums in the order in which they are written, see num.mk.
 */
#include "num/net/rank_pairs.h"

#include <string.h>

#include "num/base/cpu.h"
#include "num/net/dense.h"

void
pairs_user_halves(float *halves, const FoldedRanker *folded, const float *users, int n)
{
	DenseLayer	layer = dense_packed_layer(folded->w1_user, folded->b1, VECTOR_DIMS, PAIR_HALF,
										   false);

	dense_forward(halves, PAIR_HALF, users, &layer, n);
}

void
pairs_movie_halves(float *halves, const FoldedRanker *folded, const float *movies, int n)
{
	DenseLayer	layer = dense_packed_layer(folded->w1_movie, NULL, VECTOR_DIMS, PAIR_HALF, false);

	dense_forward(halves, PAIR_HALF, movies, &layer, n);
}

int64_t
pairs_scratch(int n)
{
	return (int64_t) n * (PAIR_HALF + RANKER_HIDDEN2 + RANKER_HIDDEN3) + PAIR_HALF;
}

/* How many pairs ahead a movie's numbers are asked for, which lie about in memory. */
#define AHEAD 4

/* h1 [n][PAIR_HALF] = relu(the sums of the halves) */
MULTIVERSION static void
add_halves(float *restrict h1, const RankPair *pairs, int n)
{
	for (int i = 0; i < n; i++, h1 += PAIR_HALF)
	{
		const float *restrict user = pairs[i].user_half;
		const float *restrict movie = pairs[i].movie_half;

		if (i + AHEAD < n)
			prefetch(pairs[i + AHEAD].movie_half, sizeof(float) * PAIR_HALF);
		for (int j = 0; j < PAIR_HALF; j++)
		{
			float		sum = movie[j] + user[j];

			h1[j] = sum > 0 ? sum : 0;
		}
	}
}

/*
 * h1 [n][PAIR_HALF] = relu(the movies' halves + users), one user's half for all
 * or, add_stride apart, one for each; users may be h1.
 */
static void
first_layer(float *h1, const FoldedRanker *folded, const float *movies, const float *users,
			int add_stride, int n)
{
	DenseLayer	layer = dense_packed_layer(folded->w1_movie, users, VECTOR_DIMS, PAIR_HALF, true);

	layer.add_stride = add_stride;
	dense_forward(h1, PAIR_HALF, movies, &layer, n);
}

/* The second and third layer: h3 [n][RANKER_HIDDEN3]; h2 is work space. */
static void
later_layers(float *h3, float *h2, const float *h1, const FoldedRanker *folded, int n)
{
	DenseLayer	second = dense_packed_layer(folded->w2, folded->b2, RANKER_HIDDEN1,
											RANKER_HIDDEN2, true);
	DenseLayer	third = dense_packed_layer(folded->w3, folded->b3, RANKER_HIDDEN2,
										   RANKER_HIDDEN3, true);

	dense_forward(h2, RANKER_HIDDEN2, h1, &second, n);
	dense_forward(h3, RANKER_HIDDEN3, h2, &third, n);
}

/* The last layer, and the wide part beside it, whose first numbers are biases. */
static inline float
add_up(const FoldedRanker *folded, const float *h3, const float *user, const float *movie)
{
	float		sum = dense_dot2(h3, folded->w4, user, movie);

	return folded->share * (folded->b4 + (sum - user[0] * movie[0])) + (user[0] + movie[0]);
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
		{
			memcpy(movies + (int64_t) i * VECTOR_DIMS, pairs[i].movie,
				   sizeof(float) * VECTOR_DIMS);
			memcpy(h1 + (int64_t) i * PAIR_HALF, pairs[i].user_half, sizeof(float) * PAIR_HALF);
		}
		first_layer(h1, folded, movies, h1, PAIR_HALF, n);
	}
	else
		add_halves(h1, pairs, n);
	later_layers(h3, h2, h1, folded, n);
	for (int i = 0; i < n; i++)
	{
		if (i + AHEAD < n)
			prefetch(pairs[i + AHEAD].movie, sizeof(float) * VECTOR_DIMS);
		out[i] = add_up(folded, h3 + (int64_t) i * RANKER_HIDDEN3, pairs[i].user, pairs[i].movie);
	}
}

void
pairs_predict_vectors(float *out, const FoldedRanker *folded, const float *users,
					  int user_stride, const float *movies, int n, float *scratch)
{
	float	   *h1 = scratch;
	float	   *h2 = h1 + (int64_t) n * PAIR_HALF;
	float	   *h3 = h2 + (int64_t) n * RANKER_HIDDEN2;
	float	   *half = h3 + (int64_t) n * RANKER_HIDDEN3;

	if (user_stride == 0)
	{
		pairs_user_halves(half, folded, users, 1);
		first_layer(h1, folded, movies, half, 0, n);
	}
	else
	{
		pairs_user_halves(h1, folded, users, n);
		first_layer(h1, folded, movies, h1, PAIR_HALF, n);
	}
	later_layers(h3, h2, h1, folded, n);
	for (int i = 0; i < n; i++)
		out[i] = add_up(folded, h3 + (int64_t) i * RANKER_HIDDEN3,
						users + (int64_t) i * user_stride, movies + (int64_t) i * VECTOR_DIMS);
}
