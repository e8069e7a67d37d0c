/*
 * lines.c: text files of records on the server, read through COPY.
 *
 * COPY's reader is used below its SQL command: it asks us for bytes of the
 * file, and NextCopyFromRawFields hands out the fields of one line after the
 * other, already converted to the database's encoding and checked.  What
 * to do with them is ours.  Against a COPY into a staging table followed by
 * INSERT ... SELECT this writes every row once instead of twice, and it knows
 * the file and the line of whatever it does not like.
 *
 * The file is opened here and not by COPY, since COPY would wait for ever, past
 * cancel and fast shutdown, on a FIFO that nobody writes to.  Only regular files
 * are read, and between two blocks there is always a look at interrupts.  A byte
 * order mark at the beginning is passed over, and means UTF-8.
 *
 * A separator of more than one byte, such as "::", is beyond COPY.  Those
 * files are read as lines of one field, as CSV with a quote and a delimiter
 * that occur in no text, because only CSV leaves backslashes alone; the lines
 * are then cut here.
 *
 * Using the reader in this way skips the command's privilege check: whoever
 * calls lines_open must have checked pg_read_server_files.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/value.h"
#include "storage/fd.h"

#include "pg/movielens/lines.h"

#include "common/string.h"

/* Control characters that stand for "no quote" and "no delimiter". */
#define NO_QUOTE "\001"
#define NO_DELIMITER "\002"

#define MAX_UTF8_BYTES 4		/* of a character */
#define BYTE_ORDER_MARK "\xef\xbb\xbf"

/* Bytes read at a time, between two looks at interrupts. */
#define BLOCK_SIZE 65536

/* Whose line COPY is reading: its callback is told nothing of it. */
static LineReader *reading;

/*
 * Opens a regular file.  Without O_NONBLOCK the system would wait in open()
 * until somebody writes to a FIFO.
 */
static int
open_regular(const char *path)
{
	struct stat status;
	int			fd = OpenTransientFile(path, O_RDONLY | O_NONBLOCK | PG_BINARY);

	if (fd < 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not open file \"%s\" for reading: %m", path)));
	if (fstat(fd, &status) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not stat file \"%s\": %m", path)));
	if (!S_ISREG(status.st_mode))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a regular file", path),
				 errhint("Unpack the release into a directory of its own.")));
	return fd;
}

/* Reads up to `size` bytes; 0 at the end of the file. */
static int
read_block(int fd, const char *path, char *out, int size)
{
	ssize_t		n;

	CHECK_FOR_INTERRUPTS();
	n = read(fd, out, Min(size, BLOCK_SIZE));
	if (n < 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read file \"%s\": %m", path)));
	return (int) n;
}

/* What COPY calls for more bytes. */
static int
read_for_copy(void *out, int least, int most)
{
	return read_block(reading->fd, reading->path, out, most);
}

/* Passes over a byte order mark; whether there is one. */
static bool
skip_mark(LineReader *reader)
{
	char		mark[sizeof(BYTE_ORDER_MARK) - 1];

	if (pg_pread(reader->fd, mark, sizeof(mark), 0) != sizeof(mark) ||
		memcmp(mark, BYTE_ORDER_MARK, sizeof(mark)) != 0)
		return false;
	return lseek(reader->fd, sizeof(mark), SEEK_SET) == sizeof(mark);
}

static List *
copy_option(List *options, char *name, const char *value)
{
	Node	   *string = (Node *) makeString(pstrdup(value));

	return lappend(options, makeDefElem(name, string, -1));
}

/*
 * Error context of everything that goes wrong while a line is being read, for
 * instance a byte that is not of the file's encoding.
 */
static void
lines_error_context(void *arg)
{
	LineReader *reader = (LineReader *) arg;

	errcontext("line " UINT64_FORMAT " of file \"%s\"", reader->number, reader->path);
}

void
lines_open(LineReader *reader, Relation target, const char *path, const LineFormat *format,
		   const char *encoding)
{
	List	   *options = NIL;

	reader->format = format;
	reader->path = pstrdup(path);
	reader->number = 0;
	reader->fd = open_regular(path);
	if (skip_mark(reader))
		encoding = "UTF8";

	options = copy_option(options, "format", "csv");
	options = copy_option(options, "encoding", encoding);
	if (format->separator != NULL)
	{
		options = copy_option(options, "quote", NO_QUOTE);
		options = copy_option(options, "delimiter", NO_DELIMITER);
	}

	reader->copy = BeginCopyFrom(NULL, target, NULL, NULL, false, read_for_copy, NIL, options);

	reader->context.callback = lines_error_context;
	reader->context.arg = reader;
	reader->context.previous = error_context_stack;
	error_context_stack = &reader->context;
}

void
lines_close(LineReader *reader)
{
	error_context_stack = reader->context.previous;
	EndCopyFrom(reader->copy);
	CloseTransientFile(reader->fd);
}

/*
 * The last occurrence of separator in s, or NULL.
 */
