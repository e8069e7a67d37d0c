/*
 * movie_features.h: a movie's features: its genres and its year.
 */
#ifndef MLREC_DATA_MOVIE_FEATURES_H
#define MLREC_DATA_MOVIE_FEATURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_YEAR 9999

/* The years of the movies that training knows; all 0 when no year is known */
typedef struct YearScale
{
	float		min_year;
	float		max_year;
	float		median_year;
} YearScale;

/*
 * The next genre of a list separated by '|', without the spaces around it.  Empty
 * ones are passed over, and so is the mark for a movie without genres.  Returns
 * false at the end of the list; *cursor goes along with it.
 */
extern bool next_genre(const char **cursor, const char *end, const char **genre, size_t *length);

/*
 * Range and median of the known years, year[n] with 0 for unknown, of the movies
 * with trained[n]; of all movies if no trained one has a year.
 */
extern void year_scale(YearScale *scale, const int16_t *year, const uint8_t *trained, int32_t n);

/*
 * The year as the networks see it, in [0, 1]; year 0 stands for unknown.
 */
static inline float
year_feature(const YearScale *scale, float year)
{
	float		range = scale->max_year - scale->min_year;
	float		x = (year > 0 ? year : scale->median_year) - scale->min_year;

	if (!(x > 0) || !(range > 0))
		return 0;
	return x < range ? x / range : 1;
}

#endif							/* MLREC_DATA_MOVIE_FEATURES_H */
