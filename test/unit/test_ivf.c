/*
 * The inverted file: a search with a margin of 1 is exact, one with the margin of
 * a level finds what was measured while it looks at little, in either order, and
 * a mask does not leave the answer short.
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
	float	   *popularity;
	uint64_t	at = (sizeof(header) + 63) / 64 * 64;

	memset(&header, 0, sizeof(header));
	header.n_movies = n_movies;
	header.n_users = USERS;
	header.length[IMAGE_MOVIE_VECTORS] = (uint64_t) n_movies * VECTOR_DIMS * sizeof(float);
	header.length[IMAGE_USER_VECTORS] = USERS * VECTOR_DIMS * sizeof(float);
	header.length[IMAGE_MOVIE_POPULARITY] = (uint64_t) n_movies * sizeof(float);
	header.temperature = TEMPERATURE;
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
	popularity = section(IMAGE_MOVIE_POPULARITY);
	for (int i = 0; i < n_movies; i++)
		popularity[i] = -logf(1e-4f + rng_uniform(rng_key(1, 'p', 0, 0), i) * (1 - 1e-4f));
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

/* The films, with the bias that an order has. */
static ScanFilms
films_for(IvfOrder order, const uint8_t *skip)
{
	ScanFilms	films = {section(IMAGE_MOVIE_VECTORS), NULL, skip};

	if (order == IVF_LIKELIEST)
		films.bias = section(IMAGE_MOVIE_POPULARITY);
	return films;
}

static int	ticks;

static void
tick(void)
{
	ticks++;
}

/* Returns how many blocks were looked into. */
static int32_t
search(Topk *topk, TopkEntry *entries, const float *vector, IvfOrder order, float margin, int k,
	   const uint8_t *skip)
{
	const void *index = section(IMAGE_INDEX);
	void	   *scratch = malloc(ivf_search_scratch(index));
	ScanFilms	films = films_for(order, skip);
	ScanQuery	query;
	Codes		codes;
	int32_t		n_blocks;

	codes_open(&codes, section(IMAGE_MOVIE_CODES));
	scan_prepare(&query, vector, order == IVF_LIKELIEST ? TEMPERATURE : 1, scan_level());
	topk_init(topk, entries, k);
	n_blocks = ivf_search(topk, &films, index, &codes, margin, &query, tick, scratch);
	topk_sort(topk);
	free(scratch);
	return n_blocks;
}

