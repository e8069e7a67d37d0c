/*
 * step.c: one step of training, as the phases of trainer_state.h.
 */
#include "num/train/trainer_state.h"

#include <string.h>

#include "num/base/rng.h"
#include "num/base/simd.h"

/* Rates of dropout inside the networks, beside those that differ between the stages. */
#define RECENTS_INPUT_DROPOUT 0.2f
#define RANKER_DROPOUT1 0.3f
#define RANKER_DROPOUT2 0.2f
#define RANKER_DROPOUT3 0.1f

/* The share of the steps in which the rate of all_epochs rises. */
#define WARM_UP 0.15f

void
user_activations_carve(UserActivations *activations, Arena *arena, const StageShape *shape,
					   int64_t n)
{
	activations->x = ARENA_ARRAY(arena, float, n * shape->user_inputs);
	activations->hidden = ARENA_ARRAY(arena, float, n * shape->user_hidden);
	activations->recent_scale = ARENA_ARRAY(arena, float, n * RECENT_SUMS);
	activations->bias = ARENA_ARRAY(arena, float, n);
	activations->raw = ARENA_ARRAY(arena, float, n * VECTOR_DIMS);
	activations->temperature = ARENA_ARRAY(arena, float, n);
	activations->unit = ARENA_ARRAY(arena, float, n * VECTOR_DIMS);
	activations->inverse_norm = ARENA_ARRAY(arena, float, n);
}

static void
carve_movies(BatchMovies *movies, Arena *arena, const StageShape *shape, int64_t n)
{
	movies->raw = ARENA_ARRAY(arena, float, n * VECTOR_DIMS);
	movies->draw = ARENA_ARRAY(arena, float, n * VECTOR_DIMS);
	if (shape->stage == STAGE_RANKING)
	{
		movies->did = movies->draw; /* the vector is the embedding, and more */
		movies->half = ARENA_ARRAY(arena, float, n * RANKER_HIDDEN1);
		return;
	}
	movies->did = ARENA_ARRAY(arena, float, n * shape->width[TENSOR_MOVIE_ID]);
	movies->x = ARENA_ARRAY(arena, float, n * shape->movie_inputs);
	movies->hidden = ARENA_ARRAY(arena, float, n * shape->movie_hidden);
	movies->unit = ARENA_ARRAY(arena, float, n * VECTOR_DIMS);
	movies->inverse_norm = ARENA_ARRAY(arena, float, n);
}

void
step_carve_shared(Trainer *trainer, Arena *arena)
{
	const StageShape *shape = &trainer->shape;
	BatchUsers *users = &trainer->users;
	BatchRows  *rows = &trainer->rows;
	int64_t		slots = trainer->slots;

	user_activations_carve(&users->forward, arena, shape, slots);
	users->back.dtemperature = ARENA_ARRAY(arena, float, slots);
	users->back.draw = ARENA_ARRAY(arena, float, slots * VECTOR_DIMS);
	carve_movies(&trainer->movies, arena, shape, trainer->max_movies);
	rows->dmovie = ARENA_ARRAY(arena, float, slots * VECTOR_DIMS);
	if (shape->stage == STAGE_RANKING)
	{
		rows->out1 = ARENA_ARRAY(arena, float, slots * RANKER_HIDDEN1);
		rows->statistics = ARENA_ARRAY(arena, float, N_SHARDS * STATISTICS);
	}
}

void
step_carve_private(Trainer *trainer, Arena *arena)
{
	const StageShape *shape = &trainer->shape;
	StepWork   *work = &trainer->work;
	int64_t		rows = trainer->plan.shard_rows;
	int64_t		movies = trainer->max_movies / N_SHARDS + 1;

	work->dhidden = ARENA_ARRAY(arena, float, rows * shape->user_hidden);
	work->dgate = ARENA_ARRAY(arena, float, shape->recents * RECENT_LEVELS);
	work->features = ARENA_ARRAY(arena, float, movies * shape->n_features);
	if (shape->stage == STAGE_RANKING)
	{
		ranker_activations(&work->ranker, arena, (int) rows);
		work->dhalf = ARENA_ARRAY(arena, float, movies * RANKER_HIDDEN1);
	}
	else
		work->movie_tower = ARENA_ARRAY(arena, float,
										movies * (shape->movie_hidden + shape->movie_inputs));
}

