/*
 * relevance.c: see relevance.h.
 */
#include "num/eval/relevance.h"

#include <math.h>
#include <string.h>

#include "num/base/arena.h"
#include "num/base/topk.h"
#include "num/eval/metrics.h"
#include "num/index/index_search.h"

#define CANDIDATES 200
#define PLACES 10
#define MAX_USERS 2000

static const float rating_weights[] = {0, 0.25f, 0.5f, 1, 1.5f, 2};
static const float popularity_weights[] = {0.5f, 0.75f, 1, 1.25f, 1.5f, 1.75f, 2, 2.5f};

#define N_RATING (sizeof(rating_weights) / sizeof(rating_weights[0]))
#define N_POPULARITY (sizeof(popularity_weights) / sizeof(popularity_weights[0]))

typedef struct Tuning
{
	const Model *model;
	const ModelFileHeader *header;
	const Ratings *ratings;

	/* one user */
	int32_t		k;				/* candidates */
	uint8_t    *skip;			/* [n_movies] */
	uint8_t    *liked;			/* [n_movies] */
	float	   *movies;			/* [k * VECTOR_DIMS] */
	TopkEntry  *candidates;		/* [k] */
	TopkEntry  *places;			/* [PLACES] */
	float	   *predicted;		/* [k] */
	float	   *popularity;		/* [k] */
	float	   *scratch;
	void	   *search;			/* scratch, too */
	void (*check_interrupts) (void);

	/* the grid */
	int			n_rating;
	int			n_popularity;
	const float *rating_weight;
	const float *popularity_weight;
	double		ndcg[N_RATING][N_POPULARITY];	/* sums over users */
	double		ndcg_popularity;
	int64_t		n_users;
} Tuning;

static void
carve(Tuning *tuning, const ModelFileHeader *header, const Ratings *ratings, Model **model,
	  Arena *arena)
{
	int64_t		n = header->n_movies;

	*model = arena_take(arena, 1, model_size());
	tuning->ratings = ratings;
	tuning->skip = ARENA_ARRAY(arena, uint8_t, n);
	tuning->liked = ARENA_ARRAY(arena, uint8_t, n);
	tuning->movies = ARENA_ARRAY(arena, float, CANDIDATES * VECTOR_DIMS);
	tuning->candidates = ARENA_ARRAY(arena, TopkEntry, CANDIDATES);
	tuning->places = ARENA_ARRAY(arena, TopkEntry, PLACES);
	tuning->predicted = ARENA_ARRAY(arena, float, CANDIDATES);
	tuning->popularity = ARENA_ARRAY(arena, float, CANDIDATES);
	tuning->scratch = ARENA_ARRAY(arena, float, model_rank_scratch(NULL, CANDIDATES));
	tuning->search = arena_take(arena, 1, index_search_scratch(header));
}

size_t
relevance_scratch(const ModelFileHeader *header)
{
	Tuning		tuning;
	Model	   *model;
	Arena		arena = {NULL, 0};

	carve(&tuning, header, NULL, &model, &arena);
	return arena.used;
}

/*
 * NDCG of the candidates put in order by weights; their scores have the
 * popularity in them already.
 */
static double
ordered_ndcg(Tuning *tuning, float rating, float popularity, int n_liked)
{
	uint8_t		relevant[PLACES];
	Topk		topk;

	topk_init(&topk, tuning->places, PLACES);
	for (int32_t i = 0; i < tuning->k; i++)
		topk_push(&topk, tuning->candidates[i].score + rating * tuning->predicted[i] +
				  (popularity - 1) * tuning->popularity[i], i);
	topk_sort(&topk);
	for (int32_t i = 0; i < topk.n; i++)
		relevant[i] = tuning->liked[tuning->candidates[topk.entry[i].index].index];
	return metrics_ndcg(relevant, topk.n, PLACES, n_liked);
}

/* NDCG of the most popular movies of all that are not known to have been seen. */
static double
ndcg_by_popularity(Tuning *tuning, int n_liked)
{
	uint8_t		relevant[PLACES];
	Topk		topk;

	topk_init(&topk, tuning->places, PLACES);
	topk_push_all(&topk, model_file_section(tuning->header, MODEL_FILE_MOVIE_POPULARITY),
				  tuning->header->n_movies, tuning->skip);
	topk_sort(&topk);
	for (int32_t i = 0; i < topk.n; i++)
		relevant[i] = tuning->liked[topk.entry[i].index];
	return metrics_ndcg(relevant, topk.n, PLACES, n_liked);
}

/*
 * The candidates of a user of whom the train ratings are known.  The scratch of
 * CANDIDATES predictions is far more than that of one user.
 */
