/*
 * test_split.c: ids, order, split and prefixes, against a plain reference that
 * sorts everything and counts.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "num/base/idmap.h"
#include "num/data/split.h"
#include "unit.h"

#define MAX_ROWS 3000

typedef struct Row
{
	int64_t		user_id;
	int64_t		movie_id;
	int64_t		time;
	float		rating;
	int			part;			/* 0 fit, 1 validation, 2 test */
} Row;

/* Everything that a load needs, over fixed arrays */
typedef struct Loaded
{
	RatingTable table;
	int64_t		n_dropped;
	int64_t		user_ids[MAX_ROWS],
				movie_ids[MAX_ROWS];
	int64_t		start[MAX_ROWS + 1],
				time[MAX_ROWS];
	int32_t		movie[MAX_ROWS],
				n_train[MAX_ROWS],
				n_trainval[MAX_ROWS],
				prefix[MAX_ROWS];
	float		rating[MAX_ROWS];
	UserRating	scratch[2 * MAX_ROWS];
} Loaded;

static uint64_t state = 1;

static uint64_t
random_below(uint64_t n)
{
	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (state >> 33) % n;
}

/* ------------------------------------------------------------ the reference */

static int
compare_int64(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static int
by_time(const void *a, const void *b)
{
	const Row  *x = a;
	const Row  *y = b;
	int			c = compare_int64(x->time, y->time);

	c = c ? c : compare_int64(x->user_id, y->user_id);
	c = c ? c : compare_int64(x->movie_id, y->movie_id);
	return c ? c : (x->rating > y->rating) - (x->rating < y->rating);
}

static int
by_user(const void *a, const void *b)
{
	const Row  *x = a;
	const Row  *y = b;
	uint64_t	order_x = rating_tie_order(x->user_id, x->movie_id);
	uint64_t	order_y = rating_tie_order(y->user_id, y->movie_id);
	int			c = compare_int64(x->user_id, y->user_id);

	c = c ? c : x->part - y->part;
	c = c ? c : compare_int64(x->time, y->time);
	c = c ? c : (order_x > order_y) - (order_x < order_y);
	return c ? c : by_time(a, b);
}

/* Sorts by time and keeps the last row of each pair; returns how many stay. */
static int
keep_latest(Row *row, int n)
{
	int			kept = 0;

	qsort(row, n, sizeof(Row), by_time);
	for (int i = 0; i < n; i++)
	{
		bool		again = false;

		for (int j = i + 1; j < n; j++)
			again |= row[j].user_id == row[i].user_id && row[j].movie_id == row[i].movie_id;
		if (!again)
			row[kept++] = row[i];
	}
	return kept;
}

/* ---------------------------------------------------------------- the code */

static IdMap
map_of(const Row *row, int n, size_t field, int32_t *code)
{
	IdMap		map;

	idmap_init(&map, malloc(2 * sizeof(IdSlot)), 2);
	for (int i = 0; i < n; i++)
	{
		if (idmap_is_full(&map))
		{
			IdSlot	   *old = map.slots;

			idmap_move(&map, malloc(2 * map.n_slots * sizeof(IdSlot)), 2 * map.n_slots);
			free(old);
		}
		code[i] = idmap_put(&map, *(const int64_t *) ((const char *) &row[i] + field));
	}
	return map;
}

/* Encodes rows, and checks the encoding. */
static int32_t
encode(const Row *row, int n, size_t field, int32_t *code, int64_t *ids)
{
	IdMap		map = map_of(row, n, field, code);
	int32_t    *rank = malloc((map.n + 1) * sizeof(int32_t));
	IdSlot	   *scratch = malloc((2 * map.n + 1) * sizeof(IdSlot));
	int			wrong = 0;

	idmap_rank(&map, ids, rank, scratch);
	for (int i = 1; i < map.n; i++)
		wrong += ids[i - 1] >= ids[i];
	for (int i = 0; i < n; i++)
	{
		int64_t		id = *(const int64_t *) ((const char *) &row[i] + field);

		wrong += idmap_find(&map, id) != code[i];
		code[i] = rank[code[i]];
		wrong += ids[code[i]] != id;
	}
	CHECK(wrong == 0);
	CHECK(idmap_find(&map, INT64_MIN + 12345) == -1);
	free(map.slots);
	free(rank);
	free(scratch);
	return map.n;
}

static void
load(Loaded *d, const Row *row, int n)
{
	static int32_t user[MAX_ROWS],
				movie[MAX_ROWS],
				last_seen[MAX_ROWS];
	static int64_t time[MAX_ROWS];
	static float rating[MAX_ROWS];
	RatingTable *t = &d->table;
	int64_t		end = 0;

	memset(d, 0, sizeof(*d));
	memset(last_seen, 0, sizeof(last_seen));
	t->user_ids = d->user_ids;
	t->movie_ids = d->movie_ids;
	t->start = d->start;
	t->time = d->time;
	t->movie = d->movie;
	t->rating = d->rating;
	t->n_train = d->n_train;
	t->n_trainval = d->n_trainval;
	t->prefix = d->prefix;
	t->n_users = encode(row, n, offsetof(Row, user_id), user, d->user_ids);
	t->n_movies = encode(row, n, offsetof(Row, movie_id), movie, d->movie_ids);
	for (int i = 0; i < n; i++)
	{
		time[i] = row[i].time;
		rating[i] = row[i].rating;
	}

	/* in two pieces, as a caller that can be interrupted does */
	rows_count(t->start, user, n / 3);
	rows_count(t->start, user + n / 3, n - n / 3);
	rows_open(t);
	rows_place(t, user, movie, rating, time, n / 3);
	rows_place(t, user + n / 3, movie + n / 3, rating + n / 3, time + n / 3, n - n / 3);
	rows_close(t);
	CHECK(rows_longest(t->start, t->n_users) <= n);
	for (int32_t u = 0; u < t->n_users; u++)
		d->n_dropped += rows_order_user(t, u, d->scratch, last_seen, &end);
}

static void
split(Loaded *d, const SplitOptions *options)
{
	SplitPlan	plan;

	split_plan(&plan, &d->table, options);
	for (int32_t u = 0; u < d->table.n_users; u++)
		split_user(&d->table, &plan, u, d->scratch);
}

/* --------------------------------------------------------------- comparing */

/* Of a user's other training rows, the mean share that are of a row's time. */
static double
tie_share(const Row *row, int n)
{
	double		sum = 0;
	int			rows = 0;

	for (int i = 0; i < n; i++)
	{
		int			others = 0;
		int			ties = 0;

		for (int j = 0; j < n; j++)
			if (j != i && row[j].user_id == row[i].user_id && row[j].part != 2 && row[i].part != 2)
			{
				others++;
				ties += row[j].time == row[i].time;
			}
		rows += others > 0;
		sum += others > 0 ? (double) ties / others : 0;
	}
	return rows > 0 ? sum / rows : 0;
}

/*
 * The table must hold exactly the reference's rows, which have their parts and
 * are in by_user order, and say the same of prefixes and counts.
 */
static void
check_same(const Loaded *d, const Row *row, int n, const SplitOptions *options)
{
	const RatingTable *t = &d->table;
	bool		ordered = tie_share(row, n) > MAX_TIE_SHARE;
	int			wrong = 0;
	int			i = 0;

	CHECK(t->n_rows == n);
	CHECK(t->start[t->n_users] == n);
	for (int32_t u = 0; u < t->n_users; u++)
	{
		int			count[3] = {0, 0, 0};
		int			first = i;

		wrong += t->start[u] != i;
		for (; i < n && row[i].user_id == t->user_ids[u]; i++)
			count[row[i].part]++;
		wrong += t->n_train[u] != count[0] || t->n_trainval[u] != count[0] + count[1];
		for (int r = first; r < i; r++)
		{
			int			known = 0;

			for (int s = first; s < i; s++)
				known += options->random ? row[s].part == 0 :
					ordered && row[r].part != 2 ? s < r : row[s].time < row[r].time;
			wrong += t->prefix[r] != known;
			wrong += t->movie_ids[t->movie[r]] != row[r].movie_id;
			wrong += t->time[r] != row[r].time || t->rating[r] != row[r].rating;
		}
	}
	CHECK(wrong == 0);
	CHECK(i == n);
}

static void
check_summary(const Loaded *d, const Row *row, int n)
{
	static uint8_t trained[MAX_ROWS];
	SplitSummary summary;
	const Row  *last = NULL;
	double		sum = 0;
	int64_t		n_train = 0;
	int64_t		n_trainval = 0;
	float		min = 0;
	float		max = 0;
	int			wrong = 0;

	split_summary(&summary, d->rating, &d->table, trained);
	for (int i = 0; i < n; i++)
	{
		if (row[i].part == 2)
			continue;
		min = n_trainval == 0 || row[i].rating < min ? row[i].rating : min;
		max = n_trainval == 0 || row[i].rating > max ? row[i].rating : max;
		n_trainval++;
		n_train += row[i].part == 0;
		sum += row[i].part == 0 ? row[i].rating : 0;
		last = last == NULL || by_time(&row[i], last) > 0 ? &row[i] : last;
	}
	CHECK(summary.n_train == n_train && summary.n_trainval == n_trainval);
	CHECK_NEAR(summary.mean_rating, n_train > 0 ? sum / n_train : 0, 1e-6);
	CHECK(summary.min_rating == min && summary.max_rating == max);
	if (last != NULL)
		CHECK(summary.last_trainval.time == last->time &&
			  summary.last_trainval.user_id == last->user_id &&
			  summary.last_trainval.movie_id == last->movie_id);
	for (int m = 0; m < d->table.n_movies; m++)
	{
		bool		any = false;

		for (int i = 0; i < n; i++)
			any |= row[i].movie_id == d->movie_ids[m] && row[i].part != 2;
		wrong += trained[m] != any;
	}
	CHECK(wrong == 0);
}

/* ------------------------------------------------------------------- cases */

/* Rows of few or many users, movies and times; ids of any sign and size. */
static int
generate(Row *row, int n, int users, int movies, int64_t times, int64_t scale)
{
	for (int i = 0; i < n; i++)
	{
		row[i].user_id = ((int64_t) random_below(users) - users / 2) * scale;
		row[i].movie_id = (int64_t) random_below(movies) * scale + 7;
		row[i].time = (int64_t) ((random_below(1 << 30) << 30 | random_below(1 << 30)) % times) -
			times / 2;
		row[i].rating = 0.5f * (float) (1 + random_below(10));
		row[i].part = 0;
	}
	return n;
}

static void
chronological_case(const Row *input, int n, double test, double validation, bool refit)
{
	static Loaded d,
				again;
	static Row	row[MAX_ROWS];
	SplitOptions options = {.test_fraction = test,.validation_fraction = validation,.refit = refit};
	int			kept;
	int64_t		n_trainval = 0;
	int64_t		n_train = 0;

	memcpy(row, input, n * sizeof(Row));
	kept = keep_latest(row, n);
	while ((n_trainval + 1) <= (1 - test) * kept + 1e-6)
		n_trainval++;
	while ((n_train + 1) <= (refit ? 1 : 1 - validation) * n_trainval + 1e-6)
		n_train++;
	if (n_train == 0 && n_trainval > 0)
		n_train = 1;
	for (int i = 0; i < kept; i++)
		row[i].part = i < n_train ? 0 : i < n_trainval ? 1 : 2;
	qsort(row, kept, sizeof(Row), by_user);

	load(&d, input, n);
	CHECK(d.n_dropped == n - kept);
	split(&d, &options);
	check_same(&d, row, kept, &options);
	check_summary(&d, row, kept);

	/* the boundary alone gives the same parts */
	if (n_trainval > 0)
	{
		static uint8_t trained[MAX_ROWS];
		SplitSummary summary;

		split_summary(&summary, d.rating, &d.table, trained);
		options.has_boundary = true;
		options.boundary = summary.last_trainval;
		options.test_fraction = 0.5;
		load(&again, input, n);
		split(&again, &options);
		check_same(&again, row, kept, &options);
	}
}

static void
random_case(const Row *input, int n, double test, double validation, uint64_t seed)
{
	static Loaded d,
				shuffled;
	static Row	row[MAX_ROWS];
	SplitOptions options = {.test_fraction = test,.validation_fraction = validation,
	.random = true,.seed = seed};
	int			i = 0;
	int			kept;

	load(&d, input, n);
	split(&d, &options);

	/* the parts as the code drew them; everything else as the reference has it */
	for (int32_t u = 0; u < d.table.n_users; u++)
		for (int64_t r = d.start[u]; r < d.start[u + 1]; r++)
		{
			int64_t		at = r - d.start[u];

			row[i].user_id = d.user_ids[u];
			row[i].movie_id = d.movie_ids[d.movie[r]];
			row[i].time = d.time[r];
			row[i].rating = d.rating[r];
			row[i++].part = at < d.n_train[u] ? 0 : at < d.n_trainval[u] ? 1 : 2;
		}
	kept = i;
	CHECK(kept == n - d.n_dropped);
	qsort(row, kept, sizeof(Row), by_user);
	check_same(&d, row, kept, &options);
	check_summary(&d, row, kept);

	/* where the rows lie makes no difference */
	for (i = 0; i < n; i++)
		row[i] = input[n - 1 - i];
	load(&shuffled, row, n);
	split(&shuffled, &options);
	CHECK(memcmp(shuffled.movie, d.movie, kept * sizeof(int32_t)) == 0);
	CHECK(memcmp(shuffled.n_train, d.n_train, sizeof(d.n_train)) == 0);
	CHECK(memcmp(shuffled.n_trainval, d.n_trainval, sizeof(d.n_trainval)) == 0);

	/* to fit on the validation rows too and back again */
	options.refit = true;
	split(&d, &options);
	CHECK(memcmp(d.n_train, d.n_trainval, sizeof(d.n_train)) == 0);
	CHECK(memcmp(d.n_trainval, shuffled.n_trainval, sizeof(d.n_trainval)) == 0);
	options.refit = false;
	split(&d, &options);
	CHECK(memcmp(d.movie, shuffled.movie, kept * sizeof(int32_t)) == 0);
	CHECK(memcmp(d.time, shuffled.time, kept * sizeof(int64_t)) == 0);
	CHECK(memcmp(d.n_train, shuffled.n_train, sizeof(d.n_train)) == 0);
}

/* A draw must be near its fraction, and differ from seed to seed. */
static void
random_shares(void)
{
	static Loaded a,
				b;
	static Row	row[MAX_ROWS];
	SplitOptions options = {.test_fraction = 0.2,.validation_fraction = 0.1,
	.random = true,.seed = 1};
	int64_t		train = 0;
	int64_t		fit = 0;

	for (int i = 0; i < MAX_ROWS; i++)
		row[i] = (Row)
	{
		.user_id = i / 50,.movie_id = i % 50,.time = i,.rating = 3
	};
	load(&a, row, MAX_ROWS);
	split(&a, &options);
	for (int32_t u = 0; u < a.table.n_users; u++)
	{
		fit += a.n_train[u];
		train += a.n_trainval[u];
	}
	CHECK_NEAR((double) train / MAX_ROWS, 0.8, 0.03);
	CHECK_NEAR((double) fit / train, 0.9, 0.03);
	options.seed = 2;
	load(&b, row, MAX_ROWS);
	split(&b, &options);
	CHECK(memcmp(a.movie, b.movie, sizeof(a.movie)) != 0);
}

/* Twenty percent of 1,000,209 rows leave 800,167; exact shares stay exact. */
static void
exact_shares(void)
{
	static int64_t ids[1];
	static int64_t start[2];
	static const struct
	{
		int64_t		rows;
		double		fraction;
		int64_t		left;
	}			share[] = {
		{1000209, 0.2, 800167}, {10, 0.3, 7}, {1000, 0.9, 100}, {3, 0.0, 3}, {1, 0.2, 0}
	};

	for (size_t i = 0; i < sizeof(share) / sizeof(share[0]); i++)
	{
		int64_t		n = share[i].rows;
		int64_t    *time = malloc(n * sizeof(int64_t));
		int32_t    *movie = calloc(n, sizeof(int32_t));
		RatingTable t = {.n_users = 1,.n_movies = 1,.n_rows = n,.user_ids = ids,.movie_ids = ids,
		.start = start,.time = time,.movie = movie};
		SplitOptions options = {.test_fraction = share[i].fraction};
		SplitPlan	plan;

		start[1] = n;
		for (int64_t r = 0; r < n; r++)
			time[r] = r * 1000003;
		split_plan(&plan, &t, &options);
		CHECK(plan.n_trainval == share[i].left);
		CHECK(plan.n_train == share[i].left);
		if (plan.n_trainval > 0)
			CHECK(plan.last_trainval.time == (share[i].left - 1) * 1000003);
		free(time);
		free(movie);
	}
}

/* The largest and smallest ids and times there are */
static void
extremes(void)
{
	Row			row[] = {
		{INT64_MAX, INT64_MIN, INT64_MIN, 1, 0},
		{INT64_MIN, INT64_MAX, INT64_MAX, 2, 0},
		{0, 0, 0, 3, 0},
		{INT64_MIN, INT64_MIN, -1, 4, 0},
		{INT64_MAX, INT64_MAX, INT64_MAX - 1, 5, 0},
	};

	for (int n = 1; n <= 5; n++)
	{
		chronological_case(row, n, 0.4, 0.3, false);
		random_case(row, n, 0.4, 0.3, n);
	}
}

/*
 * Events keep the first of a user and a movie; the weights of those after it are
 * added, up to a time.
 */
static void
events_case(void)
{
	int64_t		start[] = {0, 5, 7};
	int64_t		user_ids[] = {1, 2};
	int64_t		movie_ids[] = {10, 11};
	int64_t		time[] = {5, 1, 2, 3, 9, 4, 4};
	int32_t		movie[] = {0, 0, 1, 0, 1, 1, 1};
	float		weight[] = {8, 1, 2, 4, 16, 32, 64};
	int32_t		last_seen[2] = {0};
	int64_t		row_of[2];
	UserRating	scratch[10];
	RepeatedEvent repeated[7];
	RatingTable table = {
		.n_users = 2, .n_movies = 2, .n_rows = 7, .user_ids = user_ids, .movie_ids = movie_ids,
		.start = start, .time = time, .movie = movie, .rating = weight
	};
	int64_t		end = 0;
	int32_t		n = rows_order_events(&table, 0, scratch, last_seen, &end, repeated);

	n += rows_order_events(&table, 1, scratch, last_seen, &end, repeated + n);
	CHECK(n == 4 && table.n_rows == 3 && start[1] == 2 && start[2] == 3);
	CHECK(time[0] == 1 && movie[0] == 0 && time[1] == 2 && movie[1] == 1 && time[2] == 4);
	rows_add_repeated(&table, repeated, n, 4, row_of);
	CHECK(weight[0] == 1 + 4 && weight[1] == 2 && weight[2] == 32 + 64);
	rows_add_repeated(&table, repeated, n, INT64_MAX, row_of);
	CHECK(weight[0] == 1 + 4 + 4 + 8 && weight[1] == 2 + 16);
}

int
main(void)
{
	events_case();
	static Row	row[MAX_ROWS];
	static const struct
	{
		int			rows,
					users,
					movies;
		int64_t		times,
					scale;
	}			shape[] = {
		{1, 1, 1, 1, 1}, {2, 1, 2, 1, 1}, {2, 2, 1, 10, 1}, {30, 1, 10, 5, 1},
		{500, 1, 100000, 50, 1},
		{500, 20, 30, 10, 1}, {1000, 40, 100, INT64_C(1) << 45, 1},
		{1000, 1000, 3, 100, INT64_C(1) << 40},
		{1000, 50, 50, 1, -1}, {1500, 3, 700, INT64_C(1) << 30, INT64_C(0x123456789)},
	};

	for (size_t s = 0; s < sizeof(shape) / sizeof(shape[0]); s++)
	{
		int			n = generate(row, shape[s].rows, shape[s].users, shape[s].movies,
								 shape[s].times, shape[s].scale);

		chronological_case(row, n, 0.2, 0.1, false);
		chronological_case(row, n, 0.2, 0.1, true);
		chronological_case(row, n, 0.0, 0.0, false);
		chronological_case(row, n, 0.9, 0.5, false);
		random_case(row, n, 0.2, 0.1, 7);
		random_case(row, n, 0.0, 0.0, 8);
		random_case(row, n, 0.7, 0.5, 9);
	}
	random_shares();
	exact_shares();
	extremes();
	return unit_finish();
}
