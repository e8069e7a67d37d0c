/*
 * The towers of both stages: gradients of their weights, and of the embedding
 * rows that reach them through their inputs.
 */
#include "gradient.h"

#include "num/net/tower.h"

#define ROWS 12
#define USERS 5
#define MOVIES 6
#define GENRES 4
#define HISTORY_WIDTH 8
#define MAX_INPUTS 480
#define MAX_HIDDEN MAX_USER_HIDDEN

typedef struct Tower
{
	StageShape	shape;
	float	   *params;
	float	   *dparams;
	Dropout		dropout;
	int			without_recents;
	float		x[ROWS * MAX_INPUTS];
	float		dx[ROWS * MAX_INPUTS];
	float		hidden[ROWS * MAX_HIDDEN];
	float		work[ROWS * (MAX_HIDDEN + MAX_INPUTS)];
	float		out[ROWS * VECTOR_DIMS];
	float		coefficient[ROWS * VECTOR_DIMS];
	float		temperature[ROWS];	/* coefficients of their logarithms */
	float		features[ROWS * (GENRES + 1)];
} Tower;

static Tower tower;

/* Row 0 stands for the unknown ones; some are asked for twice. */
static const int32_t ids[ROWS] = {0, 1, 5, 2, 2, 0, 6, 1, 3, 4, 2, 5};
static const int32_t user_rows[ROWS] = {0, 1, 5, 2, 2, 0, 4, 1, 3, 4, 2, 5};
static const uint8_t attributes[ROWS][N_ATTRIBUTES] = {
	{0, 0, 0}, {1, 2, 3}, {2, 1, 1}, {1, 0, 2}, {1, 2, 3}, {0, 2, 0},
	{2, 2, 1}, {1, 1, 1}, {0, 0, 3}, {1, 2, 0}, {2, 0, 2}, {1, 1, 3}
};

static void
open_tower(Stage stage, int32_t history, float dropout)
{
	static const int32_t n_values[N_ATTRIBUTES] = {2, 2, 3};
	StageShape *shape = &tower.shape;

	stage_shape(shape, stage, USERS, MOVIES, GENRES, n_values, history);
	tower.params = malloc(sizeof(float) * stage_size(shape));
	tower.dparams = calloc(stage_size(shape), sizeof(float));
	tower.dropout = dropout_make(rng_mix64(stage), dropout);
	fill_random(tower.params, stage_size(shape), 0.3f, 31 + stage);
	/* within the limits of temperatures */
	fill_random(tower.params + shape->offset[TENSOR_TEMPERATURE],
				shape->offset[TENSOR_TEMPERATURE + 1] - shape->offset[TENSOR_TEMPERATURE], 0.01f,
				7);
	fill_random(tower.x, ROWS * MAX_INPUTS, 1, 3);
	fill_random(tower.features, ROWS * (GENRES + 1), 1, 4);
	fill_random(tower.coefficient, ROWS * VECTOR_DIMS, 1, 5);
	fill_random(tower.temperature, ROWS, 1, 6);
}

static void
close_tower(void)
{
	free(tower.params);
	free(tower.dparams);
}

static void
check_tensor(const char *name, Tensor t, const Slope *slope)
{
	const StageShape *shape = &tower.shape;

	check_gradient(name, slope, tower.params + shape->offset[t],
				   tower.dparams + shape->offset[t], shape->offset[t + 1] - shape->offset[t]);
}

/* Tensors that gradients were written to, of those that are not named. */
static int
others_dirty(Tensor first, Tensor last)
{
	int			dirty = 0;

	for (int64_t i = 0; i < stage_size(&tower.shape); i++)
		dirty += tower.dparams[i] != 0 &&
			!(i >= tower.shape.offset[first] && i < tower.shape.offset[last + 1]);
	return dirty;
}

/* ---------------------------------------------------------------- user towers */

static TowerPass
tower_pass(void)
{
	return (TowerPass) {
		tower.x, tower.hidden, tower.out, ROWS, tower.dropout, tower.without_recents
	};
}

