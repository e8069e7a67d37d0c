/*
 * encode.h: ids, movies and users as numbers.
 */
#ifndef MLREC_DATA_ENCODE_H
#define MLREC_DATA_ENCODE_H

#include "lib/stringinfo.h"

#include "num/base/idmap.h"
#include "num/data/ratings.h"
#include "pg/data/input.h"
#include "pg/data/vocabulary.h"

/* The values told apart of one attribute, whose codes are bytes; of the genres too */
#define MAX_VALUES 255

#define N_MOVIE_COLUMNS 4
#define N_USER_COLUMNS (1 + N_ATTRIBUTES)

typedef struct MovieGenre
{
	int32		movie;			/* code */
	int32		genre;			/* code */
} MovieGenre;

/* How many lists of genres have a "|", and how many one of these instead */
#define OTHER_SEPARATORS ",;/"
typedef struct GenreSeparators
{
	int32		lists;			/* that are not empty */
	int32		bar;
	int32		other[sizeof(OTHER_SEPARATORS) - 1];
} GenreSeparators;

/* The movies of the relation movies, as read */
typedef struct MovieList
{
	Oid			relation;
	InputColumn column[N_MOVIE_COLUMNS];
	IdMap		ids;			/* codes below n_listed are movies of the list; the
								 * ratings add theirs */
	int32		n_listed;
	int16	   *year;			/* [n_listed], 0: unknown */
	int32		year_capacity;
	MovieGenre *genre;			/* [n_movie_genres] */
	int64		n_movie_genres;
	int64		genre_capacity;
	Vocabulary *genres;
	int32		n_genres_found; /* more than are told apart, perhaps */
	GenreSeparators separators;
} MovieList;

/* The attributes of the users who have ratings */
typedef struct UserList
{
	Oid			relation;		/* InvalidOid: none */
	InputColumn column[N_USER_COLUMNS];
	const IdMap *ids;
	const int32 *index;			/* code to index */
	const int32 *n_trainval;	/* [n_users] */
	uint8	   *listed;			/* [n_users] */
	int32	   *value;			/* [n_users * N_ATTRIBUTES], codes, -1: unknown */
	Vocabulary *values[N_ATTRIBUTES];
	int32		n_values_found[N_ATTRIBUTES];
} UserList;

/* An array of n zeros, of any size, in the current memory context. */
extern void *palloc0_huge_array(Size n, Size size);

/* An empty map in the current memory context. */
extern void encode_init_ids(IdMap *ids);

/* The id's code, a new one when it is new. */
extern int32 encode_id(IdMap *ids, int64 id);

/*
 * Checks the relation's columns; InvalidOid stands for a relation without rows.  The
 * list lives in the current memory context.
 */
extern MovieList *movies_open(Oid relation);

/* Reads the movies, before any rating adds ids. */
extern void movies_read(MovieList *list);

/*
 * Fills in what the list knows of each movie by its index: the genre flags of
 * features [n_movies * (n_genres + 1)], year [n_movies] and listed [n_movies],
 * which all begin as zeros.
 */
extern void movies_encode(const MovieList *list, const int32 *index, float *features,
						  int16 *year, uint8 *listed);

/*
 * Checks the relation's columns; InvalidOid stands for a relation without rows.  The
 * list lives in the current memory context.
 */
extern UserList *users_open(Oid relation);

/*
 * Reads the attributes of users who have ratings.  ids gives codes, index that
 * of a code among the n_users, n_trainval their training rows.
 */
extern void users_read(UserList *list, const IdMap *ids, const int32 *index,
					   int32 n_users, const int32 *n_trainval);

/* Fills attribute [n_users * N_ATTRIBUTES] as in ratings.h. */
extern void users_encode(const UserList *list, int32 n_users, uint8 *attribute);

#endif							/* MLREC_DATA_ENCODE_H */
