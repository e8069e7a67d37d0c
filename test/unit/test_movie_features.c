/*
 * test_movie_features.c: genre lists taken apart, years scaled.
 */
#include <string.h>

#include "num/data/movie_features.h"
#include "unit.h"

/* The genres of a list, each in brackets */
static const char *
genres(const char *list)
{
	static char out[200];
	const char *cursor = list;
	const char *genre;
	size_t		length;

	out[0] = '\0';
	while (next_genre(&cursor, list + strlen(list), &genre, &length))
	{
		strcat(out, "[");
		strncat(out, genre, length);
		strcat(out, "]");
	}
	CHECK(cursor == list + strlen(list));
	return out;
}

static void
genre_lists(void)
{
	CHECK(strcmp(genres(""), "") == 0);
	CHECK(strcmp(genres("|"), "") == 0);
	CHECK(strcmp(genres("a"), "[a]") == 0);
	CHECK(strcmp(genres("a|b c|d"), "[a][b c][d]") == 0);
	CHECK(strcmp(genres(" a \t|| |\r\nb\n"), "[a][b]") == 0);
	CHECK(strcmp(genres("a|a|"), "[a][a]") == 0);
	CHECK(strcmp(genres("(no genres listed)"), "") == 0);
	CHECK(strcmp(genres(" (no genres listed) |a"), "[a]") == 0);
	CHECK(strcmp(genres("(no genres listed"), "[(no genres listed]") == 0);
}

static void
scales(void)
{
	int16_t		year[] = {1990, 0, 2000, 1995, 1, MAX_YEAR};
	uint8_t		none[6] = {0};
	uint8_t		some[6] = {1, 1, 1, 1, 0, 0};
	uint8_t		unknown[6] = {0, 1, 0, 0, 0, 0};
	YearScale	scale;

	year_scale(&scale, year, some, 6);
	CHECK(scale.min_year == 1990 && scale.max_year == 2000 && scale.median_year == 1995);
	CHECK_NEAR(year_feature(&scale, 1992), 0.2, 1e-6);
	CHECK_NEAR(year_feature(&scale, 0), 0.5, 1e-6);
	CHECK(year_feature(&scale, 1990) == 0 && year_feature(&scale, 2000) == 1);
	CHECK(year_feature(&scale, 1) == 0 && year_feature(&scale, MAX_YEAR) == 1);

	/* the median lies between the two in the middle */
	year_scale(&scale, year, some, 3);
	CHECK(scale.min_year == 1990 && scale.max_year == 2000 && scale.median_year == 1995);

	/* no trained movie has a year: those of all movies */
	year_scale(&scale, year, none, 6);
	CHECK(scale.min_year == 1 && scale.max_year == MAX_YEAR && scale.median_year == 1995);
	year_scale(&scale, year, unknown, 6);
	CHECK(scale.min_year == 1 && scale.max_year == MAX_YEAR);

	/* one year only, no year at all, no movie at all */
	year_scale(&scale, year, some, 1);
	CHECK(scale.min_year == 1990 && scale.max_year == 1990 && scale.median_year == 1990);
	CHECK(year_feature(&scale, 1990) == 0 && year_feature(&scale, 2050) == 0);
	year_scale(&scale, year + 1, some, 1);
	CHECK(scale.min_year == 0 && scale.max_year == 0 && scale.median_year == 0);
	CHECK(year_feature(&scale, 1990) == 0 && year_feature(&scale, 0) == 0);
	year_scale(&scale, year, some, 0);
	CHECK(scale.median_year == 0);
}

int
main(void)
{
	genre_lists();
	scales();
	return unit_finish();
}
