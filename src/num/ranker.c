/*
 * ranker.c: see ranker.h.
 */
#include "ranker.h"

#include <math.h>
#include <string.h>

#include "arena.h"
#include "multiversion.h"
#include "tower.h"

#define INPUTS (2 * VECTOR_DIMS)

void
ranker_tape(RankerTape *tape, Arena *arena, int rows)
{
	size_t		n = rows;

	tape->input = ARENA_ARRAY(arena, float, n * INPUTS);
	tape->relu1 = ARENA_ARRAY(arena, float, n * RANKER_HIDDEN1);
	tape->out1 = ARENA_ARRAY(arena, float, n * RANKER_HIDDEN1);
	tape->relu2 = ARENA_ARRAY(arena, float, n * RANKER_HIDDEN2);
	tape->out2 = ARENA_ARRAY(arena, float, n * RANKER_HIDDEN2);
	tape->out3 = ARENA_ARRAY(arena, float, n * RANKER_HIDDEN3);
	tape->dinput = ARENA_ARRAY(arena, float, n * INPUTS);
	tape->dout1 = ARENA_ARRAY(arena, float, n * RANKER_HIDDEN1);
	tape->dout2 = ARENA_ARRAY(arena, float, n * RANKER_HIDDEN2);
	tape->dout3 = ARENA_ARRAY(arena, float, n * RANKER_HIDDEN3);
	tape->prediction = ARENA_ARRAY(arena, float, n);
	tape->dprediction = ARENA_ARRAY(arena, float, n);
	tape->mean1 = ARENA_ARRAY(arena, float, RANKER_HIDDEN1);
	tape->istd1 = ARENA_ARRAY(arena, float, RANKER_HIDDEN1);
	tape->mean2 = ARENA_ARRAY(arena, float, RANKER_HIDDEN2);
	tape->istd2 = ARENA_ARRAY(arena, float, RANKER_HIDDEN2);
	tape->work = ARENA_ARRAY(arena, float, 2 * RANKER_HIDDEN1);
}

/*
 * out[row] = bias + hidden[row] . w4, and the wide part if user is given: two
 * biases and a dot product.
 */
MULTIVERSION static void
output_forward(float *out, const float *hidden, const float *w4, float bias,
			   const float *user, int user_stride, const float *movie, int movie_stride, int rows)
{
	for (int row = 0; row < rows; row++)
	{
		const float *h = hidden + (int64_t) row * RANKER_HIDDEN3;
		const float *u = user + (int64_t) row * user_stride;
		const float *m = movie + (int64_t) row * movie_stride;
		float		deep = 0;
		float		wide = 0;

		for (int i = 0; i < RANKER_HIDDEN3; i++)
			deep += h[i] * w4[i];
		for (int i = 0; i < VECTOR_DIMS; i++)
			wide += u[i] * m[i];
		/* the first pair are biases: added, not multiplied */
		out[row] = bias + deep + (wide - u[0] * m[0]) + u[0] + m[0];
	}
}

/* The way back of output_forward: dhidden written, dw4 and db4 accumulated. */
MULTIVERSION static void
output_backward(float *dhidden, float *dw4, float *db4, const float *dout,
				const float *hidden, const float *w4, int rows)
{
	for (int row = 0; row < rows; row++)
	{
		const float *h = hidden + (int64_t) row * RANKER_HIDDEN3;
		float	   *dh = dhidden + (int64_t) row * RANKER_HIDDEN3;
		float		d = dout[row];

		*db4 += d;
		for (int i = 0; i < RANKER_HIDDEN3; i++)
		{
			dw4[i] += d * h[i];
			dh[i] = d * w4[i];
		}
	}
}

/* dinput += the gradient of the wide part. */
MULTIVERSION static void
wide_backward(float *dinput, const float *dout, const float *input, int rows)
{
	for (int row = 0; row < rows; row++)
	{
		const float *u = input + (int64_t) row * INPUTS;
		const float *m = u + VECTOR_DIMS;
		float	   *du = dinput + (int64_t) row * INPUTS;
		float	   *dm = du + VECTOR_DIMS;
		float		d = dout[row];
		float		du0 = du[0] + d;
		float		dm0 = dm[0] + d;

		for (int i = 0; i < VECTOR_DIMS; i++)
		{
			du[i] += d * m[i];
			dm[i] += d * u[i];
		}
		du[0] = du0;
		dm[0] = dm0;
	}
}

