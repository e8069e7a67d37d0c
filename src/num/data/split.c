/*
 * split.c: ordered ratings split into fit, validation and test rows.
 *
 * A chronological split needs no sort of all rows by time.  The row of a given
 * rank is found by its time first (a radix select, a few passes of reading),
 * and among the rows of that very time by walking them user by user.  The parts
 * are then prefixes of each user's rows: rows of one time are in their tie order
 * (rating_table.h), but for a part that ends among them.
 *
 * A random split draws each row by a hash of seed, user and movie.  So it is
 * the same for the same seed wherever the rows lie and whatever others there
 * are, and nothing has to be stored with a model to find it again.
 */
#include <string.h>

#include "num/data/split.h"

#define DIGIT_BITS 11
#define N_DIGITS (1 << DIGIT_BITS)

/* Streams of the hash, one for each question asked of it */
#define TEST_STREAM 1
#define VALIDATION_STREAM 2

/* ---------------------------------------------------------------- the plan */

static RatingKey
key_of(const RatingTable *table, int32_t user, int64_t row)
{
	RatingKey	key;

	key.time = table->time[row];
	key.user_id = table->user_ids[user];
	key.movie_id = table->movie_ids[table->movie[row]];
	return key;
}

bool
rating_key_after(const RatingKey *a, const RatingKey *b)
{
	if (a->time != b->time)
		return a->time > b->time;
	if (a->user_id != b->user_id)
		return a->user_id > b->user_id;
	return a->movie_id > b->movie_id;
}

/*
 * How many of n rows stay when a fraction of them is cut off: rounded down,
 * but 0.7 of 10 is 7 although 1 - 0.3 is a little less than 0.7.
 */
static int64_t
rows_left(int64_t n, double fraction)
{
	double		left = (1.0 - fraction) * (double) n;
	int64_t		rows = (int64_t) (left + left * 1e-12 + 1e-9);

	return rows < 0 ? 0 : rows > n ? n : rows;
}

/*
 * The k-th smallest time, k from 0 on.  *before gets the number of rows of
 * earlier times.  Each round counts one digit of the times that share the
 * digits found so far.
 */
static int64_t
nth_time(const RatingTable *table, int64_t k, int64_t *before)
{
	int64_t		count[N_DIGITS];
	uint64_t	found = 0;
	int			shift = 0;
	int64_t		least = table->time[0];
	int64_t		most = table->time[0];

	for (int64_t i = 1; i < table->n_rows; i++)
	{
		least = table->time[i] < least ? table->time[i] : least;
		most = table->time[i] > most ? table->time[i] : most;
	}
	while (shift + DIGIT_BITS < 64 &&
		   ((uint64_t) most - (uint64_t) least) >> (shift + DIGIT_BITS) != 0)
		shift += DIGIT_BITS;

	*before = 0;
	for (; shift >= 0; shift -= DIGIT_BITS)
	{
		int			digit = 0;

		memset(count, 0, sizeof(count));
		for (int64_t i = 0; i < table->n_rows; i++)
		{
			uint64_t	rest = (((uint64_t) table->time[i] - (uint64_t) least) >> shift) - found;

			if (rest < N_DIGITS)
				count[rest]++;
		}
		while (*before + count[digit] <= k)
			*before += count[digit++];
		found = (found + (uint64_t) digit) << (shift > 0 ? DIGIT_BITS : 0);
	}
	return (int64_t) (found + (uint64_t) least);
}

/* How many of a user's rows are of a time, and of movies up to a movie. */
static int64_t
count_at(const RatingTable *table, int32_t user, int64_t time, int32_t last_movie)
{
	int64_t		n = 0;

	for (int64_t row = table->start[user]; row < table->start[user + 1]; row++)
		n += table->time[row] == time && table->movie[row] <= last_movie;
	return n;
}

/*
 * The movie of rank k, from 0 on, among those that a user rated at a time: the
 * least with more than k movies up to it.
 */
