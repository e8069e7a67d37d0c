/*
 * dataset.h: the three input relations as packed columns, encoded and split.
 */
#ifndef MLREC_DATA_DATASET_H
#define MLREC_DATA_DATASET_H

#include "num/data/ratings.h"
#include "num/data/split.h"
#include "pg/data/encode.h"

/* What dataset_warn has to tell */
typedef struct DatasetFacts
{
	Oid			ratings;
	Oid			movies;
	Oid			users;
	bool		has_ratings;	/* there is a column of ratings, or else of events */
	bool		has_times;		/* there is a column of times */
	bool		timeless;		/* there is none, or all times are equal */
	int64		second;			/* in the units of the times */
	double		tie_share;		/* of SplitPlan */
	int64		n_unlisted;		/* movies rated but without a row in movies */
	int64		n_replaced;		/* ratings left out since the user rated the movie
								 * again later; events that add to an earlier one */
	int32		n_genres_found;
	GenreSeparators separators;
	int32		n_values_found[N_ATTRIBUTES];
} DatasetFacts;

typedef struct Dataset
{
	Ratings		ratings;
	const int16 *year;			/* [n_movies], 0: unknown */

	const char *names;			/* in UTF-8, NUL-terminated: the genres in order of
								 * their flags, then the values of gender, age and
								 * occupation in order of their codes */
	Size		names_length;	/* in bytes, with all the NULs */

	float		mean_rating;	/* of the train ratings */
	float		min_rating;		/* of the training rows */
	float		max_rating;
	float		min_year;		/* of the movies with training rows */
	float		max_year;
	float		median_year;	/* of the same movies, for those without a year */
	RatingKey	boundary;		/* the last training row by (time, user, movie) */

	bool		random;			/* the split is, as asked for or since there are no times */
	DatasetFacts facts;
} Dataset;

/*
 * Reads the relations as the invoker, under the active snapshot, into the
 * current memory context.  movies and users may be InvalidOid.  Ratings without
 * times are split at random, whatever the options say, unless they have the
 * boundary of a stored model.  Refuses with
 * ERRCODE_PROGRAM_LIMIT_EXCEEDED as soon as the data cannot fit into
 * memory_limit bytes (0: no limit).
 */
extern Dataset *dataset_load(Oid ratings, Oid movies, Oid users,
							 const SplitOptions *options, Size memory_limit);

/*
 * Splits the same rows anew, for instance to fit on the validation rows too.
 * Everything that depends on the split follows in place; names do not change,
 * so test_fraction must not either.
 */
extern void dataset_resplit(Dataset *dataset, const SplitOptions *options);

/*
 * Raises a NOTICE for what the ratings do not tell: what was thought of movies,
 * where they are taken as events; when, where there are no times or many are the
 * same; movies, where there is no relation.  Raises a WARNING each for movies
 * without a row in movies, for ratings that were left out, and for categories with
 * more values than are told apart.
 * dataset_load itself is silent, so that evaluating does not warn again.
 */
extern void dataset_warn(const Dataset *dataset);

#endif							/* MLREC_DATA_DATASET_H */
