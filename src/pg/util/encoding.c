/*
 * encoding.c: see encoding.h.
 *
 * Chunks of a model file are bytes to pg_dump, which converts text only.  So names
 * in a model file must not depend on the encoding of the database that trained it.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "mb/pg_wchar.h"

#include "pg/util/encoding.h"

static char *
convert(const char *text, int from, int to)
{
	int			length = strlen(text);
	int			size;
	char	   *result;
	Oid			proc;

	if (from == to || from == PG_SQL_ASCII || to == PG_SQL_ASCII)
		return pstrdup(text);
	proc = FindDefaultConversionProc(from, to);
	if (!OidIsValid(proc))
		return pstrdup(text);
	size = length * MAX_CONVERSION_GROWTH + 1;
	result = palloc(size);
	if (pg_do_encoding_conversion_buf(proc, from, to, (unsigned char *) unconstify(char *, text),
									  length, (unsigned char *) result, size, true) != length)
		strlcpy(result, text, size);
	return result;
}

char *
utf8_from_server(const char *text)
{
	return convert(text, GetDatabaseEncoding(), PG_UTF8);
}

char *
utf8_to_server(const char *text)
{
	return convert(text, PG_UTF8, GetDatabaseEncoding());
}
