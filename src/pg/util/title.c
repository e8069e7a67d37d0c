/*
 * title.c: what a movie's title tells.
 */
#include "postgres.h"

#include "fmgr.h"

#include "pg/util/compat.h"
#include "pg/util/title.h"

#define YEAR_DIGITS 4

PG_FUNCTION_INFO_V1(mlrec_title_year);

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

/*
 * title_year: the year of a title of the given length in bytes, which is what
 * its last "(dddd)" holds, or 0 when it has none.  Works in every server
 * encoding: none of them has ASCII bytes inside longer characters.
 */
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
