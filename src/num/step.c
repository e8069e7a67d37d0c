/*
 * step.c: one step of training, as the phases of trainer_state.h.
 */
#include "trainer_state.h"

#include <math.h>
#include <string.h>

#include "rng.h"

/* Rates of dropout inside the networks. */
#define TOWER_DROPOUT 0.2f
#define HISTORY_INPUT_DROPOUT 0.3f
#define RANKER_DROPOUT1 0.3f
#define RANKER_DROPOUT2 0.2f
#define RANKER_DROPOUT3 0.1f

/* A film is shown as unknown this often, so that the unknown film means something. */
#define MOVIE_ID_DROPOUT 0.02f

/* Share of the liked rows that take part in the softmax. */
#define SOFTMAX_SAMPLE 0.3f

/* What the random numbers of a step are for. */
enum
{
	PURPOSE_USER_ID = 1,
	PURPOSE_HISTORY,
	PURPOSE_MOVIE_ID,
	PURPOSE_SOFTMAX,
	PURPOSE_TOWER = 16,			/* from here on one for each shard */
	PURPOSE_FILM = 32,
	PURPOSE_HISTORY_INPUT = 48,
	PURPOSE_RANKER1 = 64,
	PURPOSE_RANKER2 = 80,
	PURPOSE_RANKER3 = 96
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

/* Takes a segment into the batch, with what is hidden of it. */
static void
show_segment(Trainer *trainer, const Segment *segment, int32_t slot)
{
	Batch	   *batch = &trainer->batch;
	const Ratings *ratings = trainer->ratings;
	const TrainOptions *options = &trainer->options;
	int32_t		index = batch->n_segments++;
	ShownSegment *shown = &batch->segments[index];

	shown->segment = segment;
	shown->slot = slot;
	shown->with_history = trainer->shape.history > 0 &&
		!happens(trainer, PURPOSE_HISTORY, index, options->history_dropout);
	shown->user_row = trainer->user_row[segment->user];

	/* without a history he is a newcomer, who has no id either */
	if ((trainer->shape.history > 0 && !shown->with_history) ||
		happens(trainer, PURPOSE_USER_ID, index, options->id_dropout))
		shown->user_row = 0;
	for (int32_t i = 0; i < segment->n_rows; i++, slot++)
	{
		int32_t		movie = ratings->movie[segment->row + i];
		float		rating = ratings->rating[segment->row + i];

		batch->movie[slot] = movie;
		batch->rating[slot] = rating;
		batch->movie_row[slot] = happens(trainer, PURPOSE_MOVIE_ID, slot, MOVIE_ID_DROPOUT) ?
			0 : movie + 1;
		batch->sampled[slot] = options->softmax_weight > 0 &&
			rating >= options->like_threshold &&
			happens(trainer, PURPOSE_SOFTMAX, slot, SOFTMAX_SAMPLE);
		batch->n_sampled += batch->sampled[slot];
	}
	batch->n_rows += segment->n_rows;
}

/* Lists the films whose vectors the step needs, and each row's place among them. */
static void
list_films(Trainer *trainer)
{
	Batch	   *batch = &trainer->batch;
	bool		full = full_softmax(trainer);

	if (!full)
		for (int32_t film = 0; film < batch->n_films; film++)
			batch->place_of[batch->films[film]] = -1;
	batch->n_films = 0;
	if (full)
		for (int32_t movie = 0; movie < trainer->shape.n_movies; movie++)
			batch->films[batch->n_films++] = movie;
	for (int shard = 0; shard < N_SHARDS; shard++)
		for (int32_t i = 0; i < batch->shard_rows[shard]; i++)
		{
			int32_t		slot = shard * trainer->plan.shard_rows + i;
			int32_t		movie = batch->movie[slot];

			if (full)
				batch->place[slot] = movie;
			else
			{
				if (batch->place_of[movie] < 0)
				{
					batch->place_of[movie] = batch->n_films;
					batch->films[batch->n_films++] = movie;
				}
				batch->place[slot] = batch->place_of[movie];
			}
		}
	for (int32_t film = 0; film < batch->n_films; film++)
	{
		int32_t		movie = batch->films[film];

		batch->film_row[film] = trainer->films.ratings[movie] == 0 ||
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
		int64_t		from;
		int64_t		to;

		batch_shard(&trainer->plan, number, shard, &from, &to);
		batch->first_segment[shard] = batch->n_segments;
		for (int64_t i = from; i < to; i++)
		{
			const Segment *segment = &trainer->segments[trainer->order[i]];

			show_segment(trainer, segment, slot);
			slot += segment->n_rows;
		}
		batch->shard_rows[shard] = slot - first;
	}
	batch->first_segment[N_SHARDS] = batch->n_segments;
	if (trainer->shape.stage == RETRIEVAL)
		list_films(trainer);
}

void
gather_segment(float *x, const Trainer *trainer, const Segment *segment,
			   int32_t user_row, bool with_history, float *sum)
{
	const StageShape *shape = &trainer->shape;
	const Ratings *ratings = trainer->ratings;
	int32_t		user = segment->user;
	int64_t		start = ratings->start[user];
	int32_t		known = 0;
	History		history;

	if (shape->history > 0)
		history_begin(&history, tensor(trainer->params, shape, HISTORY), shape->history, sum);
	user_input(x, trainer->params, shape, user_row, ratings->attribute + user * N_ATTRIBUTES);
	for (int32_t i = 0; i < segment->n_rows; i++, x += shape->user_inputs)
	{
		int64_t		row = segment->row + i;
		bool		itself;
		int32_t		end = history_end(ratings, user, row, &itself);

		if (i > 0)
			memcpy(x, x - shape->user_inputs, sizeof(float) * user_input_history(shape));
		if (shape->history == 0)
			continue;
		if (with_history && end > known)
		{
			history_add(&history, trainer->history_movie + start + known,
						trainer->deviation + start + known, end - known);
			known = end;
		}
		history_features(x + user_input_history(shape), &history,
						 with_history && itself ? trainer->history_movie[row] : -1,
						 trainer->deviation[row]);
	}
}

/* Inputs and raw vectors of the users of one shard. */
static void
forward_users(Trainer *trainer, int shard)
{
	const StageShape *shape = &trainer->shape;
	Batch	   *batch = &trainer->batch;
	UserTape   *tape = &trainer->user;
	int32_t		first = shard * trainer->plan.shard_rows;
	int			rows = batch->shard_rows[shard];
	Dropout		input = step_dropout(trainer, PURPOSE_HISTORY_INPUT, shard, HISTORY_INPUT_DROPOUT);
	int			width = 2 * shape->history;

	for (int32_t s = batch->first_segment[shard]; s < batch->first_segment[shard + 1]; s++)
	{
		const ShownSegment *shown = &batch->segments[s];

		gather_segment(tape->x + (int64_t) (shown->slot - first) * shape->user_inputs, trainer,
					   shown->segment, shown->user_row, shown->with_history, tape->history);
		tick(trainer);
	}
	for (int row = 0; row < rows; row++)
		dropout_apply(tape->x + (int64_t) row * shape->user_inputs + user_input_history(shape),
					  input, (int64_t) row * width, width);
	user_tower_forward(tape->raw, tape->hidden, tape->x, trainer->params, shape,
					   step_dropout(trainer, PURPOSE_TOWER, shard, TOWER_DROPOUT), rows);
}

/*
 * From the gradient of the raw user vectors to that of the inputs, in shared
 * memory.  The history's part is made the gradient of the sums: through the
 * dropout and the scale.
 */
static void
backward_users(Trainer *trainer, int shard)
{
	const StageShape *shape = &trainer->shape;
	const Ratings *ratings = trainer->ratings;
	Batch	   *batch = &trainer->batch;
	UserTape   *tape = &trainer->user;
	int32_t		first = shard * trainer->plan.shard_rows;
	float	   *dx = trainer->dx + (int64_t) first * shape->user_inputs;
	float	   *dweights = trainer->dweights + shard * shape->n_weights;
	Dropout		input = step_dropout(trainer, PURPOSE_HISTORY_INPUT, shard, HISTORY_INPUT_DROPOUT);
	int			width = 2 * shape->history;

	user_tower_backward(dx, dweights, tape->dhidden, tape->dout, tape->hidden, tape->x,
						trainer->params, shape,
						step_dropout(trainer, PURPOSE_TOWER, shard, TOWER_DROPOUT),
						batch->shard_rows[shard]);
	for (int32_t s = batch->first_segment[shard]; s < batch->first_segment[shard + 1]; s++)
	{
		const Segment *segment = batch->segments[s].segment;
		const uint8_t *attribute = ratings->attribute + segment->user * N_ATTRIBUTES;

		for (int32_t i = 0; i < segment->n_rows; i++)
		{
			int32_t		row = batch->segments[s].slot - first + i;
			float	   *d = dx + (int64_t) row * shape->user_inputs;
			bool		itself;
			int32_t		end = history_end(ratings, segment->user, segment->row + i, &itself);
			float		scale = history_scale(end - itself);

			for (int a = 0; a < N_ATTRIBUTES; a++)
				bias_backward(dweights + shape->offset[GENDER + a] + attribute[a] * ATTRIBUTE_DIMS,
							  d + shape->user_id + a * ATTRIBUTE_DIMS, 1, ATTRIBUTE_DIMS);
			d += user_input_history(shape);
			dropout_apply(d, input, (int64_t) row * width, width);
			for (int k = 0; k < width; k++)
				d[k] *= scale;
		}
	}
}

/* The ranking head for one shard. */
static void
ranking_shard(Trainer *trainer, int shard)
{
	const StageShape *shape = &trainer->shape;
	Batch	   *batch = &trainer->batch;
	UserTape   *user = &trainer->user;
	RankerTape *tape = &trainer->ranker;
	int32_t		first = shard * trainer->plan.shard_rows;
	int			rows = batch->shard_rows[shard];
	float	   *dweights = trainer->dweights + shard * shape->n_weights;
	float	   *dmovie = trainer->dmovie + (int64_t) first * VECTOR_DIMS;
	float	   *statistics = trainer->statistics + shard * STATISTICS;
	Dropout		off = dropout_make(0, 0);
	RankerDropout dropout = {
		step_dropout(trainer, PURPOSE_RANKER1, shard, RANKER_DROPOUT1),
		step_dropout(trainer, PURPOSE_RANKER2, shard, RANKER_DROPOUT2),
		step_dropout(trainer, PURPOSE_RANKER3, shard, RANKER_DROPOUT3)
	};

	for (int row = 0; row < rows; row++)
		memcpy(user->features + (int64_t) row * shape->n_features,
			   trainer->ratings->movie_features +
			   (int64_t) batch->movie[first + row] * shape->n_features,
			   sizeof(float) * shape->n_features);
	movie_tower_forward(dmovie, NULL, NULL, batch->movie_row + first, user->features,
						trainer->params, shape, off, rows);
	for (int row = 0; row < rows; row++)
	{
		float	   *input = tape->input + (int64_t) row * 2 * VECTOR_DIMS;

		memcpy(input, user->raw + (int64_t) row * VECTOR_DIMS, sizeof(float) * VECTOR_DIMS);
		memcpy(input + VECTOR_DIMS, dmovie + (int64_t) row * VECTOR_DIMS,
			   sizeof(float) * VECTOR_DIMS);
	}
	tape->mean1 = statistics;
	tape->istd1 = tape->mean1 + RANKER_HIDDEN1;
	tape->mean2 = tape->istd1 + RANKER_HIDDEN1;
	tape->istd2 = tape->mean2 + RANKER_HIDDEN2;
	tick(trainer);
	ranker_forward(tape, trainer->params, shape, &dropout, rows);
	tick(trainer);
	for (int row = 0; row < rows; row++)
	{
		float		error = tape->prediction[row] - batch->rating[first + row];

		trainer->loss[shard] += (double) error * error;
		tape->dprediction[row] = 2 * error / batch->n_rows;
	}
	ranker_backward(tape, dweights, trainer->params, shape, &dropout, rows);
	tick(trainer);
	for (int row = 0; row < rows; row++)
	{
		const float *dinput = tape->dinput + (int64_t) row * 2 * VECTOR_DIMS;

		memcpy(user->dout + (int64_t) row * VECTOR_DIMS, dinput, sizeof(float) * VECTOR_DIMS);
		memcpy(dmovie + (int64_t) row * VECTOR_DIMS, dinput + VECTOR_DIMS,
			   sizeof(float) * VECTOR_DIMS);
	}
	movie_tower_backward(NULL, dweights, NULL, dmovie, NULL, NULL, user->features,
						 trainer->params, shape, off, rows);
}

/* Films from .. to - 1 of the step belong to a shard of films. */
static void
film_shard(const Trainer *trainer, int shard, int32_t *from, int32_t *to)
{
	*from = (int32_t) ((int64_t) trainer->batch.n_films * shard / N_SHARDS);
	*to = (int32_t) ((int64_t) trainer->batch.n_films * (shard + 1) / N_SHARDS);
}

static void
gather_film_features(Trainer *trainer, int32_t from, int32_t to)
{
	int			n_features = trainer->shape.n_features;

	for (int32_t film = from; film < to; film++)
		memcpy(trainer->film_features + (int64_t) (film - from) * n_features,
			   trainer->ratings->movie_features +
			   (int64_t) trainer->batch.films[film] * n_features, sizeof(float) * n_features);
}

static void
forward_films(Trainer *trainer, int shard)
{
	const StageShape *shape = &trainer->shape;
	int32_t		from;
	int32_t		to;
	float	   *raw;

	film_shard(trainer, shard, &from, &to);
	raw = trainer->film_raw + (int64_t) from * VECTOR_DIMS;
	gather_film_features(trainer, from, to);
	movie_tower_forward(raw, trainer->film_hidden + (int64_t) from * shape->hidden,
						trainer->film_x + (int64_t) from * shape->movie_inputs,
						trainer->batch.film_row + from, trainer->film_features,
						trainer->params, shape,
						step_dropout(trainer, PURPOSE_FILM, shard, TOWER_DROPOUT), to - from);
	unit_forward(trainer->film_unit + (int64_t) from * VECTOR_DIMS,
				 trainer->film_inverse_norm + from, raw, to - from, VECTOR_DIMS);
}

/* The gradient of a shard of film vectors, summed in a fixed order, and back. */
static void
backward_films(Trainer *trainer, int shard)
{
	const StageShape *shape = &trainer->shape;
	const Batch *batch = &trainer->batch;
	int32_t		from;
	int32_t		to;
	float	   *dfilm;

	film_shard(trainer, shard, &from, &to);
	dfilm = trainer->dfilm + (int64_t) from * VECTOR_DIMS;
	memset(dfilm, 0, sizeof(float) * VECTOR_DIMS * (to - from));
	for (int s = 0; s < N_SHARDS; s++)
	{
		/* an empty shard has written none */
		if (batch->n_sampled > 0 && batch->shard_rows[s] > 0)
			bias_backward(dfilm, trainer->dfilm_softmax +
						  ((int64_t) s * trainer->max_films + from) * VECTOR_DIMS,
						  1, (to - from) * VECTOR_DIMS);
		for (int32_t i = 0; i < batch->shard_rows[s]; i++)
		{
			int32_t		slot = s * trainer->plan.shard_rows + i;
			int32_t		film = batch->place[slot];

			if (film >= from && film < to)
				bias_backward(trainer->dfilm + (int64_t) film * VECTOR_DIMS,
							  trainer->dmovie + (int64_t) slot * VECTOR_DIMS, 1, VECTOR_DIMS);
		}
	}
	unit_backward(dfilm, dfilm, trainer->film_unit + (int64_t) from * VECTOR_DIMS,
				  trainer->film_inverse_norm + from, to - from, VECTOR_DIMS);
	movie_tower_backward(trainer->dfilm_id + (int64_t) from * ID_DIMS,
						 trainer->dweights + shard * shape->n_weights, trainer->film_work, dfilm,
						 trainer->film_hidden + (int64_t) from * shape->hidden,
						 trainer->film_x + (int64_t) from * shape->movie_inputs, NULL,
						 trainer->params, shape,
						 step_dropout(trainer, PURPOSE_FILM, shard, TOWER_DROPOUT), to - from);
}

void
step_train(Trainer *trainer, int32_t epoch, int64_t batch)
{
	bool		retrieval = trainer->shape.stage == RETRIEVAL;
	int			n = trainer->team.n_participants;

	describe_batch(trainer, epoch, batch);
	if (retrieval)
	{
		for (int shard = trainer->team.participant; shard < N_SHARDS; shard += n)
		{
			forward_films(trainer, shard);
			tick(trainer);
		}
		barrier(trainer);
	}
	for (int shard = trainer->team.participant; shard < N_SHARDS; shard += n)
	{
		if (trainer->batch.shard_rows[shard] == 0)
			continue;
		forward_users(trainer, shard);
		tick(trainer);
		if (retrieval)
			retrieval_shard(trainer, shard);
		else
			ranking_shard(trainer, shard);
		tick(trainer);
		backward_users(trainer, shard);
		tick(trainer);
	}
	barrier(trainer);
	if (retrieval)
	{
		for (int shard = trainer->team.participant; shard < N_SHARDS; shard += n)
		{
			backward_films(trainer, shard);
			tick(trainer);
		}
		barrier(trainer);
	}
	step_update(trainer);
	barrier(trainer);
	if (trainer->team.participant == 0)
		trainer->control->step++;
}