void
ranker_forward(RankerTape *tape, const float *params, const StageShape *shape,
			   const RankerDropout *dropout, int rows)
{
	matmul(tape->relu1, RANKER_HIDDEN1, tape->input, INPUTS, tensor(params, shape, RANK_W1),
		   rows, INPUTS, RANKER_HIDDEN1, false);
	relu_batchnorm_forward(tape->out1, tape->relu1, tape->mean1, tape->istd1,
						   tensor(params, shape, RANK_B1), tensor(params, shape, RANK_GAMMA1),
						   tensor(params, shape, RANK_BETA1), dropout->layer1,
						   rows, RANKER_HIDDEN1);
	matmul(tape->relu2, RANKER_HIDDEN2, tape->out1, RANKER_HIDDEN1,
		   tensor(params, shape, RANK_W2), rows, RANKER_HIDDEN1, RANKER_HIDDEN2, false);
	relu_batchnorm_forward(tape->out2, tape->relu2, tape->mean2, tape->istd2,
						   tensor(params, shape, RANK_B2), tensor(params, shape, RANK_GAMMA2),
						   tensor(params, shape, RANK_BETA2), dropout->layer2,
						   rows, RANKER_HIDDEN2);
	matmul(tape->out3, RANKER_HIDDEN3, tape->out2, RANKER_HIDDEN2,
		   tensor(params, shape, RANK_W3), rows, RANKER_HIDDEN2, RANKER_HIDDEN3, false);
	bias_relu_dropout_forward(tape->out3, tensor(params, shape, RANK_B3), dropout->layer3,
							  rows, RANKER_HIDDEN3);
	output_forward(tape->prediction, tape->out3, tensor(params, shape, RANK_W4),
				   *tensor(params, shape, RANK_B4), tape->input, INPUTS,
				   tape->input + VECTOR_DIMS, INPUTS, rows);
}

void
ranker_backward(RankerTape *tape, float *dparams, const float *params, const StageShape *shape,
				const RankerDropout *dropout, int rows)
{
	const int64_t *at = shape->offset;

	output_backward(tape->dout3, dparams + at[RANK_W4], dparams + at[RANK_B4],
					tape->dprediction, tape->out3, tensor(params, shape, RANK_W4), rows);
	bias_relu_dropout_backward(tape->dout3, dparams + at[RANK_B3], tape->out3, dropout->layer3,
							   rows, RANKER_HIDDEN3);
	matmul_gradient(dparams + at[RANK_W3], tape->out2, RANKER_HIDDEN2, tape->dout3,
					RANKER_HIDDEN3, rows, RANKER_HIDDEN2, RANKER_HIDDEN3);
	matmul_transposed(tape->dout2, RANKER_HIDDEN2, tape->dout3, RANKER_HIDDEN3,
					  tensor(params, shape, RANK_W3), rows, RANKER_HIDDEN2, RANKER_HIDDEN3, false);
	relu_batchnorm_backward(tape->dout2, dparams + at[RANK_B2], dparams + at[RANK_GAMMA2],
							dparams + at[RANK_BETA2], tape->relu2, tape->mean2, tape->istd2,
							tensor(params, shape, RANK_GAMMA2), dropout->layer2,
							rows, RANKER_HIDDEN2, tape->work);
	matmul_gradient(dparams + at[RANK_W2], tape->out1, RANKER_HIDDEN1, tape->dout2,
					RANKER_HIDDEN2, rows, RANKER_HIDDEN1, RANKER_HIDDEN2);
	matmul_transposed(tape->dout1, RANKER_HIDDEN1, tape->dout2, RANKER_HIDDEN2,
					  tensor(params, shape, RANK_W2), rows, RANKER_HIDDEN1, RANKER_HIDDEN2, false);
	relu_batchnorm_backward(tape->dout1, dparams + at[RANK_B1], dparams + at[RANK_GAMMA1],
							dparams + at[RANK_BETA1], tape->relu1, tape->mean1, tape->istd1,
							tensor(params, shape, RANK_GAMMA1), dropout->layer1,
							rows, RANKER_HIDDEN1, tape->work);
	matmul_gradient(dparams + at[RANK_W1], tape->input, INPUTS, tape->dout1, RANKER_HIDDEN1,
					rows, INPUTS, RANKER_HIDDEN1);
	matmul_transposed(tape->dinput, INPUTS, tape->dout1, RANKER_HIDDEN1,
					  tensor(params, shape, RANK_W1), rows, INPUTS, RANKER_HIDDEN1, false);
	wide_backward(tape->dinput, tape->dprediction, tape->input, rows);
}

static void
update_running(float *running_mean, float *running_variance, const float *mean,
			   const float *istd, int rows, float momentum, int width)
{
	float		unbias = rows > 1 ? (float) rows / (rows - 1) : 1.0f;

	for (int i = 0; i < width; i++)
	{
		float		variance = (1.0f / (istd[i] * istd[i]) - BATCHNORM_EPSILON) * unbias;

		running_mean[i] += (1 - momentum) * (mean[i] - running_mean[i]);
		running_variance[i] += (1 - momentum) * (variance - running_variance[i]);
	}
}

