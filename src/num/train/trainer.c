/*
 * trainer.c: memory, epochs, validation and stopping; the steps are in step.c.
 */
#include "num/train/trainer_state.h"

#include <math.h>
#include <string.h>

#include "num/base/rng.h"
#include "num/base/simd.h"
#include "num/data/rating_table.h"
#include "num/eval/metrics.h"
#include "num/net/rank_pairs.h"

/*
 * The error is on a plateau when an epoch takes off less than this share of it;
 * then the rate is multiplied by the factor, and training ends after `patience`
 * such epochs in a row.  An epoch that takes off nothing is taken back.
 * Lowering the rate while there is still progress, not only once it has
 * stopped, is what brings the error down most: training on at the full rate
 * fits the training rows better and the validation rows worse.
 */
#define PLATEAU_SHARE 0.005f
#define PLATEAU_FACTOR 0.5f

/*
 * Shares of segments shown without their user's id, without their history, and
 * without what of it is in order.
 */
#define USER_ID_DROPOUT 0.5f
#define HISTORY_DROPOUT 0.2f
#define RECENTS_DROPOUT 0.5f

/* L2 penalty of the embedding tables. */
#define WEIGHT_DECAY 3e-5f

void
trainer_default_regularisation(TrainOptions *options)
{
	options->id_dropout = USER_ID_DROPOUT;
	options->history_dropout = HISTORY_DROPOUT;
	options->recents_dropout = RECENTS_DROPOUT;
	options->weight_decay = WEIGHT_DECAY;
}

/* The movies of a step, at the most. */
static int32_t
max_movies(const Trainer *t)
{
	int32_t		n_movies = t->shape.n_movies;

	return full_softmax(t) || n_movies < t->slots ? n_movies : t->slots;
}

static void
carve_users(UserActivations *activations, Arena *arena, const StageShape *shape, int64_t n)
{
	activations->x = ARENA_ARRAY(arena, float, n * shape->user_inputs);
	activations->hidden = ARENA_ARRAY(arena, float, n * shape->user_hidden);
	activations->recent_scale = ARENA_ARRAY(arena, float, n * RECENT_SUMS);
	activations->temperature = ARENA_ARRAY(arena, float, n);
	activations->dtemperature = ARENA_ARRAY(arena, float, n);
	activations->raw = ARENA_ARRAY(arena, float, n * VECTOR_DIMS);
	activations->bias = ARENA_ARRAY(arena, float, n);
	activations->unit = ARENA_ARRAY(arena, float, n * VECTOR_DIMS);
	activations->inverse_norm = ARENA_ARRAY(arena, float, n);
	activations->dout = ARENA_ARRAY(arena, float, n * VECTOR_DIMS);
}

static void
carve_shared(Trainer *t, Arena *arena)
{
	const StageShape *shape = &t->shape;
	int64_t		size = stage_size(shape);
	int64_t		movies = t->max_movies;

	t->control = ARENA_ARRAY(arena, Control, 1);
	t->params = ARENA_ARRAY(arena, float, size);
	t->best = ARENA_ARRAY(arena, float, size);
	t->m = ARENA_ARRAY(arena, float, size);
	t->v = ARENA_ARRAY(arena, float, size);
	t->dtables = ARENA_ARRAY(arena, float, size - shape->offset[TENSOR_FIRST_TABLE]);
	t->dweights = ARENA_ARRAY(arena, float, N_SHARDS * shape->n_weights);
	t->segments = ARENA_ARRAY(arena, Segment, t->plan.n_segments);
	t->order = ARENA_ARRAY(arena, int32_t, t->plan.n_segments);
	t->user_row = ARENA_ARRAY(arena, int32_t, t->ratings->n_users);
	t->history_movie = ARENA_ARRAY(arena, int32_t, t->ratings->n_rows);
	t->deviation = ARENA_ARRAY(arena, float, t->ratings->n_rows);
	t->level = ARENA_ARRAY(arena, uint8_t, shape->recents ? t->ratings->n_rows : 0);
	t->decay = ARENA_ARRAY(arena, float, shape->recents ? t->ratings->n_rows : 0);
	t->validation_movie = ARENA_ARRAY(arena, int32_t, t->options.events ? t->n_validation : 0);
	carve_users(&t->user, arena, shape, t->slots);
	t->dslot = ARENA_ARRAY(arena, float, (int64_t) t->slots * VECTOR_DIMS);
	t->loss = ARENA_ARRAY(arena, double, N_SHARDS);
	t->validation = ARENA_ARRAY(arena, float, t->n_validation);
	t->validation_base = ARENA_ARRAY(arena, float, t->n_validation);
	t->movie_raw = ARENA_ARRAY(arena, float, movies * VECTOR_DIMS);
	t->dmovie = ARENA_ARRAY(arena, float, movies * VECTOR_DIMS);
	if (shape->stage == STAGE_RANKING)
	{
		t->dmovie_id = t->dmovie;	/* the vector is the embedding, and more */
		t->statistics = ARENA_ARRAY(arena, float, N_SHARDS * STATISTICS);
		t->movie_half = ARENA_ARRAY(arena, float, movies * RANKER_HIDDEN1);
		t->dhalf = ARENA_ARRAY(arena, float, (int64_t) t->slots * RANKER_HIDDEN1);
		return;
	}
	t->dmovie_id = ARENA_ARRAY(arena, float, movies * ID_DIMS);
	t->movie_x = ARENA_ARRAY(arena, float, movies * shape->movie_inputs);
	t->movie_hidden = ARENA_ARRAY(arena, float, movies * shape->movie_hidden);
	t->movie_unit = ARENA_ARRAY(arena, float, movies * VECTOR_DIMS);
	t->movie_inverse_norm = ARENA_ARRAY(arena, float, movies);
	if (!with_softmax(t))
		return;
	t->softmax.offset = ARENA_ARRAY(arena, float, movies);
	t->softmax.query = ARENA_ARRAY(arena, float, (int64_t) t->slots * VECTOR_DIMS);
	t->softmax.dquery = ARENA_ARRAY(arena, float, (int64_t) N_SHARDS * t->slots * VECTOR_DIMS);
	t->softmax.part = ARENA_ARRAY(arena, SoftmaxPart, N_SHARDS * t->slots);
}

