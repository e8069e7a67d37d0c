/*
 * The k best of all films, by rows and by codes at each level of processor,
 * against scoring them one by one.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "best_first.h"
#include "num/base/rng.h"
#include "num/index/scan.h"
#include "num/index/scan_kernels.h"

#define MAX_N 3000
#define MAX_K 400
#define MAX_PLACES (2 * MAX_N + 3 * CODE_BLOCK)

/* Films for a test; skip and bias are used if asked for */
static float rows[MAX_N * VECTOR_DIMS];
static float bias[MAX_N];
static uint8_t skip[MAX_N];
static int32_t order[MAX_PLACES];	/* of the codes */
static _Alignas(64) char section[sizeof(CodesHeader) + MAX_PLACES * (VECTOR_DIMS + 5)];
static Codes codes;
static float origin[VECTOR_DIMS];

static uint64_t draws;

static float
draw(void)
{
	return rng_uniform(1, draws++) - 0.5f;
}

/* ---------------------------------------------------------------------------
 * Films
 * ------------------------------------------------------------------------- */

typedef void (*FilmMaker) (float *row, int film);

static void
any_film(float *row, int film)
{
	float		norm = 0;

	for (int d = 0; d < VECTOR_DIMS; d++)
	{
		row[d] = draw();
		norm += row[d] * row[d];
	}
	for (int d = 0; d < VECTOR_DIMS; d++)
		row[d] /= sqrtf(norm);
}

static void
same_film(float *row, int film)
{
	for (int d = 0; d < VECTOR_DIMS; d++)
		row[d] = (float) (d % 7) / 24 - 0.1f;
}

/* Apart by a few units in the last place, far below what codes can tell. */
static void
near_film(float *row, int film)
{
	same_film(row, film);
	for (int d = 0; d < VECTOR_DIMS; d++)
		row[d] *= 1 + 1e-6f * draw();
}

/* One large number hides the others from the codes. */
static void
spiky_film(float *row, int film)
{
	any_film(row, film);
	for (int d = 0; d < VECTOR_DIMS; d++)
		row[d] *= 0.01f;
	row[film % VECTOR_DIMS] = film % 2 ? 0.99f : -0.99f;
}

static void
zero_film(float *row, int film)
{
	memset(row, 0, sizeof(float) * VECTOR_DIMS);
}

/* Numbers that scores cannot hold apart from 0, and lengths all over the place. */
static void
uneven_film(float *row, int film)
{
	float		length = film % 3 == 0 ? 1e-30f : film % 3 == 1 ? 1e-3f : 1000.0f;

	any_film(row, film);
	for (int d = 0; d < VECTOR_DIMS; d++)
		row[d] *= length;
}

/* The mean of some of n films, as lists have it. */
static void
set_origin(int n)
{
	memset(origin, 0, sizeof(origin));
	for (int film = 0; film < n; film += 3)
	{
		for (int d = 0; d < VECTOR_DIMS; d++)
			origin[d] += rows[film * VECTOR_DIMS + d] * 3 / n;
	}
}

/*
 * Puts the films into codes: some films, some gaps, in no order.
 */
static void
code_films(int n)
{
	int			places = 0;
	int32_t		n_blocks;

	for (int film = 0; film < n; film++)
	{
		order[places++] = film;
		if (rng_below(3, film, 5) == 0)
			order[places++] = NO_FILM;
	}
	for (int i = places - 1; i > 0; i--)
	{
		int			j = rng_below(4, draws++, i + 1);
		int32_t		film = order[i];

		order[i] = order[j];
		order[j] = film;
	}
	n_blocks = code_blocks(places);
	while (places < n_blocks * CODE_BLOCK)
		order[places++] = NO_FILM;

	set_origin(n);
	codes_begin(section, order, n_blocks);
	codes_fill(section, rows, bias, origin, 0, n_blocks / 3);
	codes_fill(section, rows, bias, origin, n_blocks / 3, n_blocks);
	codes_open(&codes, section);
}

static void
make_films(int n, FilmMaker maker)
{
	for (int film = 0; film < n; film++)
	{
		maker(rows + film * VECTOR_DIMS, film);
		bias[film] = rng_below(2, film, 4) == 0 ? 5 * (draw() + 0.5f) : 0;
	}
	code_films(n);
}