static Dropout
step_dropout(const Trainer *trainer, int purpose, int shard, float rate)
{
	return dropout_make(rng_u64(trainer->batch.key, purpose + shard), rate);
}

float
step_rate(const Trainer *trainer, int64_t step)
{
	double		steps = (double) trainer->options.epochs * trainer->plan.n_batches;
	double		risen = (step + 0.5) / (WARM_UP * steps);

	return trainer->options.all_epochs && risen < 1 ?
		(float) (trainer->control->rate * risen) : trainer->control->rate;
}

/* Dropout of what is pooled, in a vector's input or in its gradient: x [user_inputs]. */
static void
drop_inputs(const Trainer *trainer, int shard, float *x, int64_t vector, bool with_recents)
{
	const StageShape *shape = &trainer->shape;
	int			width = 2 * shape->history;
	int			sums = RECENT_SUMS * shape->recents;

	dropout_apply(x + user_input_history(shape),
				  step_dropout(trainer, PURPOSE_HISTORY_INPUT, shard,
							   trainer->options.sums_dropout),
				  vector * width, width);
	if (with_recents)
		dropout_apply(x + user_input_recents(shape),
					  step_dropout(trainer, PURPOSE_RECENTS_INPUT, shard, RECENTS_INPUT_DROPOUT),
					  vector * sums, sums);
}

/* The users of a shard on their way through the tower. */
static TowerPass
user_pass(const Trainer *trainer, const UserActivations *activations, int shard)
{
	TowerPass	pass = {
		.x = activations->x,
		.hidden = activations->hidden,
		.out = activations->raw,
		.rows = trainer->batch.shard_vectors[shard],
		.dropout = step_dropout(trainer, PURPOSE_TOWER, shard, trainer->options.tower_dropout),
		.without_recents = trainer->batch.without_recents[shard]
	};

	return pass;
}

/* Inputs and raw vectors of the users of one shard. */
static void
forward_users(Trainer *trainer, int shard)
{
	const StageShape *shape = &trainer->shape;
	Batch	   *batch = &trainer->batch;
	UserActivations activations = shard_users(trainer, shard);
	TowerPass	pass = user_pass(trainer, &activations, shard);

	for (int32_t s = batch->first_segment[shard]; s < batch->first_segment[shard + 1]; s++)
	{
		const BatchSegment *shown = &batch->segments[s];

		gather_segment(user_inputs_from(&activations, shape, shown->vector), trainer, shown);
		for (int32_t i = 0; i < shown->n_vectors; i++)
			drop_inputs(trainer, shard,
						activations.x + (int64_t) (shown->vector + i) * shape->user_inputs,
						shown->vector + i, shown->with_recents);
		check_interrupts(trainer);
	}
	user_tower_forward(&pass, trainer->params, shape);
	if (shape->stage == STAGE_RANKING)
		put_biases(activations.raw, activations.bias, pass.rows);
	check_interrupts(trainer);
}

/*
 * From the gradient of one vector's input to that of the sums over its histories:
 * through the dropout and the scales.
 */
static void
backward_sums(Trainer *trainer, int shard, float *d, const BatchSegment *shown, int32_t i)
{
	const StageShape *shape = &trainer->shape;
	const Segment *segment = shown->segment;
	const float *scale = shard_users(trainer, shard).recent_scale +
		(int64_t) (shown->vector + i) * RECENT_SUMS;
	bool		itself;
	int32_t		end = history_end(trainer->ratings, segment->user, segment->row + i, &itself);

	drop_inputs(trainer, shard, d, shown->vector + i, shown->with_recents);
	simd_scale(d + user_input_history(shape), shape->history_gain * history_scale(end - itself),
			   2 * shape->history);
	for (int k = 0; k < RECENT_SUMS && shown->with_recents; k++)
		simd_scale(d + user_input_recents(shape) + k * RECENT_DIMS, scale[k], RECENT_DIMS);
}

