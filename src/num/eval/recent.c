/*
 * recent.c: see recent.h.
 */
#include "num/eval/recent.h"

#include <string.h>

#include "num/base/radix.h"

#define MAX_DAYS 100000			/* from the first rating to the last */

/* How many days there are from the first rating to the last, 0 if too many. */
static int32_t
count_days(const Ratings *ratings, int64_t *first)
{
	int64_t		last;
	uint64_t	days;

	if (ratings->day == 0 || ratings->n_rows == 0)
		return 0;
	*first = last = ratings->time[0];
	for (int64_t row = 1; row < ratings->n_rows; row++)
	{
		*first = ratings->time[row] < *first ? ratings->time[row] : *first;
		last = ratings->time[row] > last ? ratings->time[row] : last;
	}
	days = ((uint64_t) last - (uint64_t) *first) / (uint64_t) ratings->day + 1;
	return days > MAX_DAYS ? 0 : (int32_t) days;
}

static int32_t
day_of(const RecentLikes *recent, int64_t time)
{
	return (int32_t) ((time - recent->first) / recent->day);
}

/* A counting sort by days: start[d] is the next free index of day d meanwhile. */
static void
sort_likes(RecentLikes *recent, const Ratings *ratings, float like_threshold)
{
	memset(recent->start, 0, (recent->n_days + 1) * sizeof(int64_t));
	for (int64_t row = 0; row < ratings->n_rows; row++)
		recent->start[day_of(recent, ratings->time[row])] += ratings->rating[row] >= like_threshold;
	radix_starts(recent->start, recent->n_days);
	for (int32_t user = 0; user < ratings->n_users; user++)
		for (int64_t row = ratings->start[user]; row < ratings->start[user + 1]; row++)
		{
			int64_t		at;

			if (!(ratings->rating[row] >= like_threshold))
				continue;
			at = recent->start[day_of(recent, ratings->time[row])]++;
			recent->time[at] = ratings->time[row];
			recent->movie[at] = ratings->movie[row];
			recent->trained[at] = row < ratings->start[user] + ratings->n_trainval[user];
		}
	memmove(recent->start + 1, recent->start, recent->n_days * sizeof(int64_t));
	recent->start[0] = 0;
}

void
recent_open(RecentLikes *recent, const Ratings *ratings, float like_threshold, Arena *arena)
{
	memset(recent, 0, sizeof(*recent));
	recent->day = ratings->day;
	recent->n_days = count_days(ratings, &recent->first);
	if (recent->n_days == 0)
		return;
	recent->start = ARENA_ARRAY(arena, int64_t, recent->n_days + 1);
	recent->time = ARENA_ARRAY(arena, int64_t, ratings->n_rows);
	recent->movie = ARENA_ARRAY(arena, int32_t, ratings->n_rows);
	recent->trained = ARENA_ARRAY(arena, bool, ratings->n_rows);
	if (arena->base != NULL)
		sort_likes(recent, ratings, like_threshold);
}

void
recent_count(const RecentLikes *recent, int64_t moment, int days, bool trained_only, float *count,
			 int32_t n_movies)
{
	int64_t		length = days * recent->day;
	int64_t		from;
	int32_t		last;

	memset(count, 0, n_movies * sizeof(float));
	if (moment <= recent->first)
		return;
	from = moment - recent->first > length ? moment - length : recent->first;
	last = day_of(recent, moment - 1) < recent->n_days ? day_of(recent, moment - 1) :
		recent->n_days - 1;
	for (int64_t i = recent->start[day_of(recent, from)]; i < recent->start[last + 1]; i++)
		count[recent->movie[i]] += recent->time[i] >= from && recent->time[i] < moment &&
			(recent->trained[i] || !trained_only);
}