/* ---------------------------------------------------------------------------
 * The plain way
 * ------------------------------------------------------------------------- */

/* All scores, sorted; returns how many of k there are. */
static int
reference(TopkEntry *sorted, const ScanFilms *films, const ScanQuery *query, int from, int to,
		  int k, const int32_t *at)
{
	int			found = 0;

	for (int i = from; i < to; i++)
	{
		int32_t		film = at != NULL ? at[i] : i;
		float		score;

		if (film == NO_FILM || (films->skip != NULL && films->skip[film]))
			continue;
		scan_scores(&score, query, films->rows, &film, 1);
		sorted[found].score = films->bias != NULL ? score + films->bias[film] : score;
		sorted[found++].index = film;
	}
	qsort(sorted, found, sizeof(TopkEntry), best_first);
	return found < k ? found : k;
}

static void
check_same(Topk *topk, const TopkEntry *expected, int n)
{
	topk_sort(topk);
	if (CHECK(topk->n == n))
	{
		int			different = 0;

		/* -0 is as good as 0 */
		for (int i = 0; i < n; i++)
			different += topk->entry[i].index != expected[i].index ||
				topk->entry[i].score != expected[i].score;
		CHECK(different == 0);
	}
}

/* ---------------------------------------------------------------------------
 * Checks
 * ------------------------------------------------------------------------- */

/* Films from .. to - 1, by their rows. */
static void
check_rows(const ScanFilms *films, const ScanQuery *query, int from, int to, int k)
{
	static TopkEntry expected[MAX_N];
	TopkEntry	entries[MAX_K];
	Topk		topk;
	int			n = reference(expected, films, query, from, to, k, NULL);

	topk_init(&topk, entries, k);
	scan_rows(&topk, films, 0, from, to, query);
	check_same(&topk, expected, n);
}

static float
score_of_origin(const ScanQuery *query)
{
	float		score;

	scan_scores(&score, query, origin, NULL, 1);
	return score;
}

/* Blocks from .. to - 1, in two parts as lists are searched. */
static void
check_codes(const ScanFilms *films, const ScanQuery *query, int from, int to, int k)
{
	static TopkEntry expected[MAX_N];
	TopkEntry	entries[MAX_K];
	Topk		topk;
	int			middle = (from + 2 * to) / 3;
	int			n = reference(expected, films, query, from * CODE_BLOCK, to * CODE_BLOCK, k, order);
	float		score = score_of_origin(query);
	CodeScan	scan = {.topk = &topk, .films = films, .codes = &codes, .query = query,
	.margin = 1};

	if (k == 0)
		return;
	topk_init(&topk, entries, k);
	scan_blocks(&scan, middle, to, score);
	scan_blocks(&scan, from, middle, score);
	scan_finish(&scan);
	CHECK(scan.n_looked <= to - from && scan.n_looked * CODE_BLOCK >= n);
	check_same(&topk, expected, n);
}

/*
 * In all forms: with and without biases and films skipped, at each level.
 */
static void
check_films(int n, int k, FilmMaker maker, FilmMaker user)
{
	float		vector[VECTOR_DIMS];

	make_films(n, maker);
	user(vector, 0);
	for (int form = 0; form < 6; form++)
	{
		ScanFilms	films = {rows, form & 1 ? bias : NULL, form < 2 ? NULL : skip};
		ScanQuery	query;

		for (int film = 0; film < n; film++)
			skip[film] = form >= 4 || rng_below(5, film, 3) > 0;
		for (int level = 0; level <= (int) scan_level(); level++)
		{
			scan_prepare(&query, vector, form & 1 ? 7.5f : 1, level);
			check_rows(&films, &query, 0, n, k);
			check_rows(&films, &query, n / 3, n - n / 4, k);
			check_codes(&films, &query, 0, codes.n_blocks, k);
			check_codes(&films, &query, codes.n_blocks / 3, codes.n_blocks / 2, k);
		}
	}
}

/* A film has the same score in whatever company it is looked at. */
static void
check_scores_of_groups(void)
{
	float		vector[VECTOR_DIMS];
	float		all[MAX_N];
	ScanQuery	query;

	make_films(67, any_film);
	any_film(vector, 0);
	for (int level = 0; level <= (int) scan_level(); level++)
	{
		scan_prepare(&query, vector, 1, level);
		scan_scores(all, &query, rows, NULL, 67);
		for (int32_t film = 0; film < 67; film++)
		{
			float		score;
			double		exact = 0;

			for (int d = 0; d < VECTOR_DIMS; d++)
				exact += (double) vector[d] * rows[film * VECTOR_DIMS + d];
			scan_scores(&score, &query, rows, &film, 1);
			CHECK(score == all[film]);
			CHECK_NEAR(score, exact, 1e-6);
		}
	}
}

