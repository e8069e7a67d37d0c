/*
 * tower.c: see tower.h.
 */
#include "num/net/tower.h"

#include <string.h>

#include "num/net/dense.h"

void
user_input(float *x, const float *params, const StageShape *shape,
		   int32_t user_row, const uint8_t *attribute)
{
	memcpy(x, table_row(params, shape, TENSOR_USER_ID, user_row), sizeof(float) * shape->user_id);
	x += shape->user_id;
	for (int a = 0; a < N_ATTRIBUTES; a++, x += ATTRIBUTE_DIMS)
		memcpy(x, table_row(params, shape, TENSOR_GENDER + a, attribute[a]),
			   sizeof(float) * ATTRIBUTE_DIMS);
}

/* Two dense layers: out = relu_dropout(x w1 + b1) w2 + b2. */
static void
two_layers_forward(float *out, float *hidden, const float *x, int inputs, const float *params,
				   const StageShape *shape, Tensor w1, Dropout dropout, int rows)
{
	matmul(hidden, shape->hidden, x, inputs, tensor(params, shape, w1),
		   rows, inputs, shape->hidden, false);
	bias_relu_dropout_forward(hidden, tensor(params, shape, w1 + 1), dropout,
							  rows, shape->hidden);
	matmul(out, VECTOR_DIMS, hidden, shape->hidden, tensor(params, shape, w1 + 2),
		   rows, shape->hidden, VECTOR_DIMS, false);
	bias_forward(out, tensor(params, shape, w1 + 3), rows, VECTOR_DIMS);
}

static void
two_layers_predict(float *out, float *hidden, const float *x, int inputs, const float *params,
				   const StageShape *shape, Tensor w1, int rows)
{
	DenseLayer	first = dense_layer(tensor(params, shape, w1), tensor(params, shape, w1 + 1),
									inputs, shape->hidden, true);
	DenseLayer	second = dense_layer(tensor(params, shape, w1 + 2), tensor(params, shape, w1 + 3),
									 shape->hidden, VECTOR_DIMS, false);

	dense_forward(hidden, shape->hidden, x, &first, rows);
	dense_forward(out, VECTOR_DIMS, hidden, &second, rows);
}

static void
two_layers_backward(float *dx, float *dparams, float *dhidden, const float *dout,
					const float *hidden, const float *x, int inputs, const float *params,
					const StageShape *shape, Tensor w1, Dropout dropout, int rows)
{
	int			width = shape->hidden;

	bias_backward(dparams + shape->offset[w1 + 3], dout, rows, VECTOR_DIMS);
	matmul_gradient(dparams + shape->offset[w1 + 2], hidden, width, dout, VECTOR_DIMS,
					rows, width, VECTOR_DIMS, false);
	matmul_transposed(dhidden, width, dout, VECTOR_DIMS, tensor(params, shape, w1 + 2),
					  rows, width, VECTOR_DIMS, false);
	bias_relu_dropout_backward(dhidden, dparams + shape->offset[w1 + 1], hidden, dropout,
							   rows, width);
	matmul_gradient(dparams + shape->offset[w1], x, inputs, dhidden, width,
					rows, inputs, width, false);
	matmul_transposed(dx, inputs, dhidden, width, tensor(params, shape, w1),
					  rows, inputs, width, false);
}

void
user_tower_forward(float *out, float *hidden, const float *x, const float *params,
				   const StageShape *shape, Dropout dropout, int rows)
{
	two_layers_forward(out, hidden, x, shape->user_inputs, params, shape, TENSOR_USER_W1, dropout,
					   rows);
}

void
user_tower_predict(float *out, float *hidden, const float *x, const float *params,
				   const StageShape *shape, int rows)
{
	two_layers_predict(out, hidden, x, shape->user_inputs, params, shape, TENSOR_USER_W1, rows);
}

