/*
 * ivf_build.c: see ivf_build.h.
 *
 * Lists are made by spherical k-means: a center is the mean of its vectors, made
 * unit length, and a vector belongs to the center with the largest inner product.
 * A sample of the movies is enough to find the centers.  Then all movies are
 * assigned, the mean of a list becomes its centroid, and movies are coded list by
 * list.  Within a list the popular ones come first, and among equally popular
 * ones those far from the centroid, so that the movies of a block are alike in both
 * and its bounds are tight.
 *
 * Everything is deterministic, and is cut into steps of some milliseconds.
 */
#include "num/index/ivf_build.h"

#include <math.h>
#include <string.h>

#include "num/base/arena.h"
#include "num/base/cpu.h"
#include "num/base/radix.h"
#include "num/base/rng.h"
#include "num/base/simd.h"
#include "num/net/layers.h"

#define SAMPLE_PER_LIST 32
#define ROUNDS 6
#define STEP_VECTORS 256		/* compared with all centers in a step */
#define STEP_LISTS 256			/* centers compared with them at a time */
#define FILLED_LISTS 256		/* in a step */
#define LANES 32				/* for vector instructions */
#define DIGIT_BITS 16			/* of a radix sort */
#define N_BUCKETS (1 << DIGIT_BITS)

typedef enum Phase
{
	PHASE_CLUSTER,
	PHASE_ASSIGN,
	PHASE_ORDER,
	PHASE_FILL,
	PHASE_MEASURE,
	PHASE_DONE
} Phase;

/* ---------------------------------------------------------------------------
 * Beginning
 * ------------------------------------------------------------------------- */

static void *
section(void *file, ModelFileSection which)
{
	return (char *) file + ((ModelFileHeader *) file)->offset[which];
}

static int32_t
count_sample(const ModelFileHeader *header)
{
	int64_t		n = (int64_t) ivf_count_lists(header->n_movies) * SAMPLE_PER_LIST;

	return (int32_t) (n < header->n_movies ? n : header->n_movies);
}

static void
carve(IvfBuilder *builder, Arena *arena, int32_t n_movies)
{
	int32_t		n_lists = ivf_count_lists(n_movies);

	if (n_lists == 0)
		return;
	builder->center = ARENA_ARRAY(arena, float, n_lists * VECTOR_DIMS);
	builder->sum = ARENA_ARRAY(arena, float, n_lists * VECTOR_DIMS);
	builder->size = ARENA_ARRAY(arena, int32_t, n_lists);
	builder->list = ARENA_ARRAY(arena, int32_t, n_movies);
	builder->block = ARENA_ARRAY(arena, int32_t, n_movies);
	builder->residual = ARENA_ARRAY(arena, float, n_movies);
	builder->order = ARENA_ARRAY(arena, int32_t, ivf_max_blocks(n_movies) * CODE_BLOCK);
	builder->sorted = ARENA_ARRAY(arena, int32_t, n_movies);
	builder->bucket = ARENA_ARRAY(arena, int64_t, N_BUCKETS);
	builder->vectors = ARENA_ARRAY(arena, float, STEP_VECTORS * VECTOR_DIMS);
	builder->scores = ARENA_ARRAY(arena, float, STEP_VECTORS * STEP_LISTS);
	builder->nearest_score = ARENA_ARRAY(arena, float, STEP_VECTORS);
	builder->nearest = ARENA_ARRAY(arena, int32_t, STEP_VECTORS);
	ivf_measure_carve(&builder->measure, arena, n_lists);
}

size_t
ivf_scratch(int32_t n_movies)
{
	IvfBuilder	builder;
	Arena		arena = {NULL, 0};

	carve(&builder, &arena, n_movies);
	return arena.used;
}

static const float *
vector_of(const IvfBuilder *builder, int32_t movie)
{
	return (const float *) model_file_section(builder->file, MODEL_FILE_MOVIE_VECTORS) +
		(int64_t) movie * VECTOR_DIMS;
}

