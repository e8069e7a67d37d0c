/*
 * influence.c: see influence.h.
 */
#include "num/model/influence.h"

#include <math.h>
#include <string.h>

#include "num/base/simd.h"
#include "num/data/bias.h"
#include "num/net/dense.h"
#include "num/net/ranker.h"
#include "num/net/tower.h"

/* Movies of a history at a time, and those of a history in order. */
#define BLOCK 256
#define RECENT_ROWS 64

/* The gradient of a target by the running sums of one stage's history. */
typedef struct Slope
{
	float		sum[2 * VECTOR_DIMS];
	float		deviations;
	float		bias;			/* by the user's bias, for each deviation */
	float		recents[RECENT_SUMS * RECENT_DIMS]; /* by the sums in order */
} Slope;

/* The end of a history in order, as far as it was gone back through. */
typedef struct Tail
{
	RecentsTail recents;
	int32_t		from;			/* its first rating; 0: not begun */
} Tail;

static int32_t
known_movie(const Influence *influence, int32_t i, float *deviation)
{
	return model_history_movie(influence->model, influence->input, i, deviation);
}

/* The user's history in order. */
static void
begin_recents(Recents *recents, const Influence *influence)
{
	const Model *model = influence->model;

	recents_begin(recents, tensor(model_params(model, STAGE_RETRIEVAL),
								  model_shape(model, STAGE_RETRIEVAL), TENSOR_RECENTS),
				  model_gates(model));
	model_add_recents(model, recents, influence->input, 0);
}

/* Whether a stage looks at the order of the history, and there is something to see. */
static bool
with_recents(const Influence *influence, Stage stage)
{
	return model_shape(influence->model, stage)->recents > 0 &&
		model_in_order(influence->model, influence->input);
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
					  shape->history_gain, influence->sum[stage]);
		if (with_recents(influence, stage))
			begin_recents(&influence->recents, influence);
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

/* Ratings from .. to - 1 in order, in the caller's arrays. */
static RecentRows
recent_rows(int32_t *movie, uint8_t *level, const Influence *influence, int32_t from, int32_t to)
{
	for (int32_t i = from; i < to; i++)
		movie[i - from] = model_recent_movie(influence->model, influence->input, i,
											 &level[i - from]);
	return (RecentRows) {movie, level, influence->input->history_decay + from};
}

/*
 * The end of the history that is behind a rating, or as much of it as leaves nothing of
 * what was before.  It grows if it is asked for earlier and earlier ratings.
 */
static void
go_back(Tail *tail, const Influence *influence, int32_t rating)
{
	int32_t		movie[RECENT_ROWS];
	uint8_t		level[RECENT_ROWS];

	if (tail->from <= rating)
	{
		recents_tail_begin(&tail->recents);
		tail->from = influence->input->n_history;
	}
	while (tail->from > rating + 1 && !recents_tail_is_all(&tail->recents))
	{
		int32_t		n = tail->from - (rating + 1);
		int32_t		from = tail->from - (n < RECENT_ROWS ? n : RECENT_ROWS);
		RecentRows	rows = recent_rows(movie, level, influence, from, tail->from);

		recents_tail_add(&tail->recents, &influence->recents, &rows, 0, tail->from - from);
		tail->from = from;
	}
}

/* The history in order without a rating, unless that is -1: x [RECENT_INPUTS]. */
static void
gather_recents(float *x, const Influence *influence, Tail *tail, int32_t without)
{
	const Recents *recents = &influence->recents;
	Recents		others;
	int32_t		movie;
	uint8_t		level;

	memset(x, 0, sizeof(float) * RECENT_INPUTS);
	if (!with_recents(influence, STAGE_RETRIEVAL))
		return;
	if (without >= 0)
	{
		RecentRows	row = recent_rows(&movie, &level, influence, without, without + 1);

		go_back(tail, influence, without);
		recents_without(&others, recents, &tail->recents, &row, 0);
		recents = &others;
	}
	recents_features(x, NULL, recents, influence->input->left);
}

/*
 * The user's input to one stage's tower without rating number `without`, or with all
 * if that is negative.  Returns the user's bias.
 */
static float
gather(float *x, const Influence *influence, Stage stage, Tail *tail, int32_t without)
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
	if (shape->recents > 0)
		gather_recents(x + user_input_recents(shape), influence, tail, movie < 0 ? -1 : without);
	return without < 0 ? history_bias(history) : history_bias_without(history, deviation);
}

