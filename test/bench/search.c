/*
 * search.c: how fast the best movies of a large catalogue are found.
 *
 *	search MOVIES [QUERIES [FILE]]
 *
 * prints, for a catalogue of that many generated movies, in each way that mlrec
 * knows: its name, the median microseconds to find a user's top 200, the bytes
 * that it reads at least, how many times longer it takes than reading as many
 * bytes of a large array, and the recall.  Times are of the processor, and array
 * and movies are read by turns, so that both suffer alike from what else the
 * machine does.  FILE gets movies and
 * users as tables, for others to be measured with the same: a line for each,
 * "movie" or "user", a number, a vector.
 *
 * The movies are what trained embeddings are like: unevenly many around centres,
 * which lie around fewer topics, with most of the variance in the first
 * dimensions.
 *
 *		topic[d]  = w[d] * normal			w[d] = (1 + d) ^ -1/4
 *		centre[d] = topic[d] + 0.8 * w[d] * normal
 *		movie[d]   = centre[d] + 0.5 * w[d] * normal, made unit length
 *
 * with 50 topics, sqrt(MOVIES) centres, and a centre chosen by the square of a
 * uniform number.  A user is the mean of three movies with noise.  Movies have
 * likes by Zipf's law, and a popularity of ln(1 + likes).
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "num/base/rng.h"
#include "num/base/simd.h"
#include "num/index/ivf_build.h"
#include "timing.h"

#define K 200
#define TOPICS 50
#define TEMPERATURE 12.0f
#define CODED_BYTES (double) (CODE_BLOCK_BYTES + sizeof(CodeBlock))

/* What is read between two queries: a part of an array that no cache holds */
#define LIMIT_FLOATS ((size_t) 128 << 20)
#define LIMIT_PART ((size_t) 4 << 20)

enum
{
	TOPIC = 1, CENTRE, CHOICE, MOVIE, USER, USER_CHOICE, LIKES
};

typedef struct World
{
	int32_t		n;
	int			n_queries;
	char	   *file;
	float	   *rows;
	float	   *popularity;
	float	   *users;			/* [n_queries * VECTOR_DIMS] */
	Codes		codes;
	void	   *scratch;
	float	   *array;
	size_t		array_at;
} World;

/* Seconds of the processor. */
static double
worked(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return time.tv_sec + 1e-9 * time.tv_nsec;
}

/* ---------------------------------------------------------------------------
 * Movies and users
 * ------------------------------------------------------------------------- */

static float
normal(int purpose, uint64_t which, int d)
{
	uint64_t	key = rng_key(7, purpose, 0, 0);
	uint64_t	at = which * 2 * VECTOR_DIMS + 2 * d;

	return sqrtf(-2 * logf(1 - rng_uniform(key, at))) *
		cosf(6.2831853f * rng_uniform(key, at + 1));
}

static void
make_unit(float *row)
{
	simd_scale(row, 1 / sqrtf(simd_norm2(row, VECTOR_DIMS)), VECTOR_DIMS);
}

/* One of n, small ones preferred. */
static uint32_t
choose(int purpose, uint64_t at, uint32_t n)
{
	float		u = rng_uniform(rng_key(7, purpose, 0, 0), at);

	return (uint32_t) (u * u * n) % n;
}

static void
make_movies(World *world)
{
	uint32_t	n_centres = (uint32_t) sqrt(world->n) + 1;
	float	   *centres = room(sizeof(float) * n_centres * VECTOR_DIMS);
	float		weight[VECTOR_DIMS];

	for (int d = 0; d < VECTOR_DIMS; d++)
		weight[d] = powf(1 + d, -0.25f);
	for (uint32_t c = 0; c < n_centres; c++)
	{
		for (int d = 0; d < VECTOR_DIMS; d++)
			centres[c * VECTOR_DIMS + d] = weight[d] *
				(normal(TOPIC, c % TOPICS, d) + 0.8f * normal(CENTRE, c, d));
	}
	for (int32_t movie = 0; movie < world->n; movie++)
	{
		float	   *row = world->rows + (size_t) movie * VECTOR_DIMS;
		const float *centre = centres + choose(CHOICE, movie, n_centres) * VECTOR_DIMS;
		float		u = rng_uniform(rng_key(7, LIKES, 0, 0), movie);

		for (int d = 0; d < VECTOR_DIMS; d++)
			row[d] = centre[d] + 0.5f * weight[d] * normal(MOVIE, movie, d);
		make_unit(row);
		world->popularity[movie] = logf(1 + world->n / (1 + u * world->n));
	}
	free(centres);
}

