/*
 * The deep part of ranking: its gradients tensor by tensor, its running
 * statistics, and what folding makes of them.
 */
#include "gradient.h"

#include "num/base/arena.h"
#include "num/net/rank_pairs.h"
#include "num/net/ranker.h"
#include "num/net/tower.h"

#define ROWS 24
#define USERS 7
#define MOVIES 11
#define INPUTS (2 * VECTOR_DIMS)

static StageShape shape;
static float *params;
static float *dparams;
static RankerActivations activations;
static RankerDropout dropout;
static float coefficient[ROWS];
static float user[ROWS * VECTOR_DIMS];
static float movie[MOVIES * VECTOR_DIMS];
static float movie_half[MOVIES * RANKER_HIDDEN1];
static int32_t user_of[ROWS];
static int32_t movie_of[ROWS];
static RankerPairs pairs = {
	.user = user, .user_of = user_of, .movie = movie, .movie_half = movie_half, .movie_of = movie_of
};

/* ranker_forward, as a loss that weighs the predictions */
static double
ranker_loss(void *arg)
{
	ranker_movies_forward(movie_half, movie, params, &shape, MOVIES);
	ranker_forward(&activations, &pairs, params, &shape, &dropout);
	return weighted_sum(activations.prediction, coefficient, ROWS);
}

/* Users of several rows each, or one for each row. */
static void
pair_up(int n_users)
{
	pairs.n_rows = ROWS;
	pairs.n_users = n_users;
	for (int row = 0; row < ROWS; row++)
	{
		user_of[row] = row * n_users / ROWS;
		movie_of[row] = rng_below(31, row, MOVIES);
	}
}

static void
set_up(void)
{
	static const int32_t n_values[N_ATTRIBUTES] = {2, 7, 21};
	Arena		arena = {NULL, 0};

	stage_shape(&shape, STAGE_RANKING, 3, 4, 5, n_values, 8);
	params = malloc(sizeof(float) * stage_size(&shape));
	dparams = calloc(shape.n_weights, sizeof(float));
	stage_init(params, &shape, 1);
	for (Tensor t = TENSOR_RANK_B1; t <= TENSOR_RANK_B4; t++)
		if (t == TENSOR_RANK_B1 || t == TENSOR_RANK_B2 || t == TENSOR_RANK_B3 ||
			t == TENSOR_RANK_B4 ||
			t == TENSOR_RANK_GAMMA1 || t == TENSOR_RANK_GAMMA2 || t == TENSOR_RANK_BETA1 ||
			t == TENSOR_RANK_BETA2)
			fill_random(params + shape.offset[t], shape.width[t], 0.5f, 100 + t);

	ranker_activations(&activations, &arena, ROWS);
	arena = (Arena) {aligned_alloc(ARENA_ALIGN, arena.used), 0};
	ranker_activations(&activations, &arena, ROWS);
	activations.out1 = malloc(sizeof(float) * ROWS * RANKER_HIDDEN1);
	activations.mean1 = malloc(sizeof(float) * 2 * (RANKER_HIDDEN1 + RANKER_HIDDEN2));
	activations.istd1 = activations.mean1 + RANKER_HIDDEN1;
	activations.mean2 = activations.istd1 + RANKER_HIDDEN1;
	activations.istd2 = activations.mean2 + RANKER_HIDDEN2;
	fill_random(user, ROWS * VECTOR_DIMS, 1, 2);
	fill_random(movie, MOVIES * VECTOR_DIMS, 1, 4);
	fill_random(coefficient, ROWS, 1, 3);
}

