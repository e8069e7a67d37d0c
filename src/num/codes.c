/*
 * codes.c: see codes.h.
 *
 * Each coordinate is rounded to a multiple of one step, which is the same for
 * all vectors, and the query likewise to a step of its own.  With v = c + e and
 * q = p + d, where c and p are what codes stand for,
 *
 *		q . v  =  p . c  +  p . e  +  d . v
 *
 * and |p . e| <= |p| |e|, |d . v| <= |d|.  So |q . v - p . c| is at most
 * (1 + |d|) max|e| + |d|, which is computed, not assumed.  A vector is passed
 * over only if p . c plus that is still below the k-th best inner product so
 * far.  For 64 dimensions the bound is about 0.015; of a million vectors a few
 * thousand are looked up.
 *
 * Layout: a block has 16 vectors, and in it come the first four dimensions of
 * all 16, then the next four, and so on.  One instruction (VPDPBUSD) multiplies
 * and adds 4 dimensions of 16 vectors, and the sums need no adding up across a
 * register.  Row by row, the adding up took longer than reading memory.
 *
 * Codes are unsigned since the instructions want one unsigned operand.  That of
 * AVX2 adds pairs of products in 16 bits, with saturation: for it the query is
 * rounded to 64 steps, and 255 * 64 * 2 fits.
 */
#include "codes.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "simd.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define CODES_X86
#include <immintrin.h>
#endif

#define GROUP 4					/* dimensions that lie together */
#define GROUPS (VECTOR_DIMS / GROUP)
#define BLOCK_BYTES (CODES_BLOCK * VECTOR_DIMS)
#define ZERO 128				/* the code of 0 */

/* What sums of floats may be off by */
#define ROUNDING 1e-5f

/* ---------------------------------------------------------------------------
 * Coding
 * ------------------------------------------------------------------------- */

uint64_t
codes_size(int32_t n_blocks)
{
	return sizeof(CodesHeader) +
		(uint64_t) n_blocks * (BLOCK_BYTES + CODES_BLOCK * sizeof(int32_t));
}

static uint8_t *
blocks_of(const void *codes)
{
	return (uint8_t *) codes + sizeof(CodesHeader);
}

/* Which vector is in which place: [n_blocks * CODES_BLOCK], negative: none. */
static int32_t *
places_of(const void *codes)
{
	return (int32_t *) (blocks_of(codes) +
						(uint64_t) ((const CodesHeader *) codes)->n_blocks * BLOCK_BYTES);
}

/* Where in its block a coordinate of the vector in that place is. */
static int
coordinate(int place, int dim)
{
	return dim / GROUP * (CODES_BLOCK * GROUP) + place * GROUP + dim % GROUP;
}

float
codes_largest(const float *x, int64_t n)
{
	float		max[CODES_BLOCK] = {0};

	for (int64_t i = 0; i < n; i += CODES_BLOCK)
		for (int j = 0; j < CODES_BLOCK; j++)
			max[j] = fabsf(x[i + j]) > max[j] ? fabsf(x[i + j]) : max[j];
	for (int j = 1; j < CODES_BLOCK; j++)
		max[0] = max[j] > max[0] ? max[j] : max[0];
	return max[0];
}

/* Codes one vector; returns its distance from what the code stands for. */
static float
code_vector(uint8_t *block, int place, const float *vector, float step)
{
	float		error = 0;

	for (int dim = 0; dim < VECTOR_DIMS; dim++)
	{
		float		c = step > 0 ? rintf(vector[dim] / step) : 0;
		float		e = vector[dim] - step * c;

		block[coordinate(place, dim)] = (uint8_t) (c + ZERO);
		error += e * e;
	}
	return sqrtf(error);
}

void
codes_begin(void *codes, float largest, int32_t n, const int32_t *order, int32_t n_blocks)
{
	CodesHeader *header = codes;
	int32_t    *places;

	memset(header, 0, sizeof(CodesHeader));
	header->n_blocks = n_blocks;
	header->step = largest / (ZERO - 1);
	places = places_of(codes);
	for (int64_t place = 0; place < (int64_t) n_blocks * CODES_BLOCK; place++)
		places[place] = order ? order[place] : place < n ? (int32_t) place : -1;
}

