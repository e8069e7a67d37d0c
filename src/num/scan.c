/*
 * scan.c: the k best of all films, exactly.
 *
 * A small catalogue is scored by its rows.  A large one is bound by the speed of
 * memory, so the scan reads the codes, a quarter of the bytes, and takes an upper
 * bound of each film's score from them.  A film whose bound is below the k-th
 * best score so far cannot be among the best; the others, a few thousand of a
 * million, are scored by their rows.  So the result is that of scoring all rows,
 * ties and all, and the more the films differ, the fewer rows are read.
 *
 * Codes are taken a few blocks at a time, with the bar as it stands before them.
 * The survivors' rows lie anywhere in memory: all of them are asked for before
 * the first is used, so that they are waited for together.
 */
#include "scan.h"

#include <math.h>
#include <stddef.h>

#include "scan_kernels.h"

/* Films scored together by their rows */
#define ROW_CHUNK 4096

/* Films looked at together by their codes */
#define CHUNK 512
#define CHUNK_BLOCKS (CHUNK / CODE_BLOCK)

/* As ROUND_UP of codes.c */
#define ROUND_UP 1.000001

ScanLevel
scan_level(void)
{
#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
		__builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni"))
		return SCAN_AVX512;
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
		return SCAN_AVX2;
#endif
	return SCAN_PLAIN;
}

void
scan_prepare(ScanQuery *query, const float *vector, float scale, ScanLevel level)
{
	int			steps = level == SCAN_AVX2 ? SCAN_AVX2_STEPS : 127;
	float		largest = 0;
	double		norm = 0;
	double		error = 0;
	int32_t		sum = 0;

	query->level = level;
	for (int d = 0; d < VECTOR_DIMS; d++)
	{
		query->vector[d] = scale * vector[d];
		if (fabsf(query->vector[d]) > largest)
			largest = fabsf(query->vector[d]);
	}
	query->step = largest / (float) steps;
	for (int d = 0; d < VECTOR_DIMS; d++)
	{
		double		value = query->vector[d];
		float		code = query->step > 0 ? rintf(query->vector[d] / query->step) : 0;

		query->code[d] = (int8_t) (code > steps ? steps : code < -steps ? -steps : code);
		norm += value * value;
		value -= (double) query->step * query->code[d];
		error += value * value;
		sum += query->code[d];
	}
	query->zero = -CODE_ZERO * sum;
	query->norm = (float) (sqrt(norm) * ROUND_UP);
	query->error = (float) (sqrt(error) * ROUND_UP);
}

void
scan_scores(float *scores, const ScanQuery *query, const float *rows, const int32_t *films,
			int32_t n)
{
	ScoreGroup	score_group = scan_kernels[query->level].score_group;
	const float *group[SCAN_GROUP];
	float		rest[SCAN_GROUP] = {0};

	for (int32_t at = 0; at < n; at += SCAN_GROUP)
	{
		bool		whole = n - at >= SCAN_GROUP;

		/* a last group that is not full repeats its last film */
		for (int i = 0; i < SCAN_GROUP; i++)
		{
			int32_t		which = whole || at + i < n ? at + i : n - 1;

			group[i] = rows + (size_t) (films != NULL ? films[which] : which) * VECTOR_DIMS;
		}
		score_group(whole ? scores + at : rest, group, query->vector);
		for (int i = 0; !whole && at + i < n; i++)
			scores[at + i] = rest[i];
	}
}

void
scan_rows(Topk *topk, const ScanFilms *films, int32_t first, int32_t from, int32_t to,
		  const ScanQuery *query)
{
	float		scores[ROW_CHUNK];

	for (int32_t at = from; at < to; at += ROW_CHUNK)
	{
		int32_t		n = to - at < ROW_CHUNK ? to - at : ROW_CHUNK;

		scan_scores(scores, query, films->rows + (size_t) at * VECTOR_DIMS, NULL, n);
		for (int32_t i = 0; films->bias != NULL && i < n; i++)
			scores[i] += films->bias[at + i];
		topk_push_block(topk, scores, first + at, n,
						films->skip != NULL ? films->skip + at : NULL);
	}
}

/* What a newcomer must reach. */
static float
bar_of(const Topk *topk)
{
	return topk->n < topk->k ? -INFINITY : topk->entry[0].score;
}

/*
 * From the survivors of a chunk to the films to be scored, whose rows are asked
 * for.  Counts those that are skipped.
 */
static int32_t
pick_films(int32_t *picked, const Survivors *survivors, const ScanFilms *films, const Codes *codes,
		   float bar, int32_t *n_skipped)
{
	int32_t		n = 0;

	for (int32_t i = 0; i < survivors->n; i++)
	{
		int32_t		place = survivors->place[i];
		int32_t		film = codes->films[place];
		const char *row;

		if (film == NO_FILM)
			continue;
		if (films->bias != NULL)
		{
			/* the bound has the largest bias of the block: now with the film's own */
			float		excess = codes->blocks[place / CODE_BLOCK].bias - films->bias[film];

			if (survivors->bound[i] - excess < bar)
				continue;
		}
		if (films->skip != NULL && films->skip[film])
		{
			(*n_skipped)++;
			continue;
		}
		row = (const char *) (films->rows + (size_t) film * VECTOR_DIMS);
		for (size_t at = 0; at < VECTOR_DIMS * sizeof(float); at += 64)
			__builtin_prefetch(row + at);
		picked[n++] = film;
	}
	return n;
}

int32_t
scan_codes(Topk *topk, const ScanFilms *films, const Codes *codes, int32_t from, int32_t to,
		   const ScanQuery *query)
{
	SelectBlocks select_blocks = scan_kernels[query->level].select_blocks;
	int32_t		place[CHUNK];
	float		bound[CHUNK];
	int32_t		picked[CHUNK];
	float		scores[CHUNK];
	int32_t		n_skipped = 0;

	if (topk->k == 0)
		return 0;
	for (int32_t block = from; block < to; block += CHUNK_BLOCKS)
	{
		/* cppcheck-suppress legacyUninitvar */
		Survivors	survivors = {place, bound, 0};
		float		bar = bar_of(topk);
		int32_t		n;

		select_blocks(&survivors, codes, block, to - block < CHUNK_BLOCKS ? to :
					  block + CHUNK_BLOCKS, query, films->bias != NULL, bar);
		if (survivors.n == 0)
			continue;
		n = pick_films(picked, &survivors, films, codes, bar, &n_skipped);
		scan_scores(scores, query, films->rows, picked, n);
		for (int32_t i = 0; i < n; i++)
			topk_push(topk, films->bias != NULL ? scores[i] + films->bias[picked[i]] : scores[i],
					  picked[i]);
	}
	return n_skipped;
}
