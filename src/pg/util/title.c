/*
 * title.c: what a movie's title and list of genres tell.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "num/data/movie_features.h"
#include "pg/util/compat.h"
#include "pg/util/title.h"

#define YEAR_DIGITS 4

PG_FUNCTION_INFO_V1(mlrec_title_year);
PG_FUNCTION_INFO_V1(mlrec_genre_list);

/*
 * The number that exactly YEAR_DIGITS digits at s stand for, or 0 when one of
 * them is not a digit.
 */
static int
parse_year(const char *s)
{
	int			year = 0;

	for (int i = 0; i < YEAR_DIGITS; i++)
	{
		if (s[i] < '0' || s[i] > '9')
			return 0;
		year = year * 10 + (s[i] - '0');
	}
	return year;
}

int
title_year(const char *title, int length)
{
	for (int open = length - YEAR_DIGITS - 2; open >= 0; open--)
	{
		int			year;

		if (title[open] != '(' || title[open + YEAR_DIGITS + 1] != ')')
			continue;
		year = parse_year(title + open + 1);
		if (year > 0)
			return year;
	}
	return 0;
}

/*
 * title_year(title text) RETURNS int: NULL when the title has no year.
 */
Datum
mlrec_title_year(PG_FUNCTION_ARGS)
{
	text	   *title = PG_GETARG_TEXT_PP(0);
	int			year = title_year(VARDATA_ANY(title), VARSIZE_ANY_EXHDR(title));

	if (year == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT32(year);
}

/* Whether the n genres, of those that are texts, have one of these bytes. */
static bool
has_genre(const Datum *genres, int n, const char *genre, size_t length)
{
	for (int i = 0; i < n; i++)
	{
		text	   *other = DatumGetTextPP(genres[i]);

		if (VARSIZE_ANY_EXHDR(other) == length && memcmp(VARDATA_ANY(other), genre, length) == 0)
			return true;
	}
	return false;
}

/*
 * genre_list(genres text) RETURNS text[]: the genres as training takes them from
 * a list, each once.
 */
Datum
mlrec_genre_list(PG_FUNCTION_ARGS)
{
	text	   *list = PG_GETARG_TEXT_PP(0);
	const char *cursor = VARDATA_ANY(list);
	const char *end = cursor + VARSIZE_ANY_EXHDR(list);
	const char *genre;
	size_t		length;
	int			capacity = 8;
	int			n = 0;
	Datum	   *genres = palloc(sizeof(Datum) * capacity);

	while (next_genre(&cursor, end, &genre, &length))
	{
		CHECK_FOR_INTERRUPTS();
		if (has_genre(genres, n, genre, length))
			continue;
		if (n == capacity)
		{
			capacity *= 2;
			genres = repalloc(genres, sizeof(Datum) * capacity);
		}
		genres[n++] = PointerGetDatum(cstring_to_text_with_len(genre, (int) length));
	}
	PG_RETURN_ARRAYTYPE_P(construct_array(genres, n, TEXTOID, -1, false, TYPALIGN_INT));
}
