/*
 * rating_table.c: ratings grouped by user and put in order.
 *
 * A counting sort by user (rows_count, rows_open, rows_place, rows_close),
 * then each user's rows on their own (rows_order_user): they fit into the
 * cache, and often arrive in order already.  Sorting all rows at once by
 * (user, time, movie) with a radix sort would take some eight passes over all
 * of them.
 *
 * The caller's loops around these functions are where a long run can be
 * interrupted.
 */
#include <stdbool.h>
#include <string.h>

#include "num/base/radix.h"
#include "num/base/rng.h"
#include "num/data/rating_table.h"

#define SHORT_RUN 12			/* rows sorted by insertion before merging */

void
rows_count(int64_t *start, const int32_t *user, int64_t n)
{
	for (int64_t i = 0; i < n; i++)
		start[user[i]]++;
}

void
rows_open(RatingTable *table)
{
	table->start[table->n_users] = 0;
	radix_starts(table->start, table->n_users + 1);
	table->n_rows = table->start[table->n_users];
}

void
rows_place(RatingTable *table, const int32_t *user, const int32_t *movie,
		   const float *rating, const int64_t *time, int64_t n)
{
	for (int64_t i = 0; i < n; i++)
	{
		int64_t		row = table->start[user[i]]++;

		table->time[row] = time[i];
		table->movie[row] = movie[i];
		table->rating[row] = rating[i];
	}
}

void
rows_close(RatingTable *table)
{
	memmove(table->start + 1, table->start, (size_t) table->n_users * sizeof(int64_t));
	table->start[0] = 0;
}

int64_t
rows_longest(const int64_t *start, int32_t n_users)
{
	int64_t		longest = 0;

	for (int32_t u = 0; u < n_users; u++)
		if (start[u + 1] - start[u] > longest)
			longest = start[u + 1] - start[u];
	return longest;
}

uint64_t
rating_tie_order(int64_t user_id, int64_t movie_id)
{
	return rng_u64((uint64_t) user_id, (uint64_t) movie_id);
}

/*
 * The order of one user's rows.  The rating is compared only for rows of one
 * movie at one time, so that which of them counts does not depend on where the
 * rows lie.
 */
static inline bool
row_before(const UserRating *a, const UserRating *b)
{
	if (a->time != b->time)
		return a->time < b->time;
	if (a->tie_order != b->tie_order)
		return a->tie_order < b->tie_order;
	if (a->movie != b->movie)
		return a->movie < b->movie;
	return a->rating < b->rating;
}

static void
insertion_sort(UserRating *row, int64_t n)
{
	for (int64_t i = 1; i < n; i++)
	{
		UserRating	moving = row[i];
		int64_t		j = i;

		for (; j > 0 && row_before(&moving, &row[j - 1]); j--)
			row[j] = row[j - 1];
		row[j] = moving;
	}
}

static void
merge(UserRating *out, const UserRating *a, int64_t n_a, const UserRating *b, int64_t n_b)
{
	while (n_a > 0 && n_b > 0)
	{
		if (row_before(b, a))
		{
			*out++ = *b++;
			n_b--;
		}
		else
		{
			*out++ = *a++;
			n_a--;
		}
	}
	memcpy(out, a, (size_t) n_a * sizeof(UserRating));
	memcpy(out + n_a, b, (size_t) n_b * sizeof(UserRating));
}

/*
 * Sorts row[n], with other[n] as workspace: short runs by insertion, then
 * merged bottom-up.  Merging is chosen for its bound: a service account with
 * millions of ratings is one user too.
 */
static void
sort_rows(UserRating *row, UserRating *other, int64_t n)
{
	UserRating *from = row;
	UserRating *to = other;

	for (int64_t i = 0; i < n; i += SHORT_RUN)
		insertion_sort(row + i, n - i < SHORT_RUN ? n - i : SHORT_RUN);

	for (int64_t run = SHORT_RUN; run < n; run *= 2)
	{
		UserRating *swap = from;

		for (int64_t i = 0; i < n; i += 2 * run)
		{
			int64_t		n_a = n - i < run ? n - i : run;
			int64_t		n_b = n - i - n_a < run ? n - i - n_a : run;

			merge(to + i, from + i, n_a, from + i + n_a, n_b);
		}
		from = to;
		to = swap;
	}
	if (from != row)
		memcpy(row, from, (size_t) n * sizeof(UserRating));
}

int64_t
rows_take_user(UserRating *scratch, const RatingTable *table, int32_t user)
{
	int64_t		first = table->start[user];
	int64_t		n = table->start[user + 1] - first;
	bool		sorted = true;

	for (int64_t i = 0; i < n; i++)
	{
		scratch[i].time = table->time[first + i];
		scratch[i].movie = table->movie[first + i];
		scratch[i].tie_order = rating_tie_order(table->user_ids[user],
												table->movie_ids[scratch[i].movie]);
		scratch[i].rating = table->rating[first + i];
		if (i > 0 && row_before(&scratch[i], &scratch[i - 1]))
			sorted = false;
	}
	if (!sorted)
		sort_rows(scratch, scratch + n, n);
	return n;
}

/* Moves the rows of scratch [n] that have a movie to *end, as those of the user. */
static void
keep_rows(RatingTable *table, int32_t user, const UserRating *scratch, int64_t n, int64_t *end)
{
	table->start[user] = *end;
	for (int64_t i = 0; i < n; i++)
		if (scratch[i].movie >= 0)
			rows_put(table, (*end)++, &scratch[i]);
	if (user == table->n_users - 1)
	{
		table->start[table->n_users] = *end;
		table->n_rows = *end;
	}
}

int32_t
rows_order_user(RatingTable *table, int32_t user, UserRating *scratch, int32_t *last_seen,
				int64_t *end)
{
	int64_t		n = rows_take_user(scratch, table, user);

	/* from the latest on: a movie already seen was rated again */
	for (int64_t i = n - 1; i >= 0; i--)
	{
		int32_t    *seen = &last_seen[scratch[i].movie];

		if (*seen == user + 1)
			scratch[i].movie = -1;
		else
			*seen = user + 1;
	}

	keep_rows(table, user, scratch, n, end);
	return (int32_t) (n - (*end - table->start[user]));
}

int32_t
rows_order_events(RatingTable *table, int32_t user, UserRating *scratch, int32_t *last_seen,
				  int64_t *end, RepeatedEvent *repeated)
{
	int64_t		n = rows_take_user(scratch, table, user);
	int32_t		n_repeated = 0;

	for (int64_t i = 0; i < n; i++)
	{
		UserRating *event = &scratch[i];

		if (last_seen[event->movie] == user + 1)
		{
			repeated[n_repeated++] = (RepeatedEvent) {
				event->time, user, event->movie, event->rating
			};
			event->movie = -1;
		}
		else
			last_seen[event->movie] = user + 1;
	}
	keep_rows(table, user, scratch, n, end);
	return n_repeated;
}

void
rows_add_repeated(RatingTable *table, const RepeatedEvent *repeated, int64_t n, int64_t last,
				  int64_t *row_of)
{
	for (int64_t i = 0; i < n; i++)
	{
		int32_t		user = repeated[i].user;

		if (i == 0 || user != repeated[i - 1].user)
			for (int64_t row = table->start[user]; row < table->start[user + 1]; row++)
				row_of[table->movie[row]] = row;
		if (repeated[i].time <= last)
			table->rating[row_of[repeated[i].movie]] += repeated[i].weight;
	}
}
