/*
 * alone.c: the arithmetic of serving, without a server around it.
 *
 *	alone recommend MODEL HISTORIES
 *		Median milliseconds of recommend(user, 200, 10): the user's vectors, the
 *		cosines of all movies and the best 200, the ranking of those.
 *	alone products MODEL USERS
 *		Seconds of the matrix products of recommend_all(200, 10): towers, scores
 *		and ranker, and nothing else.
 *	alone scan MODEL ORDER ROUNDS
 *		Median milliseconds of the best 200 movies of a user by cosine or logit (the
 *		ORDER), exactly; and the megabytes that this reads: the vectors, or of a
 *		large catalogue the index and some of its codes.
 *	alone scan-all MODEL ORDER ROUNDS
 *		Likewise, but all codes are scanned.
 *	alone lists MODEL ORDER RECALL ROUNDS
 *		Median milliseconds with the level of the index that promises this recall;
 *		the recall that was found, and the percentage of the blocks scanned.
 *
 * MODEL is a model file, as it is stored.  HISTORIES has lines "user movie rating" in
 * order of users, with ids.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>

#include "num/index/codes.h"
#include "num/index/ivf.h"
#include "num/index/scan.h"
#include "num/model/model.h"
#include "num/net/layers.h"
#include "num/net/ranker.h"
#include "timing.h"
#include "num/base/topk.h"

#define RETRIEVE 200
#define ROUNDS 20
#define MAX_USERS 1000
#define EVERYTHING 1e6f			/* a bound factor with which nothing is skipped */

typedef struct Bench
{
	void	   *file;
	Model	   *model;
	const ModelFileHeader *header;
	const float *vectors;
	const float *rank_vectors;
	const float *popularity;
	Codes		codes;			/* of a large catalogue, else without blocks */
	const void *index;
	void	   *scratch;
} Bench;

static Bench
open_model_file(const char *path)
{
	Bench		bench = {0};
	size_t		size;
	ModelFileStatus status;

	bench.file = read_whole(path, &size);
	status = model_file_check(bench.file, size, true);
	if (status != MODEL_FILE_OK)
		fail("%s is %s", path, model_file_status_text(status));
	bench.model = room(model_size());
	model_open(bench.model, bench.file);
	bench.header = model_header(bench.model);
	bench.vectors = model_file_section(bench.file, MODEL_FILE_MOVIE_VECTORS);
	bench.rank_vectors = model_file_section(bench.file, MODEL_FILE_MOVIE_RANK_VECTORS);
	bench.popularity = model_file_section(bench.file, MODEL_FILE_MOVIE_POPULARITY);
	if (bench.header->length[MODEL_FILE_INDEX] > 0)
	{
		codes_open(&bench.codes, model_file_section(bench.file, MODEL_FILE_MOVIE_CODES));
		bench.index = model_file_section(bench.file, MODEL_FILE_INDEX);
		bench.scratch = room(ivf_search_scratch(bench.index));
	}
	return bench;
}

/* ---------------------------------------------------------------------------
 * One user
 * ------------------------------------------------------------------------- */

/* The ratings are as if of one sitting, of which this is the end. */
static void
know_order(UserInput *input)
{
	float	   *decay = room(sizeof(float) * input->n_history);

	for (int i = 0; i < input->n_history; i++)
		decay[i] = 1;
	input->history_decay = decay;
	input->left = 1;
}

/* Reads the histories; returns the number of users. */
static int
read_histories(UserInput *inputs, const Bench *bench, const char *path)
{
	const int64_t *user_ids = model_file_section(bench->file, MODEL_FILE_USER_IDS);
	const int64_t *movie_ids = model_file_section(bench->file, MODEL_FILE_MOVIE_IDS);
	FILE	   *file = fopen(path, "r");
	long		user;
	long		movie;
	long		last = -1;
	float		rating;
	int			n = 0;
	int			capacity = 0;
	int32_t    *movies = NULL;
	float	   *ratings = NULL;

	while (file != NULL && fscanf(file, "%ld %ld %f", &user, &movie, &rating) == 3)
	{
		UserInput  *input;

		if (user != last && n == MAX_USERS)
			break;
		if (user != last)
		{
			n++;
			capacity = 0;
			movies = NULL;
			ratings = NULL;
		}
		last = user;
		input = &inputs[n - 1];
		if (input->n_history == capacity)
		{
			capacity = capacity > 0 ? 2 * capacity : 64;
			movies = realloc(movies, sizeof(int32_t) * capacity);
			ratings = realloc(ratings, sizeof(float) * capacity);
			if (movies == NULL || ratings == NULL)
				fail("no memory for a history");
		}
		input->user = id_find(user_ids, bench->header->n_users, user);
		movies[input->n_history] = id_find(movie_ids, bench->header->n_movies, movie);
		ratings[input->n_history++] = rating;
		input->history_movie = movies;
		input->history_rating = ratings;
	}
	if (n == 0)
		fail("there are no histories in %s", path);
	fclose(file);
	for (int i = 0; i < n; i++)
		know_order(&inputs[i]);
	return n;
}

