/*
 * Layers: values against plain loops in double precision, gradients against
 * central differences.
 */
#include "gradient.h"

#include "num/net/layers.h"

#define MAX_ROWS 40
#define MAX_WIDTH 64
#define MAX_SIZE (MAX_ROWS * MAX_WIDTH)

/* Floats around the rows of a matrix, that nobody may touch. */
#define PADDING 3
#define UNTOUCHED 12345.0f

/* ---------------------------------------------------------------- matrices */

/* Element of a matrix with rows `stride` apart. */
#define AT(matrix, stride, row, column) ((matrix)[(row) * (stride) + (column)])

static void
check_padding(const float *matrix, int stride, int rows, int width)
{
	int			dirty = 0;

	for (int row = 0; row < rows; row++)
		for (int i = width; i < stride; i++)
			dirty += AT(matrix, stride, row, i) != UNTOUCHED;
	CHECK(dirty == 0);
}

/* An output of `rows` rows before a product: numbers, and the padding behind. */
static void
prepare(float *out, int stride, int rows, int width)
{
	fill_random(out, (int64_t) rows * stride, 1, 99);
	for (int row = 0; row < rows; row++)
		for (int i = width; i < stride; i++)
			AT(out, stride, row, i) = UNTOUCHED;
}

/* The inputs of a product, and room for an output: what it was before, and is. */
static struct
{
	float		in[MAX_SIZE * 2];
	float		dout[MAX_SIZE * 2];
	float		weight[MAX_WIDTH * MAX_WIDTH];
	float		before[MAX_SIZE * 2];
	float		out[MAX_SIZE * 2];
}			product;

static void
make_product(LayerSize size, int width, int stride)
{
	fill_random(product.in, (int64_t) size.rows * size.in_stride, 1, 1);
	fill_random(product.dout, (int64_t) size.rows * size.out_stride, 1, 2);
	fill_random(product.weight, size.fan_in * size.fan_out, 1, 3);
	prepare(product.out, stride, size.rows, width);
	memcpy(product.before, product.out, sizeof(product.out));
}

/* Each returns the largest difference from the sum that a product is. */
static double
matmul_error(LayerSize size, bool accumulate)
{
	double		worst = 0;

	make_product(size, size.fan_out, size.out_stride);
	matmul(product.out, product.in, product.weight, size, accumulate);
	for (int row = 0; row < size.rows; row++)
		for (int o = 0; o < size.fan_out; o++)
		{
			double		sum = accumulate ? AT(product.before, size.out_stride, row, o) : 0;

			for (int i = 0; i < size.fan_in; i++)
				sum += (double) AT(product.in, size.in_stride, row, i) *
					product.weight[i * size.fan_out + o];
			worst = worst_of(worst, fabs(sum - AT(product.out, size.out_stride, row, o)));
		}
	check_padding(product.out, size.out_stride, size.rows, size.fan_out);
	return worst;
}

static double
matmul_transposed_error(LayerSize size, bool accumulate)
{
	double		worst = 0;

	make_product(size, size.fan_in, size.in_stride);
	matmul_transposed(product.out, product.dout, product.weight, size, accumulate);
	for (int row = 0; row < size.rows; row++)
		for (int i = 0; i < size.fan_in; i++)
		{
			double		sum = accumulate ? AT(product.before, size.in_stride, row, i) : 0;

			for (int o = 0; o < size.fan_out; o++)
				sum += (double) AT(product.dout, size.out_stride, row, o) *
					product.weight[i * size.fan_out + o];
			worst = worst_of(worst, fabs(sum - AT(product.out, size.in_stride, row, i)));
		}
	check_padding(product.out, size.in_stride, size.rows, size.fan_in);
	return worst;
}