/*
 * Places whose bound is below the score, or above that of the block; the largest
 * distance of bound and score.
 */
static void
compare_bounds(const Survivors *survivors, const ScanQuery *query, const float *vector,
			   int *broken, float *worst)
{
	*broken = 0;
	*worst = 0;
	for (int i = 0; i < survivors->n; i++)
	{
		int32_t		film = order[survivors->place[i]];
		const CodeBlock *block = &codes.blocks[survivors->place[i] / CODE_BLOCK];
		double		exact = 0;

		for (int d = 0; film != NO_FILM && d < VECTOR_DIMS; d++)
			exact += (double) vector[d] * rows[film * VECTOR_DIMS + d];
		if (film == NO_FILM)
			continue;
		*broken += exact > survivors->bound[i] ||
			exact > (double) score_of_origin(query) + scan_reach(block, query, false, 1);
		*worst = fmaxf(*worst, (float) (survivors->bound[i] - exact));
	}
}

/* The bound is one, and not far above. */
static void
check_bounds(FilmMaker maker, float tightness)
{
	static int32_t place[MAX_PLACES];
	static float bound[MAX_PLACES];
	float		vector[VECTOR_DIMS];
	ScanQuery	query;

	make_films(MAX_N, maker);
	any_film(vector, 0);
	for (int level = 0; level <= (int) scan_level(); level++)
	{
		Survivors	survivors = {place, bound, 0};
		int			broken;
		float		worst;

		scan_prepare(&query, vector, 1, level);
		for (int32_t block = 0; block < codes.n_blocks; block++)
		{
			float		score = score_of_origin(&query);

			scan_kernels[level].select_blocks(&survivors, &codes, &block, &score, 1, &query, false,
											  -INFINITY);
		}
		CHECK(survivors.n == codes.n_blocks * CODE_BLOCK);
		compare_bounds(&survivors, &query, vector, &broken, &worst);
		CHECK(broken == 0);
		CHECK(worst < tightness);
	}
}

static void
check_soundness(int n)
{
	CodesHeader *header = (CodesHeader *) section;
	int32_t    *last;
	uint64_t	size;

	make_films(n, any_film);
	size = codes_size(codes.n_blocks);
	CHECK(codes_are_sound(section, size, n));
	CHECK(!codes_are_sound(section, size - 1, n));
	CHECK(!codes_are_sound(section, 0, n));
	CHECK(!codes_are_sound(section, size, n - 1));
	last = (int32_t *) &codes.films[codes.n_blocks * CODE_BLOCK - 1];
	*last = -2;
	CHECK(!codes_are_sound(section, size, n));
	header->n_blocks++;
	CHECK(!codes_are_sound(section, size, n));
	header->n_blocks = -1;
	CHECK(!codes_are_sound(section, size, n));
}

int
main(void)
{
	int			ks[] = {1, 2, 10, 200, 400};

	check_scores_of_groups();
	check_bounds(any_film, 0.04f);
	check_bounds(spiky_film, 0.2f);
	check_bounds(zero_film, 0.01f);
	check_soundness(100);
	for (int n = 0; n <= 130; n++)
	{
		check_films(n, 0, any_film, any_film);
		check_films(n, 1 + n / 2, any_film, any_film);
		check_films(n, 100, any_film, any_film);
	}
	for (int i = 0; i < (int) (sizeof(ks) / sizeof(int)); i++)
	{
		check_films(MAX_N, ks[i], any_film, any_film);
		check_films(MAX_N - 7, ks[i], near_film, same_film);
		check_films(1000, ks[i], same_film, any_film);
		check_films(1000, ks[i], spiky_film, spiky_film);
		check_films(1000, ks[i], zero_film, any_film);
		check_films(1000, ks[i], any_film, zero_film);
		check_films(1000, ks[i], uneven_film, any_film);
		check_films(1000, ks[i], uneven_film, uneven_film);
	}
	return unit_finish();
}
