/*
 * Training: gradients of whole steps, the same bits from any number of
 * participants, stopping, and data that has too little of everything.
 */
#define GRADIENT_ALL 20			/* a whole step for each element takes its time */
#include "gradient.h"

#include "team.h"

/* 20 users with ties, validation and test rows; one of them has test rows only. */
static const SmallSpec ordinary = {
	.n_users = 20, .n_movies = 30, .n_genres = 3, .least = 8, .most = 28,
	.every_validation = 5, .every_test = 4, .newcomers = 1, .seed = 5
};

/* A catalogue too large for the full softmax. */
static const SmallSpec large = {
	.n_users = 12, .n_movies = MAX_FULL_SOFTMAX + 9, .n_genres = 2, .least = 5, .most = 20,
	.every_validation = 5, .every_test = 4, .seed = 7
};

/* ---------------------------------------------------------------- gradients */

static const char *const tensor_names[N_TENSORS] = {
#define TENSOR(name, stage, rows, columns, values) #name,
#include "num/net/tensor_list.h"
#undef TENSOR
};

/*
 * The mean loss of a batch.  At a rate of 0 a step changes nothing, and shows
 * the same rows with the same masks whenever it is taken again.
 */
static int32_t epoch_at_hand = 1;
static int64_t batch_at_hand;

static double
batch_loss(void *arg)
{
	Trainer    *trainer = arg;
	double		loss = 0;

	memset(trainer->epoch.loss, 0, sizeof(double) * N_SHARDS);
	step_train(trainer, epoch_at_hand, batch_at_hand);
	for (int shard = 0; shard < N_SHARDS; shard++)
		loss += trainer->epoch.loss[shard];
	return loss / trainer->batch.n_rows;
}

/* Whether some user of the batch is shown with the history in order. */
static bool
shows_recents(const Trainer *trainer)
{
	for (int32_t s = 0; s < trainer->batch.n_segments; s++)
		if (trainer->batch.segments[s].with_recents)
			return true;
	return false;
}

/*
 * Takes a step on each batch until one has rows in the softmax, a history in order, and
 * a shard without rows, whose memory is full of what earlier steps left there.
 */
static bool
find_empty_shard(Trainer *trainer)
{
	for (epoch_at_hand = 1; epoch_at_hand < 200; epoch_at_hand++)
	{
		batch_shuffle(trainer->epoch.order, trainer->plan.n_segments, epoch_at_hand);
		for (batch_at_hand = 0; batch_at_hand < trainer->plan.n_batches; batch_at_hand++)
		{
			int			empty = 0;

			batch_loss(trainer);
			for (int shard = 0; shard < N_SHARDS; shard++)
				empty += trainer->batch.shard_rows[shard] == 0;
			if (empty > 0 && trainer->batch.n_asked > 0 && epoch_at_hand > 1 &&
				(shows_recents(trainer) || trainer->shape.stage == STAGE_RANKING))
				return true;
		}
	}
	return false;
}

/* The first batch, or where batches are of a few rows an awkward one. */
static void
choose_batch(Trainer *trainer)
{
	epoch_at_hand = 1;
	batch_at_hand = 0;
	if (trainer->plan.shard_segments == 1)
		CHECK(find_empty_shard(trainer));
	memset(trainer->update.m, 0, sizeof(float) * stage_size(&trainer->shape));
	memset(trainer->update.v, 0, sizeof(float) * stage_size(&trainer->shape));
}

/* Embeddings large enough to matter, and biases that are not zero. */
static void
enlarge(Trainer *trainer)
{
	const StageShape *shape = &trainer->shape;

	for (int64_t i = shape->offset[TENSOR_FIRST_TABLE]; i < shape->offset[N_TENSORS]; i++)
		trainer->params[i] *= i < shape->offset[TENSOR_HISTORY] ? 10 : 10 / shape->history_gain;
	for (Tensor t = TENSOR_TEMPERATURE; t <= TENSOR_RECENT_OFFSET; t++)
		fill_random(trainer->params + shape->offset[t], shape->offset[t + 1] - shape->offset[t],
					0.1f, t);
	for (Tensor t = TENSOR_USER_B1; t <= TENSOR_MOVIE_B2; t++)
		if (t == TENSOR_USER_B1 || t == TENSOR_USER_B2 || t == TENSOR_MOVIE_B1 ||
			t == TENSOR_MOVIE_B2)
			fill_random(trainer->params + shape->offset[t],
						shape->offset[t + 1] - shape->offset[t], 0.1f, t);
}

