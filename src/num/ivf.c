/*
 * ivf.c: see ivf.h.
 *
 * Lists are made by spherical k-means: a centroid is the mean of its vectors,
 * made unit length, and a vector belongs to the centroid with the largest inner
 * product.  A sample of the films is enough to place the centroids.  Then all
 * films are assigned, coded list by list, and the search is tried with users'
 * vectors, which are the queries that will come: films like a film are easier
 * to find than films for a user.
 *
 * Of what a search finds nothing need be searched to measure it.  If the best
 * 200 by an exact search lie in lists that come 1st, 3rd and 8th for the query,
 * then looking into 3 lists finds those of the first two.
 *
 * Everything is deterministic, and is cut into steps of some milliseconds.
 */
#include "ivf.h"

#include <math.h>
#include <string.h>

#include "arena.h"
#include "layers.h"
#include "multiversion.h"
#include "rng.h"
#include "simd.h"

/* Smaller catalogues are scored as they are, and larger ones by codes. */
#define MIN_CODED 50000
/* Catalogues from this size on get lists. */
#define MIN_LISTED 200000

#define FILMS_PER_LIST 256
#define MAX_LISTS 4096
#define SAMPLE_PER_LIST 32
#define ROUNDS 6
#define STEP_ROWS 256			/* vectors compared with all centroids in a step */
#define STEP_CODES (1 << 16)
#define LANES 32				/* for vector instructions */
#define MAX_QUERIES 200

static const float target[IVF_LEVELS] = {0.9f, 0.95f, 0.98f, 0.99f, 0.995f, 0.999f};

typedef enum Phase
{
	CLUSTER,
	ASSIGN,
	PLACE,
	MEASURE,
	DONE
} Phase;

/* ---------------------------------------------------------------------------
 * Layout
 * ------------------------------------------------------------------------- */

static int32_t
count_lists(int32_t n_movies)
{
	int32_t		n = n_movies / FILMS_PER_LIST;

	return n_movies < MIN_LISTED ? 0 : n > MAX_LISTS ? MAX_LISTS : n;
}

/* Blocks enough, however the films spread over the lists. */
static int32_t
max_blocks(int32_t n_movies)
{
	return codes_blocks(n_movies) + count_lists(n_movies);
}

static uint64_t
index_size(int32_t n_lists)
{
	return sizeof(IvfHeader) + (uint64_t) n_lists * VECTOR_DIMS * sizeof(float) +
		((uint64_t) n_lists + 1) * sizeof(int32_t);
}

void
ivf_layout(ImageHeader *header)
{
	int32_t		n = header->n_movies;

	header->length[IMAGE_MOVIE_CODES] = n < MIN_CODED ? 0 : codes_size(max_blocks(n));
	header->length[IMAGE_INDEX] = n < MIN_LISTED ? 0 : index_size(count_lists(n));
}

static float *
centroids_of(const void *index)
{
	return (float *) ((char *) index + sizeof(IvfHeader));
}

static int32_t *
first_blocks_of(const void *index)
{
	return (int32_t *) (centroids_of(index) +
						(int64_t) ((const IvfHeader *) index)->n_lists * VECTOR_DIMS);
}

bool
ivf_is_sound(const void *index, uint64_t size, const void *codes)
{
	const IvfHeader *header = index;
	const int32_t *first;

	if (size < sizeof(IvfHeader) || header->n_lists < 1 || index_size(header->n_lists) > size)
		return false;
	first = first_blocks_of(index);
	if (first[0] != 0 || first[header->n_lists] != ((const CodesHeader *) codes)->n_blocks)
		return false;
	for (int32_t list = 0; list < header->n_lists; list++)
		if (first[list] > first[list + 1])
			return false;
	return true;
}

/* ---------------------------------------------------------------------------
 * Making it
 * ------------------------------------------------------------------------- */

static void *
section(void *image, ImageSection which)
{
	return (char *) image + ((ImageHeader *) image)->offset[which];
}

static int32_t
count_sample(const ImageHeader *header)
{
	int64_t		n = (int64_t) count_lists(header->n_movies) * SAMPLE_PER_LIST;

	return (int32_t) (n < header->n_movies ? n : header->n_movies);
}