void
influence_without(const Influence *influence, const int32_t *without, int n,
				  float *retrieval, float *temperature, float *ranking, float *scratch)
{
	for (int stage = 0; stage < N_STAGES; stage++)
	{
		const StageShape *shape = model_shape(influence->model, stage);
		float	   *hidden = scratch + (size_t) n * shape->user_inputs;
		float	   *bias = hidden + (size_t) n * shape->user_hidden;
		TowerPass	pass = {
			scratch, hidden, stage == STAGE_RETRIEVAL ? retrieval : ranking, n, DROPOUT_OFF
		};
		Tail		tail = {.from = 0};

		for (int i = 0; i < n; i++)
			bias[i] = gather(pass.x + (size_t) i * shape->user_inputs, influence, stage,
							 &tail, without[i]);
		model_user_tower(influence->model, stage, &pass, bias, temperature);
	}
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

/*
 * dvector: the gradient of the cosine by a vector that is not of unit length yet.
 * Returns the cosine.
 */
static float
cosine_gradient(float *dvector, const float *vector, const float *movie)
{
	float		norm = sqrtf(simd_norm2(vector, VECTOR_DIMS));
	float		dot = simd_dot(vector, movie, VECTOR_DIMS);

	norm = norm > UNIT_EPSILON ? norm : UNIT_EPSILON;
	for (int i = 0; i < VECTOR_DIMS; i++)
		dvector[i] = (movie[i] - dot / (norm * norm) * vector[i]) / norm;
	return dot / norm;
}

/*
 * dhidden [user_hidden] of a stage's target, and *dbias, for each deviation, by the
 * user's bias.  x is room for the user's input.  The limits of the temperature are not
 * looked at: it is an estimate.
 */
static void
hidden_gradient(float *dhidden, float *dbias, const Influence *influence, Stage stage,
				const InfluenceTarget *target, float *x)
{
	const StageShape *shape = model_shape(influence->model, stage);
	const float *params = model_params(influence->model, stage);
	const float *w2 = tensor(params, shape, TENSOR_USER_W2);
	float		hidden[MAX_USER_HIDDEN];
	float		vector[VECTOR_DIMS];
	float		dvector[VECTOR_DIMS];
	float		temperature;
	float		cosine;
	float		bias = gather(x, influence, stage, NULL, -1);

	*dbias = 0;
	user_tower_predict(vector, hidden, x, params, shape, 1);
	if (stage == STAGE_RANKING)
	{
		vector[0] = bias;
		rating_gradient(dvector, model_ranker(influence->model), vector, target->rank_vector);
		*dbias = target->rating_weight * dvector[0] /
			(influence->history[stage].rated + BIAS_USER_DAMPING);
		dvector[0] = 0;			/* the tower has no part in it */
		layer_back(dhidden, w2, dvector, hidden, shape->user_hidden, VECTOR_DIMS);
		simd_scale(dhidden, target->rating_weight, shape->user_hidden);
		return;
	}
	temperature = model_temperature(influence->model, x, hidden);
	cosine = cosine_gradient(dvector, vector, target->vector);
	layer_back(dhidden, w2, dvector, hidden, shape->user_hidden, VECTOR_DIMS);
	for (int i = 0; i < shape->user_hidden; i++)
		if (hidden[i] > 0)
			dhidden[i] = temperature *
				(dhidden[i] + cosine * tensor(params, shape, TENSOR_TEMPERATURE)[i]);
}

/* From the gradient by a user's vector to that by the sums of the histories. */
static void
find_slope(Slope *slope, const Influence *influence, Stage stage, const InfluenceTarget *target,
		   float *scratch)
{
	const StageShape *shape = model_shape(influence->model, stage);
	const float *w1 = tensor(model_params(influence->model, stage), shape, TENSOR_USER_W1);
	const float *w_history = w1 + user_input_history(shape) * shape->user_hidden;
	const float *w_recents = w1 + user_input_recents(shape) * shape->user_hidden;
	float		scale = shape->history_gain * history_scale(influence->history[stage].count);
	float		recent_scale[RECENT_SUMS];
	float		features[RECENT_INPUTS];
	float		dhidden[MAX_USER_HIDDEN];

	hidden_gradient(dhidden, &slope->bias, influence, stage, target, scratch);
	for (int i = 0; i < 2 * shape->history; i++)
		slope->sum[i] = scale * simd_dot(w_history + i * shape->user_hidden, dhidden,
										 shape->user_hidden);
	slope->deviations = shape->history == 0 ? 0 :
		simd_dot(w_history + 2 * shape->history * shape->user_hidden, dhidden,
				 shape->user_hidden) / (influence->history[stage].count + HISTORY_DAMPING);
	if (!with_recents(influence, stage))
		return;
	recents_features(features, recent_scale, &influence->recents, influence->input->left);
	for (int i = 0; i < RECENT_SUMS * RECENT_DIMS; i++)
		slope->recents[i] = recent_scale[i / RECENT_DIMS] *
			simd_dot(w_recents + i * shape->user_hidden, dhidden, shape->user_hidden);
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

/*
 * Adds what the ratings do through the history in order: through its sums alone, since
 * what a rating does by being one more is much the same for those beside it.
 */
static void
add_recent_estimates(float *out, const Influence *influence, Slope *slope)
{
	const float *gates = model_gates(influence->model);
	int32_t		movie[RECENT_ROWS];
	uint8_t		level[RECENT_ROWS];
	float		drow[RECENT_ROWS * RECENT_DIMS];

	for (int32_t to = influence->input->n_history, from; to > 0; to = from)
	{
		RecentRows	rows;

		from = to > RECENT_ROWS ? to - RECENT_ROWS : 0;
		rows = recent_rows(movie, level, influence, from, to);
		recents_backward(slope->recents, drow, &rows, 0, to - from);
		for (int32_t i = 0; i < to - from; i++)
		{
			const float *row = influence->recents.table + ((int64_t) movie[i] + 1) * RECENT_DIMS;
			const float *gate = gates + level[i] * RECENT_DIMS;

			for (int d = 0; d < RECENT_DIMS && movie[i] >= 0; d++)
				out[from + i] += drow[i * RECENT_DIMS + d] * row[d] * gate[d];
		}
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
		if (with_recents(influence, stage))
			add_recent_estimates(out, influence, &slope);
	}
}
