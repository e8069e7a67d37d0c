/*
 * layers.c: see layers.h for the contracts.
 *
 * This file is compiled with reassociation allowed (see the Makefile): its
 * sums are sums of gradients and activations, whose order nobody promised.
 * The order is the same in every call on one machine, which is what bit for
 * bit repeatable training needs.
 */
#include "num/net/layers.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

#include "num/base/cpu.h"
#include "num/base/rng.h"

/* cblas refuses sizes of 0. */
static inline bool
is_empty(LayerSize size)
{
	return size.rows <= 0 || size.fan_in <= 0 || size.fan_out <= 0;
}

void
matmul(float *out, const float *in, const float *weight, LayerSize size, bool accumulate)
{
	if (is_empty(size))
		return;
	cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, size.rows, size.fan_out, size.fan_in,
				1.0f, in, size.in_stride, weight, size.fan_out,
				accumulate ? 1.0f : 0.0f, out, size.out_stride);
}

void
matmul_transposed(float *din, const float *dout, const float *weight, LayerSize size,
				  bool accumulate)
{
	if (is_empty(size))
		return;
	cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, size.rows, size.fan_in, size.fan_out,
				1.0f, dout, size.out_stride, weight, size.fan_out,
				accumulate ? 1.0f : 0.0f, din, size.in_stride);
}

void
matmul_gradient(float *dweight, const float *in, const float *dout, LayerSize size,
				bool accumulate)
{
	if (!is_empty(size))
		cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, size.fan_in, size.fan_out, size.rows,
					1.0f, in, size.in_stride, dout, size.out_stride,
					accumulate ? 1.0f : 0.0f, dweight, size.fan_out);
	else if (!accumulate)
		memset(dweight, 0, sizeof(float) * size.fan_in * size.fan_out);
}

MULTIVERSION void
bias_forward(float *restrict out, const float *restrict bias, int rows, int width)
{
	for (int row = 0; row < rows; row++)
	{
		float	   *o = out + (int64_t) row * width;

		for (int i = 0; i < width; i++)
			o[i] += bias[i];
	}
}

MULTIVERSION void
bias_backward(float *restrict dbias, const float *restrict dout, int rows, int width)
{
	memset(dbias, 0, sizeof(float) * width);
	for (int row = 0; row < rows; row++)
	{
		const float *d = dout + (int64_t) row * width;

		for (int i = 0; i < width; i++)
			dbias[i] += d[i];
	}
}

Dropout
dropout_make(uint64_t key, float rate)
{
	Dropout		dropout = {(uint32_t) (key >> 32), 0, 1.0f};

	if (rate > 0)
	{
		dropout.threshold = (uint32_t) (rate * 4294967296.0);
		dropout.scale = 1.0f / (1.0f - rate);
	}
	return dropout;
}

/* What the element of this index is multiplied by: 0 or scale. */
static inline float
dropout_factor(Dropout dropout, uint32_t index)
{
	uint32_t	hash = rng_mix32(index ^ dropout.key);

	return hash < dropout.threshold ? 0.0f : dropout.scale;
}

MULTIVERSION void
dropout_apply(float *x, Dropout dropout, int64_t first, int64_t n)
{
	if (dropout.threshold == 0)
		return;
	for (int64_t i = 0; i < n; i++)
		x[i] *= dropout_factor(dropout, (uint32_t) (first + i));
}

MULTIVERSION void
bias_relu_dropout_forward(float *restrict x, const float *restrict bias, Dropout dropout,
						  int rows, int width)
{
	for (int row = 0; row < rows; row++)
	{
		float	   *restrict v = x + (int64_t) row * width;
		uint32_t	first = (uint32_t) row * width;

		if (dropout.threshold == 0)
			for (int i = 0; i < width; i++)
				v[i] = v[i] + bias[i] > 0 ? v[i] + bias[i] : 0;
		else
			for (int i = 0; i < width; i++)
			{
				float		r = v[i] + bias[i];

				r = r > 0 ? r : 0;
				v[i] = r * dropout_factor(dropout, first + i);
			}
	}
}

MULTIVERSION void
bias_relu_dropout_backward(float *restrict dy, float *restrict dbias, const float *restrict y,
						   Dropout dropout, int rows, int width)
{
	float		scale = dropout.scale;

	memset(dbias, 0, sizeof(float) * width);
	for (int row = 0; row < rows; row++)
	{
		float	   *restrict d = dy + (int64_t) row * width;
		const float *restrict out = y + (int64_t) row * width;

		/* a positive output was neither cut by the ReLU nor dropped */
		for (int i = 0; i < width; i++)
		{
			float		g = out[i] > 0 ? d[i] * scale : 0;

			d[i] = g;
			dbias[i] += g;
		}
	}
}

