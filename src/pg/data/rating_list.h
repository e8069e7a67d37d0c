/*
 * rating_list.h: ratings as they stream in, with codes in place of ids.
 */
#ifndef MLREC_DATA_RATING_LIST_H
#define MLREC_DATA_RATING_LIST_H

#include "num/base/idmap.h"
#include "pg/data/input.h"

/* Columns of RatingList, behind user_id and movie_id */
enum
{
	RATING_COLUMN = 2,
	TIME_COLUMN,
	WEIGHT_COLUMN,
	N_RATING_COLUMNS
};

/* Bytes of a rating in the list, and while it is moved to columns of the same size */
#define RATING_BYTES (2 * sizeof(int32) + 2 * sizeof(float) + sizeof(int64))
#define RATING_PEAK_BYTES (2 * RATING_BYTES)

typedef struct RatingList
{
	Oid			relation;
	InputColumn column[N_RATING_COLUMNS];
	Size		memory_limit;	/* bytes, at RATING_PEAK_BYTES each; 0: none */
	IdMap		users;
	IdMap	   *movies;
	int64		n;
	int64		capacity;
	int32	   *user;			/* [n], codes */
	int32	   *movie;			/* [n], codes */
	float	   *rating;			/* [n]; of events their weights, after ratings_read */
	int64	   *time;			/* [n]; 0 where there is no column of times */
	float	   *weight;			/* [n]; NULL where there is no column of weights */
	char	   *bad_weight;		/* the first row with a weight that is none, NULL */

	/* set by ratings_read */
	bool		events;			/* there is no column of ratings, or all are equal */
	float		event_rating;	/* the rating of every event, 1 without a column */
	bool		timeless;		/* there is no column of times, or all are equal */
	int64		latest;			/* the largest time */
} RatingList;

/*
 * Checks the relation's columns.  The list lives in the current memory context;
 * ids of movies get their codes in `movies`, after those that are there.
 */
extern RatingList *ratings_open(Oid relation, IdMap *movies, Size memory_limit);

/*
 * Reads the ratings.  Raises an error if there are none, and for a row that
 * nothing can be learned from: a null, a rating or a time that is not finite, a
 * weight of an event that is not positive and finite.
 */
extern void ratings_read(RatingList *list);

#endif							/* MLREC_DATA_RATING_LIST_H */