/* The movie that is number i of the sample. */
static int32_t
sampled(const IvfBuilder *builder, int32_t i)
{
	const ModelFileHeader *header = builder->file;

	return (int32_t) ((int64_t) i * header->n_movies / builder->n_sample);
}

static void
begin_phase(IvfBuilder *builder, Phase phase)
{
	builder->phase = phase;
	builder->at = 0;
	if (phase == PHASE_CLUSTER || phase == PHASE_ASSIGN)
	{
		memset(builder->sum, 0, sizeof(float) * builder->lists.n * VECTOR_DIMS);
		memset(builder->size, 0, sizeof(int32_t) * builder->lists.n);
	}
}

void
ivf_begin(IvfBuilder *builder, void *file, void *scratch)
{
	const ModelFileHeader *header = file;
	IvfHeader  *index = section(file, MODEL_FILE_INDEX);
	Arena		arena = {scratch, 0};

	memset(builder, 0, sizeof(*builder));
	builder->file = file;
	carve(builder, &arena, header->n_movies);
	if (header->length[MODEL_FILE_INDEX] == 0)
	{
		builder->phase = PHASE_DONE;
		return;
	}
	memset(index, 0, sizeof(IvfHeader));
	index->n_lists = ivf_count_lists(header->n_movies);
	ivf_open(&builder->lists, index);
	builder->n_sample = count_sample(header);
	for (int32_t list = 0; list < builder->lists.n; list++)
	{
		int32_t		movie = sampled(builder, list * (builder->n_sample / builder->lists.n));

		memcpy(builder->center + (int64_t) list * VECTOR_DIMS, vector_of(builder, movie),
			   sizeof(float) * VECTOR_DIMS);
	}
	begin_phase(builder, PHASE_CLUSTER);
}

/* ---------------------------------------------------------------------------
 * Lists
 * ------------------------------------------------------------------------- */

/* The largest of n scores. */
MULTIVERSION
static float
largest(const float *scores, int32_t n)
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
	return max[0];
}

/*
 * The first nearest list of each of n vectors, n <= STEP_VECTORS.  So few lists are
 * compared at a time that their scores stay in the caches.
 */
static void
find_nearest(IvfBuilder *builder, const float *vectors, int n)
{
	for (int i = 0; i < n; i++)
	{
		builder->nearest_score[i] = -INFINITY;
		builder->nearest[i] = 0;
	}
	for (int32_t first = 0; first < builder->lists.n; first += STEP_LISTS)
	{
		int32_t		n_left = builder->lists.n - first;
		int32_t		n_lists = n_left < STEP_LISTS ? n_left : STEP_LISTS;

		matmul_transposed(builder->scores, vectors,
						  builder->center + (int64_t) first * VECTOR_DIMS,
						  layer_size(n, n_lists, VECTOR_DIMS), false);
		for (int i = 0; i < n; i++)
		{
			const float *scores = builder->scores + (int64_t) i * n_lists;
			float		max = largest(scores, n_lists);
			int32_t		which = 0;

			if (!(max > builder->nearest_score[i]))
				continue;
			while (which < n_lists - 1 && scores[which] != max)
				which++;
			builder->nearest_score[i] = max;
			builder->nearest[i] = first + which;
		}
	}
}

/* Finds the nearest lists of n vectors, and adds these to the lists' sums. */
static void
join_lists(IvfBuilder *builder, const float *vectors, int n)
{
	find_nearest(builder, vectors, n);
	for (int i = 0; i < n; i++)
	{
		int32_t		list = builder->nearest[i];

		simd_axpy(builder->sum + (int64_t) list * VECTOR_DIMS, 1, vectors + i * VECTOR_DIMS,
				  VECTOR_DIMS);
		builder->size[list]++;
	}
}

