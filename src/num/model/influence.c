/*
 * influence.c: see influence.h.
 */
#include "num/model/influence.h"

#include <math.h>
#include <string.h>

#include "num/base/simd.h"
#include "num/net/dense.h"
#include "num/net/ranker.h"
#include "num/net/tower.h"

/* Movies of a history at a time. */
#define BLOCK 256

/* The gradient of a target by the running sums of one stage's history. */
typedef struct Slope
{
	float		sum[2 * VECTOR_DIMS];
	float		deviations;
	float		bias;			/* by the user's bias, for each deviation */
} Slope;

static int32_t
known_movie(const Influence *influence, int32_t i, float *deviation)
{
	return model_history_movie(influence->model, influence->input, i, deviation);
}

void
influence_begin(Influence *influence, const Model *model, const UserInput *input)
{
	int32_t		movie[BLOCK];
	float		deviation[BLOCK];

	influence->model = model;
	influence->input = input;
	for (int stage = 0; stage < N_STAGES; stage++)
	{
		const StageShape *shape = model_shape(model, stage);

		history_begin(&influence->history[stage],
					  tensor(model_params(model, stage), shape, TENSOR_HISTORY), shape->history,
					  influence->sum[stage]);
		for (int32_t from = 0; from < input->n_history; from += BLOCK)
		{
			int32_t		left = input->n_history - from;
			int32_t		n = left < BLOCK ? left : BLOCK;

			for (int32_t i = 0; i < n; i++)
				movie[i] = known_movie(influence, from + i, &deviation[i]);
			history_add(&influence->history[stage], movie, deviation, n);
		}
	}
}

/*
 * The user's input to one stage's tower without rating number `without`, or with all
 * if that is negative.  Returns the user's bias.
 */
static float
gather(float *x, const Influence *influence, Stage stage, int32_t without)
{
	const StageShape *shape = model_shape(influence->model, stage);
	const UserInput *input = influence->input;
	const History *history = &influence->history[stage];
	float		deviation = 0;
	int32_t		movie = without < 0 ? -1 : known_movie(influence, without, &deviation);

	user_input(x, model_params(influence->model, stage), shape, input->user + 1,
			   input->attribute);
	if (shape->history > 0)
		history_features(x + user_input_history(shape), history, movie, deviation);
	return without < 0 ? history_bias(history) : history_bias_without(history, deviation);
}

void
influence_without(const Influence *influence, const int32_t *without, int n,
				  float *retrieval, float *ranking, float *scratch)
{
	for (int stage = 0; stage < N_STAGES; stage++)
	{
		const StageShape *shape = model_shape(influence->model, stage);
		float	   *out = stage == STAGE_RETRIEVAL ? retrieval : ranking;
		float	   *x = scratch;
		float	   *hidden = x + (size_t) n * shape->user_inputs;
		float	   *bias = hidden + (size_t) n * shape->hidden;

		for (int i = 0; i < n; i++)
			bias[i] = gather(x + (size_t) i * shape->user_inputs, influence, stage, without[i]);
		user_tower_predict(out, hidden, x, model_params(influence->model, stage), shape, n);
		for (int i = 0; i < n && stage == STAGE_RANKING; i++)
			out[(size_t) i * VECTOR_DIMS] = bias[i];
	}
	dense_unit(retrieval, n);
}

/* ---------------------------------------------------------------------------
 * The estimate
 * ------------------------------------------------------------------------- */

/* din [rows] = w [rows][columns] dout [columns], where the layer's output was above 0. */
static void
layer_back(float *din, const float *w, const float *dout, const float *in, int rows, int columns)
{
	for (int i = 0; i < rows; i++)
		din[i] = in[i] > 0 ? simd_dot(w + (size_t) i * columns, dout, columns) : 0;
}

/* The same with the packed weights of a folded ranker, and all of it. */
static void
packed_back(float *din, const float *packed, const float *dout, int rows, int columns)
{
	for (int i = 0; i < rows; i++)
	{
		din[i] = 0;
		for (int c = 0; c < columns; c += DENSE_PANEL)
			din[i] += simd_dot(packed + dense_packed_index(rows, i, c), dout + c, DENSE_PANEL);
	}
}

/* d [n] is none where the layer's output was not above 0. */
static void
relu_back(float *d, const float *out, int n)
{
	for (int i = 0; i < n; i++)
		d[i] = out[i] > 0 ? d[i] : 0;
}

/* out [columns] = in w + add, with relu the positive part of that; w is packed. */
static void
layer(float *out, const float *in, const float *w, const float *add, int rows, int columns,
	  bool relu)
{
	DenseLayer	dense = dense_packed_layer(w, add, rows, columns, relu);

	dense_forward(out, columns, in, &dense, 1);
}

/*
 * dvector [VECTOR_DIMS]: the gradient of the predicted rating by the user's vector,
 * the first number of which is the bias.
 */