static void
make_users(World *world)
{
	for (int user = 0; user < world->n_queries; user++)
	{
		float	   *row = world->users + (size_t) user * VECTOR_DIMS;

		for (int i = 0; i < 3; i++)
			simd_axpy(row, 1, world->rows + (size_t) choose(USER_CHOICE, user * 3 + i, world->n) *
					  VECTOR_DIMS, VECTOR_DIMS);
		for (int d = 0; d < VECTOR_DIMS; d++)
			row[d] += 0.1f * normal(USER, user, d);
		make_unit(row);
	}
}

static void
write_rows(FILE *file, const char *kind, const float *rows, int32_t n)
{
	for (int32_t i = 0; i < n; i++)
	{
		fprintf(file, "%s\t%d\t[", kind, i);
		for (int d = 0; d < VECTOR_DIMS; d++)
			fprintf(file, d ? ",%.7g" : "%.7g", rows[(size_t) i * VECTOR_DIMS + d]);
		fputs("]\n", file);
	}
}

static void
write_world(const World *world, const char *path)
{
	FILE	   *file = fopen(path, "w");

	if (file == NULL)
		fail("%s cannot be written", path);
	write_rows(file, "movie", world->rows, world->n);
	write_rows(file, "user", world->users, world->n_queries);
	fclose(file);
}

/* A model file with movies and users, and nothing else. */
static void
make_world(World *world)
{
	ModelFileHeader header = {.n_movies = world->n, .n_users = world->n_queries};
	uint64_t	at = (sizeof(header) + MODEL_FILE_ALIGN - 1) / MODEL_FILE_ALIGN * MODEL_FILE_ALIGN;
	float	  **part[] = {&world->rows, &world->popularity, &world->users};
	int			which[] =
		{MODEL_FILE_MOVIE_VECTORS, MODEL_FILE_MOVIE_POPULARITY, MODEL_FILE_USER_VECTORS};

	header.temperature = TEMPERATURE;
	header.length[MODEL_FILE_MOVIE_VECTORS] = sizeof(float) * VECTOR_DIMS * world->n;
	header.length[MODEL_FILE_USER_VECTORS] = sizeof(float) * VECTOR_DIMS * world->n_queries;
	header.length[MODEL_FILE_MOVIE_POPULARITY] = sizeof(float) * world->n;
	ivf_layout(&header);
	for (int s = 0; s < N_MODEL_FILE_SECTIONS; s++)
	{
		header.offset[s] = at;
		at += (header.length[s] + MODEL_FILE_ALIGN - 1) / MODEL_FILE_ALIGN * MODEL_FILE_ALIGN;
	}
	world->file = room(at);
	memcpy(world->file, &header, sizeof(header));
	for (int i = 0; i < 3; i++)
		*part[i] = (float *) (world->file + header.offset[which[i]]);
	make_movies(world);
	make_users(world);
}

static void
build(World *world)
{
	const ModelFileHeader *header = (ModelFileHeader *) world->file;
	void	   *scratch = room(ivf_scratch(world->n));
	double		start = worked();
	IvfBuilder	builder;

	ivf_begin(&builder, world->file, scratch);
	while (ivf_step(&builder));
	printf("%d movies, index made in %.1f s\n", world->n, worked() - start);
	free(scratch);
	if (header->length[MODEL_FILE_MOVIE_CODES] > 0)
		codes_open(&world->codes, model_file_section(world->file, MODEL_FILE_MOVIE_CODES));
	if (header->length[MODEL_FILE_INDEX] > 0)
		world->scratch = room(ivf_search_scratch(model_file_section(world->file,
																	MODEL_FILE_INDEX)));
}

/* ---------------------------------------------------------------------------
 * The ways
 * ------------------------------------------------------------------------- */

typedef struct Way
{
	const char *name;
	IvfOrder	order;
	bool		coded;
	float		bound_factor;	/* 1: exactly */
	ScanLevel	level;
} Way;

/* Returns the bytes that were read. */
static double
ask(Topk *topk, const World *world, const Way *way, int user)
{
	ScanMovies	movies = {world->rows, way->order == IVF_BY_LOGIT ? world->popularity : NULL, NULL};
	ScanQuery	query;

	scan_prepare(&query, world->users + (size_t) user * VECTOR_DIMS,
				 way->order == IVF_BY_LOGIT ? TEMPERATURE : 1, way->level);
	if (way->coded)
		return CODED_BYTES * ivf_search(topk, &movies, model_file_section(world->file,
																		  MODEL_FILE_INDEX),
										&world->codes, way->bound_factor, &query, NULL,
										world->scratch) +
			((const ModelFileHeader *) world->file)->length[MODEL_FILE_INDEX];
	scan_vectors(topk, &movies, 0, 0, world->n, &query);
	return sizeof(float) * VECTOR_DIMS * (double) world->n;
}