/* New centers from the sums; an empty list starts again at another movie. */
static void
move_centers(IvfBuilder *builder)
{
	float	   *center = builder->center;

	for (int32_t list = 0; list < builder->lists.n; list++, center += VECTOR_DIMS)
	{
		const float *sum = builder->sum + (int64_t) list * VECTOR_DIMS;
		float		length = simd_norm2(sum, VECTOR_DIMS);

		if (builder->size[list] == 0 || !(length > 0))
		{
			uint64_t	key = rng_key(builder->round, 'v', list, 0);

			sum = vector_of(builder, sampled(builder, (int32_t) (rng_uniform(key, 0) *
																 (float) (builder->n_sample - 1))));
			length = simd_norm2(sum, VECTOR_DIMS);
		}
		memcpy(center, sum, sizeof(float) * VECTOR_DIMS);
		if (length > 0)
			simd_scale(center, 1 / sqrtf(length), VECTOR_DIMS);
	}
}

/* Takes up to `most` of what is left of `all` for this step; returns how many. */
static int
take(IvfBuilder *builder, int32_t all, int most)
{
	int			n = all - builder->at < most ? all - builder->at : most;

	builder->at += n;
	return n;
}

/* One round of k-means over the sample, STEP_VECTORS at a time. */
static void
cluster_step(IvfBuilder *builder)
{
	int32_t		at = builder->at;
	int			n = take(builder, builder->n_sample, STEP_VECTORS);

	for (int i = 0; i < n; i++)
		memcpy(builder->vectors + i * VECTOR_DIMS, vector_of(builder, sampled(builder, at + i)),
			   sizeof(float) * VECTOR_DIMS);
	join_lists(builder, builder->vectors, n);
	if (builder->at < builder->n_sample)
		return;
	move_centers(builder);
	begin_phase(builder, ++builder->round < ROUNDS ? PHASE_CLUSTER : PHASE_ASSIGN);
}

static void
assign_step(IvfBuilder *builder)
{
	int32_t		n_movies = ((const ModelFileHeader *) builder->file)->n_movies;
	int32_t		at = builder->at;
	int			n = take(builder, n_movies, STEP_VECTORS);

	join_lists(builder, vector_of(builder, at), n);
	memcpy(builder->list + at, builder->nearest, sizeof(int32_t) * n);
	if (builder->at == n_movies)
		begin_phase(builder, PHASE_ORDER);
}

/* ---------------------------------------------------------------------------
 * Order of the codes
 * ------------------------------------------------------------------------- */

/* The lists' means, and the lengths of the movies' residuals. */
static void
set_centroids(IvfBuilder *builder)
{
	int32_t		n_movies = ((const ModelFileHeader *) builder->file)->n_movies;

	for (int32_t list = 0; list < builder->lists.n; list++)
	{
		float	   *centroid = builder->lists.centroids + (int64_t) list * VECTOR_DIMS;

		memcpy(centroid, builder->sum + (int64_t) list * VECTOR_DIMS, sizeof(float) * VECTOR_DIMS);
		if (builder->size[list] > 0)
			simd_scale(centroid, 1 / (float) builder->size[list], VECTOR_DIMS);
	}
	for (int32_t movie = 0; movie < n_movies; movie++)
		builder->residual[movie] =
			simd_l2sq(vector_of(builder, movie),
					  builder->lists.centroids + (int64_t) builder->list[movie] * VECTOR_DIMS,
					  VECTOR_DIMS);
}

/* The bucket of a value, not negative, for the digit at `shift`. */
static inline uint32_t
bucket_of(float value, int shift)
{
	return N_BUCKETS - 1 - ((uint32_t) float_to_ordered(value) >> shift & (N_BUCKETS - 1));
}

/*
 * One pass of a radix sort: the movies of `in` by a digit of their value, the largest
 * first, to `out`.  Values are not negative, so they sort as their bits.  Buckets
 * are numbered from the largest digit.
 */
static void
sort_by_digit(int32_t *out, const int32_t *in, int32_t n, const float *value, int shift,
			  int64_t *bucket)
{
	memset(bucket, 0, sizeof(int64_t) * N_BUCKETS);
	for (int32_t i = 0; i < n; i++)
		bucket[bucket_of(value[in[i]], shift)]++;
	radix_starts(bucket, N_BUCKETS);
	for (int32_t i = 0; i < n; i++)
		out[bucket[bucket_of(value[in[i]], shift)]++] = in[i];
}

