/*
 * bias.h: how much higher than usual a movie is rated, and a user rates.
 *
 * A rating is standardised: z = (rating - mean) / deviation.  Then z is about
 * movie bias + user bias, each the damped mean of what the other leaves over, by
 * alternating least squares (Koren, Factor in the neighbors, 2010, section 2.1).
 * It is the base of every prediction and the baseline `bias`.  The dampings count
 * ratings, so neither depends on the unit of the ratings.
 */
#ifndef MLREC_DATA_BIAS_H
#define MLREC_DATA_BIAS_H

#include "num/data/ratings.h"

/* A bias is pulled to 0 as if by so many ratings. */
#define BIAS_MOVIE_DAMPING 5
#define BIAS_USER_DAMPING 10

/* All biases are in deviations. */
typedef struct Biases
{
	double		mean;			/* of the ratings; 0 without any */
	double		deviation;		/* their standard deviation; 1 where they are equal */
	int32_t    *count;			/* [n_movies] ratings */
	float	   *movie;			/* [n_movies], 0 without ratings */
	float	   *user;			/* [n_users], 0 without ratings */
	double	   *sum;			/* [n_movies], work space */
} Biases;

/*
 * Fits all of them to the first n_rows[user] ratings of each user: n_rows is
 * n_train or n_trainval of ratings.h.  check_interrupts may be NULL, or not
 * return.
 */
extern void biases_fit(Biases *biases, const Ratings *ratings, const int32_t *n_rows,
					   void (*check_interrupts) (void));

/* A rating in deviations from the mean. */
static inline float
standardise(float rating, double mean, double deviation)
{
	return (float) ((rating - mean) / deviation);
}

/* A user's bias from `count` ratings whose sum, less the movies' biases, is `residuals`. */
static inline float
user_bias(float residuals, int32_t count)
{
	return residuals / (count + BIAS_USER_DAMPING);
}

#endif							/* MLREC_DATA_BIAS_H */