/*
 * Adam's first moment after one step from zero is a tenth of the gradient, in
 * all tensors alike: so the gradients are seen as the update gets them.
 */
static void
test_gradients(const SmallSpec *spec, Stage stage, int32_t history, int32_t batch_size,
			   float softmax_weight)
{
	SmallRatings data = small_ratings(spec);
	StageShape	shape = team_shape(stage, &data.ratings, history);
	TrainOptions options = team_options(stage, batch_size, 1);
	Team		team = {0, 1, team_wait, NULL, small_check_interrupts};
	float	   *gradient = malloc(sizeof(float) * stage_size(&shape));
	void	   *shared;
	Trainer    *trainer;
	Slope		slope = {batch_loss, NULL, 6e-3, 0.01};

	options.weight_decay = 0;
	options.softmax_weight = softmax_weight;
	options.events = spec->events;
	shared = team_memory(trainer_shared_size(&shape, &data.ratings, &options));
	trainer = team_attach(shared, &shape, &data, &options, &team);
	trainer_begin(trainer, NULL);
	trainer->control->rate = 0;
	batch_shuffle(trainer->epoch.order, trainer->plan.n_segments, 1);
	enlarge(trainer);
	choose_batch(trainer);
	batch_loss(trainer);
	for (int64_t i = 0; i < stage_size(&shape); i++)
		gradient[i] = trainer->update.m[i] / 0.1f;
	CHECK(trainer->batch.n_asked > 0 || softmax_weight == 0);

	slope.arg = trainer;
	if (stage == STAGE_RANKING)
	{
		/* more corners than in retrieval */
		slope.step = 1.5e-3;
		slope.tolerance = 0.02;
	}
	for (Tensor t = 0; t < N_TENSORS; t++)
	{
		int64_t		n = shape.offset[t + 1] - shape.offset[t];

		if (t == TENSOR_HEAD && n > 0 && softmax_weight == 0)
			n = HEAD_LOG_TEMPERATURE;
		if ((t == TENSOR_TEMPERATURE && softmax_weight == 0) ||
			(t >= TENSOR_RECENT_SLOPE && t <= TENSOR_RECENT_OFFSET && spec->leave_one_out) ||
			(t == TENSOR_RECENTS && spec->leave_one_out))
			continue;			/* no loss depends on them */
		if (n > 0 && (t < TENSOR_FIRST_STATISTIC || t >= TENSOR_FIRST_TABLE))
			check_gradient(tensor_names[t], &slope, trainer->params + shape.offset[t],
						   gradient + shape.offset[t], n);
	}
	free(gradient);
	free(trainer);
	munmap(shared, trainer_shared_size(&shape, &data.ratings, &options));
	small_free(&data);
}

static void
test_all_gradients(void)
{
	SmallSpec	leave_one_out = ordinary;
	SmallSpec	odd = ordinary;
	SmallSpec	events = ordinary;

	events.events = true;
	events.equal = 1;
	leave_one_out.leave_one_out = true;
	odd.n_users++;				/* and one segment too few for full batches */
	test_gradients(&ordinary, STAGE_RETRIEVAL, 8, 64, 0.5f);
	test_gradients(&ordinary, STAGE_RETRIEVAL, 8, 2048, 0);
	test_gradients(&odd, STAGE_RETRIEVAL, 8, 5, 0.5f);
	test_gradients(&ordinary, STAGE_RETRIEVAL, 0, 512, 0.5f);
	test_gradients(&leave_one_out, STAGE_RETRIEVAL, 8, 512, 0.5f);
	test_gradients(&large, STAGE_RETRIEVAL, 8, 512, 0.5f);
	test_gradients(&events, STAGE_RETRIEVAL, 8, 64, 0.75f);
	test_gradients(&ordinary, STAGE_RANKING, 8, 2048, 0);
	test_gradients(&ordinary, STAGE_RANKING, 0, 64, 0);
	test_gradients(&leave_one_out, STAGE_RANKING, 8, 512, 0);
	test_gradients(&events, STAGE_RANKING, 8, 2048, 0);
}

