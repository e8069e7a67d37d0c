/*
 * Every element of a product is one chain of multiplications and additions in
 * the order of the inputs: the same bits in a tile of any size, for any number of
 * rows, with weights as they are or packed, by any kernel that fuses the two.
 */
#include "gradient.h"

#include <stdlib.h>
#include <string.h>

#include "num/net/dense.h"
#include "num/net/layers.h"
#include "num/net/tensors.h"

#define MOST_ROWS 41			/* more than three tiles of the largest, and some */
#define MOST_INPUTS 256
#define MOST_OUTPUTS 256
#define GAP 3					/* floats between rows that nobody may write */

static float in[MOST_ROWS * MOST_INPUTS];
static float weight[MOST_INPUTS * MOST_OUTPUTS];
static float packed[MOST_INPUTS * MOST_OUTPUTS];
static float add[MOST_ROWS * MOST_OUTPUTS];
static float out[MOST_ROWS * (MOST_OUTPUTS + GAP)];

/* What dense.h promises, one element: volatile, so that nothing is fused here. */
static float
chain(DenseLevel level, const float *x, const float *w, int stride, int n)
{
	float		sum = 0;

	for (int i = 0; i < n; i++)
	{
		volatile float product = x[i] * w[i * stride];

		sum = level == DENSE_PLAIN ? sum + product : fmaf(x[i], w[i * stride], sum);
	}
	return sum;
}

static float
expected(DenseLevel level, const DenseLayer *layer, int row, int column)
{
	float		sum = chain(level, in + row * layer->fan_in, weight + column, layer->fan_out,
							layer->fan_in);

	if (layer->add != NULL)
		sum += add[row * layer->add_stride + column];
	return layer->relu && !(sum > 0) ? 0 : sum;
}

/* Elements of out that are not what they should be, and floats in the gaps that were written. */
static int
wrong_elements(DenseLevel level, const DenseLayer *layer, int rows)
{
	int			wrong = 0;

	for (int row = 0; row < rows; row++)
	{
		const float *o = out + row * (layer->fan_out + GAP);

		for (int column = 0; column < layer->fan_out; column++)
			wrong += !(o[column] == expected(level, layer, row, column));
		for (int gap = 0; gap < GAP; gap++)
			wrong += o[layer->fan_out + gap] != 99;
	}
	return wrong;
}

static void
check_layer(DenseLevel level, const DenseLayer *layer, int rows)
{
	int			wrong;

	for (size_t i = 0; i < sizeof(out) / sizeof(float); i++)
		out[i] = 99;
	dense_kernels[level].forward(out, layer->fan_out + GAP, in, layer, rows);
	wrong = wrong_elements(level, layer, rows);
	if (!CHECK(wrong == 0))
		printf("  level %d, %d rows, %d inputs, %d outputs: %d are wrong\n", level, rows,
			   layer->fan_in, layer->fan_out, wrong);
}

static void
test_layers(DenseLevel level)
{
	static const int inputs[] = {1, 5, 64, 123, MOST_INPUTS};
	static const int outputs[] = {64, 128, MOST_OUTPUTS};

	for (int i = 0; i < 5; i++)
		for (int o = 0; o < 3; o++)
		{
			DenseLayer	plain = dense_layer(weight, NULL, inputs[i], outputs[o], false);
			DenseLayer	biased = dense_packed_layer(packed, add, inputs[i], outputs[o], true);

			dense_pack(packed, weight, inputs[i], outputs[o]);
			for (int rows = 0; rows <= MOST_ROWS; rows += rows < 14 ? 1 : 9)
			{
				check_layer(level, &plain, rows);
				check_layer(level, &biased, rows);
			}
			biased.add_stride = outputs[o];
			check_layer(level, &biased, MOST_ROWS);
		}
}

/* What is added may be where the result goes. */
static void
test_in_place(void)
{
	DenseLayer	layer = dense_layer(weight, add, 64, 128, true);
	static float twin[MOST_ROWS * 128];

	layer.add_stride = 128;
	dense_forward(out, 128, in, &layer, MOST_ROWS);
	memcpy(twin, add, sizeof(twin));
	layer.add = twin;
	dense_forward(twin, 128, in, &layer, MOST_ROWS);
	CHECK(memcmp(twin, out, sizeof(twin)) == 0);
}

