/*
 * statistics.h: what is counted before anything is learned.
 */
#ifndef MLREC_DATA_STATISTICS_H
#define MLREC_DATA_STATISTICS_H

#include "num/data/ratings.h"

/* A movie's mean is pulled to the mean of all ratings as if by so many ratings. */
#define MEAN_DAMPING 5.0f

/* Popularity is counted over this share of the train ratings, the latest ones. */
#define RECENT_SHARE 0.125

typedef struct MovieStatistics
{
	float		mean_rating;	/* of the train ratings */
	int32_t    *ratings;		/* [n_movies] train ratings */
	float	   *popularity;		/* [n_movies] ln(1 + likes), of the latest
								 * RECENT_SHARE of the train ratings those rated
								 * like_threshold or more */
	float	   *mean;			/* [n_movies] damped mean rating; the mean of all
								 * where there are no train ratings */
} MovieStatistics;

/*
 * Fills the caller's arrays from the train ratings.  check_interrupts is called now and then,
 * and may not return.
 */
extern void movie_statistics(MovieStatistics *movie_stats, const Ratings *ratings,
							 float like_threshold,
							 void (*check_interrupts) (void));

#endif							/* MLREC_DATA_STATISTICS_H */