static char *
last_separator(char *s, const char *separator)
{
	char	   *last = NULL;

	for (char *at = strstr(s, separator); at != NULL; at = strstr(at + 1, separator))
		last = at;
	return last;
}

/*
 * Cut a line into exactly nfields fields, in place: those before the wide
 * field from the left, those after it from the right, so that the wide field
 * keeps what separators are over.  Returns the number of fields found, which
 * is nfields + 1 when a field that is not wide still holds a separator.
 */
static int
cut_line(const LineFormat *format, char *line, char **fields, int nfields)
{
	size_t		length = strlen(format->separator);
	int			wide = format->wide > 0 ? format->wide : nfields - 1;
	char	   *at;

	for (int field = 0; field < wide; field++)
	{
		fields[field] = line;
		at = strstr(line, format->separator);
		if (at == NULL)
			return field + 1;
		*at = '\0';
		line = at + length;
	}
	for (int field = nfields - 1; field > wide; field--)
	{
		at = last_separator(line, format->separator);
		if (at == NULL)
			return wide + nfields - field;
		*at = '\0';
		fields[field] = at + length;
	}
	fields[wide] = line;
	if (format->wide == 0 && strstr(line, format->separator) != NULL)
		return nfields + 1;
	return nfields;
}

bool
lines_next(LineReader *reader, char **fields, int nfields)
{
	char	  **raw;
	int			found;

	Assert(nfields <= LINE_MAX_FIELDS);
	do
	{
		reader->number++;
		reading = reader;
		if (!NextCopyFromRawFields(reader->copy, &raw, &found))
			return false;
		/* COPY gives NULL for a field that is empty and not quoted. */
		for (int field = 0; field < found; field++)
			raw[field] = raw[field] != NULL ? raw[field] : "";
	} while (reader->format->skip_blank && found == 1 && raw[0][0] == '\0');

	if (reader->format->separator == NULL)
		memcpy(fields, raw, sizeof(char *) * Min(found, nfields));
	else if (found != 1)
		line_malformed(reader, "The line holds a control character.");
	else
		found = cut_line(reader->format, raw[0], fields, nfields);

	if (found < nfields)
		line_malformed(reader, "Expected %d fields, found %d.", nfields, found);
	if (found > nfields)
		line_malformed(reader, "Expected %d fields, found more.", nfields);
	return true;
}

void
line_malformed(LineReader *reader, const char *detail, ...)
{
	StringInfoData text;
	va_list		args;
	int			needed;

	initStringInfo(&text);
	for (;;)
	{
		va_start(args, detail);
		needed = appendStringInfoVA(&text, detail, args);
		va_end(args);
		if (needed == 0)
			break;
		enlargeStringInfo(&text, needed);
	}

	/* This message says it all: no context on top of it. */
	error_context_stack = reader->context.previous;
	ereport(ERROR,
			(errcode(ERRCODE_BAD_COPY_FILE_FORMAT),
			 errmsg("malformed line " UINT64_FORMAT " of file \"%s\"",
					reader->number, reader->path),
			 errdetail_internal("%s", text.data),
			 errhint("Nothing has been loaded. Repair the line, or unpack the release again.")));
}

int64
line_integer(LineReader *reader, const char *name, const char *field, int64 max)
{
	const char *c;
	int64		value = 0;

	for (c = field; *c >= '0' && *c <= '9' && value <= max; c++)
		value = value * 10 + (*c - '0');
	if (c == field || *c != '\0' || value > max)
		line_malformed(reader,
					   "Expected an integer from 0 to " INT64_FORMAT " as %s, found \"%s\".", max,
					   name, field);
	return value;
}

float
line_rating(LineReader *reader, const char *field)
{
	int			tenths = -1;

	if (field[0] >= '0' && field[0] <= '9')
	{
		if (field[1] == '\0')
			tenths = (field[0] - '0') * 10;
		else if (field[1] == '.' && field[2] >= '0' && field[2] <= '9' && field[3] == '\0')
			tenths = (field[0] - '0') * 10 + (field[2] - '0');
	}
	if (tenths < 5 || tenths > 50)
		line_malformed(reader, "Expected 0.5 to 5 stars as rating, found \"%s\".", field);
	return tenths / 10.0f;
}

const char *
lines_text_encoding(const char *path)
{
	int			fd = open_regular(path);
	char	   *block = palloc(BLOCK_SIZE);
	int			left = 0;		/* bytes of a character that goes on in the next block */
	bool		utf8 = true;
	int			n;

	while (utf8 && (n = read_block(fd, path, block + left, BLOCK_SIZE - left)) > 0)
	{
		int			valid = pg_encoding_verifymbstr(PG_UTF8, block, left + n);

		left = left + n - valid;
		utf8 = left < MAX_UTF8_BYTES && memchr(block + valid, '\0', left) == NULL;
		memmove(block, block + valid, utf8 ? left : 0);
	}
	CloseTransientFile(fd);
	pfree(block);
	return utf8 && left == 0 ? "UTF8" : "LATIN1";
}
