/*
 * tensors.h: the parameters of the two networks.
 *
 * A stage is a pair of towers and a head:
 *
 *	user:	[id | gender | age | occupation | history | recents] ->
 *			Dense(hidden, ReLU), dropout -> Dense(VECTOR_DIMS).  In ranking there
 *			is no id beside a history: in training an id has seen its user's
 *			future ratings, the history has not, and the network would lean on
 *			the wrong one.  Recents, the history in order, are retrieval's.
 *	movie, retrieval: id + [id | genres, year] -> Dense(hidden, ReLU) ->
 *			Dense(VECTOR_DIMS)
 *	movie, ranking: id + Dense([genres, year]).  A hidden layer here was tried and
 *			brought nothing: the movies' own embeddings say what it could say.
 *
 *	retrieval: both made unit length; logit of "liked" = scale * cosine + bias,
 *			and a softmax over the catalogue at a temperature of the user's own,
 *			which the user tower's hidden layer says.
 *	ranking: rating in deviations = user[0] + movie[0] + user[1..] . movie[1..]
 *			+ ranker([user | movie]), the deep network of ranker.h.  The first
 *			numbers are the biases of bias.h, in place of what the towers have
 *			there.
 *
 * All parameters of a stage are one array of floats.  Weights come first, so
 * that their gradients are one dense vector; then the running statistics of
 * batch normalization, which no gradient reaches; then the embedding tables,
 * whose gradients touch a few rows.  Row 0 of a table is the unknown user,
 * movie or value.
 */
#ifndef MLREC_NET_TENSORS_H
#define MLREC_NET_TENSORS_H

#include "num/data/ratings.h"

#define VECTOR_DIMS 64			/* a user's or a movie's vector, in both stages */
#define USER_ID_DIMS 32			/* embedding of a user's id, as a tower's input */
#define ATTRIBUTE_DIMS 8		/* of gender, age, occupation */
#define HISTORY_DIMS 32			/* width of each of the two pooled histories */
#define HISTORY_SCALARS 3		/* mean deviation, log of the count, its damping */
#define RECENT_DIMS 64			/* width of the history in order */
#define RECENT_SUMS 5			/* its half-lives, see recents.h */
#define RECENT_INPUTS (RECENT_SUMS * RECENT_DIMS + RECENT_SUMS)

#define MAX_USER_HIDDEN 256		/* of the user towers' hidden layers */

#define RANKER_HIDDEN1 128
#define RANKER_HIDDEN2 128
#define RANKER_HIDDEN3 64

typedef enum Stage
{
	STAGE_RETRIEVAL,
	STAGE_RANKING,
	N_STAGES
} Stage;

typedef enum Tensor
{
#define TENSOR(name, stage, rows, columns, values) TENSOR_##name,
#include "num/net/tensor_list.h"
#undef TENSOR
	N_TENSORS
} Tensor;

#define TENSOR_FIRST_STATISTIC TENSOR_RANK_MEAN1
#define TENSOR_FIRST_TABLE TENSOR_USER_ID

/* Indices into the HEAD tensor. */
enum
{
	HEAD_LOG_SCALE,
	HEAD_BIAS,
	HEAD_LOG_TEMPERATURE,
	N_HEAD
};

typedef struct StageShape
{
	Stage		stage;
	int32_t		n_users;		/* rows of USER_ID behind the unknown one */
	int32_t		n_movies;
	int32_t		n_values[N_ATTRIBUTES];
	int32_t		n_features;		/* genres and year */
	int32_t		history;		/* width of each pooled history, 0: none */
	float		history_gain;	/* what the pooled sums are multiplied by */
	int32_t		recents;		/* width of the history in order, 0: none */
	int32_t		user_id;		/* width of the id in the user tower's input, 0: none */
	int32_t		user_inputs;	/* width of the user tower's input */
	int32_t		user_hidden;
	int32_t		movie_inputs;	/* of the movie tower's first layer */
	int32_t		movie_hidden;

	int64_t		offset[N_TENSORS + 1];	/* into the parameters, in floats */
	int32_t		width[N_TENSORS];	/* columns */
	int64_t		n_weights;		/* floats before the statistics */
} StageShape;

/* Where the history begins in a user tower's input, in floats. */
static inline int32_t
user_input_history(const StageShape *shape)
{
	return shape->user_id + N_ATTRIBUTES * ATTRIBUTE_DIMS;
}

/* Where the history in order begins; it is the last part. */
static inline int32_t
user_input_recents(const StageShape *shape)
{
	return user_input_history(shape) + (shape->history ? 2 * shape->history + HISTORY_SCALARS : 0);
}

/*
 * Computes a shape.  history is the width of each of the two pooled histories,
 * 0 for towers without; n_users is the number of users with an id embedding.
 */
extern void stage_shape(StageShape *shape, Stage stage, int32_t n_users, int32_t n_movies,
						int32_t n_genres, const int32_t *n_values, int32_t history);

/* Floats in all parameters. */
static inline int64_t
stage_size(const StageShape *shape)
{
	return shape->offset[N_TENSORS];
}

/*
 * The parameters of a new model: what tensor_list.h says each tensor has, the random
 * ones by the seed.
 */
extern void stage_init(float *params, const StageShape *shape, uint64_t seed);

#endif							/* MLREC_NET_TENSORS_H */