static void
carve(IvfBuilder *builder, Arena *arena, int32_t n_movies)
{
	int32_t		n_lists = count_lists(n_movies);

	if (n_lists == 0)
		return;
	builder->sum = ARENA_ARRAY(arena, float, n_lists * VECTOR_DIMS);
	builder->size = ARENA_ARRAY(arena, int32_t, n_lists);
	builder->list = ARENA_ARRAY(arena, int32_t, n_movies);
	builder->order = ARENA_ARRAY(arena, int32_t, max_blocks(n_movies) * CODES_BLOCK);
	builder->rows = ARENA_ARRAY(arena, float, STEP_ROWS * VECTOR_DIMS);
	builder->scores = ARENA_ARRAY(arena, float, STEP_ROWS * n_lists);
	builder->found = ARENA_ARRAY(arena, int64_t, n_lists);
	builder->entries = ARENA_ARRAY(arena, TopkEntry, IVF_MEASURED);
}

size_t
ivf_scratch(int32_t n_movies)
{
	IvfBuilder	builder;
	Arena		arena = {NULL, 0};

	carve(&builder, &arena, n_movies);
	return arena.used;
}

/* The film that is number i of the sample. */
static int32_t
sampled(const IvfBuilder *builder, int32_t i)
{
	const ImageHeader *header = builder->image;

	return (int32_t) ((int64_t) i * header->n_movies / builder->n_sample);
}

void
ivf_begin(IvfBuilder *builder, void *image, void *scratch)
{
	const ImageHeader *header = image;
	const float *vectors = image_section(image, IMAGE_MOVIE_VECTORS);
	Arena		arena = {scratch, 0};
	IvfHeader  *index = section(image, IMAGE_INDEX);

	memset(builder, 0, sizeof(*builder));
	builder->image = image;
	carve(builder, &arena, header->n_movies);
	builder->phase = header->length[IMAGE_INDEX] > 0 ? CLUSTER :
		header->length[IMAGE_MOVIE_CODES] > 0 ? PLACE : DONE;
	if (builder->phase != CLUSTER)
		return;

	builder->n_lists = count_lists(header->n_movies);
	builder->n_sample = count_sample(header);
	memset(index, 0, sizeof(IvfHeader));
	index->n_lists = builder->n_lists;
	for (int32_t list = 0; list < builder->n_lists; list++)
	{
		int32_t		film = sampled(builder, list * (builder->n_sample / builder->n_lists));

		memcpy(centroids_of(index) + (int64_t) list * VECTOR_DIMS,
			   vectors + (int64_t) film * VECTOR_DIMS, sizeof(float) * VECTOR_DIMS);
	}
	memset(builder->sum, 0, sizeof(float) * builder->n_lists * VECTOR_DIMS);
	memset(builder->size, 0, sizeof(int32_t) * builder->n_lists);
}

/* The first list with the largest of n scores. */
MULTIVERSION
static int32_t
nearest_list(const float *scores, int32_t n)
{
	float		max[LANES];
	int32_t		i = 0;

	for (int j = 0; j < LANES; j++)
		max[j] = scores[0];
	for (; i + LANES <= n; i += LANES)
		for (int j = 0; j < LANES; j++)
			max[j] = scores[i + j] > max[j] ? scores[i + j] : max[j];
	for (; i < n; i++)
		max[0] = scores[i] > max[0] ? scores[i] : max[0];
	for (int j = 1; j < LANES; j++)
		max[0] = max[j] > max[0] ? max[j] : max[0];
	for (i = 0; i < n - 1 && scores[i] != max[0];)
		i++;
	return i;
}

/* Compares n vectors with all centroids. */
static void
score_lists(IvfBuilder *builder, const float *vectors, int n)
{
	matmul_transposed(builder->scores, builder->n_lists, vectors, VECTOR_DIMS,
					  centroids_of(section(builder->image, IMAGE_INDEX)), n,
					  builder->n_lists, VECTOR_DIMS, false);
}

