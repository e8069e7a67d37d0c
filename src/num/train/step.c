/*
 * step.c: one step of training, as the phases of trainer_state.h.
 */
#include "num/train/trainer_state.h"

#include <math.h>
#include <string.h>

#include "num/base/rng.h"
#include "num/base/simd.h"

/* Rates of dropout inside the networks. */
#define TOWER_DROPOUT 0.2f
#define HISTORY_INPUT_DROPOUT 0.3f
#define RECENTS_INPUT_DROPOUT 0.2f
#define RANKER_DROPOUT1 0.3f
#define RANKER_DROPOUT2 0.2f
#define RANKER_DROPOUT3 0.1f

/* A movie is shown as unknown this often, so that the unknown movie means something. */
#define MOVIE_ID_DROPOUT 0.02f

/*
 * Share of the rows that may take part in the softmax that do.  They are all rows of
 * segments with the history in order; of the others, who are asked about what comes
 * at some later time, the liked ones, and their loss counts for a share.
 */
#define SOFTMAX_SAMPLE 0.5f
#define SOFTMAX_LATER 0.2f

/* The share of the steps of a cycle in which the rate rises. */
#define WARM_UP 0.15f

/* What the random numbers of a step are for. */
enum
{
	PURPOSE_USER_ID = 1,
	PURPOSE_HISTORY,
	PURPOSE_MOVIE_ID,
	PURPOSE_SOFTMAX,
	PURPOSE_RECENTS,
	PURPOSE_TOWER = 16,			/* from here on one for each shard */
	PURPOSE_MOVIE = 32,
	PURPOSE_HISTORY_INPUT = 48,
	PURPOSE_RANKER1 = 64,
	PURPOSE_RANKER2 = 80,
	PURPOSE_RANKER3 = 96,
	PURPOSE_RECENTS_INPUT = 112
};

static Dropout
step_dropout(const Trainer *trainer, int purpose, int shard, float rate)
{
	return dropout_make(rng_u64(trainer->batch.key, purpose + shard), rate);
}

static bool
happens(const Trainer *trainer, int purpose, int64_t index, float rate)
{
	return rate > 0 && rng_uniform(rng_u64(trainer->batch.key, purpose), index) < rate;
}

/* Takes a row into the batch. */
static void
add_row(Trainer *trainer, const BatchSegment *shown, int32_t i)
{
	Batch	   *batch = &trainer->batch;
	const Ratings *ratings = trainer->ratings;
	int64_t		row = shown->segment->row + i;
	int32_t		slot = shown->slot + i;

	batch->movie[slot] = ratings->movie[row];
	batch->rating[slot] = trainer->shape.stage == STAGE_RETRIEVAL ? ratings->rating[row] :
		standardise(row_value(ratings, row), trainer->movie_stats.mean_rating,
					trainer->movie_stats.deviation);
	batch->vector[slot] = shown->vector + (shown->n_vectors > 1 ? i : 0);
	if (with_softmax(trainer) &&
		(shown->with_recents || ratings->rating[row] >= trainer->options.like_threshold) &&
		happens(trainer, PURPOSE_SOFTMAX, slot, SOFTMAX_SAMPLE))
		batch->sampled[batch->n_sampled++] = (SampledRow) {slot, shown->segment->user, row,
			trainer->options.softmax_weight / SOFTMAX_SAMPLE *
			(shown->with_recents ? 1 : SOFTMAX_LATER)};
}

/* Takes a segment into the batch, with what is hidden of it. */
static void
show_segment(Trainer *trainer, const Segment *segment, int32_t slot, int32_t vector)
{
	Batch	   *batch = &trainer->batch;
	const TrainOptions *options = &trainer->options;
	int32_t		index = batch->n_segments++;
	BatchSegment *shown = &batch->segments[index];
	bool		known = knows_ratings(trainer);

	shown->segment = segment;
	shown->slot = slot;
	shown->vector = vector;
	shown->n_vectors = known ? segment->n_rows : 1;
	shown->with_history = known &&
		!happens(trainer, PURPOSE_HISTORY, index, options->history_dropout);
	shown->with_recents = shown->with_history && trainer->shape.recents > 0 &&
		ratings_in_order(trainer->ratings) &&
		!happens(trainer, PURPOSE_RECENTS, index, options->recents_dropout);
	shown->user_row = trainer->user_row[segment->user];

	/* without ratings the user is a newcomer, who has no id either */
	if ((known && !shown->with_history) ||
		happens(trainer, PURPOSE_USER_ID, index, options->id_dropout))
		shown->user_row = 0;
	for (int32_t i = 0; i < segment->n_rows; i++)
		add_row(trainer, shown, i);
	batch->n_rows += segment->n_rows;
}

