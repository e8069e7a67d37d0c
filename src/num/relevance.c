/*
 * relevance.c: see relevance.h.
 */
#include "relevance.h"

#include <math.h>
#include <string.h>

#include "arena.h"
#include "layers.h"
#include "metrics.h"
#include "topk.h"

#define CANDIDATES 200
#define PLACES 10
#define MAX_USERS 2000

static const float rating_weights[] = {0, 0.25f, 0.5f, 1, 1.5f, 2};
static const float popularity_weights[] = {0, 0.5f, 1, 1.5f, 2, 2.5f, 3, 4};

#define N_RATING (sizeof(rating_weights) / sizeof(rating_weights[0]))
#define N_POPULARITY (sizeof(popularity_weights) / sizeof(popularity_weights[0]))

typedef struct Tuning
{
	const Model *model;
	const ImageHeader *header;
	const Ratings *ratings;
	int32_t		k;

	/* one user */
	float	   *scores;			/* [n_movies] */
	uint8_t    *skip;			/* [n_movies] */
	uint8_t    *liked;			/* [n_movies] */
	float	   *movies;			/* [k * VECTOR_DIMS] */
	TopkEntry  *candidates;		/* [k] */
	TopkEntry  *places;			/* [PLACES] */
	float	   *predicted;		/* [k] */
	float	   *popularity;		/* [k] */
	float	   *scratch;

	double		ndcg[N_RATING][N_POPULARITY];	/* sums over users */
	double		ndcg_popularity;
	int64_t		n_users;
} Tuning;

static void
carve(Tuning *tuning, const Ratings *ratings, Model **model, Arena *arena)
{
	int64_t		n = ratings->n_movies;

	*model = arena_take(arena, 1, model_size());
	tuning->ratings = ratings;
	tuning->k = n < CANDIDATES ? (int32_t) n : CANDIDATES;
	tuning->scores = ARENA_ARRAY(arena, float, n);
	tuning->skip = ARENA_ARRAY(arena, uint8_t, n);
	tuning->liked = ARENA_ARRAY(arena, uint8_t, n);
	tuning->movies = ARENA_ARRAY(arena, float, CANDIDATES * VECTOR_DIMS);
	tuning->candidates = ARENA_ARRAY(arena, TopkEntry, CANDIDATES);
	tuning->places = ARENA_ARRAY(arena, TopkEntry, PLACES);
	tuning->predicted = ARENA_ARRAY(arena, float, CANDIDATES);
	tuning->popularity = ARENA_ARRAY(arena, float, CANDIDATES);
	tuning->scratch = ARENA_ARRAY(arena, float, model_rank_scratch(NULL, CANDIDATES));
}

size_t
relevance_scratch(const Ratings *ratings)
{
	Tuning		tuning;
	Model	   *model;
	Arena		arena = {NULL, 0};

	carve(&tuning, ratings, &model, &arena);
	return arena.used;
}

/* NDCG of the candidates put in order by weights. */
static double
ordered_ndcg(Tuning *tuning, float cosine, float rating, float popularity, int n_liked)
{
	uint8_t		relevant[PLACES];
	Topk		topk;

	topk_init(&topk, tuning->places, PLACES);
	for (int32_t i = 0; i < tuning->k; i++)
		topk_push(&topk, cosine * tuning->candidates[i].score + rating * tuning->predicted[i] +
				  popularity * tuning->popularity[i], i);
	topk_sort(&topk);
	for (int32_t i = 0; i < topk.n; i++)
		relevant[i] = tuning->liked[tuning->candidates[topk.entry[i].index].index];
	return metrics_ndcg(relevant, topk.n, PLACES, n_liked);
}

/*
 * The candidates of a user of whom the fit rows are known.  The scratch of
 * CANDIDATES predictions is far more than that of one user.
 */