static void
carve_dirty(DirtyRows *dirty, Arena *arena, int64_t rows)
{
	dirty->row = ARENA_ARRAY(arena, int32_t, rows);
	dirty->mark = ARENA_ARRAY(arena, uint8_t, rows);
}

static void
carve_batch(Trainer *t, Arena *arena)
{
	Batch	   *batch = &t->batch;

	batch->segments = ARENA_ARRAY(arena, BatchSegment, N_SHARDS * t->plan.shard_segments);
	batch->vector = ARENA_ARRAY(arena, int32_t, t->slots);
	batch->movie = ARENA_ARRAY(arena, int32_t, t->slots);
	batch->place = ARENA_ARRAY(arena, int32_t, t->slots);
	batch->rating = ARENA_ARRAY(arena, float, t->slots);
	batch->sampled = ARENA_ARRAY(arena, SampledRow, t->slots);
	batch->movies = ARENA_ARRAY(arena, int32_t, t->max_movies);
	batch->movie_row = ARENA_ARRAY(arena, int32_t, t->max_movies);
	batch->first_row = ARENA_ARRAY(arena, int32_t, t->max_movies + 1);
	batch->rows = ARENA_ARRAY(arena, int32_t, t->slots);
	batch->place_of = ARENA_ARRAY(arena, int32_t, t->shape.n_movies);
}

/* Floats that validate_rows needs. */
static int64_t
validation_scratch(const StageShape *shape)
{
	int64_t		towers = (int64_t) VALIDATION_ROWS *
		(shape->n_features + shape->movie_inputs + shape->movie_hidden + 1);
	int64_t		ranker = shape->stage == STAGE_RANKING ? pairs_scratch(VALIDATION_ROWS) : 0;

	return towers > ranker ? towers : ranker;
}