/* The movies by popularity, then by the length of the residual. */
static void
sort_movies(IvfBuilder *builder)
{
	const ModelFileHeader *header = builder->file;
	const float *popularity = model_file_section(header, MODEL_FILE_MOVIE_POPULARITY);
	const float *keys[] = {builder->residual, popularity};
	int32_t		n = header->n_movies;

	for (int32_t movie = 0; movie < n; movie++)
		builder->sorted[movie] = movie;
	for (int key = 0; key < 2; key++)
	{
		sort_by_digit(builder->order, builder->sorted, n, keys[key], 0, builder->bucket);
		sort_by_digit(builder->sorted, builder->order, n, keys[key], DIGIT_BITS, builder->bucket);
	}
}

/* The first block of each list, and the movie of each position. */
static void
order_movies(IvfBuilder *builder)
{
	int32_t		n_movies = ((const ModelFileHeader *) builder->file)->n_movies;
	int32_t    *first = builder->lists.first_block;
	int32_t		n_blocks = 0;

	for (int32_t list = 0; list < builder->lists.n; list++)
	{
		first[list] = n_blocks;
		n_blocks += code_blocks(builder->size[list]);
		builder->size[list] = 0;
	}
	first[builder->lists.n] = n_blocks;
	for (int64_t at = 0; at < (int64_t) n_blocks * CODE_BLOCK; at++)
		builder->order[at] = NO_MOVIE;
	for (int32_t i = 0; i < n_movies; i++)
	{
		int32_t		movie = builder->sorted[i];
		int32_t		list = builder->list[movie];
		int32_t		at = builder->size[list]++;

		builder->block[movie] = first[list] + at / CODE_BLOCK;
		builder->order[(int64_t) first[list] * CODE_BLOCK + at] = movie;
	}
}

static void
order_step(IvfBuilder *builder)
{
	set_centroids(builder);
	sort_movies(builder);
	order_movies(builder);
	codes_begin(section(builder->file, MODEL_FILE_MOVIE_CODES), builder->order,
				builder->lists.first_block[builder->lists.n]);
	begin_phase(builder, PHASE_FILL);
}

/* Encodes some lists. */
static void
fill_step(IvfBuilder *builder)
{
	const ModelFileHeader *header = builder->file;
	const IvfLists *lists = &builder->lists;
	void	   *codes = section(builder->file, MODEL_FILE_MOVIE_CODES);
	int32_t		list = builder->at;
	int32_t		end = list + take(builder, lists->n, FILLED_LISTS);
	Codes		view;

	codes_open(&view, codes);
	for (; list < end; list++)
	{
		codes_fill(codes, model_file_section(header, MODEL_FILE_MOVIE_VECTORS),
				   model_file_section(header, MODEL_FILE_MOVIE_POPULARITY),
				   lists->centroids + (int64_t) list * VECTOR_DIMS,
				   lists->first_block[list], lists->first_block[list + 1]);
		memset(&lists->bounds[list], 0, sizeof(CodeBlock));
		for (int32_t b = lists->first_block[list]; b < lists->first_block[list + 1]; b++)
			codes_widen(&lists->bounds[list], &view.blocks[b]);
	}
	if (end < lists->n)
		return;
	ivf_measure_begin(&builder->measure, builder->file, builder->list, builder->block);
	begin_phase(builder, PHASE_MEASURE);
}

static void
measure_step(IvfBuilder *builder)
{
	if (!ivf_measure_step(&builder->measure))
		begin_phase(builder, PHASE_DONE);
}

bool
ivf_step(IvfBuilder *builder)
{
	static void (*const step[])(IvfBuilder *) = {
		[PHASE_CLUSTER] = cluster_step,
		[PHASE_ASSIGN] = assign_step,
		[PHASE_ORDER] = order_step,
		[PHASE_FILL] = fill_step,
		[PHASE_MEASURE] = measure_step
	};

	if (builder->phase != PHASE_DONE)
		step[builder->phase](builder);
	return builder->phase != PHASE_DONE;
}
