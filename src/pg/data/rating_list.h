/*
 * rating_list.h: ratings as they stream in, with codes in place of ids.
 */
#ifndef MLREC_DATA_RATING_LIST_H
#define MLREC_DATA_RATING_LIST_H

#include "num/base/idmap.h"
#include "pg/data/input.h"

#define N_RATING_COLUMNS 4

/* Bytes of a rating in the list, and while it is moved to columns of the same size */
#define RATING_BYTES (2 * sizeof(int32) + sizeof(float) + sizeof(int64))
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
	float	   *rating;			/* [n] */
	int64	   *time;			/* [n] */
} RatingList;

extern RatingList *ratings_open(Oid relation, IdMap *movies, Size memory_limit);
extern void ratings_read(RatingList *list);

#endif							/* MLREC_DATA_RATING_LIST_H */
