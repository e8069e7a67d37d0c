/*
 * tower.c: see tower.h.
 */
#include "num/net/tower.h"

#include <math.h>
#include <string.h>

#include "num/base/simd.h"
#include "num/net/dense.h"

/* The most that a user's own part may say, as a logarithm. */
#define TEMPERATURE_LIMIT 3.0f

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

/* The width of the inputs that the first layer takes, which has w1. */
static inline int
tower_inputs(const StageShape *shape, Tensor w1)
{
	return w1 == TENSOR_USER_W1 ? shape->user_inputs : shape->movie_inputs;
}

/*
 * The rows of a pass whose inputs in the first layer are of one width: all of a movie's;
 * of users those with the history in order, or the others, whose inputs end before it.
 */
typedef struct RowGroup
{
	int64_t		first;
	LayerSize	size;
} RowGroup;

#define MAX_ROW_GROUPS 2

static int
row_groups(RowGroup *group, const TowerPass *pass, const StageShape *shape, Tensor w1)
{
	int			inputs = tower_inputs(shape, w1);
	int			without = w1 == TENSOR_USER_W1 ? pass->without_recents : 0;
	int			full = pass->rows - without;

	group[0] = (RowGroup) {0, layer_size(full, inputs, shape->width[w1])};
	group[1] = (RowGroup) {full, layer_size(without, inputs, shape->width[w1])};
	group[1].size.fan_in = user_input_recents(shape);
	return without > 0 ? 2 : 1;
}

/* Two dense layers: out = relu_dropout(x w1 + b1) w2 + b2. */
static void
two_layers_forward(const TowerPass *pass, const float *params, const StageShape *shape, Tensor w1)
{
	int			rows = pass->rows;
	int			width = shape->width[w1];
	RowGroup	group[MAX_ROW_GROUPS];
	int			n_groups = row_groups(group, pass, shape, w1);

	for (int g = 0; g < n_groups; g++)
		matmul(pass->hidden + group[g].first * width,
			   pass->x + group[g].first * tower_inputs(shape, w1), tensor(params, shape, w1),
			   group[g].size, false);
	bias_relu_dropout_forward(pass->hidden, tensor(params, shape, w1 + 1), pass->dropout,
							  rows, width);
	matmul(pass->out, pass->hidden, tensor(params, shape, w1 + 2),
		   layer_size(rows, width, VECTOR_DIMS), false);
	bias_forward(pass->out, tensor(params, shape, w1 + 3), rows, VECTOR_DIMS);
}

static void
two_layers_predict(float *out, float *hidden, const float *x, const float *params,
				   const StageShape *shape, Tensor w1, int rows)
{
	int			width = shape->width[w1];
	DenseLayer	first = dense_layer(tensor(params, shape, w1), tensor(params, shape, w1 + 1),
									tower_inputs(shape, w1), width, true);
	DenseLayer	second = dense_layer(tensor(params, shape, w1 + 2), tensor(params, shape, w1 + 3),
									 width, VECTOR_DIMS, false);

	dense_forward(hidden, width, x, &first, rows);
	dense_forward(out, VECTOR_DIMS, hidden, &second, rows);
}

/* The way back through the second layer: dhidden, behind the dropout and the ReLU. */
static void
second_layer_backward(float *dparams, float *dhidden, const float *dout, const TowerPass *pass,
					  const float *params, const StageShape *shape, Tensor w1)
{
	LayerSize	second = layer_size(pass->rows, shape->width[w1], VECTOR_DIMS);

	bias_backward(dparams + shape->offset[w1 + 3], dout, pass->rows, VECTOR_DIMS);
	matmul_gradient(dparams + shape->offset[w1 + 2], pass->hidden, dout, second, false);
	matmul_transposed(dhidden, dout, tensor(params, shape, w1 + 2), second, false);
}

/* And through the first one. */
static void
first_layer_backward(float *dx, float *dparams, float *dhidden, const TowerPass *pass,
					 const float *params, const StageShape *shape, Tensor w1)
{
	int			width = shape->width[w1];
	int			inputs = tower_inputs(shape, w1);
	RowGroup	group[MAX_ROW_GROUPS];
	int			n_groups = row_groups(group, pass, shape, w1);

	bias_relu_dropout_backward(dhidden, dparams + shape->offset[w1 + 1], pass->hidden,
							   pass->dropout, pass->rows, width);
	for (int g = 0; g < n_groups; g++)
		matmul_gradient(dparams + shape->offset[w1], pass->x + group[g].first * inputs,
						dhidden + group[g].first * width, group[g].size, g > 0);
	for (int g = 0; g < n_groups; g++)
		matmul_transposed(dx + group[g].first * inputs, dhidden + group[g].first * width,
						  tensor(params, shape, w1), group[g].size, false);
}

void
user_tower_forward(const TowerPass *pass, const float *params, const StageShape *shape)
{
	two_layers_forward(pass, params, shape, TENSOR_USER_W1);
}

void
user_tower_predict(float *out, float *hidden, const float *x, const float *params,
				   const StageShape *shape, int rows)
{
	two_layers_predict(out, hidden, x, params, shape, TENSOR_USER_W1, rows);
}

