/*
 * Likes of the days before a moment, against counts by hand.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "num/eval/recent.h"

#define DAY 100
#define ROWS 8

/* Two users, the last two rows of each are of the test part. */
static const int64_t start[] = {0, 4, 8};
static const int32_t n_trainval[] = {2, 2};
static const int32_t movie[ROWS] = {0, 1, 0, 2, 0, 0, 1, 1};
static const float rating[ROWS] = {5, 4, 5, 1, 4, 3, 5, 4};
static int64_t times[ROWS] = {-250, -150, 150, 300, -150, 0, 149, 150};

static Ratings ratings = {
	.n_users = 2, .n_movies = 3, .n_rows = ROWS, .start = start, .n_trainval = n_trainval,
	.movie = movie, .rating = rating, .time = times, .day = DAY
};

static void
check_counts(const RecentLikes *recent, int64_t moment, int days, bool trained_only,
			 const float *expected)
{
	float		count[3];

	recent_count(recent, moment, days, trained_only, count, 3);
	for (int i = 0; i < 3; i++)
		CHECK(count[i] == expected[i]);
}

int
main(void)
{
	Arena		measure = {NULL, 0};
	Arena		arena;
	RecentLikes recent;

	recent_open(&recent, &ratings, 4, &measure);
	arena = (Arena) {malloc(measure.used), 0};
	recent_open(&recent, &ratings, 4, &arena);
	CHECK(recent.n_days == 6 && arena.used == measure.used);

	/* up to just before the moment, from exactly so many days before it */
	check_counts(&recent, 150, 3, false, (const float[]) {1, 2, 0});
	check_counts(&recent, 151, 3, false, (const float[]) {1, 2, 0});
	check_counts(&recent, 151, 4, false, (const float[]) {2, 3, 0});
	check_counts(&recent, 301, 30, false, (const float[]) {3, 3, 0});
	check_counts(&recent, 301, 30, true, (const float[]) {2, 1, 0});
	check_counts(&recent, -250, 30, false, (const float[]) {0, 0, 0});
	check_counts(&recent, INT64_MIN + 1, 30, false, (const float[]) {0, 0, 0});
	check_counts(&recent, -249, 30, false, (const float[]) {1, 0, 0});
	free(arena.base);

	/* no days, and too many */
	times[0] = INT64_MIN;
	times[1] = INT64_MAX;
	recent_open(&recent, &ratings, 4, &measure);
	CHECK(recent.n_days == 0);
	ratings.day = 0;
	recent_open(&recent, &ratings, 4, &measure);
	CHECK(recent.n_days == 0);
	return unit_finish();
}
