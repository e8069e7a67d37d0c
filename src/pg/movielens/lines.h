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

extern void lines_open(LineReader *reader, Relation target, const char *path,
					   const LineFormat *format, const char *encoding);
extern bool lines_next(LineReader *reader, char **fields, int nfields);
extern void lines_close(LineReader *reader);

pg_noreturn extern void line_malformed(LineReader *reader, const char *detail, ...)
	pg_attribute_printf(2, 3);
extern int64 line_integer(LineReader *reader, const char *name, const char *field, int64 max);
extern float line_rating(LineReader *reader, const char *field);

extern const char *lines_text_encoding(const char *path);

#endif							/* MLREC_MOVIELENS_LINES_H */
