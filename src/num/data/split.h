/*
 * split.h: ratings split into the parts that training fits on, validates with
 * and is tested on.
 */
#ifndef MLREC_DATA_SPLIT_H
#define MLREC_DATA_SPLIT_H

#include <stdbool.h>
#include <stdint.h>

#include "num/data/rating_table.h"

/* What rows are ordered by: (time, user, movie), which has no ties */
typedef struct RatingKey
{
	int64_t		time;
	int64_t		user_id;
	int64_t		movie_id;
} RatingKey;

typedef struct SplitOptions
{
	double		test_fraction;	/* of all rows, 0 to below 1 */
	double		validation_fraction;	/* of the training rows, 0 to below 1 */
	bool		random;			/* a seeded choice of rows instead of the latest */
	bool		leave_last;		/* each user's last row is a test row, and the one before,
								 * of three or more, a validation row: the split of much
								 * of the literature.  It looks into the future of those
								 * who were last seen early. */
	uint64_t	seed;			/* of the random split */
	bool		refit;			/* validation rows are train ratings as well */
	bool		has_boundary;	/* chronological split of a stored model: ... */
	RatingKey	boundary;		/* ... the last training row, in place of
								 * test_fraction */
} SplitOptions;

/*
 * Where a training row has the time of more than this share of its user's others,
 * on average, their order (rating_tie_order) stands for the one that is not known:
 * each has those before it as its history.  Else the history is what is strictly
 * earlier, as it always is in the test part.  Few ties are better left alone: what
 * is rated within one second, a page at a time, is rated without knowing the rest.
 */
#define MAX_TIE_SHARE 0.1

/* Where the parts end; made by split_plan, used by split_user */
typedef struct SplitPlan
{
	SplitOptions options;
	int64_t		n_trainval;		/* chronological split: rows in the part */
	int64_t		n_train;
	RatingKey	last_trainval;	/* their last rows, if there are any */
	RatingKey	last_train;
	double		tie_share;		/* of the other training rows of its user, those that
								 * have the time of a row, on average; 0 of a random
								 * split */
} SplitPlan;

/* What is known of the training rows once every user is split */
typedef struct SplitSummary
{
	int64_t		n_train;
	int64_t		n_trainval;
	double		mean_rating;	/* of the train ratings, 0 without any */
	float		min_rating;		/* of the training rows, 0 without any */
	float		max_rating;
	RatingKey	last_trainval;	/* the latest training row */
} SplitSummary;

/* Whether a comes after b. */
extern bool rating_key_after(const RatingKey *a, const RatingKey *b);

/*
 * Finds where the parts end.  The rows are in the order that rows_order_user left
 * them in, or were split in the same way (random or not) before.
 */
extern void split_plan(SplitPlan *plan, const RatingTable *table, const SplitOptions *options);

/*
 * Sets n_train, n_trainval and the prefixes of one user, and moves their rows into
 * the order of ratings.h.  The scratch is as for rows_order_user.
 */
extern void split_user(RatingTable *table, const SplitPlan *plan, int32_t user,
					   UserRating *scratch);

/*
 * Counts and bounds of the training rows, by ratings [n_rows]; trained[n_movies]
 * becomes 1 for the movies that have any, else 0.
 */
extern void split_summary(SplitSummary *summary, const float *rating, const RatingTable *table,
						  uint8_t *trained);

#endif							/* MLREC_DATA_SPLIT_H */