/* New centroids from the sums; a list that nobody came to starts elsewhere. */
static void
move_centroids(IvfBuilder *builder)
{
	float	   *centroid = centroids_of(section(builder->image, IMAGE_INDEX));
	const float *vectors = image_section(builder->image, IMAGE_MOVIE_VECTORS);

	for (int32_t list = 0; list < builder->n_lists; list++, centroid += VECTOR_DIMS)
	{
		const float *sum = builder->sum + (int64_t) list * VECTOR_DIMS;
		float		length = simd_norm2(sum, VECTOR_DIMS);

		if (builder->size[list] == 0 || !(length > 0))
		{
			uint64_t	key = rng_key(builder->round, 'v', list, 0);
			int32_t		film = sampled(builder, (int32_t) (rng_uniform(key, 0) *
														   (float) (builder->n_sample - 1)));

			sum = vectors + (int64_t) film * VECTOR_DIMS;
			length = simd_norm2(sum, VECTOR_DIMS);
		}
		memcpy(centroid, sum, sizeof(float) * VECTOR_DIMS);
		if (length > 0)
			simd_scale(centroid, 1 / sqrtf(length), VECTOR_DIMS);
	}
	memset(builder->sum, 0, sizeof(float) * builder->n_lists * VECTOR_DIMS);
	memset(builder->size, 0, sizeof(int32_t) * builder->n_lists);
}

/* One round of k-means over the sample, STEP_ROWS at a time. */
static void
cluster_step(IvfBuilder *builder)
{
	const float *vectors = image_section(builder->image, IMAGE_MOVIE_VECTORS);
	float	   *rows = builder->rows;
	int			n = builder->n_sample - builder->at;

	n = n < STEP_ROWS ? n : STEP_ROWS;
	for (int i = 0; i < n; i++)
		memcpy(rows + i * VECTOR_DIMS,
			   vectors + (int64_t) sampled(builder, builder->at + i) * VECTOR_DIMS,
			   sizeof(float) * VECTOR_DIMS);
	score_lists(builder, rows, n);
	for (int i = 0; i < n; i++)
	{
		int32_t		list = nearest_list(builder->scores + (int64_t) i * builder->n_lists,
										builder->n_lists);

		simd_axpy(builder->sum + (int64_t) list * VECTOR_DIMS, 1, rows + i * VECTOR_DIMS,
				  VECTOR_DIMS);
		builder->size[list]++;
	}
	builder->at += n;
	if (builder->at < builder->n_sample)
		return;
	move_centroids(builder);
	builder->at = 0;
	if (++builder->round == ROUNDS)
		builder->phase = ASSIGN;
}

static void
assign_step(IvfBuilder *builder)
{
	const ImageHeader *header = builder->image;
	const float *vectors = image_section(builder->image, IMAGE_MOVIE_VECTORS);
	int			n = header->n_movies - builder->at;
	float		largest;

	n = n < STEP_ROWS ? n : STEP_ROWS;
	vectors += (int64_t) builder->at * VECTOR_DIMS;
	largest = codes_largest(vectors, (int64_t) n * VECTOR_DIMS);
	builder->largest = largest > builder->largest ? largest : builder->largest;
	score_lists(builder, vectors, n);
	for (int i = 0; i < n; i++)
	{
		int32_t		list = nearest_list(builder->scores + (int64_t) i * builder->n_lists,
										builder->n_lists);

		builder->list[builder->at + i] = list;
		builder->size[list]++;
	}
	builder->at += n;
	if (builder->at < header->n_movies)
		return;
	builder->at = 0;
	builder->phase = PLACE;
}

/* Where each list begins, and which film goes into which place. */
static int32_t
order_films(IvfBuilder *builder)
{
	const ImageHeader *header = builder->image;
	int32_t    *first = first_blocks_of(section(builder->image, IMAGE_INDEX));
	int32_t		n_blocks = 0;

	for (int32_t list = 0; list < builder->n_lists; list++)
	{
		first[list] = n_blocks;
		n_blocks += codes_blocks(builder->size[list]);
		builder->size[list] = 0;
	}
	first[builder->n_lists] = n_blocks;
	memset(builder->order, -1, sizeof(int32_t) * n_blocks * CODES_BLOCK);
	for (int32_t film = 0; film < header->n_movies; film++)
	{
		int32_t		list = builder->list[film];

		builder->order[(int64_t) first[list] * CODES_BLOCK + builder->size[list]++] = film;
	}
	return n_blocks;
}

static void
place_step(IvfBuilder *builder)
{
	const ImageHeader *header = builder->image;
	void	   *codes = section(builder->image, IMAGE_MOVIE_CODES);
	const float *vectors = image_section(builder->image, IMAGE_MOVIE_VECTORS);

	if (builder->at == 0)
	{
		bool		listed = builder->n_lists > 0;

		if (!listed)
			builder->largest = codes_largest(vectors, (int64_t) header->n_movies * VECTOR_DIMS);
		codes_begin(codes, builder->largest, header->n_movies, listed ? builder->order : NULL,
					listed ? order_films(builder) : codes_blocks(header->n_movies));
	}
	builder->at += STEP_CODES;
	if (codes_make(codes, vectors, builder->at - STEP_CODES, builder->at))
		return;
	builder->at = 0;
	builder->phase = builder->n_lists > 0 ? MEASURE : DONE;
}

