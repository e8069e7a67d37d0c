/*
 * A model at work: each shortcut against the long way.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "random_model.h"

#define USERS 6
#define MOVIES 40
#define GENRES 3
#define FEATURES (GENRES + 1)
#define HISTORY_LENGTH 600		/* more than model.c takes at a time */
#define MANY 9
#define TOLERANCE 1e-5

static const int64_t user_ids[USERS] = {-7, 0, 3, 4, 100, INT64_MAX};
static int64_t movie_ids[MOVIES];
static void *file;
static Model *model;
static int32_t history_movie[HISTORY_LENGTH];
static float history_rating[HISTORY_LENGTH];
static float retrieval[2][MANY * VECTOR_DIMS];
static float temperature[2][MANY];
static float history_decay[HISTORY_LENGTH];
static float ranking[2][MANY * VECTOR_DIMS];

static void
set_up(void)
{
	Ratings		ratings = {.n_genres = GENRES, .n_values = {2, 3, 4}};

	for (int movie = 0; movie < MOVIES; movie++)
		movie_ids[movie] = 3 * movie - 20;
	file = random_model_file(&ratings, user_ids, USERS, movie_ids, MOVIES, 1);
	model = random_model_open(file);
	for (int i = 0; i < HISTORY_LENGTH; i++)
	{
		history_movie[i] = (int32_t) rng_below(2, i, MOVIES + 1) - 1;
		history_rating[i] = 1 + rng_below(3, i, 5);
		history_decay[i] = rng_uniform(4, i);
	}
}

static UserInput
user_input_of(int32_t user, int32_t n_history)
{
	return (UserInput)
	{
		.user = user, .attribute = {1, 2, 3}, .n_history = n_history,
		.history_movie = history_movie, .history_rating = history_rating,
		.history_decay = history_decay, .left = n_history % 2 ? 0.6f : 0
	};
}

/* scratch of exactly the size that is asked for, so that the sanitizer sees more */
static void
ask(const UserInput *inputs, int n, int place)
{
	float	   *scratch = malloc(sizeof(float) * model_users_scratch(model, n));

	model_users(model, inputs, n, retrieval[place], temperature[place], ranking[place], scratch);
	free(scratch);
}

static bool
same_bits(const float *a, const float *b, int n)
{
	return memcmp(a, b, sizeof(float) * n) == 0;
}

/* All of the inputs at once as each alone, bit for bit. */
static void
check_alone(const UserInput *inputs, int n)
{
	ask(inputs, n, 0);
	for (int i = 0; i < n; i++)
	{
		double		length = 0;

		ask(inputs + i, 1, 1);
		CHECK(same_bits(retrieval[0] + i * VECTOR_DIMS, retrieval[1], VECTOR_DIMS));
		CHECK(same_bits(ranking[0] + i * VECTOR_DIMS, ranking[1], VECTOR_DIMS));
		CHECK(same_bits(temperature[0] + i, temperature[1], 1));
		for (int d = 0; d < VECTOR_DIMS; d++)
			length += retrieval[0][i * VECTOR_DIMS + d] * retrieval[0][i * VECTOR_DIMS + d];
		CHECK_NEAR(length, 1, TOLERANCE);
	}
}

static void
test_growing_prefixes(void)
{
	static const int lengths[MANY] = {0, 0, 1, 7, 255, 256, 257, 257, HISTORY_LENGTH};
	UserInput	inputs[MANY];

	for (int i = 0; i < MANY; i++)
		inputs[i] = user_input_of(i % USERS - 1, lengths[i]);
	check_alone(inputs, MANY);

	/* backwards nothing is a prefix of what follows */
	for (int i = 0; i < MANY; i++)
		inputs[i] = user_input_of(2, lengths[MANY - 1 - i]);
	check_alone(inputs, MANY);
}

/* Where popularity is better for newcomers, the networks say nothing to them alone. */
static void
test_newcomers_popular(void)
{
	ModelFileHeader *header = file;
	static const int32_t unknown[] = {-1, -1};
	UserInput	inputs[] = {user_input_of(2, 0), user_input_of(2, 2), user_input_of(2, 7)};
	float		before[3];

	/* ratings of movies that the model does not know are none */
	inputs[1].history_movie = unknown;
	ask(inputs, 3, 0);
	memcpy(before, temperature[0], sizeof(before));
	header->newcomers_popular = 1;
	ask(inputs, 3, 0);
	for (int i = 0; i < 2; i++)
	{
		CHECK(before[i] > 1e-3 && model_rating_weight(header, before[i]) > 0);
		CHECK(temperature[0][i] == NO_TEMPERATURE);
		CHECK(model_rating_weight(header, temperature[0][i]) == 0);
	}
	CHECK(same_bits(temperature[0] + 2, before + 2, 1));
	header->newcomers_popular = 0;
}

