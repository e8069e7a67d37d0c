/*
 * rating_table.h: ratings grouped by user and put in order.
 */
#ifndef MLREC_DATA_RATING_TABLE_H
#define MLREC_DATA_RATING_TABLE_H

#include <stdint.h>

/*
 * All ratings, user by user.  Movies and users are indices into the ascending
 * lists of ids.  The arrays are the caller's.
 */
typedef struct RatingTable
{
	int32_t		n_users;
	int32_t		n_movies;
	int64_t		n_rows;
	const int64_t *user_ids;	/* [n_users], ascending */
	const int64_t *movie_ids;	/* [n_movies], ascending */

	int64_t    *start;			/* [n_users + 1], first row of each user */
	int64_t    *time;			/* [n_rows] */
	int32_t    *movie;			/* [n_rows] */
	float	   *rating;			/* [n_rows], or the weights of events */

	int32_t    *n_train;		/* [n_users], as in ratings.h */
	int32_t    *n_trainval;		/* [n_users] */
	int32_t    *prefix;			/* [n_rows] */
} RatingTable;

/* One row of a user while they are being put in order */
typedef struct UserRating
{
	int64_t		time;
	uint64_t	tie_order;		/* rating_tie_order of the row */
	int32_t		movie;
	float		rating;
} UserRating;

/*
 * What orders the ratings of a user that are of one time: a hash of user and
 * movie, the same wherever and whenever it is asked for.  Ids would order by
 * something that means something, such as the age of the movie.
 */
extern uint64_t rating_tie_order(int64_t user_id, int64_t movie_id);

/* Adds the rows user[n] to start[n_users], which begins as zeros. */
extern void rows_count(int64_t *start, const int32_t *user, int64_t n);

/* Turns counts into first rows. */
extern void rows_open(RatingTable *table);

/*
 * Puts n rows into their users' ranges.  Meanwhile start[u] is the next free row
 * of user u.
 */
extern void rows_place(RatingTable *table, const int32_t *user, const int32_t *movie,
					   const float *rating, const int64_t *time, int64_t n);

/* Once all rows have been placed: start[u] is the first row of u again. */
extern void rows_close(RatingTable *table);

/* The most rows that one user has, from the first row of each: start [n_users + 1]. */
extern int64_t rows_longest(const int64_t *start, int32_t n_users);

/*
 * Puts the rows of one user in order and drops all but the latest of several
 * ratings of one movie; returns how many were dropped.
 *
 * To be called for each user in turn.  *end is the number of rows kept so far; the
 * user's rows move there.  The scratch has room for twice as many rows as any user
 * has; last_seen[n_movies] begins as zeros.
 */
extern int32_t rows_order_user(RatingTable *table, int32_t user, UserRating *scratch,
							   int32_t *last_seen, int64_t *end);

/* An event that is not the first of its user and movie */
typedef struct RepeatedEvent
{
	int64_t		time;
	int32_t		user;
	int32_t		movie;
	float		weight;
} RepeatedEvent;

/*
 * Like rows_order_user for events: keeps the first of a user and a movie, and
 * moves the later ones to repeated, which has room for all rows of the user.
 * Returns how many these are.
 */
extern int32_t rows_order_events(RatingTable *table, int32_t user, UserRating *scratch,
								 int32_t *last_seen, int64_t *end, RepeatedEvent *repeated);

/*
 * Adds the weights of the repeated events [n], which are in order of users, up to
 * the time last to those of the first ones.  row_of [n_movies] is work space.
 */
extern void rows_add_repeated(RatingTable *table, const RepeatedEvent *repeated, int64_t n,
							  int64_t last, int64_t *row_of);

/*
 * Copies a user's rows, in order, to the front of the scratch, which has room for
 * twice as many.  Returns their number.
 */
extern int64_t rows_take_user(UserRating *scratch, const RatingTable *table, int32_t user);

static inline void
rows_put(RatingTable *table, int64_t at, const UserRating *row)
{
	table->time[at] = row->time;
	table->movie[at] = row->movie;
	table->rating[at] = row->rating;
}

#endif							/* MLREC_DATA_RATING_TABLE_H */