static void
rating_gradient(float *dvector, const FoldedRanker *ranker, const float *user, const float *movie)
{
	float		h1[RANKER_HIDDEN1];
	float		h2[RANKER_HIDDEN2];
	float		h3[RANKER_HIDDEN3];
	float		d2[RANKER_HIDDEN2];
	float		d1[RANKER_HIDDEN1];

	layer(d1, user, ranker->w1_user, ranker->b1, VECTOR_DIMS, RANKER_HIDDEN1, false);
	layer(h1, movie, ranker->w1_movie, d1, VECTOR_DIMS, RANKER_HIDDEN1, true);
	layer(h2, h1, ranker->w2, ranker->b2, RANKER_HIDDEN1, RANKER_HIDDEN2, true);
	layer(h3, h2, ranker->w3, ranker->b3, RANKER_HIDDEN2, RANKER_HIDDEN3, true);

	for (int i = 0; i < RANKER_HIDDEN3; i++)
		h3[i] = h3[i] > 0 ? ranker->w4[i] : 0;
	packed_back(d2, ranker->w3, h3, RANKER_HIDDEN2, RANKER_HIDDEN3);
	relu_back(d2, h2, RANKER_HIDDEN2);
	packed_back(d1, ranker->w2, d2, RANKER_HIDDEN1, RANKER_HIDDEN2);
	relu_back(d1, h1, RANKER_HIDDEN1);
	packed_back(dvector, ranker->w1_user, d1, VECTOR_DIMS, RANKER_HIDDEN1);
	for (int i = 0; i < VECTOR_DIMS; i++)
		dvector[i] = i == 0 ? 1 + ranker->share * dvector[i] :
			ranker->share * (dvector[i] + movie[i]);
}

/* dvector: the gradient of the cosine by a vector that is not of unit length yet. */
static void
cosine_gradient(float *dvector, const float *vector, const float *movie)
{
	float		norm = sqrtf(simd_norm2(vector, VECTOR_DIMS));
	float		dot = simd_dot(vector, movie, VECTOR_DIMS);

	norm = norm > UNIT_EPSILON ? norm : UNIT_EPSILON;
	for (int i = 0; i < VECTOR_DIMS; i++)
		dvector[i] = (movie[i] - dot / (norm * norm) * vector[i]) / norm;
}

/* From the gradient by a user's vector to that by the sums of the history. */
static void
find_slope(Slope *slope, const Influence *influence, Stage stage, const InfluenceTarget *target,
		   float *scratch)
{
	const StageShape *shape = model_shape(influence->model, stage);
	const float *params = model_params(influence->model, stage);
	const float *w1 = tensor(params, shape,
							 TENSOR_USER_W1) + user_input_history(shape) * shape->hidden;
	float		weight = stage == STAGE_RETRIEVAL ? target->cosine_weight : target->rating_weight;
	float	   *hidden = scratch + shape->user_inputs;
	float		scale = weight * history_scale(influence->history[stage].count);
	float		vector[VECTOR_DIMS];
	float		dvector[VECTOR_DIMS];
	float		bias;

	bias = gather(scratch, influence, stage, -1);
	user_tower_predict(vector, hidden, scratch, params, shape, 1);
	slope->bias = 0;
	if (stage == STAGE_RETRIEVAL)
		cosine_gradient(dvector, vector, target->vector);
	else
	{
		vector[0] = bias;
		rating_gradient(dvector, model_ranker(influence->model), vector, target->rank_vector);
		slope->bias = weight * dvector[0] /
			(influence->history[stage].rated + BIAS_USER_DAMPING);
		dvector[0] = 0;			/* the tower has no part in it */
	}
	layer_back(hidden, tensor(params, shape, TENSOR_USER_W2), dvector, hidden, shape->hidden,
			   VECTOR_DIMS);
	for (int i = 0; i < 2 * shape->history; i++)
		slope->sum[i] = scale * simd_dot(w1 + i * shape->hidden, hidden, shape->hidden);
	slope->deviations = shape->history == 0 ? 0 : weight *
		simd_dot(w1 + 2 * shape->history * shape->hidden, hidden, shape->hidden) /
		(influence->history[stage].count + HISTORY_DAMPING);
}

/* Adds to out [n_history] what the ratings do through one stage. */
static void
add_estimates(float *out, const Influence *influence, Stage stage, const Slope *slope)
{
	const History *history = &influence->history[stage];
	int32_t		width = history->width;

	for (int32_t i = 0; i < influence->input->n_history; i++)
	{
		float		deviation;
		int32_t		movie = known_movie(influence, i, &deviation);
		const float *row = history->table + ((int64_t) movie + 1) * 2 * width;

		if (movie < 0)
			out[i] = -INFINITY;
		else
			out[i] += deviation * (simd_dot(slope->sum, row, width) + slope->deviations +
								   slope->bias) +
				simd_dot(slope->sum + width, row + width, width);
	}
}

void
influence_estimate(float *out, const Influence *influence, const InfluenceTarget *target,
				   float *scratch)
{
	memset(out, 0, sizeof(float) * influence->input->n_history);
	for (int stage = 0; stage < N_STAGES; stage++)
	{
		Slope		slope;

		/* without a history there is the bias, in one stage */
		if (stage == STAGE_RANKING ? target->rating_weight == 0 :
			model_shape(influence->model, stage)->history == 0)
			continue;
		find_slope(&slope, influence, stage, target, scratch);
		add_estimates(out, influence, stage, &slope);
	}
}