/* Lists the rows of each movie, in order. */
static void
list_rows(Trainer *trainer)
{
	Batch	   *batch = &trainer->batch;
	int32_t    *end = batch->first_row + 1;
	int32_t		n = 0;

	memset(batch->first_row, 0, sizeof(int32_t) * (batch->n_movies + 1));
	for (int shard = 0; shard < N_SHARDS; shard++)
		for (int32_t i = 0; i < batch->shard_rows[shard]; i++)
			end[batch->place[shard * trainer->plan.shard_rows + i]]++;
	/* from here on `end` is where a movie's next row goes */
	for (int32_t index = 0; index < batch->n_movies; index++)
	{
		int32_t		n_rows = end[index];

		end[index] = n;
		n += n_rows;
	}
	for (int shard = 0; shard < N_SHARDS; shard++)
		for (int32_t i = 0; i < batch->shard_rows[shard]; i++)
		{
			int32_t		slot = shard * trainer->plan.shard_rows + i;

			batch->rows[end[batch->place[slot]]++] = slot;
		}
}

/* Lists the movies whose vectors the step needs, and each row's place among them. */
static void
list_movies(Trainer *trainer)
{
	Batch	   *batch = &trainer->batch;

	if (full_softmax(trainer))
		for (batch->n_movies = 0; batch->n_movies < trainer->shape.n_movies; batch->n_movies++)
			batch->movies[batch->n_movies] = batch->n_movies;
	else
	{
		for (int32_t index = 0; index < batch->n_movies; index++)
			batch->place_of[batch->movies[index]] = -1;
		batch->n_movies = 0;
	}
	for (int shard = 0; shard < N_SHARDS; shard++)
		for (int32_t i = 0; i < batch->shard_rows[shard]; i++)
		{
			int32_t		slot = shard * trainer->plan.shard_rows + i;
			int32_t		movie = batch->movie[slot];

			if (batch->place_of[movie] < 0)
			{
				batch->place_of[movie] = batch->n_movies;
				batch->movies[batch->n_movies++] = movie;
			}
			batch->place[slot] = batch->place_of[movie];
		}
	list_rows(trainer);
	for (int32_t index = 0; index < batch->n_movies; index++)
	{
		int32_t		movie = batch->movies[index];

		batch->movie_row[index] = trainer->movie_stats.ratings[movie] == 0 ||
			happens(trainer, PURPOSE_MOVIE_ID, movie, MOVIE_ID_DROPOUT) ? 0 : movie + 1;
	}
}

static void
describe_batch(Trainer *trainer, int32_t epoch, int64_t number)
{
	Batch	   *batch = &trainer->batch;

	batch->key = rng_key(trainer->options.seed, 't' + trainer->shape.stage, epoch, number);
	batch->n_segments = 0;
	batch->n_rows = 0;
	batch->n_sampled = 0;
	for (int shard = 0; shard < N_SHARDS; shard++)
	{
		int32_t		first = shard * trainer->plan.shard_rows;
		int32_t		slot = first;
		int32_t		vector = 0;
		int64_t		from;
		int64_t		to;

		batch_shard(&trainer->plan, number, shard, &from, &to);
		batch->first_segment[shard] = batch->n_segments;
		batch->first_sampled[shard] = batch->n_sampled;
		for (int64_t i = from; i < to; i++)
		{
			show_segment(trainer, &trainer->segments[trainer->order[i]], slot, vector);
			slot += batch->segments[batch->n_segments - 1].segment->n_rows;
			vector += batch->segments[batch->n_segments - 1].n_vectors;
		}
		batch->shard_rows[shard] = slot - first;
		batch->shard_vectors[shard] = vector;
	}
	batch->first_segment[N_SHARDS] = batch->n_segments;
	batch->first_sampled[N_SHARDS] = batch->n_sampled;
	for (int32_t k = 0; k < batch->n_sampled; k++)
		batch->sampled[k].weight /= batch->n_rows;
	list_movies(trainer);
}

