/*
 * From training to serving: a model predicts, for the rows that training
 * validated with, what training said; and its order by relevance is tuned on
 * those rows.
 */
#include "unit.h"

#include "exported.h"
#include "num/eval/relevance.h"
#include "team.h"

#define MOST_RATINGS 30			/* of a user */
#define GENRES 3

/* One user has test rows only; there are movies that nobody has rated. */
static const SmallSpec spec = {
	.n_users = 25, .n_movies = 60, .n_genres = GENRES, .least = 5, .most = MOST_RATINGS,
	.every_validation = 4, .every_test = 4, .newcomers = 1, .seed = 11
};

static const char names[] = "a\0b\0c\0" "f\0m\0" "1\0" "2\0" "x\0y";

typedef struct Whole
{
	SmallRatings data;
	TrainOptions options[N_STAGES];
	Trained		trained[N_STAGES];
	ModelFileHeader *file;
	Model	   *model;
} Whole;

static ModelFileHeader *
export(const Whole *whole, RelevanceOrder order)
{
	const StageShape *shape[N_STAGES];
	const float *params[N_STAGES];

	for (Stage stage = 0; stage < N_STAGES; stage++)
	{
		shape[stage] = &whole->trained[stage].shape;
		params[stage] = whole->trained[stage].params;
	}
	return exported_model_file(&whole->data, shape, params, names, sizeof(names), order);
}

/* Both stages trained and exported; the last epoch is the one that is kept. */
static Whole
open_whole(const SmallSpec *of, int32_t history)
{
	Whole		whole = {.data = small_ratings(of)};

	for (Stage stage = 0; stage < N_STAGES; stage++)
	{
		whole.options[stage] = team_options(stage, 64, 3);
		whole.options[stage].early_stopping = false;
		whole.trained[stage] = team_train(&whole.data, stage, history, &whole.options[stage], 1,
										  NULL);
	}
	whole.file = export(&whole, (RelevanceOrder) UNTUNED_ORDER);
	whole.model = exported_open(whole.file);
	return whole;
}

static void
close_whole(Whole *whole)
{
	for (Stage stage = 0; stage < N_STAGES; stage++)
		team_free(&whole->trained[stage], &whole->data, &whole->options[stage]);
	small_free(&whole->data);
	free(whole->file);
	free(whole->model);
}

/* A user who is known by the first n of their ratings. */
static UserInput
known_by(const Whole *whole, int32_t user, int32_t n)
{
	const Ratings *ratings = &whole->data.ratings;
	const int64_t start = ratings->start[user];
	UserInput	input = {
		.user = id_find(model_file_section(whole->file, MODEL_FILE_USER_IDS), whole->file->n_users,
						ratings->user_ids[user]),
		.n_history = n,
		.history_movie = ratings->movie + start,
		.history_rating = ratings->rating + start
	};

	memcpy(input.attribute, ratings->attribute + user * N_ATTRIBUTES, N_ATTRIBUTES);
	return input;
}

/* The same at the moment of a row, with the order of what is known. */
static UserInput
known_at(const Whole *whole, int32_t user, int64_t row)
{
	static float decay[MOST_RATINGS];
	const Ratings *ratings = &whole->data.ratings;
	const int64_t *time = ratings->time + ratings->start[user];
	UserInput	input = known_by(whole, user, ratings->prefix[row]);

	if (!ratings_in_order(ratings))
		return input;
	for (int32_t i = 1; i < input.n_history; i++)
		decay[i] = recent_decay(ratings_seconds(ratings, time[i - 1], time[i]));
	input.history_decay = decay;
	if (input.n_history > 0)
		input.left = recent_decay(ratings_seconds(ratings, time[input.n_history - 1],
												  ratings->time[row]));
	return input;
}

/* How far the served cosine and prediction of a row are from the validated ones. */
static double
row_difference(const Whole *whole, int32_t user, int64_t row, int64_t at)
{
	const Ratings *ratings = &whole->data.ratings;
	const float *vectors = model_file_section(whole->file, MODEL_FILE_MOVIE_VECTORS);
	const float *rank_vectors = model_file_section(whole->file, MODEL_FILE_MOVIE_RANK_VECTORS);
	int64_t		movie = ratings->movie[row];
	UserInput	input = known_at(whole, user, row);
	float	   *scratch = malloc(sizeof(float) * (model_users_scratch(whole->model, 1) +
												  model_rank_scratch(whole->model, 1)));
	float		retrieval[VECTOR_DIMS];
	float		temperature;
	float		ranking[VECTOR_DIMS];
	float		predicted;
	float		validated = whole->trained[STAGE_RANKING].trainer->validation.score[at];
	double		cosine = 0;

	model_users(whole->model, &input, 1, retrieval, &temperature, ranking, scratch);
	for (int d = 0; d < VECTOR_DIMS; d++)
		cosine += retrieval[d] * vectors[movie * VECTOR_DIMS + d];
	model_rank(whole->model, ranking, 0, rank_vectors + movie * VECTOR_DIMS, 1, &predicted,
			   scratch);
	free(scratch);
	return worst_of(fabs(cosine - whole->trained[STAGE_RETRIEVAL].trainer->validation.score[at]),
					fabs(predicted - validated));
}

