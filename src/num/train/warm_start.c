/*
 * warm_start.c: see warm_start.h.
 */
#include "num/train/warm_start.h"

#include <string.h>

#include "num/model/model.h"

/* Both sides of the move. */
typedef struct Move
{
	float	   *to;
	const StageShape *to_shape;
	const float *from;
	StageShape	from_shape;
} Move;

static void
copy_row(const Move *move, Tensor t, int64_t to_row, int64_t from_row)
{
	int32_t		width = move->to_shape->width[t];

	memcpy(move->to + move->to_shape->offset[t] + to_row * width,
		   move->from + move->from_shape.offset[t] + from_row * width, sizeof(float) * width);
}

/* Tensors whose sizes the data do not decide. */
static void
copy_whole(const Move *move, Tensor t)
{
	const int64_t *offset = move->to_shape->offset;

	memcpy(move->to + offset[t], move->from + move->from_shape.offset[t],
		   sizeof(float) * (offset[t + 1] - offset[t]));
}

/* The name behind `name` in a list of NUL-terminated ones. */
static const char *
next_name(const char *name)
{
	return name + strlen(name) + 1;
}

/* Where a name is among n, or -1. */
static int32_t
find_name(const char *names, int32_t n, const char *wanted)
{
	for (int32_t i = 0; i < n; i++, names = next_name(names))
		if (strcmp(names, wanted) == 0)
			return i;
	return -1;
}

static const char *
skip_names(const char *names, int32_t n)
{
	while (n-- > 0)
		names = next_name(names);
	return names;
}

/* Rows of TENSOR_MOVIE_W1: the id's, one for each genre, the year's. */
static void
move_features(const Move *move, const char *to_names, const char *from_names)
{
	int32_t		first = move->to_shape->movie_inputs - move->to_shape->n_features;
	int32_t		to_genres = move->to_shape->n_features - 1;
	int32_t		from_genres = move->from_shape.n_features - 1;

	for (int32_t row = 0; row < first; row++)
		copy_row(move, TENSOR_MOVIE_W1, row, row);
	for (int32_t genre = 0; genre < to_genres; genre++, to_names = next_name(to_names))
	{
		int32_t		before = find_name(from_names, from_genres, to_names);

		if (before >= 0)
			copy_row(move, TENSOR_MOVIE_W1, first + genre, first + before);
	}
	copy_row(move, TENSOR_MOVIE_W1, first + to_genres, first + from_genres);
}

static void
move_attributes(const Move *move, const char *to_names, const char *from_names)
{
	to_names = skip_names(to_names, move->to_shape->n_features - 1);
	from_names = skip_names(from_names, move->from_shape.n_features - 1);
	for (int a = 0; a < N_ATTRIBUTES; a++)
	{
		copy_row(move, TENSOR_GENDER + a, 0, 0);
		for (int32_t value = 0; value < move->to_shape->n_values[a]; value++)
		{
			int32_t		before = find_name(from_names, move->from_shape.n_values[a], to_names);

			if (before >= 0)
				copy_row(move, TENSOR_GENDER + a, value + 1, before + 1);
			to_names = next_name(to_names);
		}
		from_names = skip_names(from_names, move->from_shape.n_values[a]);
	}
}

static void
move_users(const Move *move, const Ratings *ratings, const void *file)
{
	const int64_t *ids = model_file_section(file, MODEL_FILE_USER_IDS);
	int64_t		row = 0;

	if (move->to_shape->user_id == 0)
		return;
	copy_row(move, TENSOR_USER_ID, 0, 0);
	for (int32_t user = 0; user < ratings->n_users; user++)
		if (ratings->n_train[user] > 0)
			copy_row(move, TENSOR_USER_ID, ++row,
					 id_find(ids, move->from_shape.n_users, ratings->user_ids[user]) + 1);
}

/* Movies without train ratings have rows that were never trained. */
static void
move_movies(const Move *move, const Ratings *ratings, const void *file)
{
	const int64_t *ids = model_file_section(file, MODEL_FILE_MOVIE_IDS);
	const uint8_t *flags = model_file_section(file, MODEL_FILE_MOVIE_FLAGS);

	copy_row(move, TENSOR_MOVIE_ID, 0, 0);
	for (int32_t movie = 0; movie < ratings->n_movies; movie++)
	{
		int32_t		before = id_find(ids, move->from_shape.n_movies, ratings->movie_ids[movie]);
		bool		trained = before >= 0 && (flags[before] & MOVIE_TRAINED);

		copy_row(move, TENSOR_MOVIE_ID, movie + 1, trained ? before + 1 : 0);
		if (trained && move->to_shape->history > 0)
			copy_row(move, TENSOR_HISTORY, movie + 1, before + 1);
		if (trained && move->to_shape->recents > 0)
			copy_row(move, TENSOR_RECENTS, movie + 1, before + 1);
	}
}

void
warm_start(float *params, const StageShape *shape, const Ratings *ratings,
		   const char *names, const void *file)
{
	const ModelFileHeader *header = file;
	const float *from = model_file_section(file, MODEL_FILE_PARAMETERS);
	const char *from_names = model_file_section(file, MODEL_FILE_NAMES);
	Move		move = {.to = params, .to_shape = shape};

	for (Stage stage = 0; stage <= shape->stage; stage++)
	{
		move.from = from;
		stage_shape(&move.from_shape, stage, header->n_users, header->n_movies,
					header->n_genres, header->n_values, header->history);
		from += stage_size(&move.from_shape);
	}
	for (Tensor t = 0; t < TENSOR_FIRST_TABLE; t++)
		if (t != TENSOR_MOVIE_W1 && t != TENSOR_GENDER && t != TENSOR_AGE && t != TENSOR_OCCUPATION)
			copy_whole(&move, t);
	move_features(&move, names, from_names);
	move_attributes(&move, names, from_names);
	move_users(&move, ratings, file);
	move_movies(&move, ratings, file);
}
