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
 * What goes through a tower: inputs become hidden units become vectors.  The way
 * back needs x and hidden again.
 */
typedef struct TowerPass
{
	float	   *x;				/* [rows][user_inputs or movie_inputs] */
	float	   *hidden;			/* [rows][user_hidden or movie_hidden] */
	float	   *out;			/* [rows][VECTOR_DIMS] */
	int			rows;
	Dropout		dropout;
	int			without_recents;	/* of users: the last so many rows are shown without the
									 * history in order, and that part of their inputs, which
									 * would be 0, is neither read nor written */
} TowerPass;

/* pass->out from pass->x. */
extern void user_tower_forward(const TowerPass *pass, const float *params,
							   const StageShape *shape);

/*
 * The same for inference, by dense.h: a row's vector does not depend on the
 * others.
 */
extern void user_tower_predict(float *out, float *hidden, const float *x, const float *params,
							   const StageShape *shape, int rows);

/*
 * Retrieval: the temperature of the user whose hidden units are hidden [user_hidden],
 * by which the cosines of a softmax are multiplied.  *limited, unless NULL: whether
 * they asked for more than there may be, so that there is no gradient.
 */
extern float user_temperature(const float *hidden, const float *params, const StageShape *shape,
							  bool *limited);

/*
 * dx [rows][user_inputs] from dout [rows][VECTOR_DIMS]; dx may be pass->x.
 * dhidden [rows][user_hidden] is work space.  dtemperature [rows]: the gradient by the
 * logarithms of the temperatures, 0 where limited; NULL in ranking.
 */
extern void user_tower_backward(float *dx, float *dparams, float *dhidden, const float *dout,
								const float *dtemperature, const TowerPass *pass,
								const float *params, const StageShape *shape);

/*
 * The movie tower.  ids [rows]: rows of MOVIE_ID, 0 for unknown; features
 * [rows][n_features].  pass->x is filled from them.  Ranking uses neither x nor
 * hidden: both may be NULL.
 */
extern void movie_tower_forward(const TowerPass *pass, const int32_t *ids, const float *features,
								const float *params, const StageShape *shape);

/* The same for inference, by dense.h. */
extern void movie_tower_predict(float *out, float *hidden, float *x, const int32_t *ids,
								const float *features, const float *params,
								const StageShape *shape, int rows);

/*
 * did [rows][width of MOVIE_ID], the gradient of the id embeddings, from dout.
 * In ranking it is dout itself, did and work may be NULL.  work [rows][movie_hidden +
 * movie_inputs].
 */
extern void movie_tower_backward(float *did, float *dparams, float *work, const float *dout,
								 const TowerPass *pass, const float *features,
								 const float *params, const StageShape *shape);

#endif							/* MLREC_NET_TOWER_H */
