/*
 * tensors.c: see tensors.h.
 */
#include "num/net/tensors.h"

#include <math.h>
#include <string.h>

#include "num/base/rng.h"

#define RETRIEVAL_USER_HIDDEN MAX_USER_HIDDEN
#define RETRIEVAL_MOVIE_HIDDEN 128
#define RANKING_HIDDEN 128

/*
 * Sums of embeddings that are about 0.03 each are small beside the other inputs
 * of a tower, and a small input is learned from slowly.
 */
#define RETRIEVAL_HISTORY_GAIN 6.0f

#define INITIAL_LOG_SCALE 1.5f
#define INITIAL_LOG_TEMPERATURE 2.5f

/* What a tensor has in a new model. */
typedef enum Values
{
	VALUES_ZEROS,
	VALUES_ONES,
	VALUES_RANDOM,				/* weights by Glorot & Bengio (AISTATS 2010) */
	VALUES_EMBEDDING,			/* uniform in +-0.05 */
	VALUES_HEAD
} Values;

typedef struct TensorSpec
{
	int64_t		rows;			/* 0: the stage lacks it */
	int32_t		columns;
	Values		values;
} TensorSpec;

/* Rows of an embedding table: one for each of n, behind that of the unknown one. */
static int64_t
table_rows(int32_t n)
{
	return (int64_t) n + 1;
}

/* Columns that differ between the stages. */
static int32_t
movie_width(const StageShape *shape)
{
	return shape->stage == STAGE_RANKING ? VECTOR_DIMS : shape->movie_hidden;
}

/* The table of tensors, for a shape. */
static void
tensor_specs(TensorSpec *spec, const StageShape *shape)
{
	const bool	in_BOTH = true;
	const bool	in_RETRIEVAL = shape->stage == STAGE_RETRIEVAL;
	const bool	in_RANKING = shape->stage == STAGE_RANKING;

#define TENSOR(name, stage, rows, columns, values) \
	spec[TENSOR_##name] = (TensorSpec) {in_##stage ? (rows) : 0, columns, VALUES_##values};
#include "num/net/tensor_list.h"
#undef TENSOR
}

void
stage_shape(StageShape *shape, Stage stage, int32_t n_users, int32_t n_movies,
			int32_t n_genres, const int32_t *n_values, int32_t history)
{
	TensorSpec	spec[N_TENSORS];
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
	shape->user_id = stage == STAGE_RANKING && history > 0 ? 0 : USER_ID_DIMS;
	shape->user_inputs = user_input_recents(shape) + (shape->recents ? RECENT_INPUTS : 0);
	shape->movie_inputs = shape->n_features + (stage == STAGE_RETRIEVAL ? VECTOR_DIMS : 0);
	shape->user_hidden = stage == STAGE_RETRIEVAL ? RETRIEVAL_USER_HIDDEN : RANKING_HIDDEN;
	shape->movie_hidden = stage == STAGE_RETRIEVAL ? RETRIEVAL_MOVIE_HIDDEN : RANKING_HIDDEN;

	tensor_specs(spec, shape);
	for (int t = 0; t < N_TENSORS; t++)
	{
		if (t == TENSOR_FIRST_STATISTIC)
			shape->n_weights = at;
		shape->offset[t] = at;
		shape->width[t] = spec[t].columns;
		at += (spec[t].rows * spec[t].columns + 15) & ~INT64_C(15);
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

static void
fill_tensor(float *out, const TensorSpec *spec, uint64_t key)
{
	int64_t		n = spec->rows * spec->columns;

	switch (spec->values)
	{
		case VALUES_ZEROS:
			fill_constant(out, n, 0);
			break;
		case VALUES_ONES:
			fill_constant(out, n, 1);
			break;
		case VALUES_RANDOM:
			fill_uniform(out, n, sqrtf(6.0f / (spec->rows + spec->columns)), key);
			break;
		case VALUES_EMBEDDING:
			fill_uniform(out, n, 0.05f, key);
			break;
		case VALUES_HEAD:
			fill_constant(out, n, 0);
			if (n > 0)
			{
				out[HEAD_LOG_SCALE] = INITIAL_LOG_SCALE;
				out[HEAD_LOG_TEMPERATURE] = INITIAL_LOG_TEMPERATURE;
			}
			break;
	}
}

void
stage_init(float *params, const StageShape *shape, uint64_t seed)
{
	TensorSpec	spec[N_TENSORS];

	tensor_specs(spec, shape);
	/* between the tensors, too */
	memset(params, 0, sizeof(float) * stage_size(shape));
	for (int t = 0; t < N_TENSORS; t++)
		fill_tensor(params + shape->offset[t], &spec[t], rng_key(seed, 'i', shape->stage, t));
}
