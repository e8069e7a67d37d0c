/*
 * validate.c: how good the parameters are on the validation rows.
 *
 * Ratings are judged by the error of the predicted rating, or by how well the cosine
 * tells liked from not liked.  Events are all liked, so a user's next movie is held
 * against that of some other validation row: one that is chosen as often, since they
 * are drawn alike, but by others.
 */
#include "num/train/trainer_state.h"

#include <math.h>

#include "num/base/rng.h"
#include "num/base/simd.h"
#include "num/eval/metrics.h"
#include "num/net/rank_pairs.h"

/* What the other movies are drawn by: the same in each epoch and for each seed. */
#define OTHER_KEY 1

/* Whether validation asks about other movies too. */
static bool
asks_others(const Trainer *trainer)
{
	return trainer->options.events && trainer->shape.stage == STAGE_RETRIEVAL;
}

void
validation_carve_shared(Trainer *trainer, Arena *arena)
{
	Validation *validation = &trainer->validation;
	bool		ranking = trainer->shape.stage == STAGE_RANKING;
	int64_t		n = trainer->n_validation;

	validation->score = ARENA_ARRAY(arena, float, n);
	validation->base = ARENA_ARRAY(arena, float, ranking ? n : 0);
	validation->other = ARENA_ARRAY(arena, float, asks_others(trainer) ? n : 0);
	validation->movie = ARENA_ARRAY(arena, int32_t, asks_others(trainer) ? n : 0);
}

void
validation_carve_private(Trainer *trainer, Arena *arena)
{
	Validation *validation = &trainer->validation;
	const StageShape *shape = &trainer->shape;
	int64_t		rows = VALIDATION_ROWS;
	int64_t		n = trainer->n_validation;

	user_activations_carve(&validation->users, arena, shape, rows);
	validation->vector = ARENA_ARRAY(arena, float, rows * VECTOR_DIMS);
	validation->features = ARENA_ARRAY(arena, float, rows * shape->n_features);
	if (shape->stage == STAGE_RANKING)
	{
		validation->folded = ARENA_ARRAY(arena, FoldedRanker, 1);
		validation->pairs = ARENA_ARRAY(arena, float, pairs_scratch(VALIDATION_ROWS));
	}
	else
	{
		validation->x = ARENA_ARRAY(arena, float, rows * shape->movie_inputs);
		validation->hidden = ARENA_ARRAY(arena, float, rows * shape->movie_hidden);
		validation->inverse_norm = ARENA_ARRAY(arena, float, rows);
	}
	validation->rating = ARENA_ARRAY(arena, float, n);
	validation->liked = ARENA_ARRAY(arena, uint8_t, n);
	validation->auc = ARENA_ARRAY(arena, uint64_t, 2 * n);
}

void
validation_begin(Trainer *trainer)
{
	const Ratings *ratings = trainer->ratings;
	int64_t		at = 0;

	if (!asks_others(trainer))
		return;
	for (int32_t user = 0; user < ratings->n_users; user++)
		for (int32_t i = ratings->n_train[user]; i < ratings->n_trainval[user]; i++)
			trainer->validation.movie[at++] = ratings->movie[ratings->start[user] + i];
}

/* Vectors of n movies, given as catalogue indices, in validation.vector; in retrieval unit. */
static void
validate_movies(Trainer *trainer, const int32_t *movie, int32_t *movie_row, int n)
{
	const StageShape *shape = &trainer->shape;
	Validation *validation = &trainer->validation;
	TowerPass	pass = {validation->x, validation->hidden, validation->vector, n, DROPOUT_OFF, 0};

	for (int i = 0; i < n; i++)
		movie_row[i] = trainer->movie_stats.ratings[movie[i]] > 0 ? movie[i] + 1 : 0;
	gather_features(validation->features, trainer, movie, n);
	movie_tower_forward(&pass, movie_row, validation->features, trainer->params, shape);
	if (shape->stage == STAGE_RETRIEVAL)
		unit_forward(validation->vector, validation->inverse_norm, validation->vector, n,
					 VECTOR_DIMS);
}

/* Cosines of users and movies [n]. */
static void
cosines(float *out, const float *users, const float *movies, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = simd_dot(users + i * VECTOR_DIMS, movies + i * VECTOR_DIMS, VECTOR_DIMS);
}

/*
 * Ranking: predictions of n rows, the first being number `at` of all, whose users' vectors
 * are raw, and what the biases alone predict.
 */
static void
predict_rows(Trainer *trainer, const int32_t *movie_row, int n, int64_t at)
{
	Validation *validation = &trainer->validation;
	UserActivations *users = &validation->users;
	float	   *movies = validation->vector;

	put_biases(users->raw, users->bias, n);
	for (int i = 0; i < n; i++)
	{
		movies[i * VECTOR_DIMS] = movie_bias(trainer, movie_row[i]);
		validation->base[at + i] = users->bias[i] + movies[i * VECTOR_DIMS];
	}
	pairs_predict_vectors(validation->score + at, validation->folded, users->raw, VECTOR_DIMS,
						  movies, n, validation->pairs);
}

