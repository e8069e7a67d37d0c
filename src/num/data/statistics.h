/*
 * statistics.h: what is counted before anything is learned.
 */
#ifndef MLREC_DATA_STATISTICS_H
#define MLREC_DATA_STATISTICS_H

#include "num/data/bias.h"
#include "num/data/ratings.h"

/*
 * Popularity is counted over this share of the train ratings, the latest ones, or over
 * so many ratings for each movie if that is more: of few ratings an eighth says little.
 */
#define RECENT_SHARE 0.125
#define RECENT_PER_MOVIE 25

typedef struct MovieStatistics
{
	double		mean_rating;	/* of the train ratings */
	double		deviation;		/* their standard deviation, as in bias.h */
	int32_t    *ratings;		/* [n_movies] train ratings */
	float	   *popularity;		/* [n_movies] ln(1 + likes), of the latest
								 * train ratings those rated like_threshold or more */
	float	   *bias;			/* [n_movies] in deviations; 0 where there are no
								 * train ratings */
	float	   *user_bias;		/* [n_users] what the movies' biases are fitted
								 * beside; of no use afterwards */
	double	   *sum;			/* [n_movies] work space */
} MovieStatistics;

/*
 * Fills the caller's arrays from the train ratings.  check_interrupts is called now
 * and then, and may not return.
 */
extern void movie_statistics(MovieStatistics *movie_stats, const Ratings *ratings,
							 float like_threshold,
							 void (*check_interrupts) (void));

/*
 * The smallest of the train ratings that is at or above their mean; 0 without any.
 * From there on a rating is a like unless told otherwise: half or less of what a
 * user rates, on any scale.
 */
extern float default_like_threshold(const Ratings *ratings);

/* The share of the train ratings from a threshold on, 0 to 1; 0 without any. */
extern double like_share(const Ratings *ratings, float like_threshold);

#endif							/* MLREC_DATA_STATISTICS_H */
