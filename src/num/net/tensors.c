/*
 * tensors.c: see tensors.h.
 */
#include "num/net/tensors.h"

#include <math.h>
#include <string.h>

#include "num/base/rng.h"

#define RETRIEVAL_USER_HIDDEN MAX_USER_HIDDEN
#define RETRIEVAL_MOVIE_HIDDEN 64
#define RANKING_HIDDEN 128

/*
 * Sums of embeddings that are about 0.03 each are small beside the other inputs
 * of a tower, and a small input is learned from slowly.
 */
#define RETRIEVAL_HISTORY_GAIN 6.0f

#define INITIAL_LOG_SCALE 1.5f
#define INITIAL_LOG_TEMPERATURE 2.5f

/* Rows and columns of a table. */
static void
table_size(const StageShape *shape, Tensor tensor, int64_t *rows, int32_t *columns)
{
	int64_t		movies = (int64_t) shape->n_movies + 1;

	switch (tensor)
	{
		case TENSOR_USER_ID: *rows = shape->user_id ? (int64_t) shape->n_users + 1 : 0;
			*columns = shape->user_id; break;
		case TENSOR_MOVIE_ID: *rows = movies;
			*columns = shape->stage == STAGE_RANKING ? VECTOR_DIMS : ID_DIMS; break;
		case TENSOR_HISTORY: *rows = shape->history ? movies : 0;
			*columns = 2 * shape->history; break;
		case TENSOR_RECENTS: *rows = shape->recents ? movies : 0;
			*columns = shape->recents; break;
		default: break;
	}
}

/* Rows and columns of each tensor; a tensor that the stage lacks has 0 rows. */
static void
tensor_size(const StageShape *shape, Tensor tensor, int64_t *rows, int32_t *columns)
{
	bool		ranking = shape->stage == STAGE_RANKING;
	int64_t		r = 0;
	int32_t		c = 1;

	switch (tensor)
	{
		case TENSOR_USER_W1: r = shape->user_inputs; c = shape->user_hidden; break;
		case TENSOR_USER_B1: r = 1; c = shape->user_hidden; break;
		case TENSOR_USER_W2: r = shape->user_hidden; c = VECTOR_DIMS; break;
		case TENSOR_USER_B2: r = 1; c = VECTOR_DIMS; break;
		case TENSOR_MOVIE_W1: r = shape->movie_inputs;
			c = ranking ? VECTOR_DIMS : shape->movie_hidden; break;
		case TENSOR_MOVIE_B1: r = !ranking; c = shape->movie_hidden; break;
		case TENSOR_MOVIE_W2: r = ranking ? 0 : shape->movie_hidden; c = VECTOR_DIMS; break;
		case TENSOR_MOVIE_B2: r = !ranking; c = VECTOR_DIMS; break;
		case TENSOR_GENDER:
		case TENSOR_AGE:
		case TENSOR_OCCUPATION: r =
			shape->n_values[tensor - TENSOR_GENDER] + 1; c = ATTRIBUTE_DIMS; break;
		case TENSOR_HEAD: r = !ranking; c = N_HEAD; break;
		case TENSOR_TEMPERATURE: r = !ranking; c = shape->user_hidden; break;
		case TENSOR_RECENT_SLOPE:
		case TENSOR_RECENT_OFFSET: r = shape->recents > 0; c = shape->recents; break;
		case TENSOR_RANK_W1: r = ranking * 2 * VECTOR_DIMS; c = RANKER_HIDDEN1; break;
		case TENSOR_RANK_B1:
		case TENSOR_RANK_GAMMA1:
		case TENSOR_RANK_BETA1:
		case TENSOR_RANK_MEAN1:
		case TENSOR_RANK_VARIANCE1: r = ranking; c = RANKER_HIDDEN1; break;
		case TENSOR_RANK_W2: r = ranking * RANKER_HIDDEN1; c = RANKER_HIDDEN2; break;
		case TENSOR_RANK_B2:
		case TENSOR_RANK_GAMMA2:
		case TENSOR_RANK_BETA2:
		case TENSOR_RANK_MEAN2:
		case TENSOR_RANK_VARIANCE2: r = ranking; c = RANKER_HIDDEN2; break;
		case TENSOR_RANK_W3: r = ranking * RANKER_HIDDEN2; c = RANKER_HIDDEN3; break;
		case TENSOR_RANK_B3: r = ranking; c = RANKER_HIDDEN3; break;
		case TENSOR_RANK_W4: r = ranking * RANKER_HIDDEN3; break;
		case TENSOR_RANK_B4: r = ranking; break;
		default: table_size(shape, tensor, &r, &c); break;
	}
	*rows = r;
	*columns = c;
}