static void
test_served_as_validated(const Whole *whole)
{
	const Ratings *ratings = &whole->data.ratings;
	double		worst = 0;
	int64_t		at = 0;

	CHECK(model_file_check(whole->file, whole->file->size, true) == MODEL_FILE_OK);
	for (int32_t user = 0; user < ratings->n_users; user++)
		for (int32_t i = ratings->n_train[user]; i < ratings->n_trainval[user]; i++)
			worst = worst_of(worst, row_difference(whole, user, ratings->start[user] + i, at++));
	CHECK(at == ratings->n_trainval_rows - ratings->n_train_rows && at > 50);
	CHECK_NEAR(worst, 0, 2e-5);
}

/* Users' vectors are those of all their training rows; those without have none. */
static void
test_sections(const Whole *whole)
{
	const Ratings *ratings = &whole->data.ratings;
	const int64_t *ids = model_file_section(whole->file, MODEL_FILE_USER_IDS);
	const uint8_t *flags = model_file_section(whole->file, MODEL_FILE_MOVIE_FLAGS);
	const float *vectors = model_file_section(whole->file, MODEL_FILE_USER_VECTORS);
	const float *bias = model_file_section(whole->file, MODEL_FILE_MOVIE_BIAS);
	const int32_t *count = model_file_section(whole->file, MODEL_FILE_MOVIE_RATINGS);
	float	   *scratch = malloc(sizeof(float) * model_users_scratch(whole->model, 1));
	float		out[2][VECTOR_DIMS];
	float		temperature;
	double		worst = 0;
	int32_t		known = 0;

	for (int32_t user = 0; user < ratings->n_users; user++)
	{
		UserInput	input = known_by(whole, user, ratings->n_trainval[user]);

		CHECK((input.user >= 0) == (ratings->n_train[user] > 0));
		if (input.user < 0)
			continue;
		CHECK(ids[known] == ratings->user_ids[user] && input.user == known);
		model_users(whole->model, &input, 1, out[0], &temperature, out[1], scratch);
		for (int d = 0; d < VECTOR_DIMS; d++)
			worst = worst_of(worst, fabs(out[0][d] - vectors[known * VECTOR_DIMS + d]));
		known++;
	}
	CHECK(known == whole->file->n_users && known < ratings->n_users);
	CHECK_NEAR(worst, 0, 1e-5);
	for (int32_t movie = 0; movie < ratings->n_movies; movie++)
	{
		CHECK(flags[movie] == (whole->data.movie_stats.ratings[movie] > 0 ? MOVIE_TRAINED : 0));
		CHECK(bias[movie] == whole->data.movie_stats.bias[movie]);
		CHECK(count[movie] == whole->data.movie_stats.ratings[movie]);
	}
	CHECK(whole->file->temperature > 0);
	free(scratch);
}

/* The order is never worse than that of popularity, and measured as it is left. */
static void
test_relevance(Whole *whole)
{
	size_t		size = relevance_scratch(whole->file, &whole->data.ratings);
	void	   *scratch = aligned_alloc(ARENA_ALIGN, size);
	double		popularity;
	double		tuned = relevance_tune(whole->file, &whole->data.ratings, &popularity,
									   small_check_interrupts,
									   scratch);

	CHECK(tuned > 0 && tuned <= 1);
	CHECK(popularity >= 0 && popularity <= tuned);
	CHECK(whole->file->temperature > 0 && isfinite(whole->file->temperature));
	/* popularity's order has its ties by the cosine, so its figure is another one */
	CHECK(tuned == popularity ||
		  relevance_ndcg(whole->file, &whole->data.ratings, small_check_interrupts,
						 scratch) == tuned);
	free(scratch);
}

/* An order goes from one export to the next, as from tuning to the refit. */
static void
test_order_again(const Whole *whole)
{
	const RelevanceOrder order = {0.5f, 0.25f, true, false};
	ModelFileHeader *untuned = export(whole, (RelevanceOrder) UNTUNED_ORDER);
	ModelFileHeader *again = export(whole, order);

	CHECK(untuned->temperature > 0 && again->temperature == untuned->temperature / 2);
	CHECK(untuned->relevance_rating == 0 && again->relevance_rating == 0.25f);
	CHECK(!untuned->newcomers_popular && again->newcomers_popular == 1);
	CHECK(untuned->in_order == (ratings_in_order(&whole->data.ratings) && untuned->history > 0));
	CHECK(!again->in_order);
	free(untuned);
	free(again);
}

/* Without rows to choose by nothing is chosen. */
static void
test_relevance_without_validation(void)
{
	SmallSpec	without = spec;
	Whole		whole;
	void	   *scratch;
	double		popularity;
	float		before;

	without.every_validation = 0;
	whole = open_whole(&without, HISTORY_DIMS);
	scratch = aligned_alloc(ARENA_ALIGN, relevance_scratch(whole.file, &whole.data.ratings));
	before = whole.file->temperature;
	CHECK(isnan(relevance_tune(whole.file, &whole.data.ratings, &popularity, small_check_interrupts,
							   scratch)));
	CHECK(isnan(popularity));
	CHECK(whole.file->temperature == before && whole.file->relevance_rating == 0);
	free(scratch);
	close_whole(&whole);
}

int
main(void)
{
	SmallSpec	at_random = spec;

	at_random.leave_one_out = true;
	for (int history = 0; history <= HISTORY_DIMS; history += HISTORY_DIMS)
		for (int i = 0; i < 2; i++)
		{
			Whole		whole = open_whole(i == 0 ? &spec : &at_random, history);

			test_served_as_validated(&whole);
			test_sections(&whole);
			test_relevance(&whole);
			test_order_again(&whole);
			close_whole(&whole);
		}
	test_relevance_without_validation();
	return unit_finish();
}