/* The embeddings come in by user_input; the history is what x holds already. */
static double
user_loss(void *arg)
{
	const StageShape *shape = &tower.shape;
	TowerPass	pass = tower_pass();
	double		temperatures = 0;

	for (int row = 0; row < ROWS; row++)
		user_input(tower.x + row * shape->user_inputs, tower.params, shape, user_rows[row],
				   attributes[row]);
	user_tower_forward(&pass, tower.params, shape);
	for (int row = 0; row < ROWS && shape->stage == STAGE_RETRIEVAL; row++)
		temperatures += tower.temperature[row] *
			logf(user_temperature(tower.hidden + row * shape->user_hidden, tower.params, shape,
								  NULL));
	return weighted_sum(tower.out, tower.coefficient, ROWS * VECTOR_DIMS) + temperatures;
}

/* From the gradient of the inputs to those of the embeddings. */
static void
scatter_user_inputs(void)
{
	const StageShape *shape = &tower.shape;

	for (int row = 0; row < ROWS; row++)
	{
		const float *d = tower.dx + row * shape->user_inputs;

		for (int i = 0; i < shape->user_id; i++)
			tower.dparams[shape->offset[TENSOR_USER_ID] + user_rows[row] * shape->user_id + i] +=
				d[i];
		d += shape->user_id;
		for (int a = 0; a < N_ATTRIBUTES; a++)
			for (int i = 0; i < ATTRIBUTE_DIMS; i++)
				tower.dparams[shape->offset[TENSOR_GENDER + a] +
							  attributes[row][a] * ATTRIBUTE_DIMS + i] += *d++;
	}
}

static void
test_user_tower(Stage stage, int32_t history, float dropout)
{
	Slope		slope = {user_loss, NULL, 2e-3, 5e-3};
	const StageShape *shape = &tower.shape;
	float		dhistory[ROWS * MAX_INPUTS];
	TowerPass	pass;
	int			first;

	open_tower(stage, history, dropout);
	first = user_input_history(shape);
	CHECK(user_input_recents(shape) == first + (history ? 2 * history + HISTORY_SCALARS : 0));
	CHECK(shape->user_inputs == user_input_recents(shape) +
		  (history && stage == STAGE_RETRIEVAL ? RECENT_INPUTS : 0));
	CHECK(shape->user_id == (stage == STAGE_RANKING && history ? 0 : USER_ID_DIMS));
	user_loss(NULL);
	pass = tower_pass();
	user_tower_backward(tower.dx, tower.dparams, tower.work, tower.coefficient,
						stage == STAGE_RETRIEVAL ? tower.temperature : NULL, &pass,
						tower.params, shape);
	if (stage == STAGE_RETRIEVAL)
		check_tensor("temperature", TENSOR_TEMPERATURE, &slope);
	memset(tower.dparams + shape->offset[TENSOR_TEMPERATURE], 0, sizeof(float) *
		   (shape->offset[TENSOR_TEMPERATURE + 1] - shape->offset[TENSOR_TEMPERATURE]));
	CHECK(others_dirty(TENSOR_USER_W1, TENSOR_USER_B2) == 0);
	scatter_user_inputs();
	check_tensor("user w1", TENSOR_USER_W1, &slope);
	check_tensor("user b1", TENSOR_USER_B1, &slope);
	check_tensor("user w2", TENSOR_USER_W2, &slope);
	check_tensor("user b2", TENSOR_USER_B2, &slope);
	check_tensor("gender", TENSOR_GENDER, &slope);
	check_tensor("age", TENSOR_AGE, &slope);
	check_tensor("occupation", TENSOR_OCCUPATION, &slope);
	if (shape->user_id > 0)
		check_tensor("user ids", TENSOR_USER_ID, &slope);

	/* user_input leaves the history alone, so its gradient can be looked at in x */
	memcpy(dhistory, tower.dx, sizeof(dhistory));
	for (int row = 0; row < ROWS && history > 0; row++)
		check_gradient("history in the input", &slope,
					   tower.x + row * shape->user_inputs + first,
					   dhistory + row * shape->user_inputs + first, shape->user_inputs - first);
	close_tower();
}

