/*
 * tower.h: the two towers, forward and backward.
 *
 * params and dparams are a stage's parameters and gradients of its weights;
 * the embedding tables are read by whoever gathers the inputs, and their
 * gradients go from dx to the tables in update.c.
 */
#ifndef MLREC_NET_TOWER_H
#define MLREC_NET_TOWER_H

#include "num/net/layers.h"
#include "num/net/tensors.h"

static inline const float *
tensor(const float *params, const StageShape *shape, Tensor t)
{
	return params + shape->offset[t];
}

static inline const float *
table_row(const float *params, const StageShape *shape, Tensor t, int64_t row)
{
	return params + shape->offset[t] + row * shape->width[t];
}

/*
 * The part of a user's input that is not history: x [user_input_history()].
 * user_row: row of USER_ID, 0 for unknown.  attribute [N_ATTRIBUTES].
 */
extern void user_input(float *x, const float *params, const StageShape *shape,
					   int32_t user_row, const uint8_t *attribute);

/*
 * out [rows][VECTOR_DIMS] from x [rows][user_inputs]; hidden [rows][hidden]
 * is kept for the way back.
 */
extern void user_tower_forward(float *out, float *hidden, const float *x, const float *params,
							   const StageShape *shape, Dropout dropout, int rows);

/*
 * The same for inference, by dense.h: a row's vector does not depend on the
 * others.
 */
extern void user_tower_predict(float *out, float *hidden, const float *x, const float *params,
							   const StageShape *shape, int rows);

/*
 * dx [rows][user_inputs] from dout; dx may be x.  dhidden [rows][hidden] is work
 * space.
 */
extern void user_tower_backward(float *dx, float *dparams, float *dhidden, const float *dout,
								const float *hidden, const float *x, const float *params,
								const StageShape *shape, Dropout dropout, int rows);

/*
 * The movie tower.  ids [rows]: rows of MOVIE_ID, 0 for unknown; features
 * [rows][n_features].  Retrieval uses x [rows][movie_inputs] and hidden
 * [rows][hidden], kept for the way back; in ranking both may be NULL.
 */
extern void movie_tower_forward(float *out, float *hidden, float *x, const int32_t *ids,
								const float *features, const float *params,
								const StageShape *shape, Dropout dropout, int rows);

/* The same for inference, by dense.h. */
extern void movie_tower_predict(float *out, float *hidden, float *x, const int32_t *ids,
								const float *features, const float *params,
								const StageShape *shape, int rows);

/*
 * did [rows][width of MOVIE_ID], the gradient of the id embeddings, from dout.
 * In ranking it is dout itself, did and work may be NULL.  work [rows][hidden + movie_inputs].
 */
extern void movie_tower_backward(float *did, float *dparams, float *work, const float *dout,
								 const float *hidden, const float *x, const float *features,
								 const float *params, const StageShape *shape,
								 Dropout dropout, int rows);

#endif							/* MLREC_NET_TOWER_H */