static void
carve_private(Trainer *t, Arena *arena)
{
	const StageShape *shape = &t->shape;
	int64_t		shard_movies = t->max_movies / N_SHARDS + 1;
	int64_t		longest = rows_longest(t->ratings->start, t->ratings->n_users);

	carve_batch(t, arena);
	carve_users(&t->validated, arena, shape, VALIDATION_ROWS);
	t->history = ARENA_ARRAY(arena, float, 2 * shape->history);
	t->gate = ARENA_ARRAY(arena, float, shape->recents * RECENT_LEVELS);
	t->dgate = ARENA_ARRAY(arena, float, shape->recents * RECENT_LEVELS);
	t->dsums = ARENA_ARRAY(arena, float, shape->recents * RECENT_SUMS);
	t->drecent = ARENA_ARRAY(arena, float, shape->recents * RECENT_BLOCK);
	t->owns_movie = ARENA_ARRAY(arena, uint8_t, shape->n_movies + 1);
	t->own_movie = ARENA_ARRAY(arena, int32_t, longest + 1);
	t->own_deviation = ARENA_ARRAY(arena, float, longest + 1);
	t->dhidden = ARENA_ARRAY(arena, float, (int64_t) t->plan.shard_rows * shape->user_hidden);
	carve_dirty(&t->dirty_users, arena, shape->n_users + 1);
	carve_dirty(&t->dirty_movies, arena, shape->n_movies + 1);
	carve_dirty(&t->dirty_history, arena, shape->n_movies + 1);
	carve_dirty(&t->dirty_recents, arena, shape->n_movies + 1);
	t->movie_features = ARENA_ARRAY(arena, float, shard_movies * shape->n_features);
	t->metric_scratch = ARENA_ARRAY(arena, uint64_t, 3 * t->n_validation);
	t->scratch = ARENA_ARRAY(arena, float, validation_scratch(shape));
	if (shape->stage == STAGE_RANKING)
	{
		ranker_activations(&t->ranker, arena, t->plan.shard_rows);
		t->movie_dhalf = ARENA_ARRAY(arena, float, shard_movies * RANKER_HIDDEN1);
		t->folded = ARENA_ARRAY(arena, FoldedRanker, 1);
		return;
	}
	t->movie_work = ARENA_ARRAY(arena, float,
								shard_movies * (shape->movie_hidden + shape->movie_inputs));
	if (!with_softmax(t))
		return;
	t->softmax.logits = ARENA_ARRAY(arena, float, (int64_t) SOFTMAX_ROWS * t->max_movies);
	t->softmax.shares = ARENA_ARRAY(arena, float, SOFTMAX_ROWS * VECTOR_DIMS);
}

/* The sizes that everything else follows from. */
static void
measure(Trainer *t, const StageShape *shape, const Ratings *ratings, const TrainOptions *options)
{
	memset(t, 0, sizeof(*t));
	t->shape = *shape;
	t->ratings = ratings;
	t->options = *options;
	batch_plan(&t->plan, ratings, options->batch_size);
	t->slots = N_SHARDS * t->plan.shard_rows;
	t->max_movies = max_movies(t);
	t->n_validation = ratings->n_trainval_rows - ratings->n_train_rows;
}

size_t
trainer_shared_size(const StageShape *shape, const Ratings *ratings, const TrainOptions *options)
{
	Trainer		trainer;
	Arena		arena = {NULL, 0};

	measure(&trainer, shape, ratings, options);
	carve_shared(&trainer, &arena);
	return arena.used;
}

size_t
trainer_private_size(const StageShape *shape, const Ratings *ratings, const TrainOptions *options)
{
	Trainer		trainer;
	Arena		arena = {NULL, 0};

	measure(&trainer, shape, ratings, options);
	(void) ARENA_ARRAY(&arena, Trainer, 1);
	carve_private(&trainer, &arena);
	return arena.used;
}

Trainer *
trainer_attach(void *shared, void *private, const StageShape *shape, const Ratings *ratings,
			   const MovieStatistics *movie_stats, const TrainOptions *options, const Team *team)
{
	Arena		arena = {private, 0};
	Arena		shared_arena = {shared, 0};
	Trainer    *trainer = ARENA_ARRAY(&arena, Trainer, 1);

	measure(trainer, shape, ratings, options);
	trainer->movie_stats = *movie_stats;
	trainer->team = *team;
	carve_shared(trainer, &shared_arena);
	carve_private(trainer, &arena);
	for (int32_t movie = 0; movie < shape->n_movies; movie++)
		trainer->batch.place_of[movie] = full_softmax(trainer) ? movie : -1;
	update_own_movies(trainer);
	memset(trainer->dirty_users.mark, 0, shape->n_users + 1);
	memset(trainer->dirty_movies.mark, 0, shape->n_movies + 1);
	memset(trainer->dirty_history.mark, 0, shape->n_movies + 1);
	memset(trainer->dirty_recents.mark, 0, shape->n_movies + 1);
	return trainer;
}

/* What the histories are made of: of each row its movie, and what its rating says. */
static void
fill_history_rows(Trainer *trainer)
{
	const Ratings *ratings = trainer->ratings;
	const MovieStatistics *stats = &trainer->movie_stats;
	bool		recents = trainer->shape.recents && ratings_in_order(ratings);

	for (int64_t row = 0; row < ratings->n_rows; row++)
	{
		int32_t		movie = ratings->movie[row];
		float		z = standardise(row_value(ratings, row), stats->mean_rating, stats->deviation);

		trainer->history_movie[row] = stats->ratings[movie] > 0 ? movie : -1;
		trainer->deviation[row] = z - stats->bias[movie];
		if (recents)
			trainer->level[row] = recent_level(z);
	}
	if (recents)
		recents_decays(trainer->decay, ratings);
}

