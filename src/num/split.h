/*
 * split.h: ratings grouped by user, put in order and split into the parts
 * that training fits on, validates with and is tested on.
 */
#ifndef SPLIT_H
#define SPLIT_H

#include <stdbool.h>
#include <stdint.h>

/* A place in the order of (time, user, movie), which has no ties */
typedef struct RowPlace
{
	int64_t		time;
	int64_t		user_id;
	int64_t		movie_id;
} RowPlace;

typedef struct SplitOptions
{
	double		test_fraction;	/* of all rows, 0 to below 1 */
	double		validation_fraction;	/* of the training rows, 0 to below 1 */
	bool		random;			/* a seeded choice of rows instead of the latest */
	uint64_t	seed;			/* of the random split */
	bool		refit;			/* validation rows are fit rows as well */
	bool		has_boundary;	/* chronological split of a stored model: ... */
	RowPlace	boundary;		/* ... the last training row, in place of
								 * test_fraction */
} SplitOptions;

/*
 * All ratings, user by user.  Movies and users are indices into the ascending
 * lists of ids.  The arrays are the caller's.
 */
typedef struct RowTable
{
	int32_t		n_users;
	int32_t		n_movies;
	int64_t		n_rows;
	const int64_t *user_ids;	/* [n_users], ascending */
	const int64_t *movie_ids;	/* [n_movies], ascending */

	int64_t    *start;			/* [n_users + 1], first row of each user */
	int64_t    *time;			/* [n_rows] */
	int32_t    *movie;			/* [n_rows] */
	float	   *rating;			/* [n_rows] */

	int32_t    *n_fit;			/* [n_users], as in ratings.h */
	int32_t    *n_train;		/* [n_users] */
	int32_t    *prefix;			/* [n_rows] */
} RowTable;

/* One row of a user while they are being put in order */
typedef struct UserRow
{
	int64_t		time;
	int32_t		movie;
	float		rating;
} UserRow;

/* Where the parts end; made by split_plan, used by split_user */
typedef struct SplitPlan
{
	SplitOptions options;
	int64_t		n_train;		/* chronological split: rows in the part */
	int64_t		n_fit;
	RowPlace	last_train;		/* their last rows, if there are any */
	RowPlace	last_fit;
} SplitPlan;

/* What is known of the training rows once every user is split */
typedef struct SplitSummary
{
	int64_t		n_fit;
	int64_t		n_train;
	double		mean_rating;	/* of the fit rows, 0 without any */
	float		min_rating;		/* of the training rows, 0 without any */
	float		max_rating;
	RowPlace	last_train;		/* the latest training row */
} SplitSummary;

extern void rows_count(int64_t *start, const int32_t *user, int64_t n);
extern void rows_open(RowTable *table);
extern void rows_place(RowTable *table, const int32_t *user, const int32_t *movie,
					   const float *rating, const int64_t *time, int64_t n);
extern void rows_close(RowTable *table);
extern int64_t rows_longest(const RowTable *table);
extern int32_t rows_order_user(const RowTable *table, int32_t user, UserRow *scratch,
							   int32_t *last_seen, int64_t *end);

extern void split_plan(SplitPlan *plan, const RowTable *table, const SplitOptions *options);
extern void split_user(RowTable *table, const SplitPlan *plan, int32_t user, UserRow *scratch);
extern void split_summary(SplitSummary *summary, const RowTable *table, uint8_t *trained);

#endif							/* SPLIT_H */