/* Adds up the gradients by the gates. */
static void
collect_gates(Trainer *trainer, const RecentRows *rows, int32_t from, int32_t n)
{
	for (int32_t i = 0; i < n; i++)
	{
		const float *row = table_row(trainer->params, &trainer->shape, TENSOR_RECENTS,
									 rows->movie[from + i] + 1);
		const float *d = trainer->gather.drecent + i * RECENT_DIMS;
		float	   *dgate = trainer->work.dgate + rows->level[from + i] * RECENT_DIMS;

		for (int dim = 0; dim < RECENT_DIMS && rows->movie[from + i] >= 0; dim++)
			dgate[dim] += d[dim] * row[dim];
	}
}

/* The gradients of a shard by what makes the gates. */
static void
backward_gates(Trainer *trainer, int shard)
{
	const StageShape *shape = &trainer->shape;
	const Batch *batch = &trainer->batch;
	float	   *dweights = shard_dweights(trainer, shard);

	memset(trainer->work.dgate, 0, sizeof(float) * RECENT_LEVELS * RECENT_DIMS);
	for (int32_t s = batch->first_segment[shard]; s < batch->first_segment[shard + 1]; s++)
	{
		const BatchSegment *shown = &batch->segments[s];

		if (!shown->with_recents)
			continue;
		recents_walk_back(trainer, shown, shard_users(trainer, shard).dx +
						  (int64_t) shown->vector * shape->user_inputs, collect_gates);
		check_interrupts(trainer);
	}
	recents_gates_backward(dweights + shape->offset[TENSOR_RECENT_SLOPE],
						   dweights + shape->offset[TENSOR_RECENT_OFFSET],
						   trainer->work.dgate, trainer->gather.gate);
}

/*
 * From the gradient of the raw user vectors to that of the inputs, in place of
 * those.  The histories' parts are made the gradient of the sums.
 */
static void
backward_users(Trainer *trainer, int shard)
{
	const StageShape *shape = &trainer->shape;
	const Ratings *ratings = trainer->ratings;
	Batch	   *batch = &trainer->batch;
	UserActivations activations = shard_users(trainer, shard);
	UserGradients back = shard_user_gradients(trainer, shard);
	TowerPass	pass = user_pass(trainer, &activations, shard);
	float	   *dweights = shard_dweights(trainer, shard);
	float	   *d = activations.dx;

	if (shape->stage == STAGE_RANKING)
		clear_biases(back.draw, batch->shard_vectors[shard]);
	user_tower_backward(activations.dx, dweights, trainer->work.dhidden, back.draw,
						shape->stage == STAGE_RETRIEVAL ? back.dtemperature : NULL, &pass,
						trainer->params, shape);
	check_interrupts(trainer);
	memset(dweights + shape->offset[TENSOR_GENDER], 0,
		   sizeof(float) * (shape->offset[TENSOR_OCCUPATION + 1] - shape->offset[TENSOR_GENDER]));
	for (int32_t s = batch->first_segment[shard]; s < batch->first_segment[shard + 1]; s++)
	{
		const BatchSegment *shown = &batch->segments[s];
		const uint8_t *attribute = ratings->attribute + shown->segment->user * N_ATTRIBUTES;

		for (int32_t i = 0; i < shown->n_vectors; i++, d += shape->user_inputs)
		{
			for (int a = 0; a < N_ATTRIBUTES; a++)
				simd_axpy(dweights + shape->offset[TENSOR_GENDER + a] + attribute[a] *
						  ATTRIBUTE_DIMS,
						  1, d + shape->user_id + a * ATTRIBUTE_DIMS, ATTRIBUTE_DIMS);
			backward_sums(trainer, shard, d, shown, i);
		}
	}
	if (shape->recents > 0)
		backward_gates(trainer, shard);
}