void
user_tower_backward(float *dx, float *dparams, float *dhidden, const float *dout,
					const float *hidden, const float *x, const float *params,
					const StageShape *shape, Dropout dropout, int rows)
{
	two_layers_backward(dx, dparams, dhidden, dout, hidden, x, shape->user_inputs, params,
						shape, TENSOR_USER_W1, dropout, rows);
}

/* The ids' embeddings, which in ranking are the most part of a vector: out [rows][VECTOR_DIMS]. */
static void
gather_ids(float *out, const int32_t *ids, const float *params, const StageShape *shape, int rows)
{
	for (int row = 0; row < rows; row++)
		memcpy(out + (int64_t) row * VECTOR_DIMS,
			   table_row(params, shape, TENSOR_MOVIE_ID, ids[row]), sizeof(float) * VECTOR_DIMS);
}

/* The inputs of the retrieval stage: x [rows][movie_inputs]. */
static void
gather_movies(float *x, const int32_t *ids, const float *features, const float *params,
			  const StageShape *shape, int rows)
{
	int			n_features = shape->n_features;
	int			id_dims = shape->width[TENSOR_MOVIE_ID];

	for (int row = 0; row < rows; row++)
	{
		float	   *input = x + (int64_t) row * shape->movie_inputs;

		memcpy(input, table_row(params, shape, TENSOR_MOVIE_ID, ids[row]), sizeof(float) * id_dims);
		memcpy(input + id_dims, features + (int64_t) row * n_features,
			   sizeof(float) * n_features);
	}
}

void
movie_tower_forward(float *out, float *hidden, float *x, const int32_t *ids,
					const float *features, const float *params, const StageShape *shape,
					Dropout dropout, int rows)
{
	if (shape->stage == STAGE_RANKING)
	{
		gather_ids(out, ids, params, shape, rows);
		matmul(out, VECTOR_DIMS, features, shape->n_features, tensor(params, shape,
																	 TENSOR_MOVIE_W1),
			   rows, shape->n_features, VECTOR_DIMS, true);
		return;
	}
	gather_movies(x, ids, features, params, shape, rows);
	two_layers_forward(out, hidden, x, shape->movie_inputs, params, shape, TENSOR_MOVIE_W1,
					   dropout, rows);
}

void
movie_tower_predict(float *out, float *hidden, float *x, const int32_t *ids,
					const float *features, const float *params, const StageShape *shape, int rows)
{
	if (shape->stage == STAGE_RANKING)
	{
		DenseLayer	layer = dense_layer(tensor(params, shape, TENSOR_MOVIE_W1), out,
										shape->n_features,
										VECTOR_DIMS, false);

		gather_ids(out, ids, params, shape, rows);
		layer.add_stride = VECTOR_DIMS;
		dense_forward(out, VECTOR_DIMS, features, &layer, rows);
		return;
	}
	gather_movies(x, ids, features, params, shape, rows);
	two_layers_predict(out, hidden, x, shape->movie_inputs, params, shape, TENSOR_MOVIE_W1, rows);
}

void
movie_tower_backward(float *did, float *dparams, float *work, const float *dout,
					 const float *hidden, const float *x, const float *features,
					 const float *params, const StageShape *shape, Dropout dropout, int rows)
{
	int			inputs = shape->movie_inputs;
	float	   *dx;

	if (shape->stage == STAGE_RANKING)
	{
		matmul_gradient(dparams + shape->offset[TENSOR_MOVIE_W1], features, inputs, dout,
						VECTOR_DIMS,
						rows, inputs, VECTOR_DIMS, false);
		return;
	}
	dx = work + (int64_t) rows * shape->hidden;
	two_layers_backward(dx, dparams, work, dout, hidden, x, inputs, params, shape,
						TENSOR_MOVIE_W1, dropout, rows);
	for (int row = 0; row < rows; row++)
		memcpy(did + (int64_t) row * ID_DIMS, dx + (int64_t) row * inputs,
			   sizeof(float) * ID_DIMS);
}
