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

/* Rows that are validated at a time. */
#define VALIDATION_ROWS 512

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
	carve_users(&t->user, arena, shape, t->slots);
	t->dslot = ARENA_ARRAY(arena, float, (int64_t) t->slots * VECTOR_DIMS);
	t->loss = ARENA_ARRAY(arena, double, N_SHARDS);
	t->validation = ARENA_ARRAY(arena, float, t->n_validation);
	t->movie_raw = ARENA_ARRAY(arena, float, movies * VECTOR_DIMS);
	t->dmovie = ARENA_ARRAY(arena, float, movies * VECTOR_DIMS);
	if (shape->stage == STAGE_RANKING)
	{
		t->validation_base = ARENA_ARRAY(arena, float, t->n_validation);
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
		float		z = standardise(ratings->rating[row], stats->mean_rating, stats->deviation);

		trainer->history_movie[row] = stats->ratings[movie] > 0 ? movie : -1;
		trainer->deviation[row] = z - stats->bias[movie];
		if (recents)
			trainer->level[row] = recent_level(z);
	}
	for (int32_t user = 0; user < ratings->n_users && recents; user++)
		for (int64_t row = ratings->start[user]; row < ratings->start[user + 1]; row++)
			trainer->decay[row] = row == ratings->start[user] ? 0 :
				recent_decay(ratings_seconds(ratings, ratings->time[row - 1],
											 ratings->time[row]));
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

/*
 * Scores of n rows that follow each other: cosines, or predicted ratings and, in
 * base, what the biases alone predict.
 */
static void
validate_rows(Trainer *trainer, const Segment *segment, float *out, float *base)
{
	const StageShape *shape = &trainer->shape;
	const Ratings *ratings = trainer->ratings;
	UserActivations *activations = &trainer->validated;
	int			n = segment->n_rows;
	const int32_t *movie = ratings->movie + segment->row;
	int32_t		movie_row[VALIDATION_ROWS];
	float	   *features = trainer->scratch;
	float	   *movies = activations->dout;
	float	   *x = features + (int64_t) n * shape->n_features;
	float	   *hidden = x + (int64_t) n * shape->movie_inputs;
	float	   *norm = hidden + (int64_t) n * shape->movie_hidden;
	TowerPass	users = {activations->x, activations->hidden, activations->raw, n, DROPOUT_OFF};
	TowerPass	rated = {x, hidden, movies, n, DROPOUT_OFF};
	BatchSegment shown = {
		.segment = segment,
		.user_row = trainer->user_row[segment->user],
		.with_history = knows_ratings(trainer),
		.with_recents = shape->recents > 0 && ratings_in_order(ratings),
		.n_vectors = n
	};

	gather_segment(*activations, trainer, &shown);
	user_tower_forward(&users, trainer->params, shape);
	for (int i = 0; i < n; i++)
		movie_row[i] = trainer->movie_stats.ratings[movie[i]] > 0 ? movie[i] + 1 : 0;
	gather_features(features, trainer, movie, n);
	movie_tower_forward(&rated, movie_row, features, trainer->params, shape);
	if (shape->stage == STAGE_RANKING)
	{
		put_biases(activations->raw, activations->bias, n);
		for (int i = 0; i < n; i++)
		{
			movies[i * VECTOR_DIMS] = movie_bias(trainer, movie_row[i]);
			base[i] = activations->bias[i] + movies[i * VECTOR_DIMS];
		}
		pairs_predict_vectors(out, trainer->folded, activations->raw, VECTOR_DIMS, movies, n,
							  trainer->scratch);
		return;
	}
	unit_forward(activations->unit, activations->inverse_norm, activations->raw, n, VECTOR_DIMS);
	unit_forward(movies, norm, movies, n, VECTOR_DIMS);
	for (int i = 0; i < n; i++)
		out[i] = simd_dot(activations->unit + i * VECTOR_DIMS, movies + i * VECTOR_DIMS,
						  VECTOR_DIMS);
}

