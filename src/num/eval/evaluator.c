/*
 * evaluator.c: users and movies of the data as the measured model sees them.
 *
 * The data may have changed since the model was trained.  A user without an
 * id in the model is asked as an unknown one with a history; a movie that the
 * model has not seen is embedded from its features, as serving does it, and
 * does not count in a history.
 */
#include "num/eval/evaluator.h"

#include <math.h>
#include <string.h>

#define MOVIE_BATCH 256

static bool
same_catalogue(const Ratings *ratings, const ModelFileHeader *header)
{
	return ratings->n_movies == header->n_movies &&
		memcmp(ratings->movie_ids, model_file_section(header, MODEL_FILE_MOVIE_IDS),
			   ratings->n_movies * sizeof(int64_t)) == 0;
}

/* Vectors of the movies first .. first + n - 1, which the model has not seen. */
static void
embed_movies(Evaluator *evaluator, int32_t first, int32_t n, float *retrieval, float *ranking)
{
	const Ratings *ratings = evaluator->ratings;
	int			n_features = ratings->n_genres + 1;

	model_movies(evaluator->model, ratings->movie_features + (int64_t) first * n_features, n,
				 retrieval + (int64_t) first * VECTOR_DIMS, ranking + (int64_t) first * VECTOR_DIMS,
				 evaluator->movies_scratch);
}

/* All movies get the vectors of their features; those of the model then its own. */
static void
fill_movie_vectors(Evaluator *evaluator, float *retrieval, float *ranking)
{
	const Ratings *ratings = evaluator->ratings;
	const float *known = model_file_section(evaluator->header, MODEL_FILE_MOVIE_VECTORS);
	const float *known_rank = model_file_section(evaluator->header, MODEL_FILE_MOVIE_RANK_VECTORS);
	const size_t length = VECTOR_DIMS * sizeof(float);

	for (int32_t first = 0; first < ratings->n_movies; first += MOVIE_BATCH)
	{
		int32_t		rest = ratings->n_movies - first;

		embed_movies(evaluator, first, rest < MOVIE_BATCH ? rest : MOVIE_BATCH, retrieval, ranking);
		evaluator_check_interrupts(evaluator);
	}
	for (int64_t movie = 0; movie < ratings->n_movies; movie++)
	{
		int64_t		own = evaluator->model_movie[movie];

		if (own < 0)
			continue;
		memcpy(retrieval + movie * VECTOR_DIMS, known + own * VECTOR_DIMS, length);
		memcpy(ranking + movie * VECTOR_DIMS, known_rank + own * VECTOR_DIMS, length);
	}
}

/* Matches the movies by id. */
static void
match_movies(Evaluator *evaluator)
{
	const Ratings *ratings = evaluator->ratings;
	const ModelFileHeader *header = evaluator->header;
	const int64_t *ids = model_file_section(header, MODEL_FILE_MOVIE_IDS);
	const float *popularity = model_file_section(header, MODEL_FILE_MOVIE_POPULARITY);
	const uint8_t *flags = model_file_section(header, MODEL_FILE_MOVIE_FLAGS);

	for (int32_t movie = 0; movie < ratings->n_movies; movie++)
	{
		int32_t		own = evaluator->same_movies ?
			movie :
			id_find(ids, header->n_movies, ratings->movie_ids[movie]);

		evaluator->model_movie[movie] = own;
		evaluator->popularity[movie] = own < 0 ? 0 : popularity[own];
		evaluator->eligible[movie] = ratings->movie_listed[movie] ||
			(own >= 0 && !(flags[own] & MOVIE_LISTED));
	}
}

/*
 * The movies' vectors and the histories: the model's and the data's own arrays
 * where both catalogues are equal, translated copies where not.
 */