bool
codes_make(void *codes, const float *vectors, int64_t from, int64_t to)
{
	CodesHeader *header = codes;
	const int32_t *places = places_of(codes);
	int64_t		end = (int64_t) header->n_blocks * CODES_BLOCK;

	for (int64_t place = from; place < to && place < end; place++)
	{
		uint8_t    *block = blocks_of(codes) + place / CODES_BLOCK * BLOCK_BYTES;
		float		error;

		if (place % CODES_BLOCK == 0)
			memset(block, ZERO, BLOCK_BYTES);
		if (places[place] < 0)
			continue;
		error = code_vector(block, place % CODES_BLOCK,
							vectors + (int64_t) places[place] * VECTOR_DIMS, header->step);
		header->error = error > header->error ? error : header->error;
	}
	return to < end;
}

bool
codes_are_sound(const void *codes, uint64_t size, int32_t n)
{
	const CodesHeader *header = codes;
	const int32_t *places;

	if (size < sizeof(CodesHeader) || header->n_blocks < 0 || codes_size(header->n_blocks) > size ||
		!(header->step >= 0) || !(header->error >= 0))
		return false;
	places = places_of(codes);
	for (int64_t i = 0; i < (int64_t) header->n_blocks * CODES_BLOCK; i++)
		if (places[i] >= n)
			return false;
	return true;
}

/* ---------------------------------------------------------------------------
 * Searching
 * ------------------------------------------------------------------------- */