/* Scores the validation rows; users are shared out. */
static void
validate(Trainer *trainer)
{
	const Ratings *ratings = trainer->ratings;
	int64_t		from;
	int64_t		to;
	int64_t		at = 0;

	if (trainer->shape.stage == STAGE_RANKING)
		ranker_fold(trainer->folded, trainer->params, &trainer->shape, 1);
	gather_gates(trainer);
	share_out(trainer, trainer->n_validation, &from, &to);
	for (int32_t user = 0; user < ratings->n_users; user++)
	{
		int32_t		n = ratings->n_trainval[user] - ratings->n_train[user];

		for (int32_t i = 0; i < n; i += VALIDATION_ROWS)
		{
			Segment		segment = {ratings->start[user] + ratings->n_train[user] + i, user,
				n - i < VALIDATION_ROWS ? n - i : VALIDATION_ROWS};

			/* whoever's part a segment begins in takes all of it */
			if (at + i >= from && at + i < to)
			{
				validate_rows(trainer, &segment, trainer->validation + at + i,
							  trainer->validation_base + at + i);
				check_interrupts(trainer);
			}
		}
		at += n;
	}
}

/* The validation rows' ratings, in the order of the scores; in ranking standardised. */
static void
validation_ratings(const Trainer *trainer, float *rating)
{
	const Ratings *ratings = trainer->ratings;
	const MovieStatistics *movie_stats = &trainer->movie_stats;
	bool		ranking = trainer->shape.stage == STAGE_RANKING;

	for (int32_t user = 0; user < ratings->n_users; user++)
		for (int32_t i = ratings->n_train[user]; i < ratings->n_trainval[user]; i++)
		{
			float		given = ratings->rating[ratings->start[user] + i];

			*rating++ = ranking ?
				standardise(given, movie_stats->mean_rating, movie_stats->deviation) : given;
		}
}

/* Errors of the predicted ratings, on the data's scale; their mean square in deviations. */
static void
measure_predictions(Trainer *trainer, EpochReport *report, const float *rating)
{
	int64_t		n = trainer->n_validation;
	double		deviation = trainer->movie_stats.deviation;
	double		rmse = metrics_rmse(trainer->validation, rating, n);

	report->val_rmse = (float) (deviation * rmse);
	report->val_mae = (float) (deviation * metrics_mae(trainer->validation, rating, n));
	report->val_loss = (float) (rmse * rmse);
	report->share = share_fit(trainer->validation, trainer->validation_base, rating,
							  trainer->ratings);
}

/* Cross-entropy of liked or not of the cosines in trainer->validation. */
static float
validation_cross_entropy(const Trainer *trainer, const float *rating)
{
	const float *head = tensor(trainer->params, &trainer->shape, TENSOR_HEAD);
	double		loss = 0;

	for (int64_t i = 0; i < trainer->n_validation; i++)
	{
		float		logit = expf(head[HEAD_LOG_SCALE]) * trainer->validation[i] + head[HEAD_BIAS];

		loss += fmaxf(logit, 0) + log1pf(expf(-fabsf(logit))) -
			(rating[i] >= trainer->options.like_threshold ? logit : 0);
	}
	return (float) (loss / trainer->n_validation);
}

/* Fills the report's metrics; returns the error, which is to be made small. */
static float
measure_validation(Trainer *trainer, EpochReport *report)
{
	int64_t		n = trainer->n_validation;
	float	   *rating = (float *) (trainer->metric_scratch + 2 * n);
	uint8_t    *liked = (uint8_t *) (rating + n);

	report->val_loss = report->val_auc = report->val_rmse = report->val_mae = NAN;
	report->share = (Share) {1, NAN, NAN};
	if (n == 0)
		return NAN;
	validation_ratings(trainer, rating);
	if (trainer->shape.stage == STAGE_RANKING)
	{
		measure_predictions(trainer, report, rating);
		return report->val_loss;
	}
	report->val_loss = validation_cross_entropy(trainer, rating);
	if (isnan(report->val_loss))
		return NAN;
	for (int64_t i = 0; i < n; i++)
		liked[i] = rating[i] >= trainer->options.like_threshold;
	report->val_auc = (float) metrics_auc(trainer->validation, liked, n, trainer->metric_scratch);
	return isnan(report->val_auc) ? report->val_loss : 1 - report->val_auc;
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
