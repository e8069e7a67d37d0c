/*
 * releases.h: what the MovieLens releases look like.
 */
#ifndef MLREC_MOVIELENS_RELEASES_H
#define MLREC_MOVIELENS_RELEASES_H

#include "pg/movielens/lines.h"

/* The genres of a release that keeps their names in a file of their own. */
#define RELEASE_MAX_GENRES 64
typedef struct GenreNames
{
	int			count;
	char	   *names[RELEASE_MAX_GENRES];
} GenreNames;

/*
 * Turns the fields of a line into a row: values and nulls, which begin true.
 * Text is made in the current memory context.
 */
typedef void (*RowParser)(LineReader *reader, char **fields, const GenreNames *genres,
						  Datum *values, bool *nulls);

/* How one file becomes one table. */
typedef struct Source
{
	const char *file;
	LineFormat	format;
	int			nfields;		/* of a line, not counting genre flags */
	bool		genre_flags;	/* followed by a flag for each genre? */
	const char *header;			/* the first line, if it is one, else NULL */
	RowParser	parse;
	const char *columns;		/* of the table, for CREATE TABLE */
	const char *index;			/* columns of an index, or NULL */
} Source;

/* The tables, in the order in which they are created. */
enum
{
	RELEASE_MOVIES,
	RELEASE_USERS,
	RELEASE_RATINGS,
	RELEASE_TABLES
};

typedef struct Release
{
	const Source *sources[RELEASE_TABLES];	/* NULL: it does not have this table */
	const char *genres_file;	/* names for the genre flags, or NULL */
	bool		always_utf8;	/* false: Latin-1, and UTF-8 copies are about */
} Release;

/* The release that the directory holds, by its files. */
extern const Release *release_recognize(const char *directory);

/* The path of a file of the release, palloc'd. */
extern char *release_path(const char *directory, const char *file);

/*
 * Reads the names of the genre flags, in the order of the flags, from a file of
 * lines "name|number".  See lines_open about target.
 */
extern void release_read_genres(const char *path, Relation target, GenreNames *genres);

#endif							/* MLREC_MOVIELENS_RELEASES_H */
