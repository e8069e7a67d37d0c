/*
 * What a rating does for a movie: leaving it out of the pooled history against
 * leaving it out of the input, and the estimate against both.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "num/model/influence.h"
#include "random_model.h"
#include "num/base/simd.h"

#define MOVIES 900
#define GENRES 3
#define RATINGS 700				/* more than influence.c takes at a time */
#define TARGET 17

static int64_t movie_ids[MOVIES];
static const int64_t user_ids[] = {3, 4};
static void *file;
static Model *model;
static int32_t movie[RATINGS];
static float rating[RATINGS];
static float decay[RATINGS];
static UserInput input;

static void
set_up(void)
{
	Ratings		ratings = {.n_genres = GENRES, .n_values = {2, 3, 4}};

	for (int i = 0; i < MOVIES; i++)
		movie_ids[i] = 2 * i;
	file = random_model_file(&ratings, user_ids, 2, movie_ids, MOVIES, 1);
	/* a clamped rating would not change */
	((ModelFileHeader *) file)->min_rating = -1000;
	((ModelFileHeader *) file)->max_rating = 1000;
	model = random_model_open(file);
	for (int i = 0; i < RATINGS; i++)
	{
		movie[i] = i % 50 == 7 ? -1 : i;
		rating[i] = 1 + rng_below(3, i, 5);
		decay[i] = i % 3 ? 1 : 0.9f;
	}
	input = (UserInput)
	{
		.user = 1, .attribute = {1, 2, 3}, .n_history = RATINGS, .history_movie = movie,
		.history_rating = rating
	};
}

/* A user whose last rating was a while ago, and who is known in order or not. */
static void
set_order(bool in_order)
{
	input.history_decay = in_order ? decay : NULL;
	input.left = 0.7f;
}

/* What the model says of the user without a rating, by a history that does not have it. */
static void
ask_without(int32_t without, float *retrieval, float *temperature, float *ranking)
{
	int32_t		left_movie[RATINGS];
	float		left_rating[RATINGS];
	float		left_decay[RATINGS];
	float		passed = 1;
	UserInput	left = input;
	float	   *scratch = malloc(sizeof(float) * model_users_scratch(model, 1));
	int			n = 0;

	for (int i = 0; i < input.n_history; i++)
		if (i != without)
		{
			left_movie[n] = movie[i];
			left_decay[n] = passed * decay[i];
			left_rating[n++] = rating[i];
			passed = 1;
		}
		else
			passed = decay[i];
	left.left *= passed;
	left.n_history = n;
	if (left.history_decay)
		left.history_decay = left_decay;
	left.history_movie = left_movie;
	left.history_rating = left_rating;
	model_users(model, &left, 1, retrieval, temperature, ranking, scratch);
	free(scratch);
}

static void
test_without(int32_t n_history)
{
	int32_t		without[] = {
		n_history * 5 / 6, 0, 7, 10, 1, n_history - 1, n_history - 2, n_history / 2
	};
	enum { N = sizeof(without) / sizeof(without[0]) };
	float		retrieval[N * VECTOR_DIMS];
	float		temperature[N];
	float		ranking[N * VECTOR_DIMS];
	float		expected[2][VECTOR_DIMS];
	float		expected_temperature;
	float	   *scratch = malloc(sizeof(float) * model_users_scratch(model, N));
	Influence	influence;
	double		worst = 0;

	input.n_history = n_history;
	influence_begin(&influence, model, &input);
	influence_without(&influence, without, N, retrieval, temperature, ranking, scratch);
	for (int i = 0; i < N; i++)
	{
		ask_without(without[i], expected[0], &expected_temperature, expected[1]);
		worst = worst_of(worst, largest_difference(temperature + i, &expected_temperature, 1));
		worst = worst_of(worst, largest_difference(retrieval + i * VECTOR_DIMS, expected[0],
												   VECTOR_DIMS));
		worst = worst_of(worst, largest_difference(ranking + i * VECTOR_DIMS, expected[1],
												   VECTOR_DIMS));
	}
	CHECK_NEAR(worst, 0, 1e-4);
	free(scratch);
}

static double
target_of(const InfluenceTarget *target, const float *retrieval, float temperature,
		  const float *ranking)
{
	float	   *scratch = malloc(sizeof(float) * model_rank_scratch(model, 1));
	float		predicted;

	model_rank(model, ranking, 0, target->rank_vector, 1, &predicted, scratch);
	free(scratch);
	return temperature * simd_dot(retrieval, target->vector, VECTOR_DIMS) +
		target->rating_weight * predicted;
}

/* How many are larger than the one at i. */
static int
rank_of_float(const float *value, int n, int i)
{
	int			larger = 0;

	for (int j = 0; j < n; j++)
		larger += value[j] > value[i];
	return larger;
}

static int
rank_of_double(const double *value, int n, int i)
{
	int			larger = 0;

	for (int j = 0; j < n; j++)
		larger += value[j] > value[i];
	return larger;
}

/* Whether the best 10 are among the 40 with the largest estimates. */
static bool
best_are_found(const double *exact, const float *estimate, int n)
{
	int			found = 0;

	for (int i = 0; i < n; i++)
		found += rank_of_double(exact, n, i) < 10 && rank_of_float(estimate, n, i) < 40;
	return found >= 10;
}

/*
 * The estimates are up to a constant, so it is their deviations from the mean
 * that are compared with those of what leaving out changes.
 */
static void
test_estimate(float rating_weight)
{
	const float *vectors = model_file_section(file, MODEL_FILE_MOVIE_VECTORS);
	const float *rank_vectors = model_file_section(file, MODEL_FILE_MOVIE_RANK_VECTORS);
	InfluenceTarget target = {
		vectors + TARGET * VECTOR_DIMS, rank_vectors + TARGET * VECTOR_DIMS,
		rating_weight
	};
	float		estimate[RATINGS];
	double		exact[RATINGS];
	float	   *scratch = malloc(sizeof(float) * model_users_scratch(model, 1));
	float		retrieval[VECTOR_DIMS];
	float		temperature;
	float		ranking[VECTOR_DIMS];
	Influence	influence;
	double		mean[2] = {0};
	double		error = 0;
	double		spread = 0;
	int			unknown = 0;
	int			n = 0;

	input.n_history = RATINGS;
	influence_begin(&influence, model, &input);
	influence_estimate(estimate, &influence, &target, scratch);
	for (int i = 0; i < RATINGS; i++)
	{
		bool		known = movie[i] >= 0 && movie[i] % 7 != 3;

		unknown += !known && estimate[i] == -INFINITY;
		if (!known)
			continue;
		ask_without(i, retrieval, &temperature, ranking);
		exact[n] = -target_of(&target, retrieval, temperature, ranking);
		estimate[n] = estimate[i];
		mean[0] += exact[n];
		mean[1] += estimate[n++];
	}
	for (int i = 0; i < n; i++)
	{
		double		truth = exact[i] - mean[0] / n;

		error += pow(estimate[i] - mean[1] / n - truth, 2);
		spread += pow(truth, 2);
	}
	CHECK(unknown == RATINGS - n);
	CHECK(n > RATINGS / 2 && spread > 0);
	CHECK_NEAR(error / spread, 0, 0.1);
	CHECK(best_are_found(exact, estimate, n));
	free(scratch);
}

int
main(void)
{
	set_up();
	for (int in_order = 0; in_order <= 1; in_order++)
	{
		set_order(in_order);
		test_without(RATINGS);
		test_without(11);
		test_estimate(0);
		test_estimate(0.5f);
	}
	free(model);
	free(file);
	return unit_finish();
}
