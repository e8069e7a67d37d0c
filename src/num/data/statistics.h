/*
 * statistics.h: what is counted before anything is learned.
 */
#ifndef MLREC_DATA_STATISTICS_H
#define MLREC_DATA_STATISTICS_H

#include "num/data/ratings.h"

/* A film's mean is pulled to the mean of all ratings as if by so many ratings. */
#define MEAN_DAMPING 5.0f

/* Popularity is counted over this share of the fit rows, the latest ones. */
#define RECENT_SHARE 0.125

typedef struct FilmStatistics
{
	float		mean_rating;	/* of the fit rows */
	int32_t    *ratings;		/* [n_movies] fit rows */
	float	   *popularity;		/* [n_movies] ln(1 + likes), of the latest
								 * RECENT_SHARE of the fit rows those rated
								 * like_threshold or more */
	float	   *mean;			/* [n_movies] damped mean rating; the mean of all
								 * where there are no fit rows */
} FilmStatistics;

/*
 * Fills the caller's arrays from the fit rows.  tick is called now and then,
 * and may not return.
 */
extern void film_statistics(FilmStatistics *films, const Ratings *ratings, float like_threshold,
							void (*tick) (void));

#endif							/* MLREC_DATA_STATISTICS_H */
