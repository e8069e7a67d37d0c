/*
 * Search by codes against the plain way, for every kernel that the processor
 * has, every size from 0 to 130 and some larger ones: the same films in the
 * same order.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "codes.h"
#include "rng.h"
#include "simd.h"

#define MAX_N 5000
#define K 40

static float vectors[MAX_N * VECTOR_DIMS];
static uint8_t skip[MAX_N];
static void *codes;

static void
make_unit(float *vector, uint64_t key, float spread)
{
	float		length = 0;

	for (int dim = 0; dim < VECTOR_DIMS; dim++)
	{
		vector[dim] = 2 * rng_uniform(key, dim) - 1;
		/* a few large coordinates are the hard case for one step for all */
		if (rng_uniform(key, 1000 + dim) < 0.05f)
			vector[dim] *= spread;
		length += vector[dim] * vector[dim];
	}
	for (int dim = 0; dim < VECTOR_DIMS; dim++)
		vector[dim] /= sqrtf(length);
}

static void
make_vectors(int n, uint64_t seed, float spread)
{
	for (int i = 0; i < n; i++)
	{
		make_unit(vectors + i * VECTOR_DIMS, rng_key(seed, 'v', i, 0), spread);
		/* some films are the same to the last bit */
		if (i > 0 && i % 7 == 0)
			memcpy(vectors + i * VECTOR_DIMS, vectors + (i - 1) * VECTOR_DIMS,
				   sizeof(float) * VECTOR_DIMS);
		skip[i] = rng_uniform(rng_key(seed, 's', i, 0), 0) < 0.3f;
	}
}

static void
code(int n, const int32_t *order, int32_t n_blocks)
{
	codes_begin(codes, codes_largest(vectors, (int64_t) n * VECTOR_DIMS), n, order, n_blocks);
	for (int64_t at = 0; codes_make(codes, vectors, at, at + 64);)
		at += 64;
}

static bool
same(const Topk *a, const Topk *b)
{
	return a->n == b->n &&
		(a->n == 0 || memcmp(a->entry, b->entry, sizeof(TopkEntry) * a->n) == 0);
}

static void
check_search(int n, int k, const float *query, CodesKernel kernel, const uint8_t *mask)
{
	static TopkEntry found[MAX_N];
	static TopkEntry expected[MAX_N];
	Topk		topk;
	Topk		plain;
	CodesQuery	coded;
	int32_t		n_blocks = ((CodesHeader *) codes)->n_blocks;

	topk_init(&plain, expected, k);
	for (int i = 0; i < n; i++)
		if (mask == NULL || !mask[i])
			topk_push(&plain, simd_dot(vectors + i * VECTOR_DIMS, query, VECTOR_DIMS), i);
	topk_sort(&plain);

	/* in two parts, as lists are searched */
	topk_init(&topk, found, k);
	codes_query(&coded, codes, query, kernel);
	codes_search(&topk, &coded, codes, n_blocks / 3, n_blocks, vectors, mask);
	codes_search(&topk, &coded, codes, 0, n_blocks / 3, vectors, mask);
	topk_sort(&topk);
	CHECK(same(&topk, &plain));
}

static void
check_kernels(int n, uint64_t seed)
{
	float		query[VECTOR_DIMS];
	float		zero[VECTOR_DIMS] = {0};

	make_unit(query, rng_key(seed, 'q', n, 0), 1 + seed % 3);
	for (int kernel = CODES_PLAIN; kernel <= (int) codes_best_kernel(); kernel++)
	{
		check_search(n, K, query, kernel, NULL);
		check_search(n, K, query, kernel, skip);
		check_search(n, 1, query, kernel, NULL);
		check_search(n, n, query, kernel, NULL);
		check_search(n, 0, query, kernel, NULL);
		check_search(n, K, zero, kernel, NULL);
		if (n > 0)
			check_search(n, K, vectors, kernel, NULL);
	}
}

/* The bound on what codes can be wrong by is one, and not a loose one. */
static void
check_bound(int n)
{
	const CodesHeader *header = codes;
	CodesQuery	coded;

	codes_query(&coded, codes, vectors, CODES_PLAIN);
	CHECK(header->error <= header->step / 2 * sqrtf(VECTOR_DIMS) * 1.001f);
	CHECK(n == 0 || coded.error < 0.1f);
}

static void
check_order(int n)
{
	int32_t		n_blocks = codes_blocks(n) + 3;
	int32_t    *order = malloc(sizeof(int32_t) * n_blocks * CODES_BLOCK);

	/* backwards, with gaps */
	for (int i = 0; i < n_blocks * CODES_BLOCK; i++)
		order[i] = -1;
	for (int i = 0; i < n; i++)
		order[i + i * 40 / n] = n - 1 - i;
	code(n, order, n_blocks);
	check_kernels(n, 99);
	free(order);
}

static void
check_soundness(int n)
{
	uint64_t	size = codes_size(codes_blocks(n));
	CodesHeader *header = codes;

	CHECK(codes_are_sound(codes, size, n));
	CHECK(!codes_are_sound(codes, size - 1, n));
	CHECK(!codes_are_sound(codes, 0, n));
	CHECK(!codes_are_sound(codes, size, n - 1));
	header->n_blocks++;
	CHECK(!codes_are_sound(codes, size, n));
	header->n_blocks = -1;
	CHECK(!codes_are_sound(codes, size, n));
}

int
main(void)
{
	codes = aligned_alloc(64, (codes_size(codes_blocks(MAX_N) + 3) + 63) / 64 * 64);
	for (int n = 0; n <= 130; n++)
	{
		make_vectors(n, n, 1 + n % 3 * 4);
		code(n, NULL, codes_blocks(n));
		check_bound(n);
		check_kernels(n, n);
	}
	for (int seed = 0; seed < 6; seed++)
	{
		make_vectors(MAX_N, seed, 1 + seed * 3);
		code(MAX_N, NULL, codes_blocks(MAX_N));
		check_kernels(MAX_N, seed);
		check_bound(MAX_N);
	}
	check_order(1000);
	make_vectors(100, 1, 1);
	code(100, NULL, codes_blocks(100));
	check_soundness(100);
	free(codes);
	return unit_finish();
}