/* ------------------------------------------------------------ the same bits */

static bool
same_bits(const Trained *a, const Trained *b)
{
	return memcmp(a->params, b->params, sizeof(float) * a->size) == 0 &&
		a->n_epochs == b->n_epochs &&
		memcmp(a->report, b->report, sizeof(EpochReport) * a->n_epochs) == 0;
}

static void
test_participants(const SmallSpec *spec, Stage stage, int32_t history, int32_t batch_size)
{
	static const int teams[] = {2, 3, 4, 7};
	SmallRatings data = small_ratings(spec);
	TrainOptions options = team_options(stage, batch_size, 3);
	Trained		alone = team_train(&data, stage, history, &options, 1, NULL);

	CHECK(alone.n_epochs == 3);
	CHECK(team_all_finite(&alone));
	for (size_t i = 0; i < sizeof(teams) / sizeof(teams[0]); i++)
	{
		Trained		together = team_train(&data, stage, history, &options, teams[i], NULL);

		CHECK(same_bits(&alone, &together));
		team_free(&together, &data, &options);
	}
	team_free(&alone, &data, &options);
	small_free(&data);
}

static void
test_any_number_of_participants(void)
{
	SmallSpec	leave_one_out = ordinary;

	leave_one_out.leave_one_out = true;
	test_participants(&ordinary, STAGE_RETRIEVAL, HISTORY_DIMS, 64);
	test_participants(&ordinary, STAGE_RANKING, HISTORY_DIMS, 64);
	test_participants(&leave_one_out, STAGE_RETRIEVAL, HISTORY_DIMS, 512);
	test_participants(&leave_one_out, STAGE_RANKING, HISTORY_DIMS, 512);
	test_participants(&ordinary, STAGE_RANKING, 0, 100);
	test_participants(&large, STAGE_RETRIEVAL, HISTORY_DIMS, 64);
	/* batches of fewer segments than shards */
	test_participants(&ordinary, STAGE_RETRIEVAL, HISTORY_DIMS, 5);
}

static void
test_seeds(Stage stage)
{
	SmallRatings data = small_ratings(&ordinary);
	TrainOptions options = team_options(stage, 64, 2);
	Trained		first = team_train(&data, stage, HISTORY_DIMS, &options, 1, NULL);
	Trained		again = team_train(&data, stage, HISTORY_DIMS, &options, 1, NULL);
	Trained		other;

	options.seed++;
	other = team_train(&data, stage, HISTORY_DIMS, &options, 1, NULL);
	CHECK(same_bits(&first, &again));
	CHECK(!same_bits(&first, &other));

	/* it is not only the start that the seed decides */
	options.seed--;
	team_free(&again, &data, &options);
	again = team_train(&data, stage, HISTORY_DIMS, &options, 1, other.best);
	options.seed++;
	team_free(&first, &data, &options);
	first = team_train(&data, stage, HISTORY_DIMS, &options, 1, other.best);
	CHECK(!same_bits(&first, &again));
	team_free(&first, &data, &options);
	team_free(&again, &data, &options);
	team_free(&other, &data, &options);
	small_free(&data);
}

/* ------------------------------------------------------ learning and stopping */

/* Gradients of tables are left zero for the next step, which adds to them. */
static void
check_left_clean(const Trained *trained)
{
	const Trainer *trainer = trained->trainer;
	int64_t		tables = trained->size - trained->shape.offset[TENSOR_FIRST_TABLE];
	int64_t		left = 0;

	for (int64_t i = 0; i < tables; i++)
		left += trainer->update.dtables[i] != 0;
	CHECK(left == 0);
}