/*
 * Rows without the history in order come out as with one of zeros, whatever their inputs
 * hold there, and nothing of them reaches its weights.
 */
static void
test_without_recents(int without)
{
	Slope		slope = {user_loss, NULL, 2e-3, 5e-3};
	const StageShape *shape = &tower.shape;
	TowerPass	pass;
	float		expected[ROWS * VECTOR_DIMS];
	float		x[ROWS * MAX_INPUTS];
	int			width;
	int			recents;

	open_tower(STAGE_RETRIEVAL, HISTORY_WIDTH, 0.2f);
	width = shape->user_inputs;
	recents = user_input_recents(shape);
	memcpy(x, tower.x, sizeof(x));
	for (int row = ROWS - without; row < ROWS; row++)
		memset(tower.x + row * width + recents, 0, sizeof(float) * (width - recents));
	user_loss(NULL);
	memcpy(expected, tower.out, sizeof(expected));
	memcpy(tower.x, x, sizeof(x));
	for (int row = ROWS - without; row < ROWS; row++)
		for (int i = recents; i < width; i++)
			tower.x[row * width + i] = NAN;
	tower.without_recents = without;
	user_loss(NULL);
	CHECK(largest_difference(expected, tower.out, ROWS * VECTOR_DIMS) < 1e-5);

	pass = tower_pass();
	memset(tower.dx, 0, sizeof(tower.dx));
	user_tower_backward(tower.dx, tower.dparams, tower.work, tower.coefficient, tower.temperature,
						&pass, tower.params, shape);
	check_tensor("user w1, some rows without recents", TENSOR_USER_W1, &slope);
	for (int row = ROWS - without; row < ROWS; row++)
		for (int i = recents; i < width; i++)
			CHECK(tower.dx[row * width + i] == 0);
	memcpy(x, tower.dx, sizeof(x));
	for (int row = 0; row < ROWS; row++)
		check_gradient("history in the input", &slope,
					   tower.x + row * width + user_input_history(shape),
					   x + row * width + user_input_history(shape),
					   (row < ROWS - without ? width : recents) - user_input_history(shape));
	tower.without_recents = 0;
	close_tower();
}

/* ---------------------------------------------------------------- movie towers */

static double
movie_loss(void *arg)
{
	TowerPass	pass = tower_pass();

	if (tower.shape.stage == STAGE_RANKING)
		pass.x = pass.hidden = NULL;
	movie_tower_forward(&pass, ids, tower.features, tower.params, &tower.shape);
	return weighted_sum(tower.out, tower.coefficient, ROWS * VECTOR_DIMS);
}

static void
test_movie_tower(Stage stage, float dropout)
{
	Slope		slope = {movie_loss, NULL, 2e-3, 5e-3};
	const StageShape *shape = &tower.shape;
	bool		ranking = stage == STAGE_RANKING;
	float		did[ROWS * VECTOR_DIMS];
	TowerPass	pass;
	int			width;

	open_tower(stage, HISTORY_WIDTH, dropout);
	width = shape->width[TENSOR_MOVIE_ID];
	CHECK(width == VECTOR_DIMS);
	movie_loss(NULL);
	pass = tower_pass();
	movie_tower_backward(ranking ? NULL : did, tower.dparams, ranking ? NULL : tower.work,
						 tower.coefficient, &pass, tower.features, tower.params, shape);
	CHECK(others_dirty(TENSOR_MOVIE_W1, ranking ? TENSOR_MOVIE_W1 : TENSOR_MOVIE_B2) == 0);
	for (int row = 0; row < ROWS; row++)
		for (int i = 0; i < width; i++)
			tower.dparams[shape->offset[TENSOR_MOVIE_ID] + ids[row] * width + i] +=
				ranking ? tower.coefficient[row * VECTOR_DIMS + i] : did[row * width + i];
	check_tensor("movie w1", TENSOR_MOVIE_W1, &slope);
	check_tensor("movie ids", TENSOR_MOVIE_ID, &slope);
	if (!ranking)
	{
		check_tensor("movie b1", TENSOR_MOVIE_B1, &slope);
		check_tensor("movie w2", TENSOR_MOVIE_W2, &slope);
		check_tensor("movie b2", TENSOR_MOVIE_B2, &slope);
	}
	close_tower();
}