static double
matmul_gradient_error(LayerSize size, bool accumulate)
{
	double		worst = 0;

	make_product(size, size.fan_out, size.out_stride);
	memcpy(product.before, product.weight, sizeof(product.weight));
	matmul_gradient(product.weight, product.in, product.dout, size, accumulate);
	for (int i = 0; i < size.fan_in; i++)
		for (int o = 0; o < size.fan_out; o++)
		{
			double		sum = accumulate ? product.before[i * size.fan_out + o] : 0;

			for (int row = 0; row < size.rows; row++)
				sum += (double) AT(product.in, size.in_stride, row, i) *
					AT(product.dout, size.out_stride, row, o);
			worst = worst_of(worst, fabs(sum - product.weight[i * size.fan_out + o]));
		}
	return worst;
}

static void
test_products_of(int rows, int fan_in, int fan_out, bool accumulate)
{
	LayerSize	size = {rows, fan_in, fan_out, fan_in + PADDING, fan_out + PADDING};

	CHECK_NEAR(matmul_error(size, accumulate), 0, 1e-5);
	CHECK_NEAR(matmul_transposed_error(size, accumulate), 0, 1e-5);
	CHECK_NEAR(matmul_gradient_error(size, accumulate), 0, 1e-5);
}

static void
test_products(void)
{
	static const int sizes[][3] = {{1, 1, 1}, {3, 5, 7}, {40, 64, 1}, {1, 64, 64}, {17, 1, 33},
		{40, 23, 64}};
	float		out = 7;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (int accumulate = 0; accumulate < 2; accumulate++)
			test_products_of(sizes[i][0], sizes[i][1], sizes[i][2], accumulate);

	/* without rows nothing is read, and no gradient but 0 written */
	matmul(&out, NULL, NULL, layer_size(0, 1, 1), false);
	matmul_transposed(&out, NULL, NULL, layer_size(0, 1, 1), false);
	matmul_gradient(&out, NULL, NULL, layer_size(0, 1, 1), true);
	CHECK(out == 7);
	matmul_gradient(&out, NULL, NULL, layer_size(0, 1, 1), false);
	CHECK(out == 0);
}

static void
test_bias(void)
{
	float		out[] = {1, 2, 3, 4, 5, 6};
	const float bias[] = {10, 20, 30};
	float		dbias[] = {100, 200, 300};

	bias_backward(dbias, out, 2, 3);
	CHECK(dbias[0] == 5 && dbias[1] == 7 && dbias[2] == 9);
	bias_forward(out, bias, 2, 3);
	CHECK(out[0] == 11 && out[2] == 33 && out[3] == 14 && out[5] == 36);
}

/* ----------------------------------------------------------------- dropout */

static void
test_dropout(void)
{
	enum
	{
		N = 100000
	};
	static float whole[N];
	static float parts[N];
	const Dropout dropout = dropout_make(rng_mix64(1), 0.3f);
	const Dropout other = dropout_make(rng_mix64(2), 0.3f);
	const Dropout off = dropout_make(rng_mix64(1), 0);
	int			dropped = 0;
	int			both = 0;
	int			odd = 0;

	for (int i = 0; i < N; i++)
		whole[i] = parts[i] = 1;
	dropout_apply(whole, off, 0, N);
	for (int i = 0; i < N; i++)
		odd += whole[i] != 1;
	CHECK(odd == 0);

	/* the mask is of the index, wherever a call begins */
	dropout_apply(whole, dropout, 0, N);
	dropout_apply(parts, dropout, 0, 1001);
	dropout_apply(parts + 1001, dropout, 1001, N - 1001);
	CHECK(memcmp(whole, parts, sizeof(whole)) == 0);
	for (int i = 0; i < N; i++)
	{
		dropped += whole[i] == 0;
		odd += whole[i] != 0 && fabsf(whole[i] - 1 / 0.7f) > 1e-6f;
		parts[i] = 1;
	}
	CHECK(odd == 0);
	CHECK_NEAR(dropped / (double) N, 0.3, 0.006);

	/* keys are independent */
	dropout_apply(parts, other, 0, N);
	for (int i = 0; i < N; i++)
		both += whole[i] == 0 && parts[i] == 0;
	CHECK_NEAR(both / (double) N, 0.09, 0.006);
}

/* ------------------------------------------- layers with something to learn */