/* The ranking head for one shard, from loss to the gradients of its vectors. */
static void
ranking_rows(Trainer *trainer, int shard)
{
	const StageShape *shape = &trainer->shape;
	Batch	   *batch = &trainer->batch;
	UserActivations user = shard_users(trainer, shard);
	RankerActivations *activations = &trainer->work.ranker;
	int32_t		first = shard * trainer->plan.shard_rows;
	int			rows = batch->shard_rows[shard];
	float	   *statistics = trainer->rows.statistics + shard * STATISTICS;
	RankerPairs pairs = {
		.n_rows = rows,
		.n_users = batch->shard_vectors[shard],
		.user = user.raw,
		.user_of = batch->vector + first,
		.movie = trainer->movies.raw,
		.movie_half = trainer->movies.half,
		.movie_of = batch->position + first
	};
	RankerDropout dropout = {
		step_dropout(trainer, PURPOSE_RANKER1, shard, RANKER_DROPOUT1),
		step_dropout(trainer, PURPOSE_RANKER2, shard, RANKER_DROPOUT2),
		step_dropout(trainer, PURPOSE_RANKER3, shard, RANKER_DROPOUT3)
	};

	activations->out1 = trainer->rows.out1 + (int64_t) first * RANKER_HIDDEN1;
	activations->mean1 = statistics;
	activations->istd1 = activations->mean1 + RANKER_HIDDEN1;
	activations->mean2 = activations->istd1 + RANKER_HIDDEN1;
	activations->istd2 = activations->mean2 + RANKER_HIDDEN2;
	ranker_forward(activations, &pairs, trainer->params, shape, &dropout);
	check_interrupts(trainer);
	for (int row = 0; row < rows; row++)
	{
		float		error = activations->prediction[row] - batch->rating[first + row];

		trainer->epoch.loss[shard] += (double) error * error;
		activations->dprediction[row] = 2 * error / batch->n_rows;
	}
	ranker_backward(activations, &pairs, shard_user_gradients(trainer, shard).draw,
					trainer->rows.dmovie + (int64_t) first * VECTOR_DIMS,
					shard_dweights(trainer, shard), trainer->params, shape, &dropout);
	check_interrupts(trainer);
}

/* Where movies from `from` on begin in an array that not every stage has. */
static float *
movies_from(float *array, int32_t from, int32_t width)
{
	return array ? array + (int64_t) from * width : NULL;
}

/* The movies of a shard on their way through the tower, and the first of them. */
static TowerPass
movie_pass(const Trainer *trainer, int shard, int32_t *from)
{
	int32_t		to;
	TowerPass	pass = {.dropout = DROPOUT_OFF};

	movie_shard(trainer, shard, from, &to);
	pass.x = movies_from(trainer->movies.x, *from, trainer->shape.movie_inputs);
	pass.hidden = movies_from(trainer->movies.hidden, *from, trainer->shape.movie_hidden);
	pass.out = movies_from(trainer->movies.raw, *from, VECTOR_DIMS);
	pass.rows = to - *from;
	return pass;
}

static void
forward_movies(Trainer *trainer, int shard)
{
	const StageShape *shape = &trainer->shape;
	const Batch *batch = &trainer->batch;
	int32_t		from;
	TowerPass	pass = movie_pass(trainer, shard, &from);

	gather_features(trainer->work.features, trainer, batch->movies + from, pass.rows);
	movie_tower_forward(&pass, batch->movie_row + from, trainer->work.features, trainer->params,
						shape);
	if (shape->stage == STAGE_RANKING)
	{
		for (int32_t i = 0; i < pass.rows; i++)
			pass.out[(int64_t) i * VECTOR_DIMS] = movie_bias(trainer, batch->movie_row[from + i]);
		ranker_movies_forward(trainer->movies.half + (int64_t) from * RANKER_HIDDEN1, pass.out,
							  trainer->params, shape, pass.rows);
	}
	else
		unit_forward(trainer->movies.unit + (int64_t) from * VECTOR_DIMS,
					 trainer->movies.inverse_norm + from, pass.out, pass.rows, VECTOR_DIMS);
	check_interrupts(trainer);
}

