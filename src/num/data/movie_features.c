/*
 * movie_features.c: a movie's features: its genres and its year.
 */
#include <string.h>

#include "num/data/movie_features.h"

/* What the CSV releases of MovieLens write in place of an empty list */
#define NO_GENRES "(no genres listed)"

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

bool
next_genre(const char **cursor, const char *end, const char **genre, size_t *length)
{
	while (*cursor < end)
	{
		const char *first = *cursor;
		const char *bar = memchr(first, '|', (size_t) (end - first));
		const char *last = bar ? bar : end;

		*cursor = bar ? bar + 1 : end;
		while (first < last && is_space(*first))
			first++;
		while (first < last && is_space(last[-1]))
			last--;
		*genre = first;
		*length = (size_t) (last - first);
		if (*length > 0 &&
			!(*length == strlen(NO_GENRES) && memcmp(first, NO_GENRES, *length) == 0))
			return true;
	}
	return false;
}

/* The k-th smallest year, from 0 on. */
static int
nth_year(const int32_t *count, int32_t k)
{
	int			year = 0;

	while (year < MAX_YEAR && k >= count[year])
		k -= count[year++];
	return year;
}

void
year_scale(YearScale *scale, const int16_t *year, const uint8_t *trained, int32_t n)
{
	int32_t		count[MAX_YEAR + 1] = {0};
	int32_t		known = 0;

	for (int pass = 0; pass < 2 && known == 0; pass++)
		for (int32_t i = 0; i < n; i++)
			if (year[i] > 0 && (pass == 1 || trained[i]))
			{
				count[year[i]]++;
				known++;
			}

	memset(scale, 0, sizeof(*scale));
	if (known == 0)
		return;
	scale->min_year = (float) nth_year(count, 0);
	scale->max_year = (float) nth_year(count, known - 1);
	scale->median_year = 0.5f * (float) (nth_year(count, (known - 1) / 2) +
										 nth_year(count, known / 2));
}
