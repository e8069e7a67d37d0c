/*
 * The k best of all movies, by rows and by codes at each level of processor,
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

/* Movies for a test; skip and bias are used if asked for */
static float rows[MAX_N * VECTOR_DIMS];
static float bias[MAX_N];
static uint8_t skip[MAX_N];
static int32_t order[MAX_PLACES];	/* of the codes */
static _Alignas(64) char section[sizeof(CodesHeader) + MAX_PLACES * (VECTOR_DIMS + 5)];
static Codes codes;
static float centroid[VECTOR_DIMS];

static uint64_t draws;

static float
draw(void)
{
	return rng_uniform(1, draws++) - 0.5f;
}

/* ---------------------------------------------------------------------------
 * Movies
 * ------------------------------------------------------------------------- */

typedef void (*MovieMaker) (float *row, int movie);

static void
any_movie(float *row, int movie)
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
same_movie(float *row, int movie)
{
	for (int d = 0; d < VECTOR_DIMS; d++)
		row[d] = (float) (d % 7) / 24 - 0.1f;
}

/* Apart by a few units in the last place, far below what codes can tell. */
static void
near_movie(float *row, int movie)
{
	same_movie(row, movie);
	for (int d = 0; d < VECTOR_DIMS; d++)
		row[d] *= 1 + 1e-6f * draw();
}

/* One large number hides the others from the codes. */
static void
spiky_movie(float *row, int movie)
{
	any_movie(row, movie);
	for (int d = 0; d < VECTOR_DIMS; d++)
		row[d] *= 0.01f;
	row[movie % VECTOR_DIMS] = movie % 2 ? 0.99f : -0.99f;
}

static void
zero_movie(float *row, int movie)
{
	memset(row, 0, sizeof(float) * VECTOR_DIMS);
}

/* Numbers that scores cannot hold apart from 0, and lengths all over the place. */
static void
uneven_movie(float *row, int movie)
{
	float		length = movie % 3 == 0 ? 1e-30f : movie % 3 == 1 ? 1e-3f : 1000.0f;

	any_movie(row, movie);
	for (int d = 0; d < VECTOR_DIMS; d++)
		row[d] *= length;
}

/* The mean of some of n movies, as lists have it. */
static void
set_centroid(int n)
{
	memset(centroid, 0, sizeof(centroid));
	for (int movie = 0; movie < n; movie += 3)
	{
		for (int d = 0; d < VECTOR_DIMS; d++)
			centroid[d] += rows[movie * VECTOR_DIMS + d] * 3 / n;
	}
}

/*
 * Puts the movies into codes: some movies, some gaps, in no order.
 */
static void
code_movies(int n)
{
	int			places = 0;
	int32_t		n_blocks;

	for (int movie = 0; movie < n; movie++)
	{
		order[places++] = movie;
		if (rng_below(3, movie, 5) == 0)
			order[places++] = NO_MOVIE;
	}
	for (int i = places - 1; i > 0; i--)
	{
		int			j = rng_below(4, draws++, i + 1);
		int32_t		movie = order[i];

		order[i] = order[j];
		order[j] = movie;
	}
	n_blocks = code_blocks(places);
	while (places < n_blocks * CODE_BLOCK)
		order[places++] = NO_MOVIE;

	set_centroid(n);
	codes_begin(section, order, n_blocks);
	codes_fill(section, rows, bias, centroid, 0, n_blocks / 3);
	codes_fill(section, rows, bias, centroid, n_blocks / 3, n_blocks);
	codes_open(&codes, section);
}

static void
make_movies(int n, MovieMaker maker)
{
	for (int movie = 0; movie < n; movie++)
	{
		maker(rows + movie * VECTOR_DIMS, movie);
		bias[movie] = rng_below(2, movie, 4) == 0 ? 5 * (draw() + 0.5f) : 0;
	}
	code_movies(n);
}

/* ---------------------------------------------------------------------------
 * The plain way
 * ------------------------------------------------------------------------- */