/* A layer at work; x stays as it is, since layers work in place. */
typedef struct Layer
{
	int			rows;
	int			width;
	Dropout		dropout;
	float		x[MAX_SIZE];
	float		bias[MAX_WIDTH];
	float		gamma[MAX_WIDTH];
	float		beta[MAX_WIDTH];
	float		coefficient[MAX_SIZE];

	float		r[MAX_SIZE];
	float		y[MAX_SIZE];
	float		mean[MAX_WIDTH];
	float		istd[MAX_WIDTH];
} Layer;

static Layer layer;

/*
 * Random numbers, with x + bias away from the corner of the ReLU, so that no
 * step of a difference crosses it.
 */
static void
make_layer(int rows, int width, float dropout, float middle)
{
	layer.rows = rows;
	layer.width = width;
	layer.dropout = dropout_make(rng_mix64(width), dropout);
	fill_random(layer.x, rows * width, 1, 11);
	fill_random(layer.bias, width, 0.5f, 12);
	fill_random(layer.gamma, width, 1, 13);
	fill_random(layer.beta, width, 1, 14);
	fill_random(layer.coefficient, rows * width, 1, 15);
	for (int i = 0; i < rows * width; i++)
	{
		float		sum;

		layer.x[i] += middle;
		sum = layer.x[i] + layer.bias[i % width];
		if (fabsf(sum) < 0.05f)
			layer.x[i] += sum < 0 ? -0.05f : 0.05f;
	}
}

static double
relu_loss(void *arg)
{
	int			n = layer.rows * layer.width;

	memcpy(layer.y, layer.x, n * sizeof(float));
	bias_relu_dropout_forward(layer.y, layer.bias, layer.dropout, layer.rows, layer.width);
	return weighted_sum(layer.y, layer.coefficient, n);
}

static void
test_relu(int rows, int width, float dropout)
{
	static float dy[MAX_SIZE];
	float		dbias[MAX_WIDTH] = {UNTOUCHED};
	Slope		slope = {relu_loss, NULL, 1e-2, 1e-3};
	int			wrong = 0;

	make_layer(rows, width, dropout, 0);
	relu_loss(NULL);
	for (int i = 0; i < rows * width; i++)
	{
		float		r = fmaxf(layer.x[i] + layer.bias[i % width], 0);

		dropout_apply(&r, layer.dropout, i, 1);
		wrong += layer.y[i] != r;
	}
	CHECK(wrong == 0);
	memcpy(dy, layer.coefficient, sizeof(dy));
	bias_relu_dropout_backward(dy, dbias, layer.y, layer.dropout, rows, width);
	check_gradient("the input of a ReLU", &slope, layer.x, dy, rows * width);
	check_gradient("the bias before a ReLU", &slope, layer.bias, dbias, width);
}

static BatchNorm
layer_norm(void)
{
	BatchNorm	norm = {
		layer.bias, layer.gamma, layer.beta, layer.mean, layer.istd, layer.dropout
	};

	return norm;
}

static double
batchnorm_loss(void *arg)
{
	int			n = layer.rows * layer.width;
	BatchNorm	norm = layer_norm();

	memcpy(layer.r, layer.x, n * sizeof(float));
	relu_batchnorm_forward(layer.y, layer.r, &norm, layer.rows, layer.width);
	return weighted_sum(layer.y, layer.coefficient, n);
}

/* The output by the textbook; returns the largest difference. */
static double
batchnorm_error(void)
{
	int			rows = layer.rows;
	int			width = layer.width;
	double		worst = 0;

	for (int i = 0; i < width; i++)
	{
		double		mean = 0;
		double		variance = 0;

		for (int row = 0; row < rows; row++)
			mean += fmax(layer.x[row * width + i] + layer.bias[i], 0) / rows;
		for (int row = 0; row < rows; row++)
			variance += pow(fmax(layer.x[row * width + i] + layer.bias[i], 0) - mean, 2) / rows;
		for (int row = 0; row < rows; row++)
		{
			int			at = row * width + i;
			double		r = fmax(layer.x[at] + layer.bias[i], 0);
			float		y = (float) (layer.gamma[i] * (r - mean) /
									 sqrt(variance + BATCHNORM_EPSILON) + layer.beta[i]);

			dropout_apply(&y, layer.dropout, at, 1);
			worst = worst_of(worst, fabs(y - layer.y[at]));
		}
	}
	return worst;
}