static void
test_learning(Stage stage)
{
	SmallSpec	spec = ordinary;
	TrainOptions options = team_options(stage, 64, 15);
	SmallRatings data;
	Trained		trained;

	spec.every_validation = 0;
	data = small_ratings(&spec);
	trained = team_train(&data, stage, HISTORY_DIMS, &options, 1, NULL);
	CHECK(trained.n_epochs == 15);
	CHECK(trained.report[14].train_loss < 0.9 * trained.report[0].train_loss);
	CHECK(isnan(trained.report[0].val_loss) && isnan(trained.report[0].val_auc));
	CHECK(trained.report[14].is_best);
	check_left_clean(&trained);
	team_free(&trained, &data, &options);
	small_free(&data);
}

/*
 * There is nothing to be learned from random ratings, so validation soon gets
 * worse: the rate falls, training stops, and the best epoch's parameters stay.
 */
static void
test_stopping(Stage stage)
{
	SmallRatings data = small_ratings(&ordinary);
	TrainOptions options = team_options(stage, 32, TEAM_EPOCHS);
	Trained		trained;
	float		rate = 8e-3f;
	float		best = INFINITY;
	int			without = 0;

	options.learning_rate = rate;
	options.patience = 2;
	trained = team_train(&data, stage, HISTORY_DIMS, &options, 1, NULL);
	for (int e = 0; e < trained.n_epochs; e++)
	{
		const EpochReport *report = &trained.report[e];
		float		error = stage == STAGE_RANKING ? report->val_loss : 1 - report->val_auc;

		CHECK(report->epoch == e + 1 && report->learning_rate == rate);
		CHECK(report->is_best == (error < best));
		CHECK(isnan(stage == STAGE_RANKING ? report->val_auc : report->val_rmse));
		/* a plateau: less than 0.3 % was taken off the error */
		without = error < (1 - 0.003f) * best ? 0 : without + 1;
		if (without > 0)
			rate /= 2;
		if (report->is_best)
			best = error;
		CHECK((without == 2) == (e == trained.n_epochs - 1));
	}
	CHECK(memcmp(trained.params, trained.best, sizeof(float) * trained.size) == 0);
	team_free(&trained, &data, &options);
	small_free(&data);
}

/* Without early stopping: the epochs and rates that were asked for, all of them. */
static void
test_given_rates(void)
{
	const float rates[] = {4e-3f, 1e-3f, 2e-3f};
	SmallRatings data = small_ratings(&ordinary);
	TrainOptions options = team_options(STAGE_RANKING, 64, 3);
	Trained		trained;

	options.early_stopping = false;
	options.rates = rates;
	trained = team_train(&data, STAGE_RANKING, HISTORY_DIMS, &options, 2, NULL);
	CHECK(trained.n_epochs == 3);
	for (int e = 0; e < 3; e++)
		CHECK(trained.report[e].learning_rate == rates[e] && trained.report[e].is_best);
	team_free(&trained, &data, &options);
	small_free(&data);
}

/*
 * All epochs, though hardly anything is learned and patience is short: the rate rises and
 * stays, and the last averages are the result.
 */
static void
test_all_epochs(Stage stage, int32_t epochs)
{
	SmallRatings data = small_ratings(&ordinary);
	TrainOptions options = team_options(stage, 64, epochs);
	Trained		trained;

	options.all_epochs = true;
	options.patience = 1;
	options.learning_rate = 1e-6f;
	trained = team_train(&data, stage, HISTORY_DIMS, &options, 2, NULL);
	CHECK(trained.n_epochs == epochs);
	CHECK(epochs == 1 || trained.report[0].learning_rate < options.learning_rate);
	for (int e = 0; e < epochs; e++)
	{
		CHECK(trained.report[e].is_best);
		CHECK(e == 0 || trained.report[e].learning_rate == options.learning_rate);
	}
	CHECK(memcmp(trained.params, trained.best, sizeof(float) * trained.size) == 0);
	team_free(&trained, &data, &options);
	small_free(&data);
}