void
stage_shape(StageShape *shape, Stage stage, int32_t n_users, int32_t n_movies,
			int32_t n_genres, const int32_t *n_values, int32_t history)
{
	int64_t		at = 0;

	memset(shape, 0, sizeof(*shape));
	shape->stage = stage;
	shape->n_users = n_users;
	shape->n_movies = n_movies;
	memcpy(shape->n_values, n_values, sizeof(shape->n_values));
	shape->n_features = n_genres + 1;
	shape->history = history;
	shape->history_gain = stage == STAGE_RETRIEVAL ? RETRIEVAL_HISTORY_GAIN : 1;
	shape->recents = stage == STAGE_RETRIEVAL && history > 0 ? RECENT_DIMS : 0;
	shape->user_id = stage == STAGE_RANKING && history > 0 ? 0 : ID_DIMS;
	shape->user_inputs = user_input_recents(shape) + (shape->recents ? RECENT_INPUTS : 0);
	shape->movie_inputs = shape->n_features + (stage == STAGE_RETRIEVAL ? ID_DIMS : 0);
	shape->user_hidden = stage == STAGE_RETRIEVAL ? RETRIEVAL_USER_HIDDEN : RANKING_HIDDEN;
	shape->movie_hidden = stage == STAGE_RETRIEVAL ? RETRIEVAL_MOVIE_HIDDEN : RANKING_HIDDEN;

	for (int t = 0; t < N_TENSORS; t++)
	{
		int64_t		rows;

		tensor_size(shape, t, &rows, &shape->width[t]);
		if (t == TENSOR_FIRST_STATISTIC)
			shape->n_weights = at;
		shape->offset[t] = at;
		at += (rows * shape->width[t] + 15) & ~INT64_C(15);
	}
	shape->offset[N_TENSORS] = at;
}

static void
fill_uniform(float *out, int64_t n, float limit, uint64_t key)
{
	for (int64_t i = 0; i < n; i++)
		out[i] = limit * (2 * rng_uniform(key, i) - 1);
}

static void
fill_constant(float *out, int64_t n, float value)
{
	for (int64_t i = 0; i < n; i++)
		out[i] = value;
}

void
stage_init(float *params, const StageShape *shape, uint64_t seed)
{
	memset(params, 0, sizeof(float) * stage_size(shape));
	for (int t = 0; t < N_TENSORS; t++)
	{
		float	   *out = params + shape->offset[t];
		uint64_t	key = rng_key(seed, 'i', shape->stage, t);
		int64_t		rows;
		int32_t		columns;

		tensor_size(shape, t, &rows, &columns);
		switch (t)
		{
			case TENSOR_USER_W1:
			case TENSOR_USER_W2:
			case TENSOR_MOVIE_W1:
			case TENSOR_MOVIE_W2:
			case TENSOR_RANK_W1:
			case TENSOR_RANK_W2:
			case TENSOR_RANK_W3:
			case TENSOR_RANK_W4:
				fill_uniform(out, rows * columns, sqrtf(6.0f / (rows + columns)), key);
				break;
			case TENSOR_GENDER:
			case TENSOR_AGE:
			case TENSOR_OCCUPATION:
			case TENSOR_USER_ID:
			case TENSOR_MOVIE_ID:
			case TENSOR_HISTORY:
			case TENSOR_RECENTS:
				fill_uniform(out, rows * columns, 0.05f, key);
				break;
			case TENSOR_RANK_GAMMA1:
			case TENSOR_RANK_GAMMA2:
			case TENSOR_RANK_VARIANCE1:
			case TENSOR_RANK_VARIANCE2:
				fill_constant(out, rows * columns, 1.0f);
				break;
			default:
				break;
		}
	}
	if (shape->stage == STAGE_RETRIEVAL)
	{
		params[shape->offset[TENSOR_HEAD] + HEAD_LOG_SCALE] = INITIAL_LOG_SCALE;
		params[shape->offset[TENSOR_HEAD] + HEAD_LOG_TEMPERATURE] = INITIAL_LOG_TEMPERATURE;
	}
}