/* The tensors of the weights, by name. */
static const struct
{
	Tensor		tensor;
	int			rows;
	const char *name;
}			weights[] =
{
	{TENSOR_RANK_W1, INPUTS, "ranker w1"}, {TENSOR_RANK_B1, 1, "ranker b1"},
	{TENSOR_RANK_GAMMA1, 1, "ranker gamma1"}, {TENSOR_RANK_BETA1, 1, "ranker beta1"},
	{TENSOR_RANK_W2, RANKER_HIDDEN1, "ranker w2"}, {TENSOR_RANK_B2, 1, "ranker b2"},
	{TENSOR_RANK_GAMMA2, 1, "ranker gamma2"}, {TENSOR_RANK_BETA2, 1, "ranker beta2"},
	{TENSOR_RANK_W3, RANKER_HIDDEN2, "ranker w3"}, {TENSOR_RANK_B3, 1, "ranker b3"},
	{TENSOR_RANK_W4, RANKER_HIDDEN3, "ranker w4"}, {TENSOR_RANK_B4, 1, "ranker b4"},
};

#define N_WEIGHTS (sizeof(weights) / sizeof(weights[0]))

/* From tape.dprediction to all gradients, the movies' summed over their rows. */
static void
backward(float *duser, float *dmovie)
{
	float		drow[ROWS * VECTOR_DIMS];
	static float dhalf[MOVIES * RANKER_HIDDEN1];

	memcpy(activations.dprediction, coefficient, sizeof(coefficient));
	ranker_backward(&activations, &pairs, duser, drow, dparams, params, &shape, &dropout);
	memset(dhalf, 0, sizeof(dhalf));
	for (int row = 0; row < ROWS; row++)
		for (int i = 0; i < RANKER_HIDDEN1; i++)
			dhalf[movie_of[row] * RANKER_HIDDEN1 + i] +=
				activations.dout1[row * RANKER_HIDDEN1 + i];
	ranker_movies_backward(dmovie, dparams, dhalf, movie, params, &shape, MOVIES);
	for (int row = 0; row < ROWS; row++)
		for (int i = 0; i < VECTOR_DIMS; i++)
			dmovie[movie_of[row] * VECTOR_DIMS + i] += drow[row * VECTOR_DIMS + i];
}

static void
test_gradients(int n_users, bool with_dropout)
{
	Slope		slope = {ranker_loss, NULL, 2e-3, 0.03};
	float		duser[ROWS * VECTOR_DIMS];
	float		dmovie[MOVIES * VECTOR_DIMS];
	int64_t		others = 0;

	pair_up(n_users);
	dropout.layer1 = dropout_make(rng_mix64(1), 0.3f * with_dropout);
	dropout.layer2 = dropout_make(rng_mix64(2), 0.2f * with_dropout);
	dropout.layer3 = dropout_make(rng_mix64(3), 0.1f * with_dropout);
	/* what is there is written over */
	for (int64_t i = shape.offset[TENSOR_RANK_W1]; i < shape.n_weights; i++)
		dparams[i] = 99;
	ranker_loss(NULL);
	backward(duser, dmovie);
	for (size_t i = 0; i < N_WEIGHTS; i++)
		check_gradient(weights[i].name, &slope, params + shape.offset[weights[i].tensor],
					   dparams + shape.offset[weights[i].tensor],
					   (int64_t) weights[i].rows * shape.width[weights[i].tensor]);
	check_gradient("ranker users", &slope, user, duser, n_users * VECTOR_DIMS);
	check_gradient("ranker movies", &slope, movie, dmovie, MOVIES * VECTOR_DIMS);
	/* all of a vector, since its first number is a thing of its own */
	check_gradient("a ranker user", &slope, user + 5 * VECTOR_DIMS, duser + 5 * VECTOR_DIMS,
				   VECTOR_DIMS);
	check_gradient("a ranker movie", &slope, movie + 5 * VECTOR_DIMS, dmovie + 5 * VECTOR_DIMS,
				   VECTOR_DIMS);

	/* the tensors of the towers are none of its business */
	for (int64_t i = 0; i < shape.offset[TENSOR_RANK_W1]; i++)
		others += dparams[i] != 0;
	CHECK(others == 0);
}