static float sink;

/* Seconds that reading a byte takes now. */
static double
read_limit(World *world)
{
	float		query[4096] = {0};
	double		start = worked();

	for (size_t at = 0; at < LIMIT_PART; at += 4096)
		sink += simd_dot(world->array + world->array_at + at, query, 4096);
	world->array_at = (world->array_at + LIMIT_PART) % LIMIT_FLOATS;
	return (worked() - start) / (sizeof(float) * LIMIT_PART);
}

/* How many of a user's best, all of which `best` has, are in `found`. */
static int
count_found(const Topk *found, const Topk *best)
{
	float		threshold = best->entry[0].score;
	int			n = 0;

	for (int i = 0; i < best->n; i++)
		threshold = fminf(threshold, best->entry[i].score);
	for (int i = 0; i < found->n; i++)
		n += found->entry[i].score >= threshold;
	return n < best->n ? n : best->n;
}

static void
measure(World *world, const Way *way)
{
	double	   *times = room(sizeof(double) * world->n_queries);
	double	   *limits = room(sizeof(double) * world->n_queries);
	TopkEntry	entries[2][K];
	int64_t		n_found = 0;
	int64_t		n_best = 0;
	double		bytes = 0;
	double		middle;

	for (int user = 0; user < world->n_queries; user++)
	{
		Way			exact = *way;
		Topk		found;
		Topk		best;
		double		start;

		limits[user] = read_limit(world);
		topk_init(&found, entries[0], K);
		start = worked();
		bytes += ask(&found, world, way, user) / world->n_queries;
		times[user] = worked() - start;

		exact.bound_factor = 1;
		topk_init(&best, entries[1], K);
		ask(&best, world, &exact, user);
		n_found += count_found(&found, &best);
		n_best += best.n;
	}
	middle = median(times, world->n_queries);
	printf("%-44s %9.1f us %7.1f MB %7.2f   recall %.4f\n", way->name, middle * 1e6,
		   bytes / 1e6, middle / bytes / median(limits, world->n_queries),
		   (double) n_found / n_best);
	fflush(stdout);
	free(times);
	free(limits);
}

static void
measure_lists(World *world, IvfOrder order, const char *name)
{
	const IvfHeader *index = model_file_section(world->file, MODEL_FILE_INDEX);
	char		title[100];

	for (int i = 0; i < IVF_LEVELS; i++)
	{
		const IvfLevel *level = &index->level[order][i];
		Way			way = {title, order, true, level->bound_factor, scan_level()};

		snprintf(title, sizeof(title), "%s, %.4f in %.1f %%", name, level->recall,
				 100 * level->share);
		measure(world, &way);
	}
}

static void
measure_all(World *world)
{
	const ModelFileHeader *header = (ModelFileHeader *) world->file;
	ScanLevel	best = scan_level();
	Way			ways[] = {
		{"by cosine, vectors", IVF_BY_COSINE, false, 1, best},
		{"by logit, vectors", IVF_BY_LOGIT, false, 1, best},
		{"by cosine, codes", IVF_BY_COSINE, true, 1, best},
		{"by cosine, codes, AVX2", IVF_BY_COSINE, true, 1, SCAN_AVX2},
		{"by cosine, codes, plain C", IVF_BY_COSINE, true, 1, SCAN_PLAIN},
		{"by logit, codes", IVF_BY_LOGIT, true, 1, best}
	};

	for (int i = 0; i < (int) (sizeof(ways) / sizeof(ways[0])); i++)
	{
		if (ways[i].level <= best && (!ways[i].coded || header->length[MODEL_FILE_MOVIE_CODES] > 0))
			measure(world, &ways[i]);
	}
	if (header->length[MODEL_FILE_INDEX] > 0)
	{
		measure_lists(world, IVF_BY_COSINE, "by cosine");
		measure_lists(world, IVF_BY_LOGIT, "by logit");
	}
}

int
main(int argc, char **argv)
{
	World		world = {0};

	if (argc < 2 || argc > 4)
		fail("usage: search MOVIES [QUERIES [FILE]]");
	world.n = (int32_t) number(argv[1]);
	world.n_queries = argc > 2 ? (int) number(argv[2]) : 50;
	make_world(&world);
	if (argc > 3)
		write_world(&world, argv[3]);
	build(&world);
	world.array = room(sizeof(float) * LIMIT_FLOATS);
	measure_all(&world);
	return 0;
}