/* r = relu(x + bias) in place of x, and the mean and variance of its columns. */
MULTIVERSION static void
relu_moments(float *restrict x, float *restrict mean, float *restrict variance,
			 const float *restrict bias, int rows, int width)
{
	memset(mean, 0, sizeof(float) * width);
	memset(variance, 0, sizeof(float) * width);
	for (int row = 0; row < rows; row++)
	{
		float	   *restrict v = x + (int64_t) row * width;

		for (int i = 0; i < width; i++)
		{
			float		r = v[i] + bias[i];

			r = r > 0 ? r : 0;
			v[i] = r;
			mean[i] += r;
			variance[i] += r * r;
		}
	}
	for (int i = 0; i < width; i++)
	{
		float		m = mean[i] / rows;
		float		var = variance[i] / rows - m * m;

		mean[i] = m;
		variance[i] = var > 0 ? var : 0;
	}
}

MULTIVERSION void
relu_batchnorm_forward(float *restrict y, float *restrict x, const BatchNorm *norm,
					   int rows, int width)
{
	const float *restrict gamma = norm->gamma;
	const float *restrict beta = norm->beta;
	float	   *restrict mean = norm->mean;
	float	   *restrict istd = norm->istd;
	Dropout		dropout = norm->dropout;

	relu_moments(x, mean, istd, norm->bias, rows, width);
	for (int i = 0; i < width; i++)
		istd[i] = 1.0f / sqrtf(istd[i] + BATCHNORM_EPSILON);
	for (int row = 0; row < rows; row++)
	{
		const float *restrict r = x + (int64_t) row * width;
		float	   *restrict out = y + (int64_t) row * width;
		uint32_t	first = (uint32_t) row * width;

		if (dropout.threshold == 0)
			for (int i = 0; i < width; i++)
				out[i] = gamma[i] * istd[i] * (r[i] - mean[i]) + beta[i];
		else
			for (int i = 0; i < width; i++)
				out[i] = (gamma[i] * istd[i] * (r[i] - mean[i]) + beta[i]) *
					dropout_factor(dropout, first + i);
	}
}

/*
 * With n rows, sums over rows:
 *		dr = gamma * istd * (dy - (sum dy + xhat * sum (dy * xhat)) / n)
 * The first pass undoes the dropout and takes the sums, the second writes dx.
 */
MULTIVERSION static void
batchnorm_sums(float *restrict dy, float *restrict sum, float *restrict sum_xhat,
			   const float *restrict r, const BatchNorm *norm, int rows, int width)
{
	const float *restrict mean = norm->mean;
	const float *restrict istd = norm->istd;
	Dropout		dropout = norm->dropout;

	for (int row = 0; row < rows; row++)
	{
		float	   *restrict d = dy + (int64_t) row * width;
		const float *restrict v = r + (int64_t) row * width;
		uint32_t	first = (uint32_t) row * width;

		if (dropout.threshold != 0)
			for (int i = 0; i < width; i++)
				d[i] *= dropout_factor(dropout, first + i);
		for (int i = 0; i < width; i++)
		{
			sum[i] += d[i];
			sum_xhat[i] += d[i] * ((v[i] - mean[i]) * istd[i]);
		}
	}
}

MULTIVERSION static void
batchnorm_inputs(float *restrict dy, float *restrict dbias, const float *restrict sum,
				 const float *restrict sum_xhat, const float *restrict r, const BatchNorm *norm,
				 int rows, int width)
{
	const float *restrict gamma = norm->gamma;
	const float *restrict mean = norm->mean;
	const float *restrict istd = norm->istd;

	for (int row = 0; row < rows; row++)
	{
		float	   *restrict d = dy + (int64_t) row * width;
		const float *restrict v = r + (int64_t) row * width;

		for (int i = 0; i < width; i++)
		{
			float		xhat = (v[i] - mean[i]) * istd[i];
			float		g = gamma[i] * istd[i] * (d[i] - sum[i] - xhat * sum_xhat[i]);

			g = v[i] > 0 ? g : 0;
			d[i] = g;
			dbias[i] += g;
		}
	}
}

void
relu_batchnorm_backward(float *dy, const BatchNormGradient *gradient, const float *r,
						const BatchNorm *norm, int rows, int width, float *work)
{
	float	   *sum = work;
	float	   *sum_xhat = work + width;

	memset(work, 0, sizeof(float) * 2 * width);
	memset(gradient->dbias, 0, sizeof(float) * width);
	batchnorm_sums(dy, sum, sum_xhat, r, norm, rows, width);
	for (int i = 0; i < width; i++)
	{
		gradient->dbeta[i] = sum[i];
		gradient->dgamma[i] = sum_xhat[i];
		sum[i] /= rows;
		sum_xhat[i] /= rows;
	}
	batchnorm_inputs(dy, gradient->dbias, sum, sum_xhat, r, norm, rows, width);
}