float
step_rate(const Trainer *trainer, int64_t step)
{
	double		steps = (double) trainer->options.epochs * trainer->plan.n_batches;
	double		at = (step + 0.5) / steps;

	if (!trainer->options.one_cycle)
		return trainer->control->rate;
	/* a straight rise, and a fall by half a cosine */
	if (at < WARM_UP)
		return (float) (trainer->options.learning_rate * at / WARM_UP);
	return (float) (trainer->options.learning_rate *
					(1 + cos(M_PI * (at - WARM_UP) / (1 - WARM_UP))) / 2);
}

/* Dropout of what is pooled, in a vector's input or in its gradient: x [user_inputs]. */
static void
drop_inputs(const Trainer *trainer, int shard, float *x, int64_t vector)
{
	const StageShape *shape = &trainer->shape;
	int			width = 2 * shape->history;
	int			sums = RECENT_SUMS * shape->recents;

	dropout_apply(x + user_input_history(shape),
				  step_dropout(trainer, PURPOSE_HISTORY_INPUT, shard, HISTORY_INPUT_DROPOUT),
				  vector * width, width);
	if (sums > 0)
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
		.dropout = step_dropout(trainer, PURPOSE_TOWER, shard, TOWER_DROPOUT)
	};

	return pass;
}

/* Inputs and raw vectors of the users of one shard. */
static void
forward_users(Trainer *trainer, int shard)
{
	const StageShape *shape = &trainer->shape;
	Batch	   *batch = &trainer->batch;
	UserActivations activations = user_shard(trainer, shard);
	TowerPass	pass = user_pass(trainer, &activations, shard);

	for (int32_t s = batch->first_segment[shard]; s < batch->first_segment[shard + 1]; s++)
	{
		const BatchSegment *shown = &batch->segments[s];

		gather_segment(user_vectors(&activations, shape, shown->vector), trainer, shown);
		check_interrupts(trainer);
	}
	for (int v = 0; v < pass.rows; v++)
		drop_inputs(trainer, shard, activations.x + (int64_t) v * shape->user_inputs, v);
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
	const float *scale = user_shard(trainer, shard).recent_scale +
		(int64_t) (shown->vector + i) * RECENT_SUMS;
	bool		itself;
	int32_t		end = history_end(trainer->ratings, segment->user, segment->row + i, &itself);

	drop_inputs(trainer, shard, d, shown->vector + i);
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
		const float *d = trainer->drecent + i * RECENT_DIMS;
		float	   *dgate = trainer->dgate + rows->level[from + i] * RECENT_DIMS;

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
	float	   *dweights = trainer->dweights + shard * shape->n_weights;

	memset(trainer->dgate, 0, sizeof(float) * RECENT_LEVELS * RECENT_DIMS);
	for (int32_t s = batch->first_segment[shard]; s < batch->first_segment[shard + 1]; s++)
	{
		const BatchSegment *shown = &batch->segments[s];

		if (!shown->with_recents)
			continue;
		recents_walk_back(trainer, shown, user_shard(trainer, shard).x +
						  (int64_t) shown->vector * shape->user_inputs, collect_gates);
		check_interrupts(trainer);
	}
	recents_gates_backward(dweights + shape->offset[TENSOR_RECENT_SLOPE],
						   dweights + shape->offset[TENSOR_RECENT_OFFSET],
						   trainer->dgate, trainer->gate);
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
	UserActivations activations = user_shard(trainer, shard);
	TowerPass	pass = user_pass(trainer, &activations, shard);
	float	   *dweights = trainer->dweights + shard * shape->n_weights;
	float	   *d = activations.x;

	if (shape->stage == STAGE_RANKING)
		clear_biases(activations.dout, batch->shard_vectors[shard]);
	user_tower_backward(activations.x, dweights, trainer->dhidden, activations.dout,
						shape->stage == STAGE_RETRIEVAL ? activations.dtemperature : NULL, &pass,
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
	UserActivations user = user_shard(trainer, shard);
	RankerActivations *activations = &trainer->ranker;
	int32_t		first = shard * trainer->plan.shard_rows;
	int			rows = batch->shard_rows[shard];
	float	   *statistics = trainer->statistics + shard * STATISTICS;
	RankerPairs pairs = {
		.n_rows = rows,
		.n_users = batch->shard_vectors[shard],
		.user = user.raw,
		.user_of = batch->vector + first,
		.movie = trainer->movie_raw,
		.movie_half = trainer->movie_half,
		.movie_of = batch->place + first
	};
	RankerDropout dropout = {
		step_dropout(trainer, PURPOSE_RANKER1, shard, RANKER_DROPOUT1),
		step_dropout(trainer, PURPOSE_RANKER2, shard, RANKER_DROPOUT2),
		step_dropout(trainer, PURPOSE_RANKER3, shard, RANKER_DROPOUT3)
	};

	activations->out1 = trainer->dhalf + (int64_t) first * RANKER_HIDDEN1;
	activations->mean1 = statistics;
	activations->istd1 = activations->mean1 + RANKER_HIDDEN1;
	activations->mean2 = activations->istd1 + RANKER_HIDDEN1;
	activations->istd2 = activations->mean2 + RANKER_HIDDEN2;
	ranker_forward(activations, &pairs, trainer->params, shape, &dropout);
	check_interrupts(trainer);
	for (int row = 0; row < rows; row++)
	{
		float		error = activations->prediction[row] - batch->rating[first + row];

		trainer->loss[shard] += (double) error * error;
		activations->dprediction[row] = 2 * error / batch->n_rows;
	}
	ranker_backward(activations, &pairs, user.dout, trainer->dslot + (int64_t) first * VECTOR_DIMS,
					trainer->dweights + shard * shape->n_weights, trainer->params, shape, &dropout);
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
	TowerPass	pass;

	movie_shard(trainer, shard, from, &to);
	pass.x = movies_from(trainer->movie_x, *from, trainer->shape.movie_inputs);
	pass.hidden = movies_from(trainer->movie_hidden, *from, trainer->shape.movie_hidden);
	pass.out = movies_from(trainer->movie_raw, *from, VECTOR_DIMS);
	pass.rows = to - *from;
	pass.dropout = step_dropout(trainer, PURPOSE_MOVIE, shard, TOWER_DROPOUT);
	return pass;
}

static void
forward_movies(Trainer *trainer, int shard)
{
	const StageShape *shape = &trainer->shape;
	const Batch *batch = &trainer->batch;
	int32_t		from;
	TowerPass	pass = movie_pass(trainer, shard, &from);

	gather_features(trainer->movie_features, trainer, batch->movies + from, pass.rows);
	movie_tower_forward(&pass, batch->movie_row + from, trainer->movie_features, trainer->params,
						shape);
	if (shape->stage == STAGE_RANKING)
	{
		for (int32_t i = 0; i < pass.rows; i++)
			pass.out[(int64_t) i * VECTOR_DIMS] = movie_bias(trainer, batch->movie_row[from + i]);
		ranker_movies_forward(trainer->movie_half + (int64_t) from * RANKER_HIDDEN1, pass.out,
							  trainer->params, shape, pass.rows);
	}
	else
		unit_forward(trainer->movie_unit + (int64_t) from * VECTOR_DIMS,
					 trainer->movie_inverse_norm + from, pass.out, pass.rows, VECTOR_DIMS);
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
	float	   *dweights = trainer->dweights + shard * shape->n_weights;

	dmovie = trainer->dmovie + (int64_t) from * VECTOR_DIMS;
	if (shape->stage == STAGE_RANKING)
	{
		memset(trainer->movie_dhalf, 0, sizeof(float) * n * RANKER_HIDDEN1);
		sum_by_movie(trainer->movie_dhalf, trainer, shard, trainer->dhalf, RANKER_HIDDEN1);
		ranker_movies_backward(dmovie, dweights, trainer->movie_dhalf, pass.out,
							   trainer->params, shape, n);
	}
	else
		retrieval_movies(trainer, shard);
	check_interrupts(trainer);
	sum_by_movie(dmovie, trainer, shard, trainer->dslot, VECTOR_DIMS);
	if (shape->stage == STAGE_RANKING)
		clear_biases(dmovie, n);
	else
		unit_backward(dmovie, dmovie, trainer->movie_unit + (int64_t) from * VECTOR_DIMS,
					  trainer->movie_inverse_norm + from, n, VECTOR_DIMS);
	gather_features(trainer->movie_features, trainer, trainer->batch.movies + from, n);
	movie_tower_backward(trainer->dmovie_id + (int64_t) from * shape->width[TENSOR_MOVIE_ID],
						 dweights, trainer->movie_work, dmovie, &pass, trainer->movie_features,
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
	describe_batch(trainer, epoch, batch);
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
