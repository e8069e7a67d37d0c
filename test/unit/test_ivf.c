/*
 * The inverted file: a search with a bound factor of 1 is exact, one with the bound
 * factor of a level has the recall that was measured and scans little, in either
 * order, and a mask does not leave the result short.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "num/base/rng.h"
#include "num/base/simd.h"
#include "num/index/ivf_build.h"
#include "num/index/scan.h"

#define MOVIES 60000
#define USERS 100
#define TASTES 50
#define K 200
#define TEMPERATURE 12.0f

static char *file;

static void *
section(ModelFileSection which)
{
	return file + ((ModelFileHeader *) file)->offset[which];
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
make_model_file(int n_movies)
{
	ModelFileHeader header;
	float	   *popularity;
	uint64_t	at = (sizeof(header) + 63) / 64 * 64;

	memset(&header, 0, sizeof(header));
	header.n_movies = n_movies;
	header.n_users = USERS;
	header.length[MODEL_FILE_MOVIE_VECTORS] = (uint64_t) n_movies * VECTOR_DIMS * sizeof(float);
	header.length[MODEL_FILE_USER_VECTORS] = USERS * VECTOR_DIMS * sizeof(float);
	header.length[MODEL_FILE_MOVIE_POPULARITY] = (uint64_t) n_movies * sizeof(float);
	header.temperature = TEMPERATURE;
	ivf_layout(&header);
	for (int s = 0; s < N_MODEL_FILE_SECTIONS; s++)
	{
		header.offset[s] = at;
		at += (header.length[s] + 63) / 64 * 64;
	}
	free(file);
	file = aligned_alloc(64, at);
	memcpy(file, &header, sizeof(header));
	make_vectors(section(MODEL_FILE_MOVIE_VECTORS), n_movies, 'm');
	make_vectors(section(MODEL_FILE_USER_VECTORS), USERS, 'u');
	popularity = section(MODEL_FILE_MOVIE_POPULARITY);
	for (int i = 0; i < n_movies; i++)
		popularity[i] = -logf(1e-4f + rng_uniform(rng_key(1, 'p', 0, 0), i) * (1 - 1e-4f));
}

static void
build(void)
{
	size_t		size = ivf_scratch(((ModelFileHeader *) file)->n_movies);
	void	   *scratch = aligned_alloc(64, size / 64 * 64 + 64);
	IvfBuilder	builder;

	ivf_begin(&builder, file, scratch);
	while (ivf_step(&builder))
		;
	free(scratch);
}

/* The movies, with the bias that an order has. */
static ScanMovies
movies_for(IvfOrder order, const uint8_t *skip)
{
	ScanMovies	movies = {section(MODEL_FILE_MOVIE_VECTORS), NULL, skip};

	if (order == IVF_BY_LOGIT)
		movies.bias = section(MODEL_FILE_MOVIE_POPULARITY);
	return movies;
}

static int	checks;

static void
check_interrupts(void)
{
	checks++;
}

/* Returns the number of blocks scanned. */
static int32_t
search(Topk *topk, TopkEntry *entries, const float *vector, IvfOrder order, float bound_factor,
	   int k, const uint8_t *skip)
{
	const void *index = section(MODEL_FILE_INDEX);
	void	   *scratch = malloc(ivf_search_scratch(index));
	ScanMovies	movies = movies_for(order, skip);
	ScanQuery	query;
	Codes		codes;
	int32_t		n_blocks;

	codes_open(&codes, section(MODEL_FILE_MOVIE_CODES));
	scan_prepare(&query, vector, order == IVF_BY_LOGIT ? TEMPERATURE : 1, scan_level());
	topk_init(topk, entries, k);
	n_blocks = ivf_search(topk, &movies, index, &codes, bound_factor, &query, check_interrupts,
						  scratch);
	topk_sort(topk);
	free(scratch);
	return n_blocks;
}