/*
 * The best movies for a vector, exactly or with a smaller bound factor.  Returns the
 * bytes of vectors or codes that were read.
 */
static double
search(Topk *topk, TopkEntry *entry, const Bench *bench, const float *vector, IvfOrder order,
	   float bound_factor, const uint8_t *skip)
{
	bool		by_logit = order == IVF_BY_LOGIT;
	ScanMovies	movies = {.vectors = bench->vectors, .bias = by_logit ? bench->popularity : NULL,
	.skip = skip};
	double		bytes;
	ScanQuery	query;

	topk_init(topk, entry, RETRIEVE);
	scan_prepare(&query, vector, by_logit ? bench->header->temperature : 1, scan_level());
	if (bench->index != NULL)
		bytes = (double) (CODE_BLOCK_BYTES + sizeof(CodeBlock)) *
			ivf_search(topk, &movies, bench->index, &bench->codes, bound_factor, &query, NULL,
					   bench->scratch) + bench->header->length[MODEL_FILE_INDEX];
	else
	{
		scan_vectors(topk, &movies, 0, 0, bench->header->n_movies, &query);
		bytes = sizeof(float) * VECTOR_DIMS * (double) bench->header->n_movies;
	}
	topk_sort(topk);
	return bytes;
}

typedef struct Recommendation
{
	float		rating;
	int32_t		movie;
} Recommendation;

static int
compare_recommendations(const void *a, const void *b)
{
	const Recommendation *x = a;
	const Recommendation *y = b;

	if (x->rating != y->rating)
		return x->rating > y->rating ? -1 : 1;
	return x->movie < y->movie ? -1 : x->movie > y->movie;
}

static void
recommend(const Bench *bench, const UserInput *input, uint8_t *skip, float *candidates,
		  float *scratch)
{
	float		vector[VECTOR_DIMS];
	float		rank_vector[VECTOR_DIMS];
	float		temperature;
	TopkEntry	entry[RETRIEVE];
	Topk		topk;
	float		rating[RETRIEVE];
	Recommendation item[RETRIEVE];

	memset(skip, 0, bench->header->n_movies);
	for (int i = 0; i < input->n_history; i++)
		if (input->history_movie[i] >= 0)
			skip[input->history_movie[i]] = 1;
	model_users(bench->model, input, 1, vector, &temperature, rank_vector, scratch);
	search(&topk, entry, bench, vector, IVF_BY_COSINE, 1, skip);
	for (int i = 0; i < topk.n; i++)
		memcpy(candidates + i * VECTOR_DIMS,
			   bench->rank_vectors + (size_t) entry[i].index * VECTOR_DIMS,
			   sizeof(float) * VECTOR_DIMS);
	model_rank(bench->model, rank_vector, 0, candidates, topk.n, rating, scratch);
	for (int i = 0; i < topk.n; i++)
	{
		item[i].rating = rating[i];
		item[i].movie = entry[i].index;
	}
	qsort(item, topk.n, sizeof(Recommendation), compare_recommendations);
}

static void
print_recommend(const char *file, const char *histories)
{
	Bench		bench = open_model_file(file);
	UserInput  *inputs = room(sizeof(UserInput) * MAX_USERS);
	int			n = read_histories(inputs, &bench, histories);
	uint8_t    *skip = room(bench.header->n_movies);
	float	   *candidates = room(sizeof(float) * RETRIEVE * VECTOR_DIMS);
	size_t		users_scratch = model_users_scratch(bench.model, 1);
	size_t		rank_scratch = model_rank_scratch(bench.model, RETRIEVE);
	float	   *scratch = room(sizeof(float) *
							   (users_scratch > rank_scratch ? users_scratch : rank_scratch));
	double	   *times = room(sizeof(double) * ROUNDS * n);

	for (int round = -1; round < ROUNDS; round++)
		for (int user = 0; user < n; user++)
		{
			double		start = now();

			recommend(&bench, &inputs[user], skip, candidates, scratch);
			if (round >= 0)
				times[round * n + user] = now() - start;
		}
	printf("%.5f\n", 1000 * median(times, ROUNDS * n));
}

/* ---------------------------------------------------------------------------
 * All users
 * ------------------------------------------------------------------------- */

static void
product(float *out, const float *in, const float *weight, int rows, int fan_in, int fan_out)
{
	matmul(out, in, weight, layer_size(rows, fan_in, fan_out), false);
}