static void
find_candidates(Tuning *tuning, int32_t user, int32_t known_user)
{
	const Ratings *ratings = tuning->ratings;
	const void *file = tuning->header;
	const float *rank_vectors = model_file_section(file, MODEL_FILE_MOVIE_RANK_VECTORS);
	const float *popularity = model_file_section(file, MODEL_FILE_MOVIE_POPULARITY);
	const int64_t start = ratings->start[user];
	UserInput	input = {.user = known_user,
		.n_history = ratings->n_train[user],
		.history_movie = ratings->movie + start,
	.history_rating = ratings->rating + start};
	float		retrieval[VECTOR_DIMS];
	float		ranking[VECTOR_DIMS];
	Topk		topk;

	memcpy(input.attribute, ratings->attribute + user * N_ATTRIBUTES, N_ATTRIBUTES);
	model_users(tuning->model, &input, 1, retrieval, ranking, tuning->scratch);
	memset(tuning->skip, 0, tuning->header->n_movies);
	for (int32_t i = 0; i < ratings->n_train[user]; i++)
		if (ratings->movie[start + i] >= 0)
			tuning->skip[ratings->movie[start + i]] = 1;
	topk_init(&topk, tuning->candidates, CANDIDATES);
	index_search(&topk, file, retrieval, IVF_BY_LOGIT, 1, tuning->skip, tuning->check_interrupts,
				 tuning->search);
	topk_sort(&topk);
	tuning->k = topk.n;
	for (int32_t i = 0; i < topk.n; i++)
	{
		int32_t		movie = topk.entry[i].index;

		memcpy(tuning->movies + i * VECTOR_DIMS, rank_vectors + (int64_t) movie * VECTOR_DIMS,
			   sizeof(float) * VECTOR_DIMS);
		tuning->popularity[i] = popularity[movie];
	}
	model_rank(tuning->model, ranking, 0, tuning->movies, topk.n, tuning->predicted,
			   tuning->scratch);
}

static void
try_user(Tuning *tuning, int32_t user, int32_t known_user)
{
	const Ratings *ratings = tuning->ratings;
	int64_t		from = ratings->start[user] + ratings->n_train[user];
	int64_t		to = ratings->start[user] + ratings->n_trainval[user];
	int			n_liked = 0;

	memset(tuning->liked, 0, tuning->header->n_movies);
	for (int64_t row = from; row < to; row++)
		if (ratings->rating[row] >= tuning->header->like_threshold)
		{
			if (ratings->movie[row] >= 0)
				tuning->liked[ratings->movie[row]] = 1;
			n_liked++;
		}
	if (n_liked == 0)
		return;
	find_candidates(tuning, user, known_user);
	for (int r = 0; r < tuning->n_rating; r++)
		for (int p = 0; p < tuning->n_popularity; p++)
			tuning->ndcg[r][p] += ordered_ndcg(tuning, tuning->rating_weight[r],
											   tuning->popularity_weight[p], n_liked);
	tuning->ndcg_popularity += ndcg_by_popularity(tuning, n_liked);
	tuning->n_users++;
}

/*
 * Tries all users that have validation rows, or every so-manieth of them.
 * Known users are found by id, since the ratings may be newer than the model file.
 */
static void
try_users(Tuning *tuning, const void *file, const Ratings *ratings,
		  void (*check_interrupts) (void), void *scratch)
{
	Arena		arena = {scratch, 0};
	const int64_t *user_ids = model_file_section(file, MODEL_FILE_USER_IDS);
	int32_t		step = ratings->n_users / MAX_USERS + 1;
	Model	   *model;

	tuning->header = file;
	carve(tuning, tuning->header, ratings, &model, &arena);
	tuning->check_interrupts = check_interrupts;
	model_open(model, file);
	tuning->model = model;
	for (int32_t user = 0; user < ratings->n_users; user += step)
	{
		if (ratings->n_trainval[user] == ratings->n_train[user])
			continue;
		try_user(tuning, user, id_find(user_ids, tuning->header->n_users,
									   ratings->user_ids[user]));
		check_interrupts();
	}
}

double
relevance_tune(void *file, const Ratings *ratings, double *popularity_ndcg,
			   void (*check_interrupts) (void), void *scratch)
{
	ModelFileHeader *header = file;
	Tuning		tuning = {.n_rating = N_RATING, .n_popularity = N_POPULARITY,
		.rating_weight = rating_weights, .popularity_weight = popularity_weights};
	const double *ndcg = &tuning.ndcg[0][0];
	size_t		best = 0;

	try_users(&tuning, file, ratings, check_interrupts, scratch);
	*popularity_ndcg = tuning.ndcg_popularity / tuning.n_users;
	if (tuning.n_users == 0)
		return NAN;
	for (size_t i = 1; i < N_RATING * N_POPULARITY; i++)
		if (ndcg[i] > ndcg[best])
			best = i;
	header->relevance_rating = rating_weights[best / N_POPULARITY];
	header->relevance_popularity = popularity_weights[best % N_POPULARITY];
	return ndcg[best] / tuning.n_users;
}

double
relevance_ndcg(const void *file, const Ratings *ratings,
			   void (*check_interrupts) (void), void *scratch)
{
	const ModelFileHeader *header = file;
	Tuning		tuning = {.n_rating = 1, .n_popularity = 1,
		.rating_weight = &header->relevance_rating,
	.popularity_weight = &header->relevance_popularity};

	try_users(&tuning, file, ratings, check_interrupts, scratch);
	return tuning.n_users > 0 ? tuning.ndcg[0][0] / tuning.n_users : NAN;
}
