/*
 * history.h: what a user's earlier ratings say, pooled into a few numbers.
 *
 * Of the movies rated so far, with c their number and dev what the movie's bias
 * leaves of a rating (bias.h), in deviations:
 *
 *		g sum dev * E1[movie] / sqrt(c + 5),  g sum E2[movie] / sqrt(c + 5),
 *		sum dev / (c + 5),  ln(1 + c) / 5,  1 / sqrt(c + 5)
 *
 * where g is a stage's gain.  E1 | E2 is one row of the HISTORY table, so that a
 * movie is one place in memory.  The sums are running sums: within a batch, a history
 * that grows costs the movies that it grows by.  Between calls nothing is kept.  It is
 * the implicit and explicit feedback of SVD++ (Koren, KDD 2008) as the input of a
 * network.
 *
 * Beside it stands the user's bias, of which a rating counts even if its movie
 * says nothing else, since the model has not seen it.
 */
#ifndef MLREC_NET_HISTORY_H
#define MLREC_NET_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#define HISTORY_DAMPING 5.0f

/* Where ln(1 + c) / 5 stands, behind the sums. */
#define HISTORY_LOG_COUNT 1

typedef struct History
{
	const float *table;			/* [n_movies + 1][2 * width] */
	int32_t		width;
	float		gain;
	float	   *sum;			/* [2 * width], the caller's */
	float		deviations;		/* sum of dev */
	int32_t		count;
	float		residuals;		/* sum of dev of all, negative movies too */
	int32_t		rated;			/* how many these are */
} History;

/* An empty history; sum is the caller's [2 * width]. */
extern void history_begin(History *history, const float *table, int32_t width, float gain,
						  float *sum);

/*
 * Adds n movies: movie [n] are catalogue indices, deviation [n] in deviations.
 * Negative movies count for the user's bias alone.
 */
extern void history_add(History *history, const int32_t *movie, const float *deviation, int64_t n);

/*
 * The features: out [2 * width + HISTORY_SCALARS].  without: a movie that is
 * left out of the history, negative for none, and its deviation.
 */
extern void history_features(float *out, const History *history,
							 int32_t without, float without_deviation);

/* The user's bias, in deviations. */
extern float history_bias(const History *history);

/* The same without one of the ratings, whose deviation is given. */
extern float history_bias_without(const History *history, float without_deviation);

/* 1 / sqrt(count + damping): what the sums are scaled by, beside the gain. */
extern float history_scale(int32_t count);

/*
 * The way back to the table, dsum [2 * width]: dtable[movie] += coefficient * dsum,
 * where the coefficient is dev in the first half of a row and 1 in the second.
 * sign is +1, or -1 to take back.
 */
extern void history_backward(float *dtable, const float *dsum, int32_t width,
							 const int32_t *movie, const float *deviation, int64_t n, float sign);

#endif							/* MLREC_NET_HISTORY_H */
