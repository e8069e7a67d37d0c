/*
 * movie_rows.h: what the rows of movies say.
 */
#ifndef MLREC_CATALOGUE_MOVIE_ROWS_H
#define MLREC_CATALOGUE_MOVIE_ROWS_H

#include "pg/catalogue/cached_query.h"

/* What a row of movies says of a movie; all unset if there is none */
typedef struct MovieText
{
	int64		movie_id;
	char	   *title;			/* NULL: null */
	char	   *genres;			/* NULL: null */
	int			year;			/* 0: unknown */
} MovieText;

/*
 * Fills in title, genres and year of n movies, whose movie_id is set.  Strings
 * are in the current memory context at the call.
 */
extern void catalogue_describe(Oid movies, MovieText *texts, int32 n, MemoryContext context);

/* Fills in the columns movie_id, title, genres and year of a movie, each [MOVIE_COLUMNS]. */
#define MOVIE_COLUMNS 4
extern void catalogue_movie_columns(const MovieText *text, Datum *values, bool *nulls);

/*
 * Calls row() for the rows of movies: with the movie_id of each, or with movie_id,
 * title, genres and year of at least those of n movies, ids ascending.  The caller
 * is connected to SPI.  The former returns whether this was a bare scan.
 */
extern bool catalogue_read_ids(Oid movies, RowCallback row, void *arg);
extern void catalogue_read_movies(Oid movies, const int64 *ids, int32 n, RowCallback row,
								  void *arg);

/* Ids as a bigint[]. */
extern Datum catalogue_id_array(const int64 *ids, int32 n);

/* The year of such a movie by its column, else by its title; 0 when neither tells. */
extern int	catalogue_movie_year(TupleTableSlot *slot);

#endif							/* MLREC_CATALOGUE_MOVIE_ROWS_H */