/* What recall each number of lists gives: the least numbers for the targets. */
static void
set_levels(IvfBuilder *builder, int32_t n_queries)
{
	IvfHeader  *index = section(builder->image, IMAGE_INDEX);
	int64_t		all = 0;
	int64_t		found = 0;
	int			level = 0;

	for (int32_t rank = 0; rank < builder->n_lists; rank++)
		all += builder->found[rank];
	for (int32_t rank = 0; rank < builder->n_lists && level < IVF_LEVELS; rank++)
	{
		found += builder->found[rank];
		for (; level < IVF_LEVELS && all > 0 && found >= target[level] * all; level++)
		{
			index->recall[level] = (float) found / (float) all;
			index->probes[level] = rank + 1;
		}
	}
	index->n_queries = n_queries;
}

/* One user's query, asked exactly; in which lists are the answers? */
static void
measure_step(IvfBuilder *builder)
{
	const ImageHeader *header = builder->image;
	const void *codes = section(builder->image, IMAGE_MOVIE_CODES);
	int32_t		n_queries = header->n_users < MAX_QUERIES ? header->n_users : MAX_QUERIES;
	CodesQuery	query;
	Topk		topk;

	if (builder->at == 0)
		memset(builder->found, 0, sizeof(int64_t) * builder->n_lists);
	if (builder->at == n_queries)
	{
		set_levels(builder, n_queries);
		builder->phase = DONE;
		return;
	}
	codes_query(&query, codes, (const float *) image_section(builder->image, IMAGE_USER_VECTORS) +
				(int64_t) builder->at * header->n_users / n_queries * VECTOR_DIMS,
				codes_best_kernel());
	topk_init(&topk, builder->entries, IVF_MEASURED);
	codes_search(&topk, &query, codes, 0, ((const CodesHeader *) codes)->n_blocks,
				 image_section(builder->image, IMAGE_MOVIE_VECTORS), NULL);

	score_lists(builder, query.vector, 1);
	for (int32_t i = 0; i < topk.n; i++)
	{
		float		score = builder->scores[builder->list[topk.entry[i].index]];
		int32_t		rank = 0;

		for (int32_t list = 0; list < builder->n_lists; list++)
			rank += builder->scores[list] > score;
		builder->found[rank]++;
	}
	builder->at++;
}

bool
ivf_step(IvfBuilder *builder)
{
	switch (builder->phase)
	{
		case CLUSTER:
			cluster_step(builder);
			break;
		case ASSIGN:
			assign_step(builder);
			break;
		case PLACE:
			place_step(builder);
			break;
		case MEASURE:
			measure_step(builder);
			break;
		default:
			break;
	}
	return builder->phase != DONE;
}

/* ---------------------------------------------------------------------------
 * Searching
 * ------------------------------------------------------------------------- */

int32_t
ivf_probes(const void *index, float recall)
{
	const IvfHeader *header = index;

	for (int level = 0; level < IVF_LEVELS; level++)
		if (header->probes[level] > 0 && header->recall[level] >= recall)
			return header->probes[level];
	return 0;
}

void
ivf_search(Topk *topk, const CodesQuery *query, const void *index, const void *codes,
		   int32_t probes, const float *vectors, const uint8_t *skip,
		   float *scores, TopkEntry *entries)
{
	const IvfHeader *header = index;
	const int32_t *first = first_blocks_of(index);
	int32_t		n_blocks = ((const CodesHeader *) codes)->n_blocks;
	Topk		lists;

	simd_dot_rows(centroids_of(index), query->vector, header->n_lists, VECTOR_DIMS, scores);
	topk_init(&lists, entries, probes);
	topk_push_all(&lists, scores, header->n_lists, NULL);
	topk_sort(&lists);
	for (int32_t i = 0; i < lists.n; i++)
	{
		int32_t		list = lists.entry[i].index;

		codes_search(topk, query, codes, first[list], first[list + 1], vectors, skip);
	}
	if (topk->n == topk->k)
		return;
	topk_init(topk, topk->entry, topk->k);
	codes_search(topk, query, codes, 0, n_blocks, vectors, skip);
}
