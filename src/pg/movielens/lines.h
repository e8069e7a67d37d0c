/*
 * lines.h: text files of records on the server, read through COPY.
 */
#ifndef MLREC_MOVIELENS_LINES_H
#define MLREC_MOVIELENS_LINES_H

#include "commands/copy.h"
#include "utils/elog.h"
#include "utils/relcache.h"

#include "pg/util/compat.h"

/* More fields than this make a line malformed, whatever it should hold. */
#define LINE_MAX_FIELDS 128

/* How a file's lines are cut into fields. */
typedef struct LineFormat
{
	const char *separator;		/* between fields; NULL: CSV with quotes */
	int			wide;			/* the one field that may hold the separator, 0: none */
	bool		skip_blank;		/* pass over empty lines? */
} LineFormat;

/* An open file, initialized by lines_open.  Others may read path and number. */
typedef struct LineReader
{
	const LineFormat *format;
	char	   *path;
	uint64		number;			/* of the current line, from 1 */
	int			fd;				/* the file, a transient one */
	CopyFromState copy;
	ErrorContextCallback context;
} LineReader;

/*
 * Start reading the file at path, in the named encoding.
 *
 * The target, an open relation, matters to COPY for its error messages and progress
 * reports only.  Until lines_close the reader stands on the error context stack, so
 * it must be closed in the function that opened it, and after an error it needs no
 * care: the transaction's end closes the file.
 */
extern void lines_open(LineReader *reader, Relation target, const char *path,
					   const LineFormat *format, const char *encoding);

/*
 * Read the next line into nfields fields, which stay valid until the call after.
 * Returns false at the end of the file; raises an error when the line has fewer or
 * more fields.
 */
extern bool lines_next(LineReader *reader, char **fields, int nfields);

/* Ends reading; the file may have lines left. */
extern void lines_close(LineReader *reader);

/*
 * Stop at the current line.  The detail, a whole sentence, says what is wrong with
 * it.
 */
pg_noreturn extern void line_malformed(LineReader *reader, const char *detail, ...)
	pg_attribute_printf(2, 3);

/* The value of a field of decimal digits, at most max. */
extern int64 line_integer(LineReader *reader, const char *name, const char *field, int64 max);

/*
 * The value of a field such as "4", "3.5" or "5.0", on MovieLens' scale from half a
 * star to five stars.
 */
extern float line_rating(LineReader *reader, const char *field);

/*
 * The encoding of a file that is either of the two that the older releases
 * circulate in: UTF-8 when all of it is valid as such, else Latin-1.  The caller
 * must have checked pg_read_server_files.
 */
extern const char *lines_text_encoding(const char *path);

#endif							/* MLREC_MOVIELENS_LINES_H */