CodesKernel
codes_best_kernel(void)
{
#ifdef CODES_X86
	__builtin_cpu_init();
	if (__builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw"))
		return CODES_VNNI;
	if (__builtin_cpu_supports("avx2"))
		return CODES_AVX2;
#endif
	return CODES_PLAIN;
}

void
codes_query(CodesQuery *query, const void *codes, const float *vector, CodesKernel kernel)
{
	const CodesHeader *header = codes;
	int			steps = kernel == CODES_VNNI ? 127 : 64;
	float		step = codes_largest(vector, VECTOR_DIMS) / steps;
	float		error = 0;
	int32_t		sum = 0;

	for (int dim = 0; dim < VECTOR_DIMS; dim++)
	{
		float		c = step > 0 ? rintf(vector[dim] / step) : 0;
		float		d = vector[dim] - step * c;

		query->code[dim] = (int8_t) c;
		sum += (int32_t) c;
		error += d * d;
	}
	error = sqrtf(error);
	query->vector = vector;
	query->unit = step * header->step;
	query->error = error + (1 + error) * header->error + ROUNDING;
	query->offset = ZERO * sum;
	query->kernel = kernel;
}

/*
 * The next block from `block` on, before `end`, in which a vector's sum reaches
 * the bar, and which ones do; or `end`.
 */
static int32_t
next_plain(const uint8_t *blocks, int32_t block, int32_t end, const int8_t *query,
		   int32_t bar, uint32_t *hits)
{
	for (; block < end; block++)
	{
		const uint8_t *codes = blocks + (int64_t) block * BLOCK_BYTES;
		int32_t		sum[CODES_BLOCK] = {0};

		*hits = 0;
		for (int group = 0; group < GROUPS; group++)
			for (int place = 0; place < CODES_BLOCK; place++)
				for (int i = 0; i < GROUP; i++)
					sum[place] += codes[(group * CODES_BLOCK + place) * GROUP + i] *
						query[group * GROUP + i];
		for (int place = 0; place < CODES_BLOCK; place++)
			*hits |= (uint32_t) (sum[place] >= bar) << place;
		if (*hits)
			break;
	}
	return block;
}

#ifdef CODES_X86
__attribute__((target("avx2")))
static int32_t
next_avx2(const uint8_t *blocks, int32_t block, int32_t end, const int8_t *query,
		  int32_t bar, uint32_t *hits)
{
	const __m256i ones = _mm256_set1_epi16(1);
	const __m256i below = _mm256_set1_epi32(bar - 1);
	int32_t		groups[GROUPS];

	memcpy(groups, query, sizeof(groups));
	for (; block < end; block++)
	{
		const __m256i *codes = (const __m256i *) (blocks + (int64_t) block * BLOCK_BYTES);
		__m256i		low = _mm256_setzero_si256();
		__m256i		high = _mm256_setzero_si256();

		for (int group = 0; group < GROUPS; group++)
		{
			__m256i		q = _mm256_set1_epi32(groups[group]);
			__m256i		a = _mm256_maddubs_epi16(_mm256_loadu_si256(codes + 2 * group), q);
			__m256i		b = _mm256_maddubs_epi16(_mm256_loadu_si256(codes + 2 * group + 1), q);

			low = _mm256_add_epi32(low, _mm256_madd_epi16(a, ones));
			high = _mm256_add_epi32(high, _mm256_madd_epi16(b, ones));
		}
		low = _mm256_cmpgt_epi32(low, below);
		high = _mm256_cmpgt_epi32(high, below);
		*hits = (uint32_t) _mm256_movemask_ps(_mm256_castsi256_ps(low)) |
			(uint32_t) _mm256_movemask_ps(_mm256_castsi256_ps(high)) << 8;
		if (*hits)
			break;
	}
	return block;
}

__attribute__((target("avx512f,avx512bw,avx512vnni")))
static int32_t
next_vnni(const uint8_t *blocks, int32_t block, int32_t end, const int8_t *query,
		  int32_t bar, uint32_t *hits)
{
	const __m512i bars = _mm512_set1_epi32(bar);
	int32_t		groups[GROUPS];

	memcpy(groups, query, sizeof(groups));
	for (; block < end; block++)
	{
		const uint8_t *codes = blocks + (int64_t) block * BLOCK_BYTES;
		__m512i		even = _mm512_setzero_si512();
		__m512i		odd = _mm512_setzero_si512();

		for (int group = 0; group < GROUPS; group += 2)
		{
			const uint8_t *at = codes + group * CODES_BLOCK * GROUP;

			even = _mm512_dpbusd_epi32(even, _mm512_loadu_si512(at),
									   _mm512_set1_epi32(groups[group]));
			odd = _mm512_dpbusd_epi32(odd, _mm512_loadu_si512(at + CODES_BLOCK * GROUP),
									  _mm512_set1_epi32(groups[group + 1]));
		}
		*hits = _mm512_cmpge_epi32_mask(_mm512_add_epi32(even, odd), bars);
		if (*hits)
			break;
	}
	return block;
}
#endif

static int32_t
next_block(const uint8_t *blocks, int32_t block, int32_t end, const CodesQuery *query,
		   int32_t bar, uint32_t *hits)
{
	switch (query->kernel)
	{
#ifdef CODES_X86
		case CODES_VNNI:
			return next_vnni(blocks, block, end, query->code, bar, hits);
		case CODES_AVX2:
			return next_avx2(blocks, block, end, query->code, bar, hits);
#endif
		default:
			return next_plain(blocks, block, end, query->code, bar, hits);
	}
}

/* The smallest sum with which a vector may be among the best. */
static int32_t
find_bar(const Topk *topk, const CodesQuery *query)
{
	float		bar;

	if (topk->n < topk->k || !(query->unit > 0))
		return INT_MIN + 1;
	bar = floorf((topk->entry[0].score - query->error) / query->unit);
	return bar < -1e8f ? INT_MIN + 1 : bar > 1e8f ? INT_MAX : (int32_t) bar + query->offset;
}

void
codes_search(Topk *topk, const CodesQuery *query, const void *codes, int32_t from, int32_t to,
			 const float *vectors, const uint8_t *skip)
{
	const uint8_t *blocks = blocks_of(codes);
	const int32_t *places = places_of(codes);
	uint32_t	hits = 0;

	if (topk->k == 0)
		return;
	for (int32_t block = from; block < to; block++)
	{
		block = next_block(blocks, block, to, query, find_bar(topk, query), &hits);
		if (block == to)
			break;
		for (; hits != 0; hits &= hits - 1)
		{
			int32_t		i = places[(int64_t) block * CODES_BLOCK + __builtin_ctz(hits)];

			if (i >= 0 && (skip == NULL || !skip[i]))
				topk_push(topk, simd_dot(vectors + (int64_t) i * VECTOR_DIMS, query->vector,
										 VECTOR_DIMS), i);
		}
	}
}