static void
test_scores(void)
{
	enum {MOST = 200, ROWS = 29};
	static float vectors[MOST * VECTOR_DIMS];
	static float scores[ROWS * (MOST + GAP)];

	fill_random(vectors, MOST * VECTOR_DIMS, 1, 4);
	for (int n = 0; n <= MOST; n += n < 70 ? 1 : 13)
	{
		int			wrong = 0;

		for (int i = 0; i < ROWS * (MOST + GAP); i++)
			scores[i] = 99;
		dense_scores(scores, n + GAP, in, ROWS, vectors, n);
		for (int row = 0; row < ROWS; row++)
			for (int i = 0; i < n + GAP; i++)
				wrong += !(scores[row * (n + GAP) + i] == (i >= n ? 99 :
						   chain(dense_level(), in + row * VECTOR_DIMS,
								 vectors + i * VECTOR_DIMS, 1, VECTOR_DIMS)));
		CHECK(wrong == 0);
	}
}

static void
test_dots(DenseLevel level)
{
	float		moved[VECTOR_DIMS + 16];
	const float *a = in;
	const float *b = in + VECTOR_DIMS;
	const float *c = in + 2 * VECTOR_DIMS;
	float		dot = dense_kernels[level].dot2(a, b, NULL, NULL);
	float		both = dense_kernels[level].dot2(a, b, b, c);
	double		exact = 0;
	double		exact_both = 0;

	for (int i = 0; i < VECTOR_DIMS; i++)
	{
		exact += (double) a[i] * b[i];
		exact_both += (double) a[i] * b[i] + (double) b[i] * c[i];
	}
	CHECK_NEAR(dot, exact, 1e-4);
	CHECK_NEAR(both, exact_both, 1e-4);
	CHECK(dense_kernels[level].dot2(b, a, NULL, NULL) == dot);
	for (int at = 0; at < 16; at++)
	{
		memcpy(moved + at, a, sizeof(float) * VECTOR_DIMS);
		CHECK(dense_kernels[level].dot2(moved + at, b, NULL, NULL) == dot);
		CHECK(dense_kernels[level].dot2(moved + at, b, b, c) == both);
	}
	/* kernels that fuse are one another's equals */
	if (level > DENSE_AVX2)
	{
		CHECK(dense_kernels[DENSE_AVX2].dot2(a, b, NULL, NULL) == dot);
		CHECK(dense_kernels[DENSE_AVX2].dot2(a, b, b, c) == both);
	}
}

static void
test_unit(void)
{
	float		vectors[3 * VECTOR_DIMS];
	float		twin[VECTOR_DIMS];

	memcpy(vectors, in, sizeof(vectors));
	memcpy(twin, in + 2 * VECTOR_DIMS, sizeof(twin));
	memset(vectors + VECTOR_DIMS, 0, sizeof(float) * VECTOR_DIMS);
	dense_unit(vectors, 3);
	dense_unit(twin, 1);
	CHECK_NEAR(dense_dot(vectors, vectors), 1, 1e-6);
	CHECK_NEAR(dense_dot(vectors, in), sqrtf(dense_dot(in, in)), 1e-5);
	CHECK(dense_dot(vectors + VECTOR_DIMS, vectors + VECTOR_DIMS) == 0);
	CHECK(memcmp(twin, vectors + 2 * VECTOR_DIMS, sizeof(twin)) == 0);

	/* too short for its length to mean anything */
	memset(vectors, 0, sizeof(vectors));
	vectors[3] = UNIT_EPSILON / 4;
	dense_unit(vectors, 1);
	CHECK_NEAR(vectors[3], 0.25, 1e-6);
}

int
main(void)
{
	fill_random(in, MOST_ROWS * MOST_INPUTS, 1, 1);
	fill_random(weight, MOST_INPUTS * MOST_OUTPUTS, 1, 2);
	fill_random(add, MOST_ROWS * MOST_OUTPUTS, 1, 3);
	for (DenseLevel level = 0; level <= dense_level(); level++)
	{
		test_layers(level);
		test_dots(level);
	}
	test_in_place();
	test_scores();
	test_unit();
	return unit_finish();
}