static int32_t
nth_movie(const RatingTable *table, int32_t user, int64_t time, int64_t k)
{
	int32_t		low = 0;
	int32_t		high = table->n_movies - 1;

	while (low < high)
	{
		int32_t		middle = low + (high - low) / 2;

		if (count_at(table, user, time, middle) > k)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/*
 * The row of rank k, from 0 on, in the order of (time, user, movie).
 */
static RatingKey
nth_place(const RatingTable *table, int64_t k)
{
	int64_t		before;
	int64_t		time = nth_time(table, k, &before);
	RatingKey	none = {0, 0, 0};

	for (int32_t u = 0; u < table->n_users; u++)
	{
		int64_t		n = count_at(table, u, time, table->n_movies);

		if (before + n > k)
			return (RatingKey) {
				time, table->user_ids[u],
				table->movie_ids[nth_movie(table, u, time, k - before)]
			};
		before += n;
	}
	return none;				/* not reached for k < n_rows */
}

/* How many rows of a user, which are in order of their times, are not after a key. */
static int32_t
rows_until(const RatingTable *table, int32_t user, const RatingKey *last)
{
	int64_t		end = table->start[user + 1];
	int64_t		low = table->start[user];
	int64_t		high = end;
	int32_t		n;

	while (low < high)
	{
		int64_t		middle = low + (high - low) / 2;

		if (table->time[middle] >= last->time)
			high = middle;
		else
			low = middle + 1;
	}
	n = (int32_t) (low - table->start[user]);
	for (; low < end && table->time[low] == last->time; low++)
	{
		RatingKey	key = key_of(table, user, low);

		n += !rating_key_after(&key, last);
	}
	return n;
}

/* SplitPlan.tie_share, of the rows up to last_trainval. */
static double
tie_share(const RatingTable *table, const SplitPlan *plan)
{
	int64_t		rows = 0;
	double		shares = 0;

	for (int32_t u = 0; u < table->n_users; u++)
	{
		const int64_t *time = table->time + table->start[u];
		int32_t		n = rows_until(table, u, &plan->last_trainval);
		double		ties = 0;

		for (int32_t from = 0, to; from < n; from = to)
		{
			for (to = from + 1; to < n && time[to] == time[from]; to++)
				continue;
			ties += (double) (to - from) * (to - from - 1);
		}
		if (n < 2)
			continue;
		rows += n;
		shares += ties / (n - 1);
	}
	return rows > 0 ? shares / (double) rows : 0;
}

void
split_plan(SplitPlan *plan, const RatingTable *table, const SplitOptions *options)
{
	memset(plan, 0, sizeof(*plan));
	plan->options = *options;
	if (options->random)
		return;
	if (options->leave_last)
	{
		plan->last_trainval = (RatingKey) {INT64_MAX, INT64_MAX, INT64_MAX};
		plan->tie_share = tie_share(table, plan);
		return;
	}

	if (options->has_boundary)
		for (int32_t u = 0; u < table->n_users; u++)
			plan->n_trainval += rows_until(table, u, &options->boundary);
	else
		plan->n_trainval = rows_left(table->n_rows, options->test_fraction);
	plan->n_train = options->refit ? plan->n_trainval :
		rows_left(plan->n_trainval, options->validation_fraction);
	if (plan->n_train == 0 && plan->n_trainval > 0)
		plan->n_train = 1;		/* better no validation than nothing to learn */

	if (plan->n_trainval > 0)
	{
		plan->last_trainval = nth_place(table, plan->n_trainval - 1);
		plan->tie_share = tie_share(table, plan);
	}
	if (plan->n_train > 0)
		plan->last_train = nth_place(table, plan->n_train - 1);
}

/* --------------------------------------------------------------- splitting */

static inline uint64_t
mix(uint64_t h)
{
	h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9ULL;
	h = (h ^ (h >> 27)) * 0x94d049bb133111ebULL;
	return h ^ (h >> 31);
}

/* A number in [0, 1) drawn for a pair of user and movie. */
static inline double
draw(uint64_t seed, uint64_t stream, int64_t user_id, int64_t movie_id)
{
	uint64_t	h = mix(seed + stream * 0x9e3779b97f4a7c15ULL);

	h = mix(h ^ (uint64_t) user_id);
	h = mix((h + 0x9e3779b97f4a7c15ULL) ^ (uint64_t) movie_id);
	return (double) (h >> 11) * 0x1p-53;
}

/* The same of row i of a user's n, where the last ones are left out. */
static int
part_of_last(const SplitPlan *plan, int64_t i, int64_t n)
{
	if (i == n - 1)
		return 2;
	return !plan->options.refit && n > 2 && i == n - 2;
}

/* Which part a row is in: 0 train, 1 validation, 2 test. */
static int
part_of(const SplitPlan *plan, const RatingKey *key)
{
	const SplitOptions *options = &plan->options;

	if (!options->random)
	{
		if (plan->n_trainval == 0 || rating_key_after(key, &plan->last_trainval))
			return 2;
		return plan->n_train == 0 || rating_key_after(key, &plan->last_train);
	}
	if (draw(options->seed, TEST_STREAM, key->user_id, key->movie_id) < options->test_fraction)
		return 2;
	return !options->refit && draw(options->seed, VALIDATION_STREAM, key->user_id,
								   key->movie_id) < options->validation_fraction;
}

/*
 * Moves a user's rows into the order of their parts and sets the parts' sizes.  The
 * validation rows wait at the front of the other half of the scratch, the test
 * rows at its back, last one first, until the train ratings are placed.
 */
static void
separate_parts(RatingTable *table, const SplitPlan *plan, int32_t user, UserRating *scratch)
{
	int64_t		first = table->start[user];
	int64_t		n = rows_take_user(scratch, table, user);
	UserRating *waiting = scratch + n;
	int64_t		size[3] = {0, 0, 0};

	for (int64_t i = 0; i < n; i++)
	{
		RatingKey	key = {
			scratch[i].time, table->user_ids[user], table->movie_ids[scratch[i].movie]
		};
		int			part = plan->options.leave_last ? part_of_last(plan, i, n) :
			part_of(plan, &key);

		size[part]++;
		if (part == 0)
			rows_put(table, first + size[0] - 1, &scratch[i]);
		else
			waiting[part == 1 ? size[1] - 1 : n - size[2]] = scratch[i];
	}
	for (int64_t i = 0; i < size[1]; i++)
		rows_put(table, first + size[0] + i, &waiting[i]);
	for (int64_t i = 0; i < size[2]; i++)
		rows_put(table, first + size[0] + size[1] + i, &waiting[n - 1 - i]);
	table->n_train[user] = (int32_t) size[0];
	table->n_trainval[user] = (int32_t) (size[0] + size[1]);
}

void
split_user(RatingTable *table, const SplitPlan *plan, int32_t user, UserRating *scratch)
{
	int64_t		first = table->start[user];
	int64_t		n = table->start[user + 1] - first;
	int32_t		earlier = 0;

	separate_parts(table, plan, user, scratch);
	for (int32_t i = 0; i < n; i++)
	{
		bool		in_order = (plan->tie_share > MAX_TIE_SHARE && i < table->n_trainval[user]) ||
			(plan->options.leave_last && i >= table->n_train[user]);

		if (i > 0 && table->time[first + i] != table->time[first + i - 1])
			earlier = i;
		table->prefix[first + i] = plan->options.random ? table->n_train[user] :
			in_order ? i : earlier;
	}
}

void
split_summary(SplitSummary *summary, const float *ratings, const RatingTable *table,
			  uint8_t *trained)
{
	double		sum = 0;

	memset(summary, 0, sizeof(*summary));
	memset(trained, 0, (size_t) table->n_movies);
	for (int32_t u = 0; u < table->n_users; u++)
	{
		int64_t		first = table->start[u];

		for (int64_t row = first; row < first + table->n_trainval[u]; row++)
		{
			float		rating = ratings[row];
			RatingKey	key = key_of(table, u, row);

			if (row < first + table->n_train[u])
				sum += rating;
			if (summary->n_trainval++ == 0)
			{
				summary->min_rating = summary->max_rating = rating;
				summary->last_trainval = key;
			}
			if (rating < summary->min_rating)
				summary->min_rating = rating;
			if (rating > summary->max_rating)
				summary->max_rating = rating;
			if (rating_key_after(&key, &summary->last_trainval))
				summary->last_trainval = key;
			trained[table->movie[row]] = 1;
		}
		summary->n_train += table->n_train[u];
	}
	if (summary->n_train > 0)
		summary->mean_rating = sum / (double) summary->n_train;
}