static void
exact(Topk *topk, TopkEntry *entries, const float *vector, IvfOrder order, int k,
	  const uint8_t *skip)
{
	ScanFilms	films = films_for(order, skip);
	ScanQuery	query;

	scan_prepare(&query, vector, order == IVF_LIKELIEST ? TEMPERATURE : 1, scan_level());
	topk_init(topk, entries, k);
	scan_rows(topk, &films, 0, 0, MOVIES, &query);
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

/* The full margin finds everything, a level's what was measured, in as many blocks. */
static void
check_recall(IvfOrder order)
{
	const IvfHeader *index = section(IMAGE_INDEX);
	IvfLevel	level = ivf_level(index, order, 0.98f);
	const float *users = section(IMAGE_USER_VECTORS);
	TopkEntry	a[K];
	TopkEntry	b[K];
	Topk		found;
	Topk		best;
	int			n_found = 0;
	double		n_looked = 0;
	int32_t		n_blocks = ((CodesHeader *) section(IMAGE_MOVIE_CODES))->n_blocks;

	CHECK(index->n_queries == USERS && level.margin >= 0 && level.margin < 1);
	CHECK(level.recall >= 0.98f && level.share < 0.1f);
	for (int user = 0; user < USERS; user++)
	{
		const float *vector = users + user * VECTOR_DIMS;

		exact(&best, b, vector, order, K, NULL);
		search(&found, a, vector, order, 1, K, NULL);
		CHECK(found.n == K && memcmp(a, b, sizeof(a)) == 0);
		n_looked += search(&found, a, vector, order, level.margin, K, NULL);
		n_found += common(&found, &best);
	}
	CHECK_NEAR(n_found, level.recall * USERS * K, 1);
	CHECK_NEAR(n_looked, level.share * USERS * n_blocks, n_blocks / 100.0);
}

/* What is skipped does not make the answer shorter or worse. */
static void
check_skipping(void)
{
	const IvfHeader *index = section(IMAGE_INDEX);
	const float *user = section(IMAGE_USER_VECTORS);
	float		margin = ivf_level(index, IVF_NEAREST, 0.98f).margin;
	TopkEntry	a[K];
	TopkEntry	b[K];
	Topk		found;
	Topk		best;
	uint8_t    *skip = calloc(MOVIES, 1);

	/* a film in each list that is not masked */
	for (int i = 0; i < MOVIES; i++)
		skip[i] = i % 251 != 0;
	exact(&best, b, user, IVF_NEAREST, K, skip);
	search(&found, a, user, IVF_NEAREST, margin, K, skip);
	CHECK(found.n == K && common(&found, &best) >= 0.9 * K);

	/* fewer than wanted that are not masked at all */
	for (int i = 0; i < MOVIES; i++)
		skip[i] = i >= 50;
	search(&found, a, user, IVF_NEAREST, 0, K, skip);
	CHECK(found.n == 50);

	/* all of the best, again and again, until the taste has no more: those next are found */
	memset(skip, 0, MOVIES);
	for (int i = 0; i < 10; i++)
	{
		exact(&best, b, user, IVF_NEAREST, K, skip);
		search(&found, a, user, IVF_NEAREST, margin, K, skip);
		CHECK(common(&found, &best) >= 0.85 * K);
		for (int j = 0; j < K; j++)
			skip[b[j].index] = 1;
	}
	memset(skip, 1, MOVIES);
	search(&found, a, user, IVF_NEAREST, margin, K, skip);
	CHECK(found.n == 0);
	free(skip);
}

/* More than was measured, and fewer. */
static void
check_counts(void)
{
	int			counts[] = {0, 1, 10, 1000, 5000, MOVIES + 1};
	float		margin = ivf_level(section(IMAGE_INDEX), IVF_NEAREST, 0.98f).margin;
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
			const float *vector = (const float *) section(IMAGE_USER_VECTORS) + user * VECTOR_DIMS;

			exact(&best, b, vector, IVF_NEAREST, counts[i], NULL);
			search(&found, a, vector, IVF_NEAREST, margin, counts[i], NULL);
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
	const IvfHeader *index = section(IMAGE_INDEX);
	const IvfLevel *level = index->level[order];

	for (int i = 0; i < IVF_LEVELS; i++)
	{
		CHECK(level[i].margin >= 0 && level[i].margin <= 1);
		CHECK(i == 0 || level[i].margin >= level[i - 1].margin);
		CHECK(i == 0 || level[i].share >= level[i - 1].share);
		CHECK(level[i].promise >= 0.9f && level[i].promise < 1);
		CHECK(level[i].recall >= level[i].promise && level[i].recall <= 1);
	}
	CHECK(level[0].share < 0.25f);
	CHECK(ivf_level(index, order, 0.5f).margin == level[0].margin);
	CHECK(ivf_level(index, order, 1).margin == 1);
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
	for (int order = 0; order < N_IVF_ORDERS; order++)
	{
		check_levels(order);
		check_recall(order);
	}
	check_skipping();
	check_counts();

	/* made again, it is the same to the last bit */
	first = malloc(header->length[IMAGE_INDEX]);
	memcpy(first, section(IMAGE_INDEX), header->length[IMAGE_INDEX]);
	memset(section(IMAGE_INDEX), 0, header->length[IMAGE_INDEX]);
	build();
	CHECK(memcmp(first, section(IMAGE_INDEX), header->length[IMAGE_INDEX]) == 0);
	free(first);
	check_soundness();

	/* small catalogues have nothing of the kind */
	make_image(19999);
	header = (ImageHeader *) image;
	CHECK(header->length[IMAGE_MOVIE_CODES] == 0 && header->length[IMAGE_INDEX] == 0);
	build();
	free(image);
	return unit_finish();
}