static void
find_candidates(Tuning *tuning, int32_t user, int32_t known_user)
{
	const Ratings *ratings = tuning->ratings;
	const void *image = tuning->header;
	const float *vectors = image_section(image, IMAGE_MOVIE_VECTORS);
	const float *rank_vectors = image_section(image, IMAGE_MOVIE_RANK_VECTORS);
	const int32_t *likes = image_section(image, IMAGE_MOVIE_LIKES);
	const int64_t start = ratings->start[user];
	UserInput	input = {.user = known_user,
		.n_history = ratings->n_fit[user],
		.history_movie = ratings->movie + start,
	.history_rating = ratings->rating + start};
	float		retrieval[VECTOR_DIMS];
	float		ranking[VECTOR_DIMS];
	Topk		topk;

	memcpy(input.attribute, ratings->attribute + user * N_ATTRIBUTES, N_ATTRIBUTES);
	model_users(tuning->model, &input, 1, retrieval, ranking, tuning->scratch);
	matmul(tuning->scores, 1, vectors, VECTOR_DIMS, retrieval,
		   ratings->n_movies, VECTOR_DIMS, 1, false);
	memset(tuning->skip, 0, ratings->n_movies);
	for (int32_t i = 0; i < ratings->n_fit[user]; i++)
		tuning->skip[ratings->movie[start + i]] = 1;
	topk_init(&topk, tuning->candidates, tuning->k);
	topk_push_all(&topk, tuning->scores, ratings->n_movies, tuning->skip);
	topk_sort(&topk);
	tuning->k = topk.n;
	for (int32_t i = 0; i < topk.n; i++)
	{
		int32_t		movie = topk.entry[i].index;

		memcpy(tuning->movies + i * VECTOR_DIMS, rank_vectors + (int64_t) movie * VECTOR_DIMS,
			   sizeof(float) * VECTOR_DIMS);
		tuning->popularity[i] = log1pf(likes[movie]);
	}
	model_rank(tuning->model, ranking, 0, tuning->movies, topk.n, tuning->predicted,
			   tuning->scratch);
}

static void
try_user(Tuning *tuning, int32_t user, int32_t known_user)
{
	const Ratings *ratings = tuning->ratings;
	int64_t		from = ratings->start[user] + ratings->n_fit[user];
	int64_t		to = ratings->start[user] + ratings->n_train[user];
	int			n_liked = 0;

	memset(tuning->liked, 0, ratings->n_movies);
	for (int64_t row = from; row < to; row++)
		if (ratings->rating[row] >= tuning->header->like_threshold)
		{
			tuning->liked[ratings->movie[row]] = 1;
			n_liked++;
		}
	if (n_liked == 0)
		return;
	tuning->k = ratings->n_movies < CANDIDATES ? ratings->n_movies : CANDIDATES;
	find_candidates(tuning, user, known_user);
	for (size_t r = 0; r < N_RATING; r++)
		for (size_t p = 0; p < N_POPULARITY; p++)
			tuning->ndcg[r][p] += ordered_ndcg(tuning, tuning->header->temperature,
											   rating_weights[r], popularity_weights[p], n_liked);
	tuning->ndcg_popularity += ordered_ndcg(tuning, 0, 0, 1, n_liked);
	tuning->n_users++;
}

double
relevance_tune(void *image, const Ratings *ratings, double *popularity_ndcg,
			   void (*tick) (void *), void *tick_argument, void *scratch)
{
	ImageHeader *header = image;
	Arena		arena = {scratch, 0};
	Tuning		tuning;
	Model	   *model;
	size_t		best = 0;
	int32_t		step = ratings->n_users / MAX_USERS + 1;
	int32_t		known = 0;

	memset(&tuning, 0, sizeof(tuning));
	carve(&tuning, ratings, &model, &arena);
	model_open(model, image);
	tuning.model = model;
	tuning.header = header;
	for (int32_t user = 0; user < ratings->n_users; user++)
	{
		int32_t		known_user = ratings->n_fit[user] > 0 ? known++ : -1;

		if (ratings->n_train[user] == ratings->n_fit[user] || user % step != 0)
			continue;
		try_user(&tuning, user, known_user);
		tick(tick_argument);
	}
	*popularity_ndcg = tuning.ndcg_popularity / tuning.n_users;
	if (tuning.n_users == 0)
		return NAN;
	for (size_t i = 1; i < N_RATING * N_POPULARITY; i++)
		if ((&tuning.ndcg[0][0])[i] > (&tuning.ndcg[0][0])[best])
			best = i;
	header->relevance_rating = rating_weights[best / N_POPULARITY];
	header->relevance_popularity = popularity_weights[best % N_POPULARITY];
	return (&tuning.ndcg[0][0])[best] / tuning.n_users;
}
