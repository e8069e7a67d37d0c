/*
 * layers.h: the layers of the networks, as forward and backward pairs.
 *
 * Matrices are row-major floats: activations [rows][width], weights
 * [fan_in][fan_out].  Outputs come first.  A gradient is named d + the name of
 * what it belongs to, and is written, not added, where nothing else is said;
 * over no rows it is 0.  Widths are free, fastest as multiples of 16.
 */
#ifndef MLREC_NET_LAYERS_H
#define MLREC_NET_LAYERS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The sizes of a dense layer: inputs [rows][fan_in], outputs [rows][fan_out],
 * weights [fan_in][fan_out].  A stride is the distance between two rows, in floats.
 */
typedef struct LayerSize
{
	int			rows;
	int			fan_in;
	int			fan_out;
	int			in_stride;
	int			out_stride;
} LayerSize;

/* The sizes of a layer whose rows follow each other without a gap. */
static inline LayerSize
layer_size(int rows, int fan_in, int fan_out)
{
	return (LayerSize) {rows, fan_in, fan_out, fan_in, fan_out};
}

/* out = in weight; with accumulate, added to out. */
extern void matmul(float *out, const float *in, const float *weight, LayerSize size,
				   bool accumulate);

/* din = dout weight^T; with accumulate, added to din. */
extern void matmul_transposed(float *din, const float *dout, const float *weight, LayerSize size,
							  bool accumulate);

/* dweight = in^T dout; with accumulate, added to dweight. */
extern void matmul_gradient(float *dweight, const float *in, const float *dout, LayerSize size,
							bool accumulate);

/* out[row][i] += bias[i].  dbias[i] = sum over rows of dout[row][i]. */
extern void bias_forward(float *out, const float *bias, int rows, int width);
extern void bias_backward(float *dbias, const float *dout, int rows, int width);

/*
 * Inverted dropout: an element stays, scaled by 1 / (1 - rate), or becomes 0.
 * The mask is a function of the key and the element's index, so that forward
 * and backward see the same one without storing it.
 */
typedef struct Dropout
{
	uint32_t	key;
	uint32_t	threshold;		/* drop when hash < threshold; 0: off */
	float		scale;
} Dropout;

/* Nothing is dropped. */
#define DROPOUT_OFF ((Dropout) {0, 0, 1.0f})

/* The dropout of a rate in [0, 1); the key tells layers and steps apart. */
extern Dropout dropout_make(uint64_t key, float rate);
/* Drops from x [n], which are the elements number first .. first + n - 1. */
extern void dropout_apply(float *x, Dropout dropout, int64_t first, int64_t n);

/*
 * x = dropout(relu(x + bias)), in place.
 */
extern void bias_relu_dropout_forward(float *x, const float *bias, Dropout dropout,
									  int rows, int width);

/*
 * The way back, from the output y of the above: dx = dy * dropout' * relu', in
 * place of dy; dbias = the column sums of dx.
 */
extern void bias_relu_dropout_backward(float *dy, float *dbias, const float *y, Dropout dropout,
									   int rows, int width);

/*
 * Batch normalization with ReLU in front and dropout behind, as the ranker
 * uses it (Ioffe & Szegedy 2015):
 *
 *		r = relu(x + bias), xhat = (r - mean) * istd,
 *		y = dropout(gamma * xhat + beta)
 *
 * mean [width] and istd [width] are those of the given rows, biased variance
 * plus BATCHNORM_EPSILON.  x is replaced by r, which the way back needs.
 */
#define BATCHNORM_EPSILON 1e-3f

typedef struct BatchNorm
{
	const float *bias;			/* each [width] */
	const float *gamma;
	const float *beta;
	float	   *mean;			/* written by the way forward, read by the way back */
	float	   *istd;
	Dropout		dropout;
} BatchNorm;

/* The gradients of a batch normalization's parameters, each [width]. */
typedef struct BatchNormGradient
{
	float	   *dbias;
	float	   *dgamma;
	float	   *dbeta;
} BatchNormGradient;

/* y [rows][width] of x [rows][width]; rows > 0. */
extern void relu_batchnorm_forward(float *y, float *x, const BatchNorm *norm, int rows, int width);

/*
 * dx = gradient before the ReLU, in place of dy.  r: what the way forward made of
 * x.  work [2 * width].
 */
extern void relu_batchnorm_backward(float *dy, const BatchNormGradient *gradient, const float *r,
									const BatchNorm *norm, int rows, int width, float *work);

/*
 * Rows scaled to unit length: out = in / |in|; inverse_norm [rows] is kept for
 * the way back.  A row shorter than UNIT_EPSILON is divided by that.
 */
#define UNIT_EPSILON 1e-6f

/* out [rows][width] of in [rows][width]; out may be in. */
extern void unit_forward(float *out, float *inverse_norm, const float *in, int rows, int width);

/* din = (dout - out (out . dout)) * inverse_norm; din may be dout. */
extern void unit_backward(float *din, const float *dout, const float *out,
						  const float *inverse_norm, int rows, int width);

/*
 * A softmax whose classes are in several parts, worked on one by one: the chance
 * of class i is e^(x[i] + offset[i]) over the sum of those of all parts.  An x
 * of IMPOSSIBLE_LOGIT has no chance.
 */
#define IMPOSSIBLE_LOGIT (-1e4f)

typedef struct SoftmaxPart
{
	float		max;
	float		sum;			/* of e^(x + offset - max) */
	float		weighted;		/* of x e^(x + offset - max) */
} SoftmaxPart;

/*
 * x [rows][width], its rows `stride` apart, becomes e^(x + offset - max), max being
 * the largest logit of the part's row; part [rows] is what the other parts need to
 * know of it.  offset [width].
 */
extern void softmax_part(float *x, int stride, SoftmaxPart *part, const float *offset,
						 int rows, int width);

/*
 * One row's n parts, `stride` apart, put together: chance = share[k] * what
 * softmax_part left in part k.  *mean: that of x, by chance.  Returns the
 * logarithm of the sum of e^(x + offset), from which the target's logit makes
 * the cross-entropy.
 */
extern float softmax_join(float *share, float *mean, const SoftmaxPart *part, int stride, int n);

#endif							/* MLREC_NET_LAYERS_H */