/* w . hidden, in the order of dense.h. */
static float
temperature_sum(const float *hidden, const float *w, int width)
{
	float		sum = 0;

	for (int i = 0; i < width; i += VECTOR_DIMS)
		sum += dense_dot(hidden + i, w + i);
	return sum;
}

float
user_temperature(const float *hidden, const float *params, const StageShape *shape,
				 bool *limited)
{
	float		sum = temperature_sum(hidden, tensor(params, shape, TENSOR_TEMPERATURE),
									  shape->user_hidden);
	float		within = fminf(fmaxf(sum, -TEMPERATURE_LIMIT), TEMPERATURE_LIMIT);

	if (limited)
		*limited = within != sum;
	return expf(tensor(params, shape, TENSOR_HEAD)[HEAD_LOG_TEMPERATURE] + within);
}

/* Adds to dhidden, and sets the gradient of the weights. */
static void
temperature_backward(float *dhidden, float *dparams, const float *dtemperature,
					 const TowerPass *pass, const float *params, const StageShape *shape)
{
	int			width = shape->user_hidden;
	float	   *dw = dparams + shape->offset[TENSOR_TEMPERATURE];

	memset(dw, 0, sizeof(float) * width);
	for (int row = 0; row < pass->rows; row++)
		if (dtemperature[row] != 0)
		{
			simd_axpy(dw, dtemperature[row], pass->hidden + (int64_t) row * width, width);
			simd_axpy(dhidden + (int64_t) row * width, dtemperature[row],
					  tensor(params, shape, TENSOR_TEMPERATURE), width);
		}
}

void
user_tower_backward(float *dx, float *dparams, float *dhidden, const float *dout,
					const float *dtemperature, const TowerPass *pass, const float *params,
					const StageShape *shape)
{
	second_layer_backward(dparams, dhidden, dout, pass, params, shape, TENSOR_USER_W1);
	if (dtemperature)
		temperature_backward(dhidden, dparams, dtemperature, pass, params, shape);
	first_layer_backward(dx, dparams, dhidden, pass, params, shape, TENSOR_USER_W1);
}

/* The ids' embeddings, the most part of a vector: out [rows][VECTOR_DIMS]. */
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

	for (int row = 0; row < rows; row++)
	{
		float	   *input = x + (int64_t) row * shape->movie_inputs;

		memcpy(input, table_row(params, shape, TENSOR_MOVIE_ID, ids[row]),
			   sizeof(float) * VECTOR_DIMS);
		memcpy(input + VECTOR_DIMS, features + (int64_t) row * n_features,
			   sizeof(float) * n_features);
	}
}

/* Adds the ids' embeddings, which the inputs begin with: out [rows][VECTOR_DIMS]. */
static void
add_ids(float *out, const float *x, const StageShape *shape, int rows)
{
	for (int row = 0; row < rows; row++, out += VECTOR_DIMS, x += shape->movie_inputs)
		simd_axpy(out, 1, x, VECTOR_DIMS);
}

void
movie_tower_forward(const TowerPass *pass, const int32_t *ids, const float *features,
					const float *params, const StageShape *shape)
{
	if (shape->stage == STAGE_RANKING)
	{
		gather_ids(pass->out, ids, params, shape, pass->rows);
		matmul(pass->out, features, tensor(params, shape, TENSOR_MOVIE_W1),
			   layer_size(pass->rows, shape->n_features, VECTOR_DIMS), true);
		return;
	}
	gather_movies(pass->x, ids, features, params, shape, pass->rows);
	two_layers_forward(pass, params, shape, TENSOR_MOVIE_W1);
	add_ids(pass->out, pass->x, shape, pass->rows);
}

void
movie_tower_predict(float *out, float *hidden, float *x, const int32_t *ids,
					const float *features, const float *params, const StageShape *shape, int rows)
{
	if (shape->stage == STAGE_RANKING)
	{
		DenseLayer	layer = dense_layer(tensor(params, shape, TENSOR_MOVIE_W1), out,
										shape->n_features, VECTOR_DIMS, false);

		gather_ids(out, ids, params, shape, rows);
		layer.add_stride = VECTOR_DIMS;
		dense_forward(out, VECTOR_DIMS, features, &layer, rows);
		return;
	}
	gather_movies(x, ids, features, params, shape, rows);
	two_layers_predict(out, hidden, x, params, shape, TENSOR_MOVIE_W1, rows);
	add_ids(out, x, shape, rows);
}

void
movie_tower_backward(float *did, float *dparams, float *work, const float *dout,
					 const TowerPass *pass, const float *features, const float *params,
					 const StageShape *shape)
{
	int			inputs = shape->movie_inputs;
	float	   *dx;

	if (shape->stage == STAGE_RANKING)
	{
		matmul_gradient(dparams + shape->offset[TENSOR_MOVIE_W1], features, dout,
						layer_size(pass->rows, inputs, VECTOR_DIMS), false);
		return;
	}
	dx = work + (int64_t) pass->rows * shape->movie_hidden;
	second_layer_backward(dparams, work, dout, pass, params, shape, TENSOR_MOVIE_W1);
	first_layer_backward(dx, dparams, work, pass, params, shape, TENSOR_MOVIE_W1);
	memcpy(did, dout, sizeof(float) * pass->rows * VECTOR_DIMS);
	add_ids(did, dx, shape, pass->rows);
}
