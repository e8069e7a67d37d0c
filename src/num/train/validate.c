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

void
list_validation(Trainer *trainer)
{
	const Ratings *ratings = trainer->ratings;
	int64_t		at = 0;

	for (int32_t user = 0; user < ratings->n_users; user++)
		for (int32_t i = ratings->n_train[user]; i < ratings->n_trainval[user]; i++)
			trainer->validation_movie[at++] = ratings->movie[ratings->start[user] + i];
}

/* Vectors of n movies, given as catalogue indices: [n][VECTOR_DIMS], in retrieval unit. */
static void
validate_movies(Trainer *trainer, float *vectors, const int32_t *movie, int32_t *movie_row, int n)
{
	const StageShape *shape = &trainer->shape;
	float	   *features = trainer->scratch;
	float	   *x = features + (int64_t) n * shape->n_features;
	float	   *hidden = x + (int64_t) n * shape->movie_inputs;
	float	   *norm = hidden + (int64_t) n * shape->movie_hidden;
	TowerPass	pass = {x, hidden, vectors, n, DROPOUT_OFF};

	for (int i = 0; i < n; i++)
		movie_row[i] = trainer->movie_stats.ratings[movie[i]] > 0 ? movie[i] + 1 : 0;
	gather_features(features, trainer, movie, n);
	movie_tower_forward(&pass, movie_row, features, trainer->params, shape);
	if (shape->stage == STAGE_RETRIEVAL)
		unit_forward(vectors, norm, vectors, n, VECTOR_DIMS);
}

/* Cosines of users and movies [n]. */
static void
cosines(float *out, const float *users, const float *movies, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = simd_dot(users + i * VECTOR_DIMS, movies + i * VECTOR_DIMS, VECTOR_DIMS);
}

/*
 * Scores of n rows that follow each other, the first being number `at` of all:
 * cosines, or predicted ratings and, in validation_base, what the biases alone
 * predict.  Of events, validation_base has the cosines of other movies.
 */
static void
validate_rows(Trainer *trainer, const Segment *segment, int64_t at)
{
	const StageShape *shape = &trainer->shape;
	UserActivations *activations = &trainer->validated;
	int			n = segment->n_rows;
	float	   *out = trainer->validation + at;
	float	   *base = trainer->validation_base + at;
	int32_t		movie[VALIDATION_ROWS];
	int32_t		movie_row[VALIDATION_ROWS];
	float	   *movies = activations->dout;
	TowerPass	users = {activations->x, activations->hidden, activations->raw, n, DROPOUT_OFF};
	BatchSegment shown = {
		.segment = segment,
		.user_row = trainer->user_row[segment->user],
		.with_history = knows_ratings(trainer),
		.with_recents = shape->recents > 0 && ratings_in_order(trainer->ratings),
		.n_vectors = n
	};

	gather_segment(*activations, trainer, &shown);
	user_tower_forward(&users, trainer->params, shape);
	validate_movies(trainer, movies, trainer->ratings->movie + segment->row, movie_row, n);
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
	cosines(out, activations->unit, movies, n);
	if (!trainer->options.events)
		return;
	for (int i = 0; i < n; i++)
		movie[i] = trainer->validation_movie[rng_below(OTHER_KEY, at + i,
													   (uint32_t) trainer->n_validation)];
	validate_movies(trainer, movies, movie, movie_row, n);
	cosines(base, activations->unit, movies, n);
}

void
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
		float		by = trainer->validation[i] - trainer->validation_base[i];

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
	if (trainer->options.events)
	{
		measure_events(trainer, report);
		return isnan(report->val_loss) ? NAN : 1 - report->val_auc;
	}
	report->val_loss = validation_cross_entropy(trainer, rating);
	if (isnan(report->val_loss))
		return NAN;
	for (int64_t i = 0; i < n; i++)
		liked[i] = rating[i] >= trainer->options.like_threshold;
	report->val_auc = (float) metrics_auc(trainer->validation, liked, n, trainer->metric_scratch);
	return isnan(report->val_auc) ? report->val_loss : 1 - report->val_auc;
}