static void
test_batchnorm(int rows, int width, float dropout)
{
	static float dy[MAX_SIZE];
	float		dbias[MAX_WIDTH] = {UNTOUCHED};
	float		dgamma[MAX_WIDTH] = {UNTOUCHED};
	float		dbeta[MAX_WIDTH] = {UNTOUCHED};
	float		work[2 * MAX_WIDTH];
	BatchNormGradient gradient = {dbias, dgamma, dbeta};
	BatchNorm	norm;
	Slope		slope = {batchnorm_loss, NULL, 5e-3, 4e-3};

	make_layer(rows, width, dropout, 0);
	batchnorm_loss(NULL);
	CHECK_NEAR(batchnorm_error(), 0, 2e-5);
	memcpy(dy, layer.coefficient, sizeof(dy));
	norm = layer_norm();
	relu_batchnorm_backward(dy, &gradient, layer.r, &norm, rows, width, work);
	check_gradient("the input of a batch norm", &slope, layer.x, dy, rows * width);
	check_gradient("the bias before a batch norm", &slope, layer.bias, dbias, width);
	check_gradient("gamma", &slope, layer.gamma, dgamma, width);
	check_gradient("beta", &slope, layer.beta, dbeta, width);
}

/* Where there is nothing to normalize, or much to cancel. */
static void
test_batchnorm_extremes(void)
{
	/* a single row is its own mean */
	make_layer(1, 16, 0, 0);
	batchnorm_loss(NULL);
	CHECK_NEAR(batchnorm_error(), 0, 2e-5);

	/* a column that no row reaches is beta throughout */
	make_layer(20, 16, 0, -10);
	batchnorm_loss(NULL);
	CHECK(layer.y[0] == layer.beta[0] && layer.y[19 * 16 + 15] == layer.beta[15]);

	/* the spread is small beside the mean */
	make_layer(40, 16, 0, 30);
	batchnorm_loss(NULL);
	CHECK_NEAR(batchnorm_error(), 0, 1e-3);
}

static double
unit_loss(void *arg)
{
	float		inverse_norm[MAX_ROWS];

	unit_forward(layer.y, inverse_norm, layer.x, layer.rows, layer.width);
	return weighted_sum(layer.y, layer.coefficient, layer.rows * layer.width);
}

static void
test_unit(int rows, int width)
{
	static float dx[MAX_SIZE];
	float		inverse_norm[MAX_ROWS];
	float		zero[MAX_WIDTH] = {0};
	Slope		slope = {unit_loss, NULL, 2e-3, 2e-3};
	double		worst = 0;

	make_layer(rows, width, 0, 0);
	unit_forward(layer.y, inverse_norm, layer.x, rows, width);
	for (int row = 0; row < rows; row++)
	{
		double		length = weighted_sum(layer.y + row * width, layer.y + row * width, width);

		worst = worst_of(worst, fabs(length - 1));
	}
	CHECK_NEAR(worst, 0, 1e-6);
	unit_backward(dx, layer.coefficient, layer.y, inverse_norm, rows, width);
	check_gradient("the vector before it is made unit", &slope, layer.x, dx, rows * width);

	/* in place it is the same */
	unit_forward(layer.y, inverse_norm, layer.x, rows, width);
	unit_backward(layer.coefficient, layer.coefficient, layer.y, inverse_norm, rows, width);
	CHECK(memcmp(layer.coefficient, dx, rows * width * sizeof(float)) == 0);
	unit_forward(layer.x, inverse_norm, layer.x, rows, width);
	CHECK(memcmp(layer.x, layer.y, rows * width * sizeof(float)) == 0);

	/* no direction stays none */
	unit_forward(layer.y, inverse_norm, zero, 1, width);
	CHECK(memcmp(layer.y, zero, width * sizeof(float)) == 0);
	CHECK(isfinite(inverse_norm[0]));
}