void
ranker_update_statistics(float *params, const StageShape *shape, const float *mean1,
						 const float *istd1, const float *mean2, const float *istd2,
						 int rows, float momentum)
{
	const int64_t *at = shape->offset;

	update_running(params + at[RANK_MEAN1], params + at[RANK_VARIANCE1], mean1, istd1,
				   rows, momentum, RANKER_HIDDEN1);
	update_running(params + at[RANK_MEAN2], params + at[RANK_VARIANCE2], mean2, istd2,
				   rows, momentum, RANKER_HIDDEN2);
}

/*
 * A normalised layer followed by weights is affine: with
 * a = gamma / sqrt(variance + epsilon) and c = beta - a * mean,
 * (a * r + c) w + b = r (a * w) + (c w + b).
 */
static void
fold_batchnorm(float *w, float *b, const float *params, const StageShape *shape,
			   Tensor weight, Tensor gamma, Tensor mean, int fan_in, int fan_out)
{
	const float *source = tensor(params, shape, weight);
	const float *g = tensor(params, shape, gamma);
	const float *beta = tensor(params, shape, gamma + 1);
	const float *m = tensor(params, shape, mean);
	const float *variance = tensor(params, shape, mean + 1);

	memcpy(b, tensor(params, shape, weight + 1), sizeof(float) * fan_out);
	for (int i = 0; i < fan_in; i++)
	{
		float		a = g[i] / sqrtf(variance[i] + BATCHNORM_EPSILON);
		float		c = beta[i] - a * m[i];

		for (int o = 0; o < fan_out; o++)
		{
			w[i * fan_out + o] = a * source[i * fan_out + o];
			b[o] += c * source[i * fan_out + o];
		}
	}
}

void
ranker_fold(FoldedRanker *folded, const float *params, const StageShape *shape)
{
	const float *w1 = tensor(params, shape, RANK_W1);

	memcpy(folded->w1_user, w1, sizeof(folded->w1_user));
	memcpy(folded->w1_movie, w1 + VECTOR_DIMS * RANKER_HIDDEN1, sizeof(folded->w1_movie));
	memcpy(folded->b1, tensor(params, shape, RANK_B1), sizeof(folded->b1));
	fold_batchnorm(folded->w2, folded->b2, params, shape, RANK_W2, RANK_GAMMA1, RANK_MEAN1,
				   RANKER_HIDDEN1, RANKER_HIDDEN2);
	fold_batchnorm(folded->w3, folded->b3, params, shape, RANK_W3, RANK_GAMMA2, RANK_MEAN2,
				   RANKER_HIDDEN2, RANKER_HIDDEN3);
	memcpy(folded->w4, tensor(params, shape, RANK_W4), sizeof(folded->w4));
	folded->b4 = *tensor(params, shape, RANK_B4);
}

int64_t
ranker_scratch(int n)
{
	return (int64_t) n * (RANKER_HIDDEN1 + RANKER_HIDDEN2 + RANKER_HIDDEN3) + RANKER_HIDDEN1;
}

void
ranker_predict(float *out, const FoldedRanker *folded, const float *user, int user_stride,
			   const float *movie, int n, float *scratch)
{
	const Dropout off = {0, 0, 1.0f};
	float	   *h1 = scratch;
	float	   *h2 = h1 + (int64_t) n * RANKER_HIDDEN1;
	float	   *h3 = h2 + (int64_t) n * RANKER_HIDDEN2;
	float	   *bias = h3 + (int64_t) n * RANKER_HIDDEN3;

	memcpy(bias, folded->b1, sizeof(folded->b1));
	matmul(h1, RANKER_HIDDEN1, movie, VECTOR_DIMS, folded->w1_movie,
		   n, VECTOR_DIMS, RANKER_HIDDEN1, false);
	if (user_stride == 0)
		matmul(bias, RANKER_HIDDEN1, user, VECTOR_DIMS, folded->w1_user,
			   1, VECTOR_DIMS, RANKER_HIDDEN1, true);
	else
		matmul(h1, RANKER_HIDDEN1, user, user_stride, folded->w1_user,
			   n, VECTOR_DIMS, RANKER_HIDDEN1, true);
	bias_relu_dropout_forward(h1, bias, off, n, RANKER_HIDDEN1);
	matmul(h2, RANKER_HIDDEN2, h1, RANKER_HIDDEN1, folded->w2,
		   n, RANKER_HIDDEN1, RANKER_HIDDEN2, false);
	bias_relu_dropout_forward(h2, folded->b2, off, n, RANKER_HIDDEN2);
	matmul(h3, RANKER_HIDDEN3, h2, RANKER_HIDDEN2, folded->w3,
		   n, RANKER_HIDDEN2, RANKER_HIDDEN3, false);
	bias_relu_dropout_forward(h3, folded->b3, off, n, RANKER_HIDDEN3);
	output_forward(out, h3, folded->w4, folded->b4, user, user_stride, movie, VECTOR_DIMS, n);
}
