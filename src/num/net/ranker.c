/*
 * ranker.c: see ranker.h.
 */
#include "num/net/ranker.h"

#include <math.h>
#include <string.h>

#include "num/base/arena.h"
#include "num/base/cpu.h"
#include "num/net/dense.h"
#include "num/net/tower.h"

_Static_assert(RANKER_HIDDEN1 % DENSE_COLUMNS == 0 && RANKER_HIDDEN2 % DENSE_COLUMNS == 0 &&
			   RANKER_HIDDEN3 % DENSE_COLUMNS == 0, "dense_forward() takes whole columns");

/* Where the movies' half of TENSOR_RANK_W1 begins. */
#define MOVIE_HALF (VECTOR_DIMS * RANKER_HIDDEN1)

void
ranker_activations(RankerActivations *activations, Arena *arena, int rows)
{
	size_t		n = rows;

	activations->relu1 = ARENA_ARRAY(arena, float, n * RANKER_HIDDEN1);
	activations->relu2 = ARENA_ARRAY(arena, float, n * RANKER_HIDDEN2);
	activations->out2 = ARENA_ARRAY(arena, float, n * RANKER_HIDDEN2);
	activations->out3 = ARENA_ARRAY(arena, float, n * RANKER_HIDDEN3);
	activations->dout3 = ARENA_ARRAY(arena, float, n * RANKER_HIDDEN3);
	activations->prediction = ARENA_ARRAY(arena, float, n);
	activations->dprediction = ARENA_ARRAY(arena, float, n);
	activations->work = ARENA_ARRAY(arena, float, 2 * RANKER_HIDDEN1);
}

/* out[row] = bias + hidden[row] . w4 */
MULTIVERSION static void
output_forward(float *out, const float *hidden, const float *w4, float bias, int rows)
{
	for (int row = 0; row < rows; row++)
	{
		const float *h = hidden + (int64_t) row * RANKER_HIDDEN3;
		float		deep = 0;

		for (int i = 0; i < RANKER_HIDDEN3; i++)
			deep += h[i] * w4[i];
		out[row] = bias + deep;
	}
}