/* Scores of n rows that follow each other, the first being number `at` of all. */
static void
validate_rows(Trainer *trainer, const Segment *segment, int64_t at)
{
	const StageShape *shape = &trainer->shape;
	Validation *validation = &trainer->validation;
	UserActivations *users = &validation->users;
	int			n = segment->n_rows;
	int32_t		other[VALIDATION_ROWS];
	int32_t		movie_row[VALIDATION_ROWS];
	TowerPass	pass = {users->x, users->hidden, users->raw, n, DROPOUT_OFF, 0};
	BatchSegment shown = {
		.segment = segment,
		.user_row = trainer->known.user_row[segment->user],
		.with_history = knows_ratings(trainer),
		.with_recents = shape->recents > 0 && ratings_in_order(trainer->ratings),
		.n_vectors = n
	};

	pass.without_recents = shown.with_recents ? 0 : n;
	gather_segment(user_inputs_from(users, shape, 0), trainer, &shown);
	user_tower_forward(&pass, trainer->params, shape);
	validate_movies(trainer, trainer->ratings->movie + segment->row, movie_row, n);
	if (shape->stage == STAGE_RANKING)
	{
		predict_rows(trainer, movie_row, n, at);
		return;
	}
	unit_forward(users->unit, users->inverse_norm, users->raw, n, VECTOR_DIMS);
	cosines(validation->score + at, users->unit, validation->vector, n);
	if (!asks_others(trainer))
		return;
	for (int i = 0; i < n; i++)
		other[i] = validation->movie[rng_below(OTHER_KEY, at + i,
											   (uint32_t) trainer->n_validation)];
	validate_movies(trainer, other, movie_row, n);
	cosines(validation->other + at, users->unit, validation->vector, n);
}

void
validate(Trainer *trainer)
{
	const Ratings *ratings = trainer->ratings;
	int64_t		from;
	int64_t		to;
	int64_t		at = 0;

	if (trainer->shape.stage == STAGE_RANKING)
		ranker_fold(trainer->validation.folded, trainer->params, &trainer->shape, 1);
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
				validate_rows(trainer, &segment, at + i);
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
	double		rmse = metrics_rmse(trainer->validation.score, rating, n);

	report->val_rmse = (float) (deviation * rmse);
	report->val_mae = (float) (deviation * metrics_mae(trainer->validation.score, rating, n));
	report->val_loss = (float) (rmse * rmse);
	report->share = share_fit(trainer->validation.score, trainer->validation.base, rating,
							  trainer->ratings);
}

/* Cross-entropy of liked or not of the cosines in validation.score. */
static float
validation_cross_entropy(const Trainer *trainer, const float *rating)
{
	const float *head = tensor(trainer->params, &trainer->shape, TENSOR_HEAD);
	const float *score = trainer->validation.score;
	double		loss = 0;

	for (int64_t i = 0; i < trainer->n_validation; i++)
	{
		float		logit = expf(head[HEAD_LOG_SCALE]) * score[i] + head[HEAD_BIAS];

		loss += fmaxf(logit, 0) + log1pf(expf(-fabsf(logit))) -
			(rating[i] >= trainer->options.like_threshold ? logit : 0);
	}
	return (float) (loss / trainer->n_validation);
}

/*
 * Events: how often the movie is nearer than the other one, ties half, and the
 * cross-entropy of that at the temperature of the softmax.
 */
static void
measure_events(Trainer *trainer, EpochReport *report)
{
	const float *head = tensor(trainer->params, &trainer->shape, TENSOR_HEAD);
	float		temperature = expf(head[HEAD_LOG_TEMPERATURE]);
	double		nearer = 0;
	double		loss = 0;

	for (int64_t i = 0; i < trainer->n_validation; i++)
	{
		float		by = trainer->validation.score[i] - trainer->validation.other[i];

		nearer += by > 0 ? 1 : by < 0 ? 0 : 0.5;
		loss += fmaxf(-temperature * by, 0) + log1pf(expf(-fabsf(temperature * by)));
	}
	report->val_auc = (float) (nearer / trainer->n_validation);
	report->val_loss = (float) (loss / trainer->n_validation);
}

float
measure_validation(Trainer *trainer, EpochReport *report)
{
	int64_t		n = trainer->n_validation;
	Validation *validation = &trainer->validation;
	float	   *rating = validation->rating;

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
	if (trainer->options.events)
	{
		measure_events(trainer, report);
		return isnan(report->val_loss) ? NAN : 1 - report->val_auc;
	}
	report->val_loss = validation_cross_entropy(trainer, rating);
	if (isnan(report->val_loss))
		return NAN;
	for (int64_t i = 0; i < n; i++)
		validation->liked[i] = rating[i] >= trainer->options.like_threshold;
	report->val_auc = (float) metrics_auc(validation->score, validation->liked, n, validation->auc);
	return isnan(report->val_auc) ? report->val_loss : 1 - report->val_auc;
}