/* A history in order is not shown where that made the order no better, or never was. */
static void
test_without_order(void)
{
	ModelFileHeader *header = file;
	UserInput	inputs[] = {user_input_of(2, 7), user_input_of(2, 7)};

	inputs[1].history_decay = NULL;
	header->temperature = 1;
	ask(inputs, 2, 0);
	CHECK(fabs(temperature[0][0] / temperature[0][1] - 1) > 0.1);
	/* popularity's order long after, and the networks' own just after */
	header->temperature = NO_TEMPERATURE;
	ask(inputs, 2, 1);
	CHECK(temperature[1][0] > 0.1 && temperature[1][1] < 1e-9);
	header->temperature = 1;
	header->in_order = 0;
	ask(inputs, 2, 1);
	for (int i = 0; i < 2; i++)
	{
		CHECK(same_bits(temperature[1] + i, temperature[0] + 1, 1));
		CHECK(same_bits(retrieval[1] + i * VECTOR_DIMS, retrieval[0] + VECTOR_DIMS, VECTOR_DIMS));
	}
	header->in_order = 1;
	header->temperature = 5;
}

/* The same movies with other ratings are another history. */
static void
test_same_movies_rated_otherwise(void)
{
	static float other_rating[HISTORY_LENGTH];
	UserInput	inputs[2] = {user_input_of(1, 50), user_input_of(1, 50)};

	for (int i = 0; i < HISTORY_LENGTH; i++)
		other_rating[i] = 6 - history_rating[i];
	inputs[1].history_rating = other_rating;
	check_alone(inputs, 2);
	CHECK(largest_difference(retrieval[0], retrieval[0] + VECTOR_DIMS, VECTOR_DIMS) > 1e-3);
}

/* What is known of a user counts, and what is not known is none of it. */
static void
test_what_counts(void)
{
	const uint8_t *flags = model_file_section(file, MODEL_FILE_MOVIE_FLAGS);
	int32_t		history[] = {-1, 3, -1};	/* 3 has no fit ratings */
	float		ratings[] = {1, 5, 2};
	UserInput	unknown = user_input_of(-1, 0);
	UserInput	nothing = unknown;
	UserInput	known = user_input_of(2, 0);
	UserInput	elder = unknown;

	CHECK(!(flags[3] & MOVIE_TRAINED));
	unknown.history_movie = NULL;
	unknown.history_rating = NULL;
	ask(&unknown, 1, 0);
	nothing.n_history = 3;
	nothing.history_movie = history;
	nothing.history_rating = ratings;
	ask(&nothing, 1, 1);
	CHECK(memcmp(retrieval[0], retrieval[1], sizeof(float) * VECTOR_DIMS) == 0);
	/* but they say how high the user rates */
	CHECK(ranking[0][0] == 0);
	CHECK_NEAR(ranking[1][0], (1 + 5 + 2 - 3 * 3.5) / 1.25 / (3 + BIAS_USER_DAMPING), 1e-6);
	CHECK(memcmp(ranking[0] + 1, ranking[1] + 1, sizeof(float) * (VECTOR_DIMS - 1)) == 0);
	history[1] = 4;
	ask(&nothing, 1, 1);
	CHECK(largest_difference(retrieval[0], retrieval[1], VECTOR_DIMS) > 1e-3);
	CHECK(largest_difference(ranking[0], ranking[1], VECTOR_DIMS) > 1e-3);

	/* an id counts in retrieval; in ranking it does not stand beside a history */
	ask(&known, 1, 1);
	CHECK(largest_difference(retrieval[0], retrieval[1], VECTOR_DIMS) > 1e-3);
	CHECK(memcmp(ranking[0], ranking[1], sizeof(float) * VECTOR_DIMS) == 0);
	elder.attribute[1] = 3;
	ask(&elder, 1, 1);
	CHECK(largest_difference(retrieval[0], retrieval[1], VECTOR_DIMS) > 1e-3);
	CHECK(largest_difference(ranking[0], ranking[1], VECTOR_DIMS) > 1e-3);
}