/*
 * Adds what the rows of the batch have for the movies of a shard, row by row:
 * dmovie [movies of the shard][width] += drow [slots][width].
 */
static void
sum_by_movie(float *dmovie, const Trainer *trainer, int shard, const float *drow, int width)
{
	const Batch *batch = &trainer->batch;
	int32_t		from;
	int32_t		to;

	movie_shard(trainer, shard, &from, &to);
	for (int32_t index = from; index < to; index++, dmovie += width)
		for (int32_t i = batch->first_row[index]; i < batch->first_row[index + 1]; i++)
			simd_axpy(dmovie, 1, drow + (int64_t) batch->rows[i] * width, width);
}

/* From the gradients of a shard of movie vectors to their tower's. */
static void
backward_movies(Trainer *trainer, int shard)
{
	const StageShape *shape = &trainer->shape;
	int32_t		from;
	TowerPass	pass = movie_pass(trainer, shard, &from);
	int32_t		n = pass.rows;
	float	   *dmovie;
	float	   *dweights = shard_dweights(trainer, shard);

	dmovie = trainer->movies.draw + (int64_t) from * VECTOR_DIMS;
	if (shape->stage == STAGE_RANKING)
	{
		memset(trainer->work.dhalf, 0, sizeof(float) * n * RANKER_HIDDEN1);
		sum_by_movie(trainer->work.dhalf, trainer, shard, trainer->rows.dhalf, RANKER_HIDDEN1);
		ranker_movies_backward(dmovie, dweights, trainer->work.dhalf, pass.out,
							   trainer->params, shape, n);
	}
	else
		retrieval_movies(trainer, shard);
	check_interrupts(trainer);
	sum_by_movie(dmovie, trainer, shard, trainer->rows.dmovie, VECTOR_DIMS);
	if (shape->stage == STAGE_RANKING)
		clear_biases(dmovie, n);
	else
		unit_backward(dmovie, dmovie, trainer->movies.unit + (int64_t) from * VECTOR_DIMS,
					  trainer->movies.inverse_norm + from, n, VECTOR_DIMS);
	gather_features(trainer->work.features, trainer, trainer->batch.movies + from, n);
	movie_tower_backward(trainer->movies.did + (int64_t) from * shape->width[TENSOR_MOVIE_ID],
						 dweights, trainer->work.movie_tower, dmovie, &pass, trainer->work.features,
						 trainer->params, shape);
	check_interrupts(trainer);
}

/* A phase of a step: this participant's shards, then all wait for each other. */
static void
phase(Trainer *trainer, void (*work) (Trainer *trainer, int shard))
{
	int			from;
	int			to;

	own_shards(trainer, &from, &to);
	for (int shard = from; shard < to; shard++)
		work(trainer, shard);
	barrier(trainer);
}

static void
rows_phase(Trainer *trainer, int shard)
{
	forward_users(trainer, shard);
	if (trainer->shape.stage == STAGE_RETRIEVAL)
		retrieval_rows(trainer, shard);
	else
	{
		ranking_rows(trainer, shard);
		/* at once, while the activations are in the caches */
		backward_users(trainer, shard);
	}
}

static void
back_phase(Trainer *trainer, int shard)
{
	if (trainer->shape.stage == STAGE_RETRIEVAL)
	{
		retrieval_users(trainer, shard);
		backward_users(trainer, shard);
	}
	backward_movies(trainer, shard);
}

void
step_train(Trainer *trainer, int32_t epoch, int64_t batch)
{
	step_batch_describe(trainer, epoch, batch);
	gather_gates(trainer);
	phase(trainer, forward_movies);
	phase(trainer, rows_phase);
	if (with_softmax(trainer))
		retrieval_softmax(trainer);
	phase(trainer, back_phase);
	step_update(trainer);
	barrier(trainer);
	if (trainer->team.participant == 0)
		trainer->control->step++;
}
