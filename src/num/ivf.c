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
 * The likeliest films have the largest temperature * cosine + popularity, a
 * logit.  What speaks for a list then is the mass that a softmax would give to
 * its films if they were all at its centroid:
 *
 *		temperature * cosine + weight,	weight = ln sum exp(popularity)
 *
 * Within a list the popular films come first, so that films of a block are about
 * as popular, and the bar is high early.
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

/*
 * Smaller catalogues are scored as they are.  Here a scan of the codes takes 0.6
 * of the time, and at 100,000 films 0.4.
 */
#define MIN_CODED 20000

/*
 * Catalogues from this size on get lists.  Here the lists that find 0.99 of the
 * best take 0.2 of the time of the codes, 0.25 ms less: what a recommendation
 * notices.  At a million films they take 0.07.
 */
#define MIN_LISTED 50000

#define FILMS_PER_LIST 256
#define MAX_LISTS 4096
#define SAMPLE_PER_LIST 32
#define ROUNDS 6
#define STEP_ROWS 256			/* vectors compared with all centroids in a step */
#define STEP_BLOCKS 4096
#define LANES 32				/* for vector instructions */
#define MAX_QUERIES 200
#define DIGIT_BITS 16			/* of a radix sort */
#define N_DIGITS (1 << DIGIT_BITS)

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
	return code_blocks(n_movies) + count_lists(n_movies);
}

static uint64_t
index_size(int32_t n_lists)
{
	return sizeof(IvfHeader) + (uint64_t) n_lists * (VECTOR_DIMS + 1) * sizeof(float) +
		((uint64_t) n_lists + 1) * sizeof(int32_t);
}

void
ivf_layout(ImageHeader *header)
{
	int32_t		n = header->n_movies;

	header->length[IMAGE_MOVIE_CODES] = n < MIN_CODED ? 0 : codes_size(max_blocks(n));
	header->length[IMAGE_INDEX] = n < MIN_LISTED ? 0 : index_size(count_lists(n));
}

/* From so many lists on, everything is searched instead, from front to end. */
static int32_t
too_many(int32_t n_lists)
{
	return n_lists / 2;
}

static float *
centroids_of(const void *index)
{
	return (float *) ((char *) index + sizeof(IvfHeader));
}

static float *
weights_of(const void *index)
{
	return centroids_of(index) + (int64_t) ((const IvfHeader *) index)->n_lists * VECTOR_DIMS;
}