/* ----------------------------------------------------------------- softmax */

#define SOFTMAX_ROWS 5
#define MAX_CLASSES 50
#define SOFTMAX_STRIDE (MAX_CLASSES + PADDING)

typedef struct Softmax
{
	int			width;
	float		x[SOFTMAX_ROWS * SOFTMAX_STRIDE];
	int32_t		target[SOFTMAX_ROWS];
	float		offset[MAX_CLASSES];
} Softmax;

static Softmax softmax;

/* The cross-entropy of all rows, written out. */
static double
softmax_loss(void *arg)
{
	double		loss = 0;

	for (int row = 0; row < SOFTMAX_ROWS; row++)
	{
		const float *x = softmax.x + row * SOFTMAX_STRIDE;
		double		sum = 0;

		for (int i = 0; i < softmax.width; i++)
			sum += exp((double) x[i] + softmax.offset[i]);
		loss += log(sum) - x[softmax.target[row]] - softmax.offset[softmax.target[row]];
	}
	return loss;
}

static void
make_softmax(int width)
{
	softmax.width = width;
	fill_random(softmax.offset, width, 2, 22);
	for (int row = 0; row < SOFTMAX_ROWS; row++)
	{
		float	   *x = softmax.x + row * SOFTMAX_STRIDE;

		fill_random(x, width, 2, 21 + row);
		for (int i = width; i < SOFTMAX_STRIDE; i++)
			x[i] = UNTOUCHED;
		softmax.target[row] = rng_below(23, row, width);
		x[(softmax.target[row] + 1) % width] = IMPOSSIBLE_LOGIT;
	}
}

/*
 * In n parts and in one: chances and loss against the loss written out above,
 * one movie impossible in each row.  A part may be empty.
 */
static void
test_softmax(int width, int n)
{
	static float chance[SOFTMAX_ROWS * SOFTMAX_STRIDE];
	SoftmaxPart part[MAX_CLASSES * SOFTMAX_ROWS];
	Slope		slope = {softmax_loss, NULL, 1e-2, 2e-3};
	double		loss = 0;
	int			impossible = 0;

	make_softmax(width);
	memcpy(chance, softmax.x, sizeof(chance));
	for (int k = 0; k < n; k++)
	{
		int			from = width * k / n;

		softmax_part(chance + from, SOFTMAX_STRIDE, part + k * SOFTMAX_ROWS,
					 softmax.offset + from, SOFTMAX_ROWS, width * (k + 1) / n - from);
	}
	check_padding(chance, SOFTMAX_STRIDE, SOFTMAX_ROWS, width);
	for (int row = 0; row < SOFTMAX_ROWS; row++)
	{
		float	   *c = chance + row * SOFTMAX_STRIDE;
		const float *x = softmax.x + row * SOFTMAX_STRIDE;
		float		share[MAX_CLASSES];
		float		mean;
		double		exact = 0;
		double		sum = 0;

		loss += softmax_join(share, &mean, part + row, SOFTMAX_ROWS, n) -
			x[softmax.target[row]] - softmax.offset[softmax.target[row]];
		for (int k = 0; k < n; k++)
			for (int i = width * k / n; i < width * (k + 1) / n; i++)
			{
				c[i] *= share[k];
				sum += c[i];
				exact += (double) c[i] * x[i];
			}
		CHECK_NEAR(sum, 1, 1e-6);
		CHECK_NEAR(mean, exact, 1e-5);
		impossible += c[(softmax.target[row] + 1) % width] == 0;
		/* what is left is the gradient by the logits */
		c[softmax.target[row]] -= 1;
	}
	CHECK(impossible == SOFTMAX_ROWS);
	CHECK_NEAR(loss, softmax_loss(NULL), 1e-5 * loss);
	for (int row = 0; row < SOFTMAX_ROWS; row++)
		check_gradient("the logits of a softmax", &slope, softmax.x + row * SOFTMAX_STRIDE,
					   chance + row * SOFTMAX_STRIDE, width);
}

