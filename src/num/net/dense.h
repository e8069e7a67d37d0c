/*
 * dense.h: matrix products for inference, with one order of summation.
 *
 * An element of a result is one chain over the inputs in ascending order,
 *
 *		0 + in[0] * weight[0] + in[1] * weight[1] + ...
 *
 * each step a fused multiply-add where the processor has one.  So a row's result
 * has the same bits whatever rows come before and after it, and however many: a
 * prediction does not depend on what is predicted beside it.  A BLAS promises
 * nothing of the kind: its kernels sum the last rows and columns of a matrix in
 * another order than the rest, and a single row in a third one.
 *
 * Everything here is the same on all processors with fused multiply-add.
 */
#ifndef MLREC_DENSE_H
#define MLREC_DENSE_H

#include <stdbool.h>
#include <stdint.h>

/* The server loads modules into one name space: keep these names out of it. */
#pragma GCC visibility push(hidden)

/* Columns whose weights are stored together, and what fan_out must be a multiple of. */
#define DENSE_PANEL 16
#define DENSE_COLUMNS 64

/*
 * out = in weight + add, with relu the positive part of that.  The weights of
 * input i are, for column c, at
 *
 *		weight[c / DENSE_PANEL * panel_stride + i * input_stride + c % DENSE_PANEL]
 */
typedef struct DenseLayer
{
	const float *weight;
	int			fan_in;
	int			fan_out;
	int			input_stride;
	int			panel_stride;
	const float *add;			/* [rows][fan_out], or NULL */
	int			add_stride;		/* floats between its rows; 0: one for all rows */
	bool		relu;
} DenseLayer;

/* A layer of weights [fan_in][fan_out] and a bias [fan_out]. */
static inline DenseLayer
dense_layer(const float *weight, const float *bias, int fan_in, int fan_out, bool relu)
{
	return (DenseLayer) {weight, fan_in, fan_out, fan_out, DENSE_PANEL, bias, 0, relu};
}

/*
 * The same of packed weights, which many rows go through faster: panels of
 * [fan_in][DENSE_PANEL], weight (i, c) at dense_packed_index().
 */
static inline DenseLayer
dense_packed_layer(const float *packed, const float *bias, int fan_in, int fan_out, bool relu)
{
	return (DenseLayer) {packed, fan_in, fan_out, DENSE_PANEL, fan_in * DENSE_PANEL, bias, 0, relu};
}

static inline int
dense_packed_index(int fan_in, int input, int column)
{
	return (column / DENSE_PANEL * fan_in + input) * DENSE_PANEL + column % DENSE_PANEL;
}

/* packed [fan_in * fan_out, by panels] = weight [fan_in][fan_out] of matmul(). */
extern void dense_pack(float *packed, const float *weight, int fan_in, int fan_out);

/*
 * out [rows], out_stride floats apart, from in [rows][fan_in].  layer->add may
 * be out.
 */
extern void dense_forward(float *out, int out_stride, const float *in, const DenseLayer *layer,
						  int rows);

/*
 * out[row][i] = queries[row] . vectors[i], for vectors of VECTOR_DIMS: i < n, the
 * rows of out out_stride floats apart.
 */
extern void dense_scores(float *out, int out_stride, const float *queries, int rows,
						 const float *vectors, int n);

/* a . b for vectors of VECTOR_DIMS. */
extern float dense_dot(const float *a, const float *b);

/* a . b + c . d */
extern float dense_dot2(const float *a, const float *b, const float *c, const float *d);

/*
 * Rows of VECTOR_DIMS scaled to unit length, in place; one shorter than
 * UNIT_EPSILON (layers.h) is divided by that.
 */
extern void dense_unit(float *vectors, int rows);

/* ---------------------------------------------------------------------------
 * The kernels, for tests
 * ------------------------------------------------------------------------- */

typedef enum DenseLevel
{
	DENSE_PLAIN,
	DENSE_AVX2,					/* with FMA */
	DENSE_AVX512,
	N_DENSE_LEVELS
} DenseLevel;

typedef struct DenseKernels
{
	void		(*forward) (float *out, int out_stride, const float *in, const DenseLayer *layer,
							int rows);
	/* c and d may be NULL */
	float		(*dot2) (const float *a, const float *b, const float *c, const float *d);
} DenseKernels;

extern const DenseKernels dense_kernels[N_DENSE_LEVELS];

/* The best that this processor can do. */
extern DenseLevel dense_level(void);

#pragma GCC visibility pop

#endif							/* MLREC_DENSE_H */