/*
 * The average of all parameters, step by step, is what rows that are brought up to date
 * only now and then have in the end.
 */
static void
test_average(Stage stage)
{
	SmallRatings data = small_ratings(&ordinary);
	StageShape	shape = team_shape(stage, &data.ratings, 4);
	TrainOptions options = team_options(stage, 16, 3);
	Team		team = {0, 1, team_wait, NULL, small_check_interrupts};
	int64_t		size = stage_size(&shape);
	float	   *expected = malloc(sizeof(float) * size);
	int			taken = 0;
	void	   *shared;
	Trainer    *trainer;

	shared = team_memory(trainer_shared_size(&shape, &data.ratings, &options));
	trainer = team_attach(shared, &shape, &data, &options, &team);
	trainer_begin(trainer, NULL);
	memcpy(expected, trainer->params, sizeof(float) * size);
	batch_shuffle(trainer->epoch.order, trainer->plan.n_segments, 1);
	CHECK(trainer->plan.n_batches > 2);
	for (int epoch = 1; epoch <= 3; epoch++)
		for (int64_t batch = 0; batch < trainer->plan.n_batches; batch++)
		{
			step_train(trainer, epoch, batch);
			taken++;
			for (int64_t i = 0; i < size; i++)
				expected[i] += (trainer->params[i] - expected[i]) /
					fminf(taken, trainer->plan.n_batches);
		}
	average_tables(trainer, 3 * trainer->plan.n_batches);
	CHECK(largest_difference(expected, trainer->average.params, size) < 1e-5);
	CHECK(largest_difference(trainer->params, trainer->average.params, size) > 1e-3);
	munmap(shared, trainer_shared_size(&shape, &data.ratings, &options));
	free(trainer);
	free(expected);
	small_free(&data);
}

/* A rate at which every number runs away: the first parameters stay. */
static void
test_running_away(Stage stage)
{
	SmallRatings data = small_ratings(&ordinary);
	TrainOptions options = team_options(stage, 64, 4);
	Trained		trained;

	options.learning_rate = 1e30f;
	trained = team_train(&data, stage, HISTORY_DIMS, &options, 1, NULL);
	CHECK(team_all_finite(&trained));
	team_free(&trained, &data, &options);
	small_free(&data);
}

/* -------------------------------------------------------------- poor data */

static void
test_poor(const char *what, SmallSpec spec, int32_t history, int32_t batch_size, int n)
{
	for (Stage stage = 0; stage < N_STAGES; stage++)
	{
		SmallRatings data = small_ratings(&spec);
		TrainOptions options = team_options(stage, batch_size, 3);
		Trained		trained = team_train(&data, stage, history, &options, n, NULL);

		if (!CHECK(team_all_finite(&trained)))
			printf("  with %s, stage %d\n", what, stage);
		CHECK(trained.n_epochs == 3);
		CHECK(data.ratings.n_train_rows == 0 || isfinite(trained.report[2].train_loss));
		team_free(&trained, &data, &options);
		small_free(&data);
	}
}

static void
test_poor_data(void)
{
	const SmallSpec one_row = {.n_users = 1, .n_movies = 1, .least = 1, .most = 1};
	const SmallSpec one_user = {.n_users = 1, .n_movies = 40, .least = 40, .most = 40,
	.every_validation = 4};
	const SmallSpec one_movie = {.n_users = 30, .n_movies = 1, .least = 1, .most = 1};
	SmallSpec	spec = ordinary;

	test_poor("one row", one_row, HISTORY_DIMS, 2048, 1);
	test_poor("one row for two", one_row, HISTORY_DIMS, 2048, 2);
	test_poor("one user", one_user, HISTORY_DIMS, 2048, 1);
	test_poor("one movie", one_movie, HISTORY_DIMS, 8, 1);
	spec.equal = 5;
	test_poor("all ratings liked and equal", spec, HISTORY_DIMS, 64, 1);
	spec.equal = 1;
	test_poor("all ratings disliked and equal", spec, HISTORY_DIMS, 64, 1);
	spec.equal = -7e6f;
	test_poor("ratings on a scale of its own", spec, HISTORY_DIMS, 64, 1);
	spec = ordinary;
	spec.every_validation = 0;
	test_poor("no validation rows", spec, HISTORY_DIMS, 64, 1);
	test_poor("no history", ordinary, 0, 64, 1);
	test_poor("batches of one", ordinary, HISTORY_DIMS, 1, 3);
	spec.newcomers = spec.n_users;
	test_poor("no train ratings", spec, HISTORY_DIMS, 64, 1);
	spec = one_row;
	spec.leave_one_out = true;
	test_poor("one row left out of itself", spec, HISTORY_DIMS, 64, 1);
}

