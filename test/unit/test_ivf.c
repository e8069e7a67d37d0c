/*
 * The inverted file: every film is in one list, a search of all lists is exact,
 * one of as many as measured finds what was measured, and a mask that leaves
 * the lists empty does not leave the answer short.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "ivf.h"
#include "rng.h"
#include "simd.h"

#define MOVIES 200000
#define USERS 100
#define TASTES 50
#define K 200

static char *image;

static void *
section(ImageSection which)
{
	return image + ((ImageHeader *) image)->offset[which];
}

/* Vectors around some tastes. */
static void
make_vectors(float *vectors, int n, uint32_t purpose)
{
	for (int i = 0; i < n; i++)
	{
		uint64_t	key = rng_key(1, purpose, i, 0);
		int			which = (int) (rng_uniform(key, 999) * TASTES);
		uint64_t	taste = rng_key(1, 't', which, 0);
		float	   *vector = vectors + (int64_t) i * VECTOR_DIMS;

		for (int dim = 0; dim < VECTOR_DIMS; dim++)
			vector[dim] = rng_uniform(taste, dim) - 0.75f + 0.5f * rng_uniform(key, dim);
		simd_scale(vector, 1 / sqrtf(simd_norm2(vector, VECTOR_DIMS)), VECTOR_DIMS);
	}
}

static void
make_image(int n_movies)
{
	ImageHeader header;
	uint64_t	at = (sizeof(header) + 63) / 64 * 64;

	memset(&header, 0, sizeof(header));
	header.n_movies = n_movies;
	header.n_users = USERS;
	header.length[IMAGE_MOVIE_VECTORS] = (uint64_t) n_movies * VECTOR_DIMS * sizeof(float);
	header.length[IMAGE_USER_VECTORS] = USERS * VECTOR_DIMS * sizeof(float);
	ivf_layout(&header);
	for (int s = 0; s < N_IMAGE_SECTIONS; s++)
	{
		header.offset[s] = at;
		at += (header.length[s] + 63) / 64 * 64;
	}
	free(image);
	image = aligned_alloc(64, at);
	memcpy(image, &header, sizeof(header));
	make_vectors(section(IMAGE_MOVIE_VECTORS), n_movies, 'm');
	make_vectors(section(IMAGE_USER_VECTORS), USERS, 'u');
}

static void
build(void)
{
	size_t		size = ivf_scratch(((ImageHeader *) image)->n_movies);
	void	   *scratch = aligned_alloc(64, size / 64 * 64 + 64);
	IvfBuilder	builder;

	ivf_begin(&builder, image, scratch);
	while (ivf_step(&builder))
		;
	free(scratch);
}

static void
search(Topk *topk, TopkEntry *entries, const float *vector, int32_t probes, const uint8_t *skip)
{
	const IvfHeader *index = section(IMAGE_INDEX);
	float	   *scores = malloc(sizeof(float) * index->n_lists);
	TopkEntry  *lists = malloc(sizeof(TopkEntry) * (probes + 1));
	CodesQuery	query;

	codes_query(&query, section(IMAGE_MOVIE_CODES), vector, codes_best_kernel());
	topk_init(topk, entries, K);
	ivf_search(topk, &query, index, section(IMAGE_MOVIE_CODES), probes,
			   section(IMAGE_MOVIE_VECTORS), skip, scores, lists);
	topk_sort(topk);
	free(scores);
	free(lists);
}

static void
exact(Topk *topk, TopkEntry *entries, const float *vector, const uint8_t *skip)
{
	const float *vectors = section(IMAGE_MOVIE_VECTORS);

	topk_init(topk, entries, K);
	for (int i = 0; i < MOVIES; i++)
		if (skip == NULL || !skip[i])
			topk_push(topk, simd_dot(vectors + (int64_t) i * VECTOR_DIMS, vector, VECTOR_DIMS), i);
	topk_sort(topk);
}

static int
common(const Topk *a, const Topk *b)
{
	int			n = 0;

	for (int i = 0; i < a->n; i++)
		for (int j = 0; j < b->n; j++)
			n += a->entry[i].index == b->entry[j].index;
	return n;
}

