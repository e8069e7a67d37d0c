/*
 * scan.c: the k best of all movies, exactly.
 *
 * A small catalogue is scored by its vectors.  A large one is bound by the speed
 * of memory, so the scan reads the codes, a quarter of the bytes, and takes an
 * upper bound of each movie's score from them.  A movie whose bound is below the
 * k-th best score so far, the threshold, cannot be among the best; the others, a
 * few thousand of a million, are scored by their vectors.  So the result is that
 * of scoring all vectors, ties included, and the more the movies differ, the fewer
 * vectors are read.
 *
 * The same holds for a block: if even a movie whose whole residual pointed along
 * the query would stay below the threshold, the codes need not be read.
 *
 * Codes are scanned a few blocks at a time, with the threshold as it is before
 * them.  The blocks that are scanned lie here and there, and the survivors'
 * vectors anywhere: all are prefetched before the first is used, so that the
 * processor waits for them together.
 */
#include "num/index/scan.h"

#include <math.h>
#include <stddef.h>

#include "num/base/cpu.h"
#include "num/index/scan_kernels.h"

/* Movies scored together by their vectors */
#define VECTOR_CHUNK 4096

/* Movies scanned together by their codes */
#define CHUNK (SCAN_BLOCKS * CODE_BLOCK)

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
	query->scale = largest / (float) steps;
	for (int d = 0; d < VECTOR_DIMS; d++)
	{
		double		value = query->vector[d];
		float		code = query->scale > 0 ? rintf(query->vector[d] / query->scale) : 0;

		query->code[d] = (int8_t) (code > steps ? steps : code < -steps ? -steps : code);
		norm += value * value;
		value -= (double) query->scale * query->code[d];
		error += value * value;
		sum += query->code[d];
	}
	query->zero_point = -CODE_ZERO * sum;
	query->norm = (float) (sqrt(norm) * ROUND_UP);
	query->error = (float) (sqrt(error) * ROUND_UP);
}

void
scan_scores(float *scores, const ScanQuery *query, const float *vectors, const int32_t *movies,
			int32_t n)
{
	ScoreGroup	score_group = scan_kernels[query->level].score_group;
	const float *group[SCAN_GROUP];
	float		rest[SCAN_GROUP] = {0};

	for (int32_t at = 0; at < n; at += SCAN_GROUP)
	{
		bool		whole = n - at >= SCAN_GROUP;

		/* a last group that is not full repeats its last movie */
		for (int i = 0; i < SCAN_GROUP; i++)
		{
			int32_t		which = whole || at + i < n ? at + i : n - 1;

			group[i] = vectors + (size_t) (movies != NULL ? movies[which] : which) * VECTOR_DIMS;
		}
		score_group(whole ? scores + at : rest, group, query->vector);
		for (int i = 0; !whole && at + i < n; i++)
			scores[at + i] = rest[i];
	}
}

void
scan_vectors(Topk *topk, const ScanMovies *movies, int32_t first, int32_t from, int32_t to,
			 const ScanQuery *query)
{
	float		scores[VECTOR_CHUNK];

	for (int32_t at = from; at < to; at += VECTOR_CHUNK)
	{
		int32_t		n = to - at < VECTOR_CHUNK ? to - at : VECTOR_CHUNK;

		scan_scores(scores, query, movies->vectors + (size_t) at * VECTOR_DIMS, NULL, n);
		for (int32_t i = 0; movies->bias != NULL && i < n; i++)
			scores[i] += movies->bias[at + i];
		topk_push_block(topk, scores, first + at, n,
						movies->skip != NULL ? movies->skip + at : NULL);
	}
}

float
scan_threshold(const Topk *topk)
{
	return topk->n < topk->k ? -INFINITY : topk->entry[0].score;
}

/*
 * The movies at the survivors' positions that are not skipped, with their bounds.
 */
static int32_t
find_movies(int32_t *found, Survivors *survivors, const ScanMovies *movies, const Codes *codes)
{
	int32_t		n = 0;

	for (int32_t i = 0; i < survivors->n; i++)
	{
		int32_t		movie = codes->movies[survivors->position[i]];

		if (movie == NO_MOVIE || (movies->skip != NULL && movies->skip[movie]))
			continue;
		if (movies->bias != NULL)
			prefetch(&movies->bias[movie], 1);
		survivors->position[n] = survivors->position[i];
		survivors->bound[n] = survivors->bound[i];
		found[n++] = movie;
	}
	return n;
}

/*
 * Those of n movies that still reach the threshold with their own bias instead of
 * the largest of their block; returns their number.
 */
static int32_t
refine_movies(int32_t *movies, int32_t n, const Survivors *survivors, const float *bias,
			  const Codes *codes, float threshold)
{
	int32_t		n_left = 0;

	for (int32_t i = 0; i < n; i++)
	{
		const CodeBlock *block = &codes->blocks[survivors->position[i] / CODE_BLOCK];
		float		excess = block->bias - bias[movies[i]];

		/* written in any case, kept if it counts: no branch */
		movies[n_left] = movies[i];
		n_left += survivors->bound[i] - excess >= threshold;
	}
	return n_left;
}

void
scan_finish(CodeScan *scan)
{
	const ScanMovies *movies = scan->movies;
	float		threshold = scan_threshold(scan->topk);
	int32_t		position[CHUNK];
	float		bound[CHUNK];
	int32_t		found[CHUNK];
	float		scores[CHUNK];
	/* cppcheck-suppress legacyUninitvar */
	Survivors	survivors = {position, bound, 0};
	int32_t		n;

	scan_kernels[scan->query->level].select_blocks(&survivors, scan->codes, scan->block,
												   scan->centroid, scan->n, scan->query,
												   movies->bias != NULL, threshold);
	scan->n_scanned += scan->n;
	scan->n = 0;
	n = find_movies(found, &survivors, movies, scan->codes);
	if (movies->bias != NULL)
		n = refine_movies(found, n, &survivors, movies->bias, scan->codes, threshold);
	if (n == 0)
		return;
	for (int32_t i = 0; i < n; i++)
		prefetch(movies->vectors + (size_t) found[i] * VECTOR_DIMS, sizeof(float) * VECTOR_DIMS);
	scan_scores(scores, scan->query, movies->vectors, found, n);
	for (int32_t i = 0; movies->bias != NULL && i < n; i++)
		scores[i] += movies->bias[found[i]];
	topk_push_some(scan->topk, scores, found, n);
}

void
scan_blocks(CodeScan *scan, int32_t from, int32_t to, float centroid)
{
	const Codes *codes = scan->codes;
	bool		biased = scan->movies->bias != NULL;
	float		threshold = scan_threshold(scan->topk) - centroid;

	for (int32_t block = from; block < to; block++)
	{
		if (scan_upper_bound(&codes->blocks[block], scan->query, biased,
							 scan->bound_factor) < threshold)
			continue;
		prefetch(codes->codes + (size_t) block * CODE_BLOCK_BYTES, CODE_BLOCK_BYTES);
		prefetch(codes->movies + (size_t) block * CODE_BLOCK, sizeof(int32_t) * CODE_BLOCK);
		scan->block[scan->n] = block;
		scan->centroid[scan->n++] = centroid;
		if (scan->n < SCAN_BLOCKS)
			continue;
		scan_finish(scan);
		threshold = scan_threshold(scan->topk) - centroid;
	}
}