/* The way back of output_forward. */
MULTIVERSION static void
output_backward(float *dhidden, float *dw4, float *db4, const float *dout,
				const float *hidden, const float *w4, int rows)
{
	memset(dw4, 0, sizeof(float) * RANKER_HIDDEN3);
	*db4 = 0;
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

/* The wide part of a pair: two biases and a dot product. */
static inline float
wide(const float *user, const float *movie)
{
	float		dot = 0;

	for (int i = 0; i < VECTOR_DIMS; i++)
		dot += user[i] * movie[i];
	/* the first pair are biases: added, not multiplied */
	return dot - user[0] * movie[0] + user[0] + movie[0];
}

MULTIVERSION static void
wide_forward(float *out, const RankerPairs *pairs, int rows)
{
	for (int row = 0; row < rows; row++)
		out[row] += wide(pairs->user + (int64_t) pairs->user_of[row] * VECTOR_DIMS,
						 pairs->movie + (int64_t) pairs->movie_of[row] * VECTOR_DIMS);
}

/* Adds the gradient of the wide part to duser, and writes it to dmovie [rows]. */
MULTIVERSION static void
wide_backward(float *restrict duser, float *restrict dmovie, const float *dout,
			  const RankerPairs *pairs, int rows)
{
	for (int row = 0; row < rows; row++)
	{
		const float *u = pairs->user + (int64_t) pairs->user_of[row] * VECTOR_DIMS;
		const float *f = pairs->movie + (int64_t) pairs->movie_of[row] * VECTOR_DIMS;
		float	   *restrict du = duser + (int64_t) pairs->user_of[row] * VECTOR_DIMS;
		float	   *restrict df = dmovie + (int64_t) row * VECTOR_DIMS;
		float		d = dout[row];
		float		du0 = du[0] + d;

		for (int i = 0; i < VECTOR_DIMS; i++)
		{
			du[i] += d * f[i];
			df[i] = d * u[i];
		}
		du[0] = du0;
		df[0] = d;
	}
}

/*
 * From the users' halves, in the first rows of x, to rows of both halves.  A
 * row's user is not behind the row, so that from the last row on none is lost.
 */
MULTIVERSION static void
join_halves(float *x, const RankerPairs *pairs, int rows)
{
	for (int row = rows - 1; row >= 0; row--)
	{
		float	   *restrict out = x + (int64_t) row * RANKER_HIDDEN1;
		const float *restrict movie = pairs->movie_half +
			(int64_t) pairs->movie_of[row] * RANKER_HIDDEN1;

		if (pairs->user_of[row] < row)
			memcpy(out, x + (int64_t) pairs->user_of[row] * RANKER_HIDDEN1,
				   sizeof(float) * RANKER_HIDDEN1);
		for (int i = 0; i < RANKER_HIDDEN1; i++)
			out[i] += movie[i];
	}
}

/* Sums the rows of each user: out [n_users][RANKER_HIDDEN1]. */
MULTIVERSION static void
sum_users(float *restrict out, const float *restrict dx, const RankerPairs *pairs, int rows)
{
	memset(out, 0, sizeof(float) * pairs->n_users * RANKER_HIDDEN1);
	for (int row = 0; row < rows; row++)
	{
		float	   *restrict o = out + (int64_t) pairs->user_of[row] * RANKER_HIDDEN1;
		const float *restrict d = dx + (int64_t) row * RANKER_HIDDEN1;

		for (int i = 0; i < RANKER_HIDDEN1; i++)
			o[i] += d[i];
	}
}

void
ranker_movies_forward(float *half, const float *movie, const float *params,
					  const StageShape *shape, int n)
{
	matmul(half, movie, tensor(params, shape, TENSOR_RANK_W1) + MOVIE_HALF,
		   layer_size(n, VECTOR_DIMS, RANKER_HIDDEN1), false);
}

void
ranker_movies_backward(float *dmovie, float *dparams, const float *dhalf, const float *movie,
					   const float *params, const StageShape *shape, int n)
{
	LayerSize	size = layer_size(n, VECTOR_DIMS, RANKER_HIDDEN1);

	matmul_gradient(dparams + shape->offset[TENSOR_RANK_W1] + MOVIE_HALF, movie, dhalf, size,
					false);
	matmul_transposed(dmovie, dhalf, tensor(params, shape, TENSOR_RANK_W1) + MOVIE_HALF, size,
					  false);
}

/* The batch normalization behind a layer, whose bias is followed by gamma and beta. */
static BatchNorm
layer_norm(const float *params, const StageShape *shape, Tensor bias, float *mean, float *istd,
		   Dropout dropout)
{
	BatchNorm	norm = {
		tensor(params, shape, bias), tensor(params, shape, bias + 1),
		tensor(params, shape, bias + 2), mean, istd, dropout
	};

	return norm;
}

/* Where its gradients are. */
static BatchNormGradient
layer_norm_gradient(float *dparams, const StageShape *shape, Tensor bias)
{
	return (BatchNormGradient) {dparams + shape->offset[bias], dparams + shape->offset[bias + 1],
		dparams + shape->offset[bias + 2]};
}

void
ranker_forward(RankerActivations *activations, const RankerPairs *pairs, const float *params,
			   const StageShape *shape, const RankerDropout *dropout)
{
	int			rows = pairs->n_rows;
	BatchNorm	first = layer_norm(params, shape, TENSOR_RANK_B1, activations->mean1,
								 activations->istd1, dropout->layer1);
	BatchNorm	second = layer_norm(params, shape, TENSOR_RANK_B2, activations->mean2,
								 activations->istd2, dropout->layer2);

	matmul(activations->relu1, pairs->user, tensor(params, shape, TENSOR_RANK_W1),
		   layer_size(pairs->n_users, VECTOR_DIMS, RANKER_HIDDEN1), false);
	join_halves(activations->relu1, pairs, rows);
	relu_batchnorm_forward(activations->out1, activations->relu1, &first, rows, RANKER_HIDDEN1);
	matmul(activations->relu2, activations->out1, tensor(params, shape, TENSOR_RANK_W2),
		   layer_size(rows, RANKER_HIDDEN1, RANKER_HIDDEN2), false);
	relu_batchnorm_forward(activations->out2, activations->relu2, &second, rows, RANKER_HIDDEN2);
	matmul(activations->out3, activations->out2, tensor(params, shape, TENSOR_RANK_W3),
		   layer_size(rows, RANKER_HIDDEN2, RANKER_HIDDEN3), false);
	bias_relu_dropout_forward(activations->out3, tensor(params, shape, TENSOR_RANK_B3),
							  dropout->layer3, rows, RANKER_HIDDEN3);
	output_forward(activations->prediction, activations->out3,
				   tensor(params, shape, TENSOR_RANK_W4),
				   *tensor(params, shape, TENSOR_RANK_B4), rows);
	wide_forward(activations->prediction, pairs, rows);
}

/* From dout3, the gradient behind the third layer, to dout2, that behind the second. */
static void
third_backward(RankerActivations *activations, float *dparams, const float *params,
			   const StageShape *shape, Dropout dropout, int rows)
{
	LayerSize	size = layer_size(rows, RANKER_HIDDEN2, RANKER_HIDDEN3);

	bias_relu_dropout_backward(activations->dout3, dparams + shape->offset[TENSOR_RANK_B3],
							   activations->out3, dropout, rows, RANKER_HIDDEN3);
	matmul_gradient(dparams + shape->offset[TENSOR_RANK_W3], activations->out2,
					activations->dout3, size, false);
	matmul_transposed(activations->dout2, activations->dout3,
					  tensor(params, shape, TENSOR_RANK_W3), size, false);
}

/* From dout2 to dout1, the gradient behind the first layer. */
static void
second_backward(RankerActivations *activations, float *dparams, const float *params,
				const StageShape *shape, Dropout dropout, int rows)
{
	const int64_t *at = shape->offset;
	LayerSize	size = layer_size(rows, RANKER_HIDDEN1, RANKER_HIDDEN2);
	BatchNorm	norm = layer_norm(params, shape, TENSOR_RANK_B2, activations->mean2,
								  activations->istd2, dropout);
	BatchNormGradient gradient = layer_norm_gradient(dparams, shape, TENSOR_RANK_B2);

	relu_batchnorm_backward(activations->dout2, &gradient, activations->relu2, &norm, rows,
							RANKER_HIDDEN2, activations->work);
	matmul_gradient(dparams + at[TENSOR_RANK_W2], activations->out1, activations->dout2, size,
					false);
	matmul_transposed(activations->dout1, activations->dout2, tensor(params, shape, TENSOR_RANK_W2),
					  size, false);
}

/* From dout1 to the gradient before the ReLU, there too, and on to the users' vectors. */
static void
first_backward(RankerActivations *activations, const RankerPairs *pairs, float *duser,
			   float *dparams, const float *params, const StageShape *shape, Dropout dropout)
{
	const int64_t *at = shape->offset;
	LayerSize	size = layer_size(pairs->n_users, VECTOR_DIMS, RANKER_HIDDEN1);
	BatchNorm	norm = layer_norm(params, shape, TENSOR_RANK_B1, activations->mean1,
								  activations->istd1, dropout);
	BatchNormGradient gradient = layer_norm_gradient(dparams, shape, TENSOR_RANK_B1);
	const float *dhalf = activations->dout1;

	relu_batchnorm_backward(activations->dout1, &gradient, activations->relu1, &norm,
							pairs->n_rows, RANKER_HIDDEN1, activations->work);
	if (pairs->n_users < pairs->n_rows)
	{
		sum_users(activations->duser_half, activations->dout1, pairs, pairs->n_rows);
		dhalf = activations->duser_half;
	}
	matmul_gradient(dparams + at[TENSOR_RANK_W1], pairs->user, dhalf, size, false);
	matmul_transposed(duser, dhalf, tensor(params, shape, TENSOR_RANK_W1), size, false);
}

/*
 * Once a layer's weights have their gradient nobody needs its inputs any more:
 * their gradient takes their place, which keeps a shard within the caches.
 */
void
ranker_backward(RankerActivations *activations, const RankerPairs *pairs, float *duser,
				float *dmovie, float *dparams, const float *params, const StageShape *shape,
				const RankerDropout *dropout)
{
	const int64_t *at = shape->offset;
	int			rows = pairs->n_rows;

	output_backward(activations->dout3, dparams + at[TENSOR_RANK_W4], dparams + at[TENSOR_RANK_B4],
					activations->dprediction, activations->out3,
					tensor(params, shape, TENSOR_RANK_W4), rows);
	third_backward(activations, dparams, params, shape, dropout->layer3, rows);
	second_backward(activations, dparams, params, shape, dropout->layer2, rows);
	first_backward(activations, pairs, duser, dparams, params, shape, dropout->layer1);
	wide_backward(duser, dmovie, activations->dprediction, pairs, rows);
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

	update_running(params + at[TENSOR_RANK_MEAN1], params + at[TENSOR_RANK_VARIANCE1], mean1, istd1,
				   rows, momentum, RANKER_HIDDEN1);
	update_running(params + at[TENSOR_RANK_MEAN2], params + at[TENSOR_RANK_VARIANCE2], mean2, istd2,
				   rows, momentum, RANKER_HIDDEN2);
}

/*
 * A normalized layer followed by weights is affine: with
 * a = gamma / sqrt(variance + epsilon) and c = beta - a * mean,
 * (a * r + c) w + b = r (a * w) + (c w + b).
 */
static void
fold_batchnorm(float *w, float *b, const float *params, const StageShape *shape,
			   Tensor weight, Tensor gamma, Tensor mean)
{
	int			fan_in = shape->width[gamma];
	int			fan_out = shape->width[weight];
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
			w[dense_packed_index(fan_in, i, o)] = a * source[i * fan_out + o];
			b[o] += c * source[i * fan_out + o];
		}
	}
}

void
ranker_fold(FoldedRanker *folded, const float *params, const StageShape *shape, float share)
{
	const float *w1 = tensor(params, shape, TENSOR_RANK_W1);

	dense_pack(folded->w1_user, w1, VECTOR_DIMS, RANKER_HIDDEN1);
	dense_pack(folded->w1_movie, w1 + MOVIE_HALF, VECTOR_DIMS, RANKER_HIDDEN1);
	memcpy(folded->b1, tensor(params, shape, TENSOR_RANK_B1), sizeof(folded->b1));
	fold_batchnorm(folded->w2, folded->b2, params, shape, TENSOR_RANK_W2, TENSOR_RANK_GAMMA1,
				   TENSOR_RANK_MEAN1);
	fold_batchnorm(folded->w3, folded->b3, params, shape, TENSOR_RANK_W3, TENSOR_RANK_GAMMA2,
				   TENSOR_RANK_MEAN2);
	memcpy(folded->w4, tensor(params, shape, TENSOR_RANK_W4), sizeof(folded->w4));
	folded->b4 = *tensor(params, shape, TENSOR_RANK_B4);
	folded->share = share;
}