/* All scores, sorted; returns how many of k there are. */
static int
reference(TopkEntry *sorted, const ScanMovies *movies, const ScanQuery *query, int from, int to,
		  int k, const int32_t *at)
{
	int			found = 0;

	for (int i = from; i < to; i++)
	{
		int32_t		movie = at != NULL ? at[i] : i;
		float		score;

		if (movie == NO_MOVIE || (movies->skip != NULL && movies->skip[movie]))
			continue;
		scan_scores(&score, query, movies->vectors, &movie, 1);
		sorted[found].score = movies->bias != NULL ? score + movies->bias[movie] : score;
		sorted[found++].index = movie;
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

/* Movies from .. to - 1, by their rows. */
static void
check_rows(const ScanMovies *movies, const ScanQuery *query, int from, int to, int k)
{
	static TopkEntry expected[MAX_N];
	TopkEntry	entries[MAX_K];
	Topk		topk;
	int			n = reference(expected, movies, query, from, to, k, NULL);

	topk_init(&topk, entries, k);
	scan_vectors(&topk, movies, 0, from, to, query);
	check_same(&topk, expected, n);
}

static float
score_of_centroid(const ScanQuery *query)
{
	float		score;

	scan_scores(&score, query, centroid, NULL, 1);
	return score;
}

/* Blocks from .. to - 1, in two parts as lists are searched. */
static void
check_codes(const ScanMovies *movies, const ScanQuery *query, int from, int to, int k)
{
	static TopkEntry expected[MAX_N];
	TopkEntry	entries[MAX_K];
	Topk		topk;
	int			middle = (from + 2 * to) / 3;
	int			n = reference(expected, movies, query, from * CODE_BLOCK, to * CODE_BLOCK, k,
							  order);
	float		score = score_of_centroid(query);
	CodeScan	scan = {.topk = &topk, .movies = movies, .codes = &codes, .query = query,
	.bound_factor = 1};

	if (k == 0)
		return;
	topk_init(&topk, entries, k);
	scan_blocks(&scan, middle, to, score);
	scan_blocks(&scan, from, middle, score);
	scan_finish(&scan);
	CHECK(scan.n_scanned <= to - from && scan.n_scanned * CODE_BLOCK >= n);
	check_same(&topk, expected, n);
}

/*
 * In all forms: with and without biases and movies skipped, at each level.
 */
static void
check_movies(int n, int k, MovieMaker maker, MovieMaker user)
{
	float		vector[VECTOR_DIMS];

	make_movies(n, maker);
	user(vector, 0);
	for (int form = 0; form < 6; form++)
	{
		ScanMovies	movies = {rows, form & 1 ? bias : NULL, form < 2 ? NULL : skip};
		ScanQuery	query;

		for (int movie = 0; movie < n; movie++)
			skip[movie] = form >= 4 || rng_below(5, movie, 3) > 0;
		for (int level = 0; level <= (int) scan_level(); level++)
		{
			scan_prepare(&query, vector, form & 1 ? 7.5f : 1, level);
			check_rows(&movies, &query, 0, n, k);
			check_rows(&movies, &query, n / 3, n - n / 4, k);
			check_codes(&movies, &query, 0, codes.n_blocks, k);
			check_codes(&movies, &query, codes.n_blocks / 3, codes.n_blocks / 2, k);
		}
	}
}

/* A movie has the same score in whatever company it is looked at. */
static void
check_scores_of_groups(void)
{
	float		vector[VECTOR_DIMS];
	float		all[MAX_N];
	ScanQuery	query;

	make_movies(67, any_movie);
	any_movie(vector, 0);
	for (int level = 0; level <= (int) scan_level(); level++)
	{
		scan_prepare(&query, vector, 1, level);
		scan_scores(all, &query, rows, NULL, 67);
		for (int32_t movie = 0; movie < 67; movie++)
		{
			float		score;
			double		exact = 0;

			for (int d = 0; d < VECTOR_DIMS; d++)
				exact += (double) vector[d] * rows[movie * VECTOR_DIMS + d];
			scan_scores(&score, &query, rows, &movie, 1);
			CHECK(score == all[movie]);
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
		int32_t		movie = order[survivors->position[i]];
		const CodeBlock *block = &codes.blocks[survivors->position[i] / CODE_BLOCK];
		double		exact = 0;

		for (int d = 0; movie != NO_MOVIE && d < VECTOR_DIMS; d++)
			exact += (double) vector[d] * rows[movie * VECTOR_DIMS + d];
		if (movie == NO_MOVIE)
			continue;
		*broken += exact > survivors->bound[i] ||
			exact > (double) score_of_centroid(query) + scan_upper_bound(block, query, false, 1);
		*worst = (float) worst_of(*worst, survivors->bound[i] - exact);
	}
}

/* The bound is one, and not far above. */
static void
check_bounds(MovieMaker maker, float tightness)
{
	static int32_t place[MAX_PLACES];
	static float bound[MAX_PLACES];
	float		vector[VECTOR_DIMS];
	ScanQuery	query;

	make_movies(MAX_N, maker);
	any_movie(vector, 0);
	for (int level = 0; level <= (int) scan_level(); level++)
	{
		Survivors	survivors = {place, bound, 0};
		int			broken;
		float		worst;

		scan_prepare(&query, vector, 1, level);
		for (int32_t block = 0; block < codes.n_blocks; block++)
		{
			float		score = score_of_centroid(&query);

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

	make_movies(n, any_movie);
	size = codes_size(codes.n_blocks);
	CHECK(codes_are_sound(section, size, n));
	CHECK(!codes_are_sound(section, size - 1, n));
	CHECK(!codes_are_sound(section, 0, n));
	CHECK(!codes_are_sound(section, size, n - 1));
	last = (int32_t *) &codes.movies[codes.n_blocks * CODE_BLOCK - 1];
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
	check_bounds(any_movie, 0.04f);
	check_bounds(spiky_movie, 0.2f);
	check_bounds(zero_movie, 0.01f);
	check_soundness(100);
	for (int n = 0; n <= 130; n++)
	{
		check_movies(n, 0, any_movie, any_movie);
		check_movies(n, 1 + n / 2, any_movie, any_movie);
		check_movies(n, 100, any_movie, any_movie);
	}
	for (int i = 0; i < (int) (sizeof(ks) / sizeof(int)); i++)
	{
		check_movies(MAX_N, ks[i], any_movie, any_movie);
		check_movies(MAX_N - 7, ks[i], near_movie, same_movie);
		check_movies(1000, ks[i], same_movie, any_movie);
		check_movies(1000, ks[i], spiky_movie, spiky_movie);
		check_movies(1000, ks[i], zero_movie, any_movie);
		check_movies(1000, ks[i], any_movie, zero_movie);
		check_movies(1000, ks[i], uneven_movie, any_movie);
		check_movies(1000, ks[i], uneven_movie, uneven_movie);
	}
	return unit_finish();
}