void
trainer_begin(Trainer *trainer, const float *start)
{
	const Ratings *ratings = trainer->ratings;
	int32_t		known = 0;
	int64_t		size = stage_size(&trainer->shape);

	memset(trainer->control, 0, sizeof(Control));
	memset(trainer->m, 0, sizeof(float) * size);
	memset(trainer->v, 0, sizeof(float) * size);
	memset(trainer->dtables, 0, sizeof(float) * (size - trainer->shape.offset[TENSOR_FIRST_TABLE]));
	memset(trainer->dweights, 0, sizeof(float) * N_SHARDS * trainer->shape.n_weights);
	memset(trainer->loss, 0, sizeof(double) * N_SHARDS);
	if (start)
		memcpy(trainer->params, start, sizeof(float) * size);
	else
		stage_init(trainer->params, &trainer->shape, trainer->options.seed);
	batch_segments(trainer->segments, &trainer->plan, ratings);
	for (int32_t user = 0; user < ratings->n_users; user++)
		trainer->user_row[user] =
			ratings->n_train[user] > 0 && !trainer->options.anonymous ? ++known : 0;
	fill_history_rows(trainer);
	if (trainer->options.events)
		list_validation(trainer);
	/* what stays if there is no best epoch */
	memcpy(trainer->best, trainer->params, sizeof(float) * size);
	trainer->control->rate = trainer->options.rates ? trainer->options.rates[0] :
		trainer->options.learning_rate;
	trainer->control->best = INFINITY;
	trainer->control->share = (Share) {1, NAN, NAN};
}

Share
trainer_share(const Trainer *trainer)
{
	return trainer->control->share;
}

const float *
trainer_params(const Trainer *trainer)
{
	return trainer->params;
}

/* Whether no parameter has run away. */
static bool
all_finite(const Trainer *trainer)
{
	const int	block = 1 << 20;
	int64_t		size = stage_size(&trainer->shape);

	for (int64_t at = 0; at < size; at += block)
		if (!simd_all_finite(trainer->params + at, size - at < block ? (int) (size - at) : block))
			return false;
	return true;
}

/*
 * The leader's decisions after an epoch.  The best one is the latest where
 * nothing can be measured, but none whose numbers have run away.
 */
static void
decide(Trainer *trainer, EpochReport *report)
{
	Control    *control = trainer->control;
	const TrainOptions *options = &trainer->options;
	float		error = measure_validation(trainer, report);
	bool		plateau = trainer->n_validation > 0 &&
		!(error < (1 - PLATEAU_SHARE) * control->best);
	double		loss = 0;

	for (int shard = 0; shard < N_SHARDS; shard++)
	{
		loss += trainer->loss[shard];
		trainer->loss[shard] = 0;
	}
	report->train_loss = (float) (loss / trainer->ratings->n_train_rows);
	report->learning_rate = step_rate(trainer, control->step - trainer->plan.n_batches / 2);
	control->is_best = all_finite(trainer) &&
		(!options->early_stopping || options->one_cycle || trainer->n_validation == 0 ||
		 error < control->best);
	report->is_best = control->is_best;
	if (control->is_best)
	{
		control->best = error;
		control->share = report->share;
	}
	control->epochs_without = plateau ? control->epochs_without + 1 : 0;
	if (plateau && !options->one_cycle)
		control->rate *= PLATEAU_FACTOR;
	if (options->rates && report->epoch < options->epochs)
		control->rate = options->rates[report->epoch];
	control->stop = report->epoch >= options->epochs ||
		(plateau && options->early_stopping && !options->one_cycle &&
		 control->epochs_without >= options->patience);
}

static void
copy_part(const Trainer *trainer, float *to, const float *from)
{
	int64_t		first;
	int64_t		end;

	share_out(trainer, stage_size(&trainer->shape), &first, &end);
	memcpy(to + first, from + first, sizeof(float) * (end - first));
}

void
trainer_run(Trainer *trainer, void (*report) (void *arg, const EpochReport *), void *arg)
{
	bool		leader = trainer->team.participant == 0;

	for (int32_t epoch = 1; !trainer->control->stop; epoch++)
	{
		EpochReport result = {.epoch = epoch};

		if (leader)
			batch_shuffle(trainer->order, trainer->plan.n_segments,
						  rng_key(trainer->options.seed, 'o' + trainer->shape.stage, epoch, 0));
		barrier(trainer);
		for (int64_t batch = 0; batch < trainer->plan.n_batches; batch++)
			step_train(trainer, epoch, batch);
		validate(trainer);
		barrier(trainer);
		if (leader)
		{
			decide(trainer, &result);
			report(arg, &result);
		}
		barrier(trainer);
		if (trainer->control->is_best)
			copy_part(trainer, trainer->best, trainer->params);
		else
			copy_part(trainer, trainer->params, trainer->best);
		barrier(trainer);
	}
}