MULTIVERSION void
unit_forward(float *out, float *inverse_norm, const float *in, int rows, int width)
{
	for (int row = 0; row < rows; row++)
	{
		const float *v = in + (int64_t) row * width;
		float	   *o = out + (int64_t) row * width;
		float		square = 0;
		float		norm;

		for (int i = 0; i < width; i++)
			square += v[i] * v[i];
		norm = sqrtf(square);
		norm = norm > UNIT_EPSILON ? norm : UNIT_EPSILON;
		inverse_norm[row] = 1.0f / norm;
		for (int i = 0; i < width; i++)
			o[i] = v[i] * inverse_norm[row];
	}
}

MULTIVERSION void
unit_backward(float *din, const float *dout, const float *out,
			  const float *inverse_norm, int rows, int width)
{
	for (int row = 0; row < rows; row++)
	{
		const float *d = dout + (int64_t) row * width;
		const float *o = out + (int64_t) row * width;
		float	   *g = din + (int64_t) row * width;
		float		along = 0;

		for (int i = 0; i < width; i++)
			along += d[i] * o[i];
		for (int i = 0; i < width; i++)
			g[i] = (d[i] - o[i] * along) * inverse_norm[row];
	}
}

typedef union Bits
{
	int32_t		bits;
	float		value;
} Bits;

/*
 * exp(x) for -1e5 < x <= 0, within (3 + |x|) * 2^-24 of itself, 0 below -88.
 * Unlike expf it is a few multiplications that vectorize: 2^n from the exponent
 * bits, e^r by the Taylor polynomial of degree 6 for |r| <= ln(2) / 2.  Taking
 * ln(2) in two parts would keep the last bits of small results, but
 * reassociation would put the parts together again, and beside the largest
 * chance, which is 1 here, they do not count.
 */
static inline float
exp_nonpositive(float x)
{
	const float log2e = 1.44269504f;
	const float ln2 = 0.693147181f;
	int32_t		n = (int32_t) (x * log2e - 0.5f);
	float		r = x - n * ln2;
	float		p = 1.0f / 720;
	Bits		power;

	p = p * r + 1.0f / 120;
	p = p * r + 1.0f / 24;
	p = p * r + 1.0f / 6;
	p = p * r + 0.5f;
	p = p * r + 1.0f;
	p = p * r + 1.0f;
	/* the exponent 0 makes the power 0 */
	power.bits = (n > -127 ? n + 127 : 0) << 23;
	return p * power.value;
}

/*
 * The bits of a number as an integer, in the same order; and back.  Compilers
 * vectorize the maximum of integers, but not that of numbers that may be NaN.
 */
static inline int32_t
ordered(int32_t bits)
{
	return bits < 0 ? bits ^ INT32_MAX : bits;
}

/* The largest logit of a row, -INFINITY if there is none. */
static inline float
largest_logit(const float *restrict x, const float *restrict offset, int width)
{
	Bits		bits = {.value = -INFINITY};
	int32_t		largest = ordered(bits.bits);

	for (int i = 0; i < width; i++)
	{
		int32_t		logit;

		bits.value = x[i] + offset[i];
		logit = ordered(bits.bits);
		largest = logit > largest ? logit : largest;
	}
	bits.bits = ordered(largest);
	return bits.value;
}

MULTIVERSION void
softmax_part(float *restrict x, int stride, SoftmaxPart *part, const float *restrict offset,
			 int rows, int width)
{
	for (int row = 0; row < rows; row++)
	{
		float	   *restrict v = x + (int64_t) row * stride;
		float		max = largest_logit(v, offset, width);
		float		sum = 0;
		float		weighted = 0;

		for (int i = 0; i < width; i++)
		{
			float		cosine = v[i];
			float		e = exp_nonpositive(cosine + offset[i] - max);

			weighted += e * cosine;
			sum += e;
			v[i] = e;
		}
		part[row].max = max;
		part[row].sum = sum;
		part[row].weighted = weighted;
	}
}

float
softmax_join(float *share, float *mean, const SoftmaxPart *part, int stride, int n)
{
	float		max = part->max;
	float		sum = 0;

	for (int k = 1; k < n; k++)
		max = fmaxf(max, part[k * stride].max);
	*mean = 0;
	for (int k = 0; k < n; k++)
	{
		share[k] = expf(part[k * stride].max - max);
		sum += share[k] * part[k * stride].sum;
		*mean += share[k] * part[k * stride].weighted;
	}
	*mean /= sum;
	for (int k = 0; k < n; k++)
		share[k] /= sum;
	return max + logf(sum);
}