/* The first number of a vector is a bias: u[0] + m[0] + u[1..] . m[1..] */
static void
test_wide_part(void)
{
	float		before[ROWS];
	float		dot = 0;

	dropout = (RankerDropout) {dropout_make(0, 0), dropout_make(0, 0), dropout_make(0, 0)};
	for (Tensor t = TENSOR_RANK_W4; t <= TENSOR_RANK_B4; t++)
		memset(params + shape.offset[t], 0,
			   sizeof(float) * (t == TENSOR_RANK_W4 ? RANKER_HIDDEN3 : 1));
	ranker_loss(NULL);
	memcpy(before, activations.prediction, sizeof(before));
	for (int i = 1; i < VECTOR_DIMS; i++)
		dot += user[i] * movie[movie_of[0] * VECTOR_DIMS + i];
	CHECK_NEAR(before[0], user[0] + movie[movie_of[0] * VECTOR_DIMS] + dot, 1e-5);
	fill_random(params + shape.offset[TENSOR_RANK_W4], RANKER_HIDDEN3, 0.3f, 7);
	params[shape.offset[TENSOR_RANK_B4]] = 0.25f;
}

/* One column's mean and unbiased variance, taken over by the momentum. */
static void
test_running_statistics(void)
{
	const float momentum = 0.9f;
	float	   *mean = params + shape.offset[TENSOR_RANK_MEAN1];
	float	   *variance = params + shape.offset[TENSOR_RANK_VARIANCE1];
	double		column_mean[2] = {0};
	double		column_variance[2] = {0};
	int			column[2] = {0, RANKER_HIDDEN1 - 1};

	ranker_loss(NULL);
	for (int c = 0; c < 2; c++)
	{
		for (int row = 0; row < ROWS; row++)
			column_mean[c] += activations.relu1[row * RANKER_HIDDEN1 + column[c]] / ROWS;
		for (int row = 0; row < ROWS; row++)
			column_variance[c] += pow(activations.relu1[row * RANKER_HIDDEN1 + column[c]] -
									  column_mean[c], 2) / (ROWS - 1);
		mean[column[c]] = 0.5f;
		variance[column[c]] = 2;
	}
	ranker_update_statistics(params, &shape, activations.mean1, activations.istd1,
							 activations.mean2, activations.istd2,
							 ROWS, momentum);
	for (int c = 0; c < 2; c++)
	{
		CHECK_NEAR(mean[column[c]], 0.9 * 0.5 + 0.1 * column_mean[c], 1e-5);
		CHECK_NEAR(variance[column[c]], 0.9 * 2 + 0.1 * column_variance[c], 1e-5);
	}

	/* a single row has no variance, and none is invented */
	pairs.n_users = 1;
	pairs.n_rows = 1;
	ranker_forward(&activations, &pairs, params, &shape, &dropout);
	pair_up(ROWS);
	ranker_update_statistics(params, &shape, activations.mean1, activations.istd1,
							 activations.mean2, activations.istd2, 1, 0);
	for (int i = 0; i < RANKER_HIDDEN1; i++)
		if (!(fabsf(variance[i]) < 1e-6f))
		{
			CHECK_NEAR(variance[i], 0, 1e-6);
			break;
		}
	CHECK(mean[0] == activations.mean1[0]);
}

/* A dense layer, ReLU, and batch normalization by the running statistics. */
static void
plain_layer(double *out, const double *in, int fan_in, int fan_out, Tensor weight, Tensor gamma,
			Tensor mean)
{
	const float *w = tensor(params, &shape, weight);

	for (int o = 0; o < fan_out; o++)
	{
		double		sum = tensor(params, &shape, weight + 1)[o];

		for (int i = 0; i < fan_in; i++)
			sum += in[i] * w[i * fan_out + o];
		out[o] = fmax(sum, 0);
		if (gamma != N_TENSORS)
			out[o] = tensor(params, &shape, gamma)[o] *
				(out[o] - tensor(params, &shape, mean)[o]) /
				sqrt(tensor(params, &shape, mean + 1)[o] + BATCHNORM_EPSILON) +
				tensor(params, &shape, gamma + 1)[o];
	}
}