/* The exponential, seen through two classes: the other one's chance over the first's. */
static void
test_exponential(void)
{
	const float offset[2] = {0, 0};
	SoftmaxPart part;
	double		worst = 0;

	for (double d = 0; d < 87; d += 0.0173)
	{
		float		x[2] = {0, (float) -d};
		double		exact = exp(-(double) (float) d);

		softmax_part(x, 2, &part, offset, 1, 2);
		worst = worst_of(worst, fabs(x[1] / exact - 1) / (3 + d));
		worst = worst_of(worst, fabs(part.sum / (1 + exact) - 1) / 4);
	}
	CHECK_NEAR(worst, 0, 0x1p-24);

	/* vanishing is not less than nothing, however far it goes */
	for (double d = 87; d < 1e5; d *= 1.1)
	{
		float		x[2] = {0, (float) -d};

		softmax_part(x, 2, &part, offset, 1, 2);
		if (!(x[1] >= 0 && x[1] <= 1.7e-38f && isfinite(part.weighted)))
		{
			CHECK_NEAR(x[1], 0, 0);
			break;
		}
	}
}

/* The largest logit, in any place and of any sign. */
static void
test_largest_logit(void)
{
	float		x[MAX_CLASSES];
	float		offset[MAX_CLASSES];
	SoftmaxPart part;
	int			wrong = 0;

	for (int width = 0; width <= MAX_CLASSES; width++)
		for (int round = 0; round < 3; round++)
		{
			float		max = -INFINITY;

			fill_random(x, width, 40, width);
			for (int i = 0; i < width; i++)
			{
				offset[i] = 60.0f * (round - 1);
				max = fmaxf(max, x[i] + offset[i]);
			}
			softmax_part(x, width, &part, offset, 1, width);
			/* x + offset - max may be rounded in any order, so that the largest is not 0 */
			wrong += part.max != max || !(width == 0 ? part.sum == 0 : part.sum >= 0.9999f);
		}
	CHECK(wrong == 0);
}

static void
test_softmax_extremes(void)
{
	float		one = 3;
	float		large[] = {-60, 80, 80};
	const float offset[] = {0.5f, 0, 0};
	float		share[2];
	float		mean;
	SoftmaxPart part[2];

	/* a single class is certain */
	softmax_part(&one, 1, part, offset, 1, 1);
	CHECK(one == 1 && part->max == 3.5f && part->sum == 1 && part->weighted == 3);
	CHECK_NEAR(softmax_join(share, &mean, part, 1, 1), 3.5, 1e-6);
	CHECK(share[0] == 1 && mean == 3);

	/* exponentials of parts far apart do not overflow */
	softmax_part(large, 1, part, offset, 1, 1);
	softmax_part(large + 1, 2, part + 1, offset + 1, 1, 2);
	CHECK_NEAR(softmax_join(share, &mean, part, 1, 2), 80 + log(2), 1e-5);
	CHECK(share[0] >= 0 && share[0] < 1e-30f && share[1] == 0.5f && mean == 80);
}

int
main(void)
{
	test_products();
	test_bias();
	test_dropout();
	for (int dropout = 0; dropout < 2; dropout++)
	{
		test_relu(7, 5, 0.3f * dropout);
		test_relu(6, 64, 0.2f * dropout);
		test_batchnorm(13, 5, 0.3f * dropout);
		test_batchnorm(10, 32, 0.2f * dropout);
	}
	test_batchnorm_extremes();
	test_unit(6, 5);
	test_unit(5, 64);
	test_softmax(3, 1);
	test_softmax(3, 4);
	test_softmax(16, 2);
	test_softmax(50, 1);
	test_softmax(50, 4);
	test_largest_logit();
	test_exponential();
	test_softmax_extremes();
	return unit_finish();
}
