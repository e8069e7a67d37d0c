/*
 * A model without some of its users is sound, has nothing of them, and says of the
 * others what it said before, and of those erased what it says of anybody.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "num/model/erase.h"
#include "random_model.h"

#define USERS 37
#define MOVIES 50
#define GENRES 3
#define HISTORY_LENGTH 12

static int64_t user_ids[USERS];
static int64_t movie_ids[MOVIES];
static int32_t history_movie[HISTORY_LENGTH];
static float history_rating[HISTORY_LENGTH];

/* A model file whose sections of users are told apart, too. */
static void *
make_model_file(void)
{
	Ratings		ratings = {.n_genres = GENRES, .n_values = {2, 3, 4}};
	void	   *file;

	for (int i = 0; i < USERS; i++)
		user_ids[i] = 0x5a5a000000000000 + 7 * i;
	for (int i = 0; i < MOVIES; i++)
		movie_ids[i] = i;
	for (int i = 0; i < HISTORY_LENGTH; i++)
	{
		history_movie[i] = 3 * i;
		history_rating[i] = 1 + i % 5;
	}
	file = random_model_file(&ratings, user_ids, USERS, movie_ids, MOVIES, 1);
	for (int i = 0; i < USERS; i++)
		((int32_t *) random_model_section(file, MODEL_FILE_USER_RATINGS))[i] = 1000 + i;
	random_model_vectors(random_model_section(file, MODEL_FILE_USER_VECTORS), USERS, 9, 1);
	model_file_finalize(file);
	return file;
}

static void
ask(const void *file, int32_t user, float *vectors)
{
	UserInput	input = {
		.user = user, .attribute = {1, 2, 3}, .n_history = HISTORY_LENGTH,
		.history_movie = history_movie, .history_rating = history_rating
	};
	Model	   *model = random_model_open(file);
	float	   *scratch = malloc(sizeof(float) * model_users_scratch(model, 1));
	float		temperature;

	model_users(model, &input, 1, vectors, &temperature, vectors + VECTOR_DIMS, scratch);
	free(scratch);
	free(model);
}

/* Whether some bytes are anywhere in the model file. */
static bool
holds(const void *file, const void *bytes, size_t length)
{
	const char *at = file;
	const char *end = at + ((const ModelFileHeader *) file)->size - length;

	for (; at <= end; at++)
		if (memcmp(at, bytes, length) == 0)
			return true;
	return false;
}

/* The embedding of a user's id. */
static const float *
id_embedding(const void *file, int32_t user)
{
	const ModelFileHeader *header = file;
	const float *params = model_file_section(file, MODEL_FILE_PARAMETERS);
	StageShape	shape;

	stage_shape(&shape, STAGE_RETRIEVAL, header->n_users, header->n_movies, header->n_genres,
				header->n_values, header->history);
	return params + shape.offset[TENSOR_USER_ID] + (int64_t) (user + 1) * shape.user_id;
}

static bool
same_section(const void *a, const void *b, ModelFileSection section)
{
	const ModelFileHeader *header = a;

	return header->length[section] == ((const ModelFileHeader *) b)->length[section] &&
		memcmp(model_file_section(a, section), model_file_section(b, section),
			   header->length[section]) == 0;
}

static void
check_user(const void *file, const void *before, int32_t user, int32_t old)
{
	const int64_t *ids = model_file_section(file, MODEL_FILE_USER_IDS);
	const int32_t *ratings = model_file_section(file, MODEL_FILE_USER_RATINGS);
	const float *vectors = model_file_section(file, MODEL_FILE_USER_VECTORS);
	const float *old_vectors = model_file_section(before, MODEL_FILE_USER_VECTORS);
	float		answer[2][2 * VECTOR_DIMS];

	CHECK(ids[user] == user_ids[old] && ratings[user] == 1000 + old);
	CHECK(memcmp(vectors + user * VECTOR_DIMS, old_vectors + old * VECTOR_DIMS,
				 sizeof(float) * VECTOR_DIMS) == 0);
	ask(file, user, answer[0]);
	ask(before, old, answer[1]);
	CHECK(memcmp(answer[0], answer[1], sizeof(answer[0])) == 0);
}

static void
test_erase(int32_t first, int32_t n)
{
	void	   *before = make_model_file();
	void	   *file = make_model_file();
	uint64_t	size = erase_users(file, first, n);
	const ModelFileHeader *header = file;
	const float *vectors = model_file_section(before, MODEL_FILE_USER_VECTORS);
	float		answer[2][2 * VECTOR_DIMS];

	model_file_finalize(file);
	CHECK(model_file_check(file, size, true) == MODEL_FILE_OK);
	CHECK(size == header->size && header->n_users == USERS - n);
	CHECK(size < ((const ModelFileHeader *) before)->size);
	for (int32_t user = 0; user < USERS - n; user++)
		check_user(file, before, user, user < first ? user : user + n);
	for (int32_t user = first; user < first + n; user++)
	{
		CHECK(holds(before, &user_ids[user], sizeof(int64_t)));
		CHECK(!holds(file, &user_ids[user], sizeof(int64_t)));
		CHECK(!holds(file, vectors + user * VECTOR_DIMS, sizeof(float) * 4));
		CHECK(holds(before, id_embedding(before, user), sizeof(float) * 4));
		CHECK(!holds(file, id_embedding(before, user), sizeof(float) * 4));
	}
	for (int s = 0; s < N_MODEL_FILE_SECTIONS; s++)
		if (s != MODEL_FILE_USER_IDS && s != MODEL_FILE_USER_RATINGS &&
			s != MODEL_FILE_USER_VECTORS &&
			s != MODEL_FILE_PARAMETERS)
			CHECK(same_section(file, before, s));
	ask(file, -1, answer[0]);
	ask(before, -1, answer[1]);
	CHECK(memcmp(answer[0], answer[1], sizeof(answer[0])) == 0);
	free(file);
	free(before);
}

int
main(void)
{
	test_erase(5, 1);
	test_erase(0, 1);
	test_erase(USERS - 1, 1);
	test_erase(3, 17);
	test_erase(0, USERS);
	return unit_finish();
}