static void
check_searches(void)
{
	const IvfHeader *index = section(IMAGE_INDEX);
	const float *users = section(IMAGE_USER_VECTORS);
	TopkEntry	a[K];
	TopkEntry	b[K];
	Topk		found;
	Topk		best;
	int			n_found = 0;
	uint8_t    *skip = malloc(MOVIES);

	for (int user = 0; user < 20; user++)
	{
		const float *vector = users + user * VECTOR_DIMS;

		exact(&best, b, vector, NULL);
		search(&found, a, vector, index->n_lists, NULL);
		CHECK(found.n == K && memcmp(a, b, sizeof(a)) == 0);
		search(&found, a, vector, ivf_probes(index, 0.98f), NULL);
		n_found += common(&found, &best);
	}
	CHECK(n_found >= 0.96 * 20 * K);

	/* one list, and hardly a film in it that is not masked */
	for (int i = 0; i < MOVIES; i++)
		skip[i] = i % 997 != 0;
	exact(&best, b, users, skip);
	search(&found, a, users, 1, skip);
	CHECK(found.n == K && memcmp(a, b, sizeof(a)) == 0);

	/* fewer than wanted that are not masked at all */
	for (int i = 0; i < MOVIES; i++)
		skip[i] = i >= 50;
	search(&found, a, users, 1, skip);
	CHECK(found.n == 50);
	free(skip);
}

static void
check_levels(void)
{
	const IvfHeader *index = section(IMAGE_INDEX);

	CHECK(index->n_queries == USERS);
	for (int level = 0; level < IVF_LEVELS; level++)
	{
		CHECK(index->probes[level] >= 1 && index->probes[level] <= index->n_lists);
		CHECK(level == 0 || index->probes[level] >= index->probes[level - 1]);
		CHECK(index->recall[level] >= 0.9f && index->recall[level] <= 1);
	}
	CHECK(index->probes[0] < index->n_lists / 4);
	CHECK(ivf_probes(index, 0.5f) == index->probes[0]);
	CHECK(ivf_probes(index, 1.01f) == 0);
}

static void
check_soundness(void)
{
	const void *codes = section(IMAGE_MOVIE_CODES);
	uint64_t	size = ((ImageHeader *) image)->length[IMAGE_INDEX];
	IvfHeader  *index = section(IMAGE_INDEX);

	CHECK(codes_are_sound(codes, ((ImageHeader *) image)->length[IMAGE_MOVIE_CODES], MOVIES));
	CHECK(ivf_is_sound(index, size, codes));
	CHECK(!ivf_is_sound(index, size - 1, codes));
	CHECK(!ivf_is_sound(index, 10, codes));
	index->n_lists--;
	CHECK(!ivf_is_sound(index, size, codes));
	index->n_lists = 0;
	CHECK(!ivf_is_sound(index, size, codes));
}

int
main(void)
{
	void	   *first;
	ImageHeader *header;

	make_image(MOVIES);
	build();
	header = (ImageHeader *) image;
	check_searches();
	check_levels();

	/* made again, it is the same to the last bit */
	first = malloc(header->length[IMAGE_INDEX]);
	memcpy(first, section(IMAGE_INDEX), header->length[IMAGE_INDEX]);
	memset(section(IMAGE_INDEX), 0, header->length[IMAGE_INDEX]);
	build();
	CHECK(memcmp(first, section(IMAGE_INDEX), header->length[IMAGE_INDEX]) == 0);
	free(first);
	check_soundness();

	/* smaller catalogues have codes alone, or nothing */
	make_image(60000);
	header = (ImageHeader *) image;
	CHECK(header->length[IMAGE_MOVIE_CODES] > 0 && header->length[IMAGE_INDEX] == 0);
	build();
	CHECK(codes_are_sound(section(IMAGE_MOVIE_CODES), header->length[IMAGE_MOVIE_CODES], 60000));
	make_image(1000);
	header = (ImageHeader *) image;
	CHECK(header->length[IMAGE_MOVIE_CODES] == 0);
	build();
	free(image);
	return unit_finish();
}
