/*
 * rank_pairs.h: predicted ratings of pairs of a user and a movie, in deviations
 * from the mean (bias.h).
 *
 * The first layer of the ranker is the sum of a half that depends on the user
 * and one that depends on the movie.  Where each takes part in many pairs the
 * halves are computed once, and a pair only adds them: more than a quarter less
 * arithmetic.  And the pairs of several users go through the other layers
 * together, so that a matrix product finds some hundred rows to work on.
 *
 * The prediction of a pair has the same bits whichever way it is asked for and
 * whatever is asked beside it (dense.h).
 */
#ifndef MLREC_NET_RANK_PAIRS_H
#define MLREC_NET_RANK_PAIRS_H

#include "num/net/ranker.h"

/* A half of the first layer, in floats */
#define PAIR_HALF RANKER_HIDDEN1

/* Pairs at a time, more or less: their activations should fit a second level cache. */
#define PAIR_ROWS 256

typedef struct RankPair
{
	const float *user;			/* [VECTOR_DIMS], ranking vector */
	const float *user_half;		/* [PAIR_HALF] */
	const float *movie;			/* [VECTOR_DIMS], ranking vector */
	const float *movie_half;	/* [PAIR_HALF]; NULL: of no pair */
} RankPair;

/* Halves [n][PAIR_HALF] of ranking vectors [n][VECTOR_DIMS]. */
extern void pairs_user_halves(float *halves, const FoldedRanker *folded, const float *users, int n);
extern void pairs_movie_halves(float *halves, const FoldedRanker *folded, const float *movies,
							   int n);

/* out [n] = predicted ratings.  scratch: pairs_scratch(n) floats. */
extern int64_t pairs_scratch(int n);
extern void pairs_predict(float *out, const FoldedRanker *folded, const RankPair *pairs, int n,
						  float *scratch);

/*
 * The same from the vectors alone.  users: those of VECTOR_DIMS floats,
 * user_stride apart, which is VECTOR_DIMS, or 0 for the same user in all pairs;
 * movies [n][VECTOR_DIMS].
 */
extern void pairs_predict_vectors(float *out, const FoldedRanker *folded, const float *users,
								  int user_stride, const float *movies, int n, float *scratch);

#endif							/* MLREC_NET_RANK_PAIRS_H */