static void
open_movies(Evaluator *evaluator, Arena *arena)
{
	const Ratings *ratings = evaluator->ratings;
	int64_t		n_floats = (int64_t) ratings->n_movies * VECTOR_DIMS;
	float	   *retrieval;
	float	   *ranking;
	int32_t    *history;

	if (evaluator->same_movies)
	{
		evaluator->movie_vectors = model_file_section(evaluator->header, MODEL_FILE_MOVIE_VECTORS);
		evaluator->movie_rank_vectors = model_file_section(evaluator->header,
														   MODEL_FILE_MOVIE_RANK_VECTORS);
		evaluator->history_movie = ratings->movie;
		return;
	}

	evaluator->movie_vectors = retrieval = ARENA_ARRAY(arena, float, n_floats);
	evaluator->movie_rank_vectors = ranking = ARENA_ARRAY(arena, float, n_floats);
	evaluator->history_movie = history = ARENA_ARRAY(arena, int32_t, ratings->n_rows);
	evaluator->movies_scratch = ARENA_ARRAY(arena, float,
											model_movies_scratch(evaluator->model, MOVIE_BATCH));
	if (arena->base == NULL)
		return;
	fill_movie_vectors(evaluator, retrieval, ranking);
	for (int64_t row = 0; row < ratings->n_rows; row++)
		history[row] = evaluator->model_movie[ratings->movie[row]];
}

EvalQuery
evaluator_static_query(const Evaluator *evaluator, int32_t user)
{
	return (EvalQuery) {user, evaluator->ratings->n_trainval[user], 0, -1};
}

EvalQuery
evaluator_live_query(const Evaluator *evaluator, int32_t user, int64_t row)
{
	const Ratings *ratings = evaluator->ratings;
	int32_t		known = ratings->prefix[row];
	float		left = ratings_in_order(ratings) ? recents_left(ratings, user, known, row) : 0;

	return (EvalQuery) {user, known, left, row};
}

void
evaluator_open(Evaluator *evaluator, const Ratings *ratings, const Model *model,
			   const EvaluateOptions *options, Arena *arena)
{
	memset(evaluator, 0, sizeof(*evaluator));
	evaluator->ratings = ratings;
	evaluator->model = model;
	evaluator->header = model_header(model);
	evaluator->options = options;
	evaluator->same_movies = same_catalogue(ratings, evaluator->header);

	baselines_take(&evaluator->baselines, ratings, arena);
	evaluator->model_movie = ARENA_ARRAY(arena, int32_t, ratings->n_movies);
	evaluator->popularity = ARENA_ARRAY(arena, float, ratings->n_movies);
	evaluator->eligible = ARENA_ARRAY(arena, uint8_t, ratings->n_movies);
	evaluator->inputs = ARENA_ARRAY(arena, UserInput, QUERY_BATCH);
	evaluator->users_scratch = ARENA_ARRAY(arena, float,
										   model_users_scratch(model, QUERY_BATCH));
	if (ratings_in_order(ratings))
		evaluator->history_decay = ARENA_ARRAY(arena, float, ratings->n_rows);
	if (arena->base != NULL)
	{
		if (evaluator->history_decay != NULL)
			recents_decays(evaluator->history_decay, ratings);
		baselines_fit(&evaluator->baselines, ratings, evaluator->header->like_threshold);
		match_movies(evaluator);
	}
	open_movies(evaluator, arena);
}

void
evaluator_users(Evaluator *evaluator, const EvalQuery *queries, int n, float *retrieval,
				float *temperature, float *ranking)
{
	const Ratings *ratings = evaluator->ratings;

	for (int i = 0; i < n; i++)
	{
		int32_t		user = queries[i].user;
		UserInput  *input = &evaluator->inputs[i];

		*input = model_user_input(evaluator->header, ratings, user, queries[i].known);
		input->history_movie = evaluator->history_movie + ratings->start[user];
		input->history_decay = evaluator->history_decay == NULL ? NULL :
			evaluator->history_decay + ratings->start[user];
		input->left = queries[i].left;
	}
	model_users(evaluator->model, evaluator->inputs, n, retrieval, temperature, ranking,
				evaluator->users_scratch);
}

void
evaluator_check_interrupts(const Evaluator *evaluator)
{
	if (evaluator->options->check_interrupts != NULL)
		evaluator->options->check_interrupts();
}