static int32_t *
first_blocks_of(const void *index)
{
	return (int32_t *) (weights_of(index) + ((const IvfHeader *) index)->n_lists);
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

	if (n_movies < MIN_CODED)
		return;
	builder->popular = ARENA_ARRAY(arena, int32_t, n_movies);
	builder->order = ARENA_ARRAY(arena, int32_t, max_blocks(n_movies) * CODE_BLOCK);
	builder->count = ARENA_ARRAY(arena, int32_t, N_DIGITS);
	if (n_lists == 0)
		return;
	builder->sum = ARENA_ARRAY(arena, float, n_lists * VECTOR_DIMS);
	builder->size = ARENA_ARRAY(arena, int32_t, n_lists);
	builder->list = ARENA_ARRAY(arena, int32_t, n_movies);
	builder->rows = ARENA_ARRAY(arena, float, STEP_ROWS * VECTOR_DIMS);
	builder->scores = ARENA_ARRAY(arena, float, STEP_ROWS * n_lists);
	builder->found = ARENA_ARRAY(arena, int64_t, N_IVF_ORDERS * n_lists);
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

/*
 * What speaks for each list, scores [n_lists].
 */
static void
score_all_lists(float *scores, const void *index, const ScanQuery *query, IvfOrder order)
{
	int32_t		n_lists = ((const IvfHeader *) index)->n_lists;

	scan_scores(scores, query, centroids_of(index), NULL, n_lists);
	if (order == IVF_LIKELIEST)
		simd_add(scores, scores, weights_of(index), n_lists);
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

	n = n < STEP_ROWS ? n : STEP_ROWS;
	vectors += (int64_t) builder->at * VECTOR_DIMS;
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

/*
 * One pass of a radix sort: the films in `in` by a digit of their popularity,
 * large ones first, to `out`.  Floats that are not negative sort as their bits.
 */
static void
sort_by_digit(int32_t *out, const int32_t *in, int32_t n, const float *popularity, int shift,
			  int32_t *count)
{
	int32_t		at = 0;

	memset(count, 0, sizeof(int32_t) * N_DIGITS);
	for (int pass = 0; pass < 2; pass++)
	{
		for (int32_t i = 0; i < n; i++)
		{
			uint32_t	bits;

			memcpy(&bits, &popularity[in[i]], sizeof(bits));
			bits = bits >> shift & (N_DIGITS - 1);
			if (pass == 0)
				count[bits]++;
			else
				out[count[bits]++] = in[i];
		}
		for (int digit = N_DIGITS - 1; pass == 0 && digit >= 0; digit--)
		{
			int32_t		here = count[digit];

			count[digit] = at;
			at += here;
		}
	}
}

static void
sort_by_popularity(IvfBuilder *builder)
{
	const ImageHeader *header = builder->image;
	const float *popularity = image_section(header, IMAGE_MOVIE_POPULARITY);
	int32_t		n = header->n_movies;

	for (int32_t film = 0; film < n; film++)
		builder->popular[film] = film;
	sort_by_digit(builder->order, builder->popular, n, popularity, 0, builder->count);
	sort_by_digit(builder->popular, builder->order, n, popularity, DIGIT_BITS, builder->count);
}

/* Where each list begins, which film goes into which place, and what lists weigh. */
static int32_t
order_by_lists(IvfBuilder *builder)
{
	const ImageHeader *header = builder->image;
	const float *popularity = image_section(header, IMAGE_MOVIE_POPULARITY);
	void	   *index = section(builder->image, IMAGE_INDEX);
	int32_t    *first = first_blocks_of(index);
	float	   *weight = weights_of(index);
	int32_t		n_blocks = 0;

	for (int32_t list = 0; list < builder->n_lists; list++)
	{
		first[list] = n_blocks;
		n_blocks += code_blocks(builder->size[list]);
		builder->size[list] = 0;
		weight[list] = 0;
	}
	first[builder->n_lists] = n_blocks;
	for (int64_t place = 0; place < (int64_t) n_blocks * CODE_BLOCK; place++)
		builder->order[place] = NO_FILM;
	for (int32_t i = 0; i < header->n_movies; i++)
	{
		int32_t		film = builder->popular[i];
		int32_t		list = builder->list[film];

		builder->order[(int64_t) first[list] * CODE_BLOCK + builder->size[list]++] = film;
		weight[list] += expf(popularity[film]);
	}
	for (int32_t list = 0; list < builder->n_lists; list++)
		weight[list] = weight[list] > 0 ? logf(weight[list]) : 0;
	return n_blocks;
}

static int32_t
order_by_popularity(IvfBuilder *builder)
{
	int32_t		n = ((const ImageHeader *) builder->image)->n_movies;

	memcpy(builder->order, builder->popular, sizeof(int32_t) * n);
	for (int32_t place = n; place < code_blocks(n) * CODE_BLOCK; place++)
		builder->order[place] = NO_FILM;
	return code_blocks(n);
}

static void
place_step(IvfBuilder *builder)
{
	void	   *codes = section(builder->image, IMAGE_MOVIE_CODES);
	bool		listed = builder->n_lists > 0;

	if (builder->at == 0)
	{
		int32_t		n_blocks;

		sort_by_popularity(builder);
		n_blocks = listed ? order_by_lists(builder) : order_by_popularity(builder);
		codes_begin(codes, builder->order, n_blocks);
	}
	builder->at += STEP_BLOCKS;
	if (codes_fill(codes, image_section(builder->image, IMAGE_MOVIE_VECTORS),
				   image_section(builder->image, IMAGE_MOVIE_POPULARITY),
				   builder->at - STEP_BLOCKS, builder->at))
		return;
	builder->at = 0;
	builder->phase = listed ? MEASURE : DONE;
}

/*
 * What recall each number of lists gives: the least numbers for the targets.
 * Those that only a search of everything would meet are left out.
 */
static void
set_levels(IvfLevel *levels, const int64_t *found_at, int32_t n_lists)
{
	int64_t		all = 0;
	int64_t		found = 0;
	int			level = 0;

	for (int32_t rank = 0; rank < n_lists; rank++)
		all += found_at[rank];
	for (int32_t rank = 0; rank + 1 < too_many(n_lists) && level < IVF_LEVELS; rank++)
	{
		found += found_at[rank];
		for (; level < IVF_LEVELS && all > 0 && found >= target[level] * all; level++)
		{
			levels[level].recall = (float) ((double) found / all);
			levels[level].probes = rank + 1;
		}
	}
}

/* What there is to search, and the bias for an order. */
static void
open_films(ScanFilms *films, const void *image, IvfOrder order)
{
	films->rows = image_section(image, IMAGE_MOVIE_VECTORS);
	films->bias = order == IVF_LIKELIEST ? image_section(image, IMAGE_MOVIE_POPULARITY) : NULL;
	films->skip = NULL;
}

/* Asks exactly; in which lists are the answers? */
static void
measure_query(IvfBuilder *builder, const float *vector, IvfOrder order)
{
	const ImageHeader *header = builder->image;
	const void *index = image_section(header, IMAGE_INDEX);
	ScanFilms	films;
	ScanQuery	query;
	Codes		codes;
	Topk		topk;

	open_films(&films, header, order);
	codes_open(&codes, image_section(header, IMAGE_MOVIE_CODES));
	scan_prepare(&query, vector, order == IVF_LIKELIEST ? header->temperature : 1, scan_level());
	topk_init(&topk, builder->entries, IVF_MEASURED);
	scan_codes(&topk, &films, &codes, 0, codes.n_blocks, &query);

	score_all_lists(builder->scores, index, &query, order);
	for (int32_t i = 0; i < topk.n; i++)
	{
		float		score = builder->scores[builder->list[topk.entry[i].index]];
		int32_t		rank = 0;

		for (int32_t list = 0; list < builder->n_lists; list++)
			rank += builder->scores[list] > score;
		builder->found[order * builder->n_lists + rank]++;
	}
}

/* One user's queries. */
static void
measure_step(IvfBuilder *builder)
{
	const ImageHeader *header = builder->image;
	IvfHeader  *index = section(builder->image, IMAGE_INDEX);
	int32_t		n_queries = header->n_users < MAX_QUERIES ? header->n_users : MAX_QUERIES;
	int64_t		user;

	if (builder->at == 0)
		memset(builder->found, 0, sizeof(int64_t) * N_IVF_ORDERS * builder->n_lists);
	if (builder->at == n_queries)
	{
		for (int order = 0; order < N_IVF_ORDERS; order++)
			set_levels(index->level[order], builder->found + order * builder->n_lists,
					   builder->n_lists);
		index->n_queries = n_queries;
		builder->phase = DONE;
		return;
	}
	user = (int64_t) builder->at * header->n_users / n_queries;
	for (int order = 0; order < N_IVF_ORDERS; order++)
		measure_query(builder, (const float *) image_section(header, IMAGE_USER_VECTORS) +
					  user * VECTOR_DIMS, order);
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

IvfLevel
ivf_level(const void *index, IvfOrder order, float recall)
{
	const IvfHeader *header = index;

	for (int level = 0; level < IVF_LEVELS; level++)
	{
		if (header->level[order][level].probes > 0 && header->level[order][level].recall >= recall)
			return header->level[order][level];
	}
	return (IvfLevel) {1, 0};
}

size_t
ivf_search_scratch(const void *index)
{
	return (sizeof(TopkEntry) + sizeof(float)) * ((const IvfHeader *) index)->n_lists;
}

/*
 * How many lists make up for a k of so many films, if `probes` do for
 * IVF_MEASURED.
 */
static int32_t
enough_lists(int32_t probes, int64_t k, int32_t n_lists)
{
	int64_t		n = k > IVF_MEASURED ? probes * k / IVF_MEASURED : probes;

	return n < n_lists ? (int32_t) n : n_lists;
}

void
ivf_search(Topk *topk, const ScanFilms *films, const void *index, const Codes *codes,
		   int32_t probes, const ScanQuery *query, void *scratch)
{
	const int32_t *first = first_blocks_of(index);
	int32_t		n_lists = ((const IvfHeader *) index)->n_lists;
	int32_t		wanted = enough_lists(probes, topk->k, n_lists);
	int32_t		done = 0;
	int64_t		skipped = 0;
	TopkEntry  *entries = scratch;
	float	   *scores = (float *) (entries + n_lists);

	score_all_lists(scores, index, query, films->bias != NULL ? IVF_LIKELIEST : IVF_NEAREST);
	while (done < wanted && wanted < too_many(n_lists))
	{
		Topk		lists;

		topk_init(&lists, entries, wanted);
		topk_push_all(&lists, scores, n_lists, NULL);
		topk_sort(&lists);
		for (; done < wanted; done++)
		{
			int32_t		list = entries[done].index;

			skipped += scan_codes(topk, films, codes, first[list], first[list + 1], query);
		}
		wanted = topk->n < topk->k ? 2 * done : enough_lists(probes, topk->k + skipped, n_lists);
	}
	if (done < wanted)
	{
		topk_init(topk, topk->entry, topk->k);
		scan_codes(topk, films, codes, 0, codes->n_blocks, query);
	}
}
