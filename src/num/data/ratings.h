/*
 * ratings.h: the training data as the networks see it.
 *
 * A row is a rating, or an event without one, such as a purchase: then a user and a
 * movie have one row, at the time of the first, however often there was one.
 *
 * Rows are kept user by user, and within a user in the order in which their
 * ratings may become known: train ratings first, then validation rows, then test
 * rows, each part by (time, tie order of rating_table.h).  With a chronological
 * split that is plain time order.  The order makes every history a prefix: a row's history, under
 * any protocol, is the first so many rows of its user.
 *
 *	 user u:	[ train ratings ....... | validation rows . | test rows .... ]
 *			   ^start[u]		   ^+n_train[u]		   ^+n_trainval[u]    ^start[u+1]
 */
#ifndef MLREC_DATA_RATINGS_H
#define MLREC_DATA_RATINGS_H

#include <stdbool.h>
#include <stdint.h>

#define N_ATTRIBUTES 3			/* gender, age, occupation */

typedef struct Ratings
{
	int32_t		n_users;		/* users with at least one rating */
	int32_t		n_movies;		/* the catalogue: listed or rated movies */
	int32_t		n_genres;
	int32_t		n_values[N_ATTRIBUTES]; /* known values of each attribute */
	int64_t		n_rows;
	int64_t		n_train_rows;
	int64_t		n_trainval_rows;	/* fit and validation */
	bool		leave_one_out;	/* random split: a train rating's history is all
								 * other train ratings of its user, not a prefix */

	const int64_t *user_ids;	/* [n_users], ascending */
	const int64_t *movie_ids;	/* [n_movies], ascending */

	/* rows, user by user */
	const int64_t *start;		/* [n_users + 1] */
	const int32_t *n_train;		/* [n_users] */
	const int32_t *n_trainval;	/* [n_users], train and validation */
	const int32_t *movie;		/* [n_rows], index into the catalogue */
	const float *rating;		/* [n_rows]; of events all the same */
	const float *weight;		/* [n_rows] of events: ln(1 + w), where w is the sum
								 * of the weights of what the user did with the movie
								 * up to the end of the training part; NULL if the
								 * ratings are no events */
	int64_t		day;			/* in the unit of time; 0: times are not known */
	const int64_t *time;		/* [n_rows], rated_at as stored: microseconds since
								 * 2000 of a timestamp, or the integer itself */
	int64_t		second;			/* a second in the units of time; 0: the order of a
								 * user's ratings is not known */
	const int32_t *prefix;		/* [n_rows], how many rows of this user are known
								 * before this one: those of strictly earlier
								 * time (chronological split), in the training part
								 * perhaps those before it in the order of split.h, as
								 * where each user's last row is left out,
								 * or all train ratings (random split) */

	/* features */
	const uint8_t *attribute;	/* [n_users * N_ATTRIBUTES], 0 is unknown, else
								 * 1 + index of the value */
	const float *movie_features;	/* [n_movies * (n_genres + 1)]: genre flags
									 * 0 or 1, then the year scaled to [0, 1] */
	const uint8_t *movie_listed;	/* [n_movies], 1: has a row in movies */
} Ratings;

/* Whether what a user has rated last is known beside what they have rated. */
static inline bool
ratings_in_order(const Ratings *ratings)
{
	return ratings->second > 0 && !ratings->leave_one_out;
}

/* Seconds between two times, which may be far apart. */
static inline double
ratings_seconds(const Ratings *ratings, int64_t from, int64_t to)
{
	return ((double) to - (double) from) / (double) ratings->second;
}

/* What a row says in a history: the rating, or the weight of an event. */
static inline const float *
row_values(const Ratings *ratings)
{
	return ratings->weight ? ratings->weight : ratings->rating;
}

static inline float
row_value(const Ratings *ratings, int64_t row)
{
	return row_values(ratings)[row];
}

#endif							/* MLREC_DATA_RATINGS_H */
