/*
 * latest_ratings.h: the ratings that count.
 */
#ifndef MLREC_DATA_LATEST_RATINGS_H
#define MLREC_DATA_LATEST_RATINGS_H

#include "nodes/params.h"

/*
 * A FROM item, palloc'd, with the columns user_id, movie_id and rating, or all
 * of the relation's: its rows, of those of one user and movie only the latest.
 */
extern char *latest_ratings(Oid ratings);

/*
 * Raises ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE, with the row, if a rating is finite
 * but beyond the range of type real.  Only rows that fulfil the condition are
 * looked at, which may refer to params; NULL: all rows.
 */
extern void latest_ratings_check(Oid ratings, const char *condition, ParamListInfo params);

#endif							/* MLREC_DATA_LATEST_RATINGS_H */