static void
print_products(const char *file, int users)
{
	enum {BATCH = 256, MOVIES = 4096};
	Bench		bench = open_model_file(file);
	int32_t		n = bench.header->n_movies;
	StageShape	shape[N_STAGES];
	float	   *in = room(sizeof(float) * BATCH * MOVIES);
	float	   *out = room(sizeof(float) * BATCH * MOVIES);
	float	   *weight = room(sizeof(float) * MOVIES * RANKER_HIDDEN1);
	double		times[5];

	for (int stage = 0; stage < N_STAGES; stage++)
		stage_shape(&shape[stage], stage, bench.header->n_users, n, bench.header->n_genres,
					bench.header->n_values, bench.header->history);
	for (int round = 0; round < 5; round++)
	{
		double		start = now();

		for (int at = 0; at < users; at += BATCH)
		{
			int			batch = users - at < BATCH ? users - at : BATCH;

			for (int stage = 0; stage < N_STAGES; stage++)
			{
				product(out, in, weight, batch, shape[stage].user_inputs,
						shape[stage].user_hidden);
				product(out, in, weight, batch, shape[stage].user_hidden, VECTOR_DIMS);
			}
			for (int movie = 0; movie < n; movie += MOVIES)
			{
				int			movies = n - movie < MOVIES ? n - movie : MOVIES;

				LayerSize	size = {batch, movies, VECTOR_DIMS, MOVIES, VECTOR_DIMS};

				matmul_transposed(out, in, bench.vectors + (size_t) movie * VECTOR_DIMS, size,
								  false);
			}
			for (int user = 0; user < batch; user++)
			{
				product(out, in, weight, 1, VECTOR_DIMS, RANKER_HIDDEN1);
				product(out, in, weight, RETRIEVE, VECTOR_DIMS, RANKER_HIDDEN1);
				product(out, in, weight, RETRIEVE, RANKER_HIDDEN1, RANKER_HIDDEN2);
				product(out, in, weight, RETRIEVE, RANKER_HIDDEN2, RANKER_HIDDEN3);
			}
		}
		times[round] = now() - start;
	}
	printf("%.6f\n", median(times, 5));
}

/* ---------------------------------------------------------------------------
 * The nearest movies to users
 * ------------------------------------------------------------------------- */

/* Vectors of users spread over the model. */
static const float *
query(const Bench *bench, int i)
{
	const float *users = model_file_section(bench->file, MODEL_FILE_USER_VECTORS);

	if (bench->header->n_users == 0)
		fail("the model has no users");
	return users + (size_t) (i * 7919L % bench->header->n_users) * VECTOR_DIMS;
}

static void
print_scan(const char *file, IvfOrder order, float bound_factor, int rounds)
{
	Bench		bench = open_model_file(file);
	double	   *times = room(sizeof(double) * rounds);
	double		bytes = 0;
	TopkEntry	entry[RETRIEVE];
	Topk		topk;

	for (int round = -1; round < rounds; round++)
	{
		double		start = now();
		double		read = search(&topk, entry, &bench, query(&bench, round + 1), order,
								  bound_factor,
								  NULL);

		if (round < 0)
			continue;
		times[round] = now() - start;
		bytes += read / rounds;
	}
	printf("%.5f %.3f\n", 1000 * median(times, rounds), bytes / 1e6);
}

/* How many of the movies of `a` are in `b`. */
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
print_lists(const char *file, IvfOrder order, double recall, int rounds)
{
	Bench		bench = open_model_file(file);
	double	   *times = room(sizeof(double) * rounds);
	TopkEntry	entry[RETRIEVE];
	TopkEntry	exact_entry[RETRIEVE];
	Topk		topk;
	Topk		exact;
	double		bytes = 0;
	int			found = 0;
	int			all = 0;
	IvfLevel	level;

	if (bench.index == NULL)
		fail("the model has no index");
	level = ivf_level(bench.index, order, (float) recall);
	for (int round = -1; round < rounds; round++)
	{
		const float *vector = query(&bench, round + 1);
		double		start = now();
		double		read = search(&topk, entry, &bench, vector, order, level.bound_factor, NULL);

		if (round < 0)
			continue;
		times[round] = now() - start;
		bytes += (read - bench.header->length[MODEL_FILE_INDEX]) / rounds;
		search(&exact, exact_entry, &bench, vector, order, 1, NULL);
		found += common(&exact, &topk);
		all += exact.n;
	}
	printf("%.5f %.4f %.2f\n", 1000 * median(times, rounds), (double) found / all,
		   100 * bytes / bench.codes.n_blocks / (CODE_BLOCK_BYTES + sizeof(CodeBlock)));
}

static IvfOrder
order_by(const char *name)
{
	return strcmp(name, "logit") == 0 ? IVF_BY_LOGIT : IVF_BY_COSINE;
}

int
main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (strcmp(what, "recommend") == 0 && argc == 4)
		print_recommend(argv[2], argv[3]);
	else if (strcmp(what, "products") == 0 && argc == 4)
		print_products(argv[2], (int) number(argv[3]));
	else if (strcmp(what, "scan") == 0 && argc == 5)
		print_scan(argv[2], order_by(argv[3]), 1, (int) number(argv[4]));
	else if (strcmp(what, "scan-all") == 0 && argc == 5)
		print_scan(argv[2], order_by(argv[3]), EVERYTHING, (int) number(argv[4]));
	else if (strcmp(what, "lists") == 0 && argc == 6)
		print_lists(argv[2], order_by(argv[3]), atof(argv[4]), (int) number(argv[5]));
	else
		fail("usage: see the top of alone.c");
	return 0;
}