static double
plain_prediction(const float *u, const float *movie)
{
	double		in[INPUTS];
	double		h1[RANKER_HIDDEN1];
	double		h2[RANKER_HIDDEN2];
	double		h3[RANKER_HIDDEN3];
	double		out = (double) u[0] + movie[0] + *tensor(params, &shape, TENSOR_RANK_B4);

	for (int i = 0; i < VECTOR_DIMS; i++)
	{
		in[i] = u[i];
		in[VECTOR_DIMS + i] = movie[i];
	}
	plain_layer(h1, in, INPUTS, RANKER_HIDDEN1, TENSOR_RANK_W1, TENSOR_RANK_GAMMA1,
				TENSOR_RANK_MEAN1);
	plain_layer(h2, h1, RANKER_HIDDEN1, RANKER_HIDDEN2, TENSOR_RANK_W2, TENSOR_RANK_GAMMA2,
				TENSOR_RANK_MEAN2);
	plain_layer(h3, h2, RANKER_HIDDEN2, RANKER_HIDDEN3, TENSOR_RANK_W3, N_TENSORS, N_TENSORS);
	for (int i = 0; i < RANKER_HIDDEN3; i++)
		out += h3[i] * tensor(params, &shape, TENSOR_RANK_W4)[i];
	for (int i = 1; i < VECTOR_DIMS; i++)
		out += (double) u[i] * movie[i];
	return out;
}

static void
test_folding(void)
{
	FoldedRanker *folded = aligned_alloc(64, sizeof(FoldedRanker));
	float	   *scratch = malloc(sizeof(float) * pairs_scratch(ROWS));
	float		users[ROWS * VECTOR_DIMS];
	float		movies[ROWS * VECTOR_DIMS];
	float		out[ROWS + 1];

	fill_random(params + shape.offset[TENSOR_RANK_MEAN1], RANKER_HIDDEN1, 1, 51);
	fill_random(params + shape.offset[TENSOR_RANK_MEAN2], RANKER_HIDDEN2, 1, 52);
	for (int i = 0; i < RANKER_HIDDEN1; i++)
		params[shape.offset[TENSOR_RANK_VARIANCE1] + i] = 0.1f + rng_uniform(53, i);
	for (int i = 0; i < RANKER_HIDDEN2; i++)
		params[shape.offset[TENSOR_RANK_VARIANCE2] + i] = 0.1f + rng_uniform(54, i);
	fill_random(users, ROWS * VECTOR_DIMS, 1, 55);
	fill_random(movies, ROWS * VECTOR_DIMS, 1, 56);
	ranker_fold(folded, params, &shape, 1);

	out[ROWS] = 99;
	pairs_predict_vectors(out, folded, users, VECTOR_DIMS, movies, ROWS, scratch);
	for (int row = 0; row < ROWS; row++)
		CHECK_NEAR(out[row], plain_prediction(users + row * VECTOR_DIMS,
											  movies + row * VECTOR_DIMS), 1e-4);
	pairs_predict_vectors(out, folded, users, 0, movies, ROWS, scratch);
	for (int row = 0; row < ROWS; row++)
		CHECK_NEAR(out[row], plain_prediction(users, movies + row * VECTOR_DIMS), 1e-4);
	/* of what is not the biases, as much as the share says */
	ranker_fold(folded, params, &shape, 0.3f);
	pairs_predict_vectors(out, folded, users, VECTOR_DIMS, movies, ROWS, scratch);
	for (int row = 0; row < ROWS; row++)
	{
		const float *user = users + row * VECTOR_DIMS;
		const float *movie = movies + row * VECTOR_DIMS;
		double		base = user[0] + movie[0];

		CHECK_NEAR(out[row], base + 0.3 * (plain_prediction(user, movie) - base), 1e-4);
	}
	CHECK(out[ROWS] == 99);
	free(folded);
	free(scratch);
}

int
main(void)
{
	set_up();
	test_gradients(ROWS, false);
	test_gradients(ROWS, true);
	test_gradients(USERS, true);
	test_running_statistics();
	test_folding();
	test_wide_part();
	return unit_finish();
}