static void
exact(Topk *topk, TopkEntry *entries, const float *vector, IvfOrder order, int k,
	  const uint8_t *skip)
{
	ScanMovies	movies = movies_for(order, skip);
	ScanQuery	query;

	scan_prepare(&query, vector, order == IVF_BY_LOGIT ? TEMPERATURE : 1, scan_level());
	topk_init(topk, entries, k);
	scan_vectors(topk, &movies, 0, 0, MOVIES, &query);
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

/* Bound factor 1 finds everything; a level has its recall and share of the blocks. */
static void
check_recall(IvfOrder order)
{
	const IvfHeader *index = section(MODEL_FILE_INDEX);
	IvfLevel	level = ivf_level(index, order, 0.98f);
	const float *users = section(MODEL_FILE_USER_VECTORS);
	TopkEntry	a[K];
	TopkEntry	b[K];
	Topk		found;
	Topk		best;
	int			n_found = 0;
	double		n_scanned = 0;
	int32_t		n_blocks = ((CodesHeader *) section(MODEL_FILE_MOVIE_CODES))->n_blocks;

	CHECK(index->n_queries == USERS && level.bound_factor >= 0 && level.bound_factor < 1);
	CHECK(level.recall >= 0.98f && level.share < 0.1f);
	for (int user = 0; user < USERS; user++)
	{
		const float *vector = users + user * VECTOR_DIMS;

		exact(&best, b, vector, order, K, NULL);
		search(&found, a, vector, order, 1, K, NULL);
		CHECK(found.n == K && memcmp(a, b, sizeof(a)) == 0);
		n_scanned += search(&found, a, vector, order, level.bound_factor, K, NULL);
		n_found += common(&found, &best);
	}
	CHECK_NEAR(n_found, level.recall * USERS * K, 1);
	CHECK_NEAR(n_scanned, level.share * USERS * n_blocks, n_blocks / 100.0);
}

/* What is skipped does not make the answer shorter or worse. */
static void
check_skipping(void)
{
	const IvfHeader *index = section(MODEL_FILE_INDEX);
	const float *user = section(MODEL_FILE_USER_VECTORS);
	float		bound_factor = ivf_level(index, IVF_BY_COSINE, 0.98f).bound_factor;
	TopkEntry	a[K];
	TopkEntry	b[K];
	Topk		found;
	Topk		best;
	uint8_t    *skip = calloc(MOVIES, 1);

	/* a movie in each list that is not masked */
	for (int i = 0; i < MOVIES; i++)
		skip[i] = i % 251 != 0;
	exact(&best, b, user, IVF_BY_COSINE, K, skip);
	search(&found, a, user, IVF_BY_COSINE, bound_factor, K, skip);
	CHECK(found.n == K && common(&found, &best) >= 0.9 * K);

	/* fewer than wanted that are not masked at all */
	for (int i = 0; i < MOVIES; i++)
		skip[i] = i >= 50;
	search(&found, a, user, IVF_BY_COSINE, 0, K, skip);
	CHECK(found.n == 50);

	/* all of the best, again and again, until the taste has no more: those next are found */
	memset(skip, 0, MOVIES);
	for (int i = 0; i < 10; i++)
	{
		exact(&best, b, user, IVF_BY_COSINE, K, skip);
		search(&found, a, user, IVF_BY_COSINE, bound_factor, K, skip);
		CHECK(common(&found, &best) >= 0.85 * K);
		for (int j = 0; j < K; j++)
			skip[b[j].index] = 1;
	}
	memset(skip, 1, MOVIES);
	search(&found, a, user, IVF_BY_COSINE, bound_factor, K, skip);
	CHECK(found.n == 0);
	free(skip);
}

/* More than was measured, and fewer. */
static void
check_counts(void)
{
	int			counts[] = {0, 1, 10, 1000, 5000, MOVIES + 1};
	float		bound_factor = ivf_level(section(MODEL_FILE_INDEX), IVF_BY_COSINE,
										 0.98f).bound_factor;
	TopkEntry  *a = malloc(sizeof(TopkEntry) * (MOVIES + 1));
	TopkEntry  *b = malloc(sizeof(TopkEntry) * (MOVIES + 1));

	for (int i = 0; i < (int) (sizeof(counts) / sizeof(int)); i++)
	{
		int			n_users = counts[i] < 1000 ? USERS : 1;
		int			n_found = 0;
		Topk		found;
		Topk		best;

		for (int user = 0; user < n_users; user++)
		{
			const float *vector =
				(const float *) section(MODEL_FILE_USER_VECTORS) + user * VECTOR_DIMS;

			exact(&best, b, vector, IVF_BY_COSINE, counts[i], NULL);
			search(&found, a, vector, IVF_BY_COSINE, bound_factor, counts[i], NULL);
			CHECK(found.n == best.n);
			for (int j = 0; j < found.n; j++)
				n_found += found.entry[j].score >= best.entry[best.n - 1].score;
		}
		CHECK(n_found >= 0.9 * n_users * best.n);
		if (counts[i] > MOVIES)
			CHECK(memcmp(a, b, sizeof(TopkEntry) * best.n) == 0);
	}
	free(a);
	free(b);
}

static void
check_levels(IvfOrder order)
{
	const IvfHeader *index = section(MODEL_FILE_INDEX);
	const IvfLevel *level = index->level[order];

	for (int i = 0; i < IVF_LEVELS; i++)
	{
		CHECK(level[i].bound_factor >= 0 && level[i].bound_factor <= 1);
		CHECK(i == 0 || level[i].bound_factor >= level[i - 1].bound_factor);
		CHECK(i == 0 || level[i].share >= level[i - 1].share);
		CHECK(level[i].promise >= 0.9f && level[i].promise < 1);
		CHECK(level[i].recall >= level[i].promise && level[i].recall <= 1);
	}
	CHECK(level[0].share < 0.25f);
	CHECK(ivf_level(index, order, 0.5f).bound_factor == level[0].bound_factor);
	CHECK(ivf_level(index, order, 1).bound_factor == 1);
}

static void
check_soundness(void)
{
	const void *codes = section(MODEL_FILE_MOVIE_CODES);
	uint64_t	size = ((ModelFileHeader *) file)->length[MODEL_FILE_INDEX];
	IvfHeader  *index = section(MODEL_FILE_INDEX);

	CHECK(codes_are_sound(codes, ((ModelFileHeader *) file)->length[MODEL_FILE_MOVIE_CODES],
						  MOVIES));
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
	ModelFileHeader *header;

	make_model_file(MOVIES);
	build();
	header = (ModelFileHeader *) file;
	for (int order = 0; order < N_IVF_ORDERS; order++)
	{
		check_levels(order);
		check_recall(order);
	}
	check_skipping();
	check_counts();

	/* made again, it is the same to the last bit */
	first = malloc(header->length[MODEL_FILE_INDEX]);
	memcpy(first, section(MODEL_FILE_INDEX), header->length[MODEL_FILE_INDEX]);
	memset(section(MODEL_FILE_INDEX), 0, header->length[MODEL_FILE_INDEX]);
	build();
	CHECK(memcmp(first, section(MODEL_FILE_INDEX), header->length[MODEL_FILE_INDEX]) == 0);
	free(first);
	check_soundness();

	/* small catalogues have nothing of the kind */
	make_model_file(19999);
	header = (ModelFileHeader *) file;
	CHECK(header->length[MODEL_FILE_MOVIE_CODES] == 0 && header->length[MODEL_FILE_INDEX] == 0);
	build();
	free(file);
	return unit_finish();
}