/* What serving computes is what training does, but for the order of the sums. */
static void
test_movie_prediction(Stage stage)
{
	float		predicted[ROWS * VECTOR_DIMS];
	int			differing = 0;

	open_tower(stage, HISTORY_WIDTH, 0);
	movie_loss(NULL);
	movie_tower_predict(predicted, tower.work, tower.dx, ids, tower.features, tower.params,
						&tower.shape, ROWS);
	for (int i = 0; i < ROWS * VECTOR_DIMS; i++)
		differing += !(fabsf(predicted[i] - tower.out[i]) < 1e-4f);
	CHECK(differing == 0);
	close_tower();
}

/* --------------------------------------------------------------------- layout */

/*
 * Tensors follow each other without overlap, weights before statistics before
 * tables, and those that a stage lacks take no room.
 */
static void
test_layout(Stage stage, int32_t history)
{
	const StageShape *shape = &tower.shape;
	int			outside = 0;

	open_tower(stage, history, 0);
	CHECK(shape->offset[0] == 0 && shape->n_weights == shape->offset[TENSOR_FIRST_STATISTIC]);
	for (Tensor t = 0; t < N_TENSORS; t++)
		CHECK(shape->offset[t + 1] >= shape->offset[t] && shape->offset[t] % 16 == 0);
	CHECK((shape->offset[TENSOR_HEAD +
		   1] > shape->offset[TENSOR_HEAD]) == (stage == STAGE_RETRIEVAL));
	CHECK((shape->offset[TENSOR_RANK_W1 +
		   1] > shape->offset[TENSOR_RANK_W1]) == (stage == STAGE_RANKING));
	CHECK((shape->offset[TENSOR_HISTORY + 1] > shape->offset[TENSOR_HISTORY]) == (history > 0));
	CHECK(shape->offset[TENSOR_MOVIE_ID + 1] - shape->offset[TENSOR_MOVIE_ID] >=
		  (MOVIES + 1) * shape->width[TENSOR_MOVIE_ID]);

	/* what stage_init writes: embeddings within their range, no column alike */
	stage_init(tower.params, shape, 9);
	for (int64_t i = shape->offset[TENSOR_MOVIE_ID]; i < shape->offset[TENSOR_MOVIE_ID + 1]; i++)
		outside += !(fabsf(tower.params[i]) <= 0.05f);
	CHECK(outside == 0);
	CHECK(tower.params[shape->offset[TENSOR_MOVIE_ID]] !=
		  tower.params[shape->offset[TENSOR_MOVIE_ID] + 1]);
	CHECK(tower.params[shape->offset[TENSOR_USER_B1]] == 0);
	if (stage == STAGE_RANKING)
		CHECK(tower.params[shape->offset[TENSOR_RANK_GAMMA1]] == 1 &&
			  tower.params[shape->offset[TENSOR_RANK_VARIANCE2]] == 1 &&
			  tower.params[shape->offset[TENSOR_RANK_MEAN2]] == 0);
	else
		CHECK(tower.params[shape->offset[TENSOR_HEAD] + HEAD_LOG_SCALE] > 0 &&
			  tower.params[shape->offset[TENSOR_HEAD] + HEAD_BIAS] == 0);
	close_tower();
}

int
main(void)
{
	for (Stage stage = 0; stage < N_STAGES; stage++)
		for (int32_t history = 0; history <= HISTORY_WIDTH; history += HISTORY_WIDTH)
		{
			test_layout(stage, history);
			test_user_tower(stage, history, 0);
			test_user_tower(stage, history, 0.2f);
		}
	test_without_recents(5);
	test_without_recents(ROWS);
	test_movie_tower(STAGE_RETRIEVAL, 0);
	test_movie_tower(STAGE_RETRIEVAL, 0.2f);
	test_movie_tower(STAGE_RANKING, 0);
	test_movie_prediction(STAGE_RETRIEVAL);
	test_movie_prediction(STAGE_RANKING);
	return unit_finish();
}
