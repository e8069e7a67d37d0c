/*
 * baselines.h: the simple predictors that a network has to beat.
 *
 * All are fitted on the training part (fit and validation rows):
 *
 *	popularity	how many liked a movie
 *	item mean	mean + sum of (rating - mean) / (n + BIAS_MOVIE_DAMPING)
 *	bias		mean + deviation * (user bias + movie bias), see bias.h
 */
#ifndef MLREC_EVAL_BASELINES_H
#define MLREC_EVAL_BASELINES_H

#include "num/base/arena.h"
#include "num/data/bias.h"
#include "num/data/ratings.h"

typedef struct Baselines
{
	Biases		biases;
	float	   *likes;			/* [n_movies], of these at or above the threshold */
	float	   *raw_mean;		/* [n_movies], 0 for a movie without ratings */
	float	   *item_mean;		/* [n_movies], damped */
} Baselines;

/* Takes the arrays from the arena (which may only measure). */
extern void baselines_take(Baselines *baselines, const Ratings *ratings, Arena *arena);

/* Fits all of them; baselines has its arrays. */
extern void baselines_fit(Baselines *baselines, const Ratings *ratings, float like_threshold);

/*
 * Predictions of the bias model for the test rows of one user, in their order
 * and not clamped.  Static: the user's bias is that of the training part.
 * Live: it is that of all rows known before each row, ratings->prefix of them;
 * the movies' biases stay.
 */
extern void baselines_bias_static(const Baselines *baselines, const Ratings *ratings, int32_t user,
								  float *out);
extern void baselines_bias_live(const Baselines *baselines, const Ratings *ratings, int32_t user,
								float *out);

#endif							/* MLREC_EVAL_BASELINES_H */