static void
test_movies_from_features(void)
{
	float		features[MANY * FEATURES];
	float		alone[2][VECTOR_DIMS];
	float	   *scratch = malloc(sizeof(float) * model_movies_scratch(model, MANY));
	float	   *scratch1 = malloc(sizeof(float) * model_movies_scratch(model, 1));

	for (int i = 0; i < MANY * FEATURES; i++)
		features[i] = i % FEATURES < GENRES ? rng_below(5, i, 2) : rng_uniform(6, i);
	model_movies(model, features, MANY, retrieval[0], ranking[0], scratch);
	for (int i = 0; i < MANY; i++)
	{
		double		length = 0;

		model_movies(model, features + i * FEATURES, 1, alone[0], alone[1], scratch1);
		CHECK(same_bits(alone[0], retrieval[0] + i * VECTOR_DIMS, VECTOR_DIMS));
		CHECK(same_bits(alone[1], ranking[0] + i * VECTOR_DIMS, VECTOR_DIMS));
		for (int d = 0; d < VECTOR_DIMS; d++)
			length += alone[0][d] * alone[0][d];
		CHECK_NEAR(length, 1, TOLERANCE);
	}
	/* the year is a feature like the genres */
	features[FEATURES - 1] += 0.5f;
	model_movies(model, features, 1, alone[0], alone[1], scratch1);
	CHECK(largest_difference(alone[0], retrieval[0], VECTOR_DIMS) > 1e-3);
	CHECK(largest_difference(alone[1], ranking[0], VECTOR_DIMS) > 1e-3);
	free(scratch);
	free(scratch1);
}

/* One user for all movies, and the same user beside each. */
static void
test_predictions(void)
{
	enum
	{
		N = 37
	};
	const float *movies = model_file_section(file, MODEL_FILE_MOVIE_RANK_VECTORS);
	float	   *scratch = malloc(sizeof(float) * model_rank_scratch(model, N));
	float		users[N * VECTOR_DIMS];
	float		same[N];
	float		beside[N];
	UserInput	input = user_input_of(1, 20);
	int			inside = 0;

	ask(&input, 1, 0);
	for (int i = 0; i < N; i++)
		memcpy(users + i * VECTOR_DIMS, ranking[0], sizeof(float) * VECTOR_DIMS);
	for (int scale = 1; scale <= 1000; scale *= 10)
	{
		/* vectors too long for the scale of ratings */
		for (int i = 0; i < N * VECTOR_DIMS; i++)
			users[i] = ranking[0][i % VECTOR_DIMS] * scale;
		model_rank(model, users, 0, movies, N, same, scratch);
		model_rank(model, users, VECTOR_DIMS, movies, N, beside, scratch);
		CHECK(same_bits(same, beside, N));
		for (int i = 0; i < N; i++)
		{
			float		rating = model_rating(model_header(model), same[i]);

			CHECK(rating >= 1 && rating <= 5);
			inside += rating > 1 && rating < 5;
		}
	}
	CHECK(inside > 0);
	free(scratch);
}

static void
test_find(void)
{
	int64_t		many[1000];
	int			wrong = 0;

	for (int i = 0; i < USERS; i++)
		CHECK(id_find(user_ids, USERS, user_ids[i]) == i);
	CHECK(id_find(user_ids, USERS, INT64_MIN) == -1);
	CHECK(id_find(user_ids, USERS, 5) == -1);
	CHECK(id_find(user_ids, USERS - 1, INT64_MAX) == -1);
	CHECK(id_find(NULL, 0, 1) == -1);
	for (int n = 0; n < 1000; n++)
	{
		many[n] = 2 * n;
		wrong += id_find(many, n + 1, 2 * n) != n || id_find(many, n + 1, 2 * n + 1) != -1 ||
			id_find(many, n + 1, n / 2 * 2) != n / 2;
	}
	CHECK(wrong == 0);
}

int
main(void)
{
	set_up();
	test_growing_prefixes();
	test_newcomers_popular();
	test_without_order();
	test_same_movies_rated_otherwise();
	test_what_counts();
	test_movies_from_features();
	test_predictions();
	test_find();
	free(model);
	free(file);
	return unit_finish();
}