/* ---------------------------------------------------------- what a row knows */

#define N_SHOWN 6

/*
 * The inputs of one user's first train ratings, for the deviations as they are, and
 * behind them the biases: x [n * (user_inputs + 1)].
 */
static void
inputs_of(float *x, Trainer *trainer, int32_t user, int32_t n)
{
	Segment		segment = {trainer->ratings->start[user], user, n};
	float		scale[N_SHOWN * RECENT_SUMS];
	BatchSegment shown = {
		.segment = &segment, .user_row = 1, .with_history = true,
		.with_recents = ratings_in_order(trainer->ratings), .n_vectors = n
	};

	gather_segment((UserInputs) {.x = x, .bias = x + (int64_t) n * trainer->shape.user_inputs,
									  .recent_scale = scale}, trainer, &shown);
}

/*
 * Changes the deviation of one row: its own features must not tell, nor those
 * of rows before it; others of its user must.
 */
static void
test_row_does_not_know_itself(bool leave_one_out)
{
	enum
	{
		USER = 3,
		ROW = 2,				/* the first of a pair at one time */
		N = N_SHOWN
	};
	SmallSpec	spec = ordinary;
	TrainOptions options = team_options(STAGE_RETRIEVAL, 64, 1);
	SmallRatings data;
	Trained		trained;
	int			width;
	float	   *before;
	float	   *after;

	spec.leave_one_out = leave_one_out;
	data = small_ratings(&spec);
	CHECK(data.n_train[USER] >= N);
	trained = team_train(&data, STAGE_RETRIEVAL, HISTORY_DIMS, &options, 1, NULL);
	width = trained.shape.user_inputs;
	before = malloc(sizeof(float) * N * (width + 1));
	after = malloc(sizeof(float) * N * (width + 1));
	inputs_of(before, trained.trainer, USER, N);
	trained.trainer->known.deviation[data.start[USER] + ROW] += 1;
	trained.trainer->known.movie[data.start[USER] + ROW] = data.ratings.n_movies - 1;
	inputs_of(after, trained.trainer, USER, N);
	for (int row = 0; row < N; row++)
	{
		bool		knows = leave_one_out ? row != ROW : row > ROW + 1;
		double		difference = 0;

		for (int i = 0; i < width; i++)
			difference = worst_of(difference,
								  fabs(after[row * width + i] - before[row * width + i]));
		CHECK(knows ? difference > 1e-3 : difference < 1e-6);
		difference = fabs(after[N * width + row] - before[N * width + row]);
		CHECK(knows ? difference > 1e-3 : difference < 1e-6);
	}
	free(before);
	free(after);
	team_free(&trained, &data, &options);
	small_free(&data);
}

int
main(void)
{
	test_all_gradients();
	test_any_number_of_participants();
	for (Stage stage = 0; stage < N_STAGES; stage++)
	{
		test_seeds(stage);
		test_learning(stage);
		test_stopping(stage);
		test_average(stage);
		test_running_away(stage);
	}
	test_given_rates();
	test_all_epochs(STAGE_RETRIEVAL, 8);
	test_all_epochs(STAGE_RETRIEVAL, 1);
	test_poor_data();
	test_row_does_not_know_itself(false);
	test_row_does_not_know_itself(true);
	return unit_finish();
}
