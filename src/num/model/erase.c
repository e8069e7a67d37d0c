/*
 * erase.c: see erase.h.
 *
 * Sections and tensors lie one behind the other, and none of them grows, so each
 * can be moved to its new place in turn without touching one that has not been
 * moved yet.
 */
#include "num/model/erase.h"

#include <string.h>

/* Rows of a table, and which of them go. */
typedef struct Cut
{
	int64_t		rows;
	int64_t		first;
	int64_t		n;
} Cut;

/*
 * Moves a table of rows of `width` bytes, without those cut, from `from` to `to`,
 * which is not behind it, and zeros what follows up to `room` bytes.
 */
static void
move_table(char *to, const char *from, size_t width, const Cut *cut, size_t room)
{
	size_t		head = width * cut->first;
	size_t		gone = width * cut->n;
	size_t		tail = width * (cut->rows - cut->first - cut->n);

	memmove(to, from, head);
	memmove(to + head, from + head + gone, tail);
	memset(to + head + tail, 0, room - head - tail);
}

/* The same of a block of bytes that nothing is cut from. */
static void
move_block(char *to, const char *from, size_t length, size_t room)
{
	memmove(to, from, length);
	memset(to + length, 0, room - length);
}

/* The parameters of both stages, of which the table of users' ids is cut. */
static void
move_parameters(float *to, const float *from, const ModelFileHeader *now,
				const ModelFileHeader *before,
				int32_t first)
{
	Cut			cut = {before->n_users + 1, first + 1, before->n_users - now->n_users};

	for (int stage = 0; stage < N_STAGES; stage++)
	{
		StageShape	new_shape;
		StageShape	old_shape;

		stage_shape(&new_shape, stage, now->n_users, now->n_movies, now->n_genres, now->n_values,
					now->history);
		stage_shape(&old_shape, stage, before->n_users, now->n_movies, now->n_genres,
					now->n_values, now->history);
		for (int t = 0; t < N_TENSORS; t++)
		{
			size_t		room = sizeof(float) * (new_shape.offset[t + 1] - new_shape.offset[t]);
			char	   *new_tensor = (char *) (to + new_shape.offset[t]);
			const char *old_tensor = (const char *) (from + old_shape.offset[t]);

			if (t == TENSOR_USER_ID && new_shape.user_id > 0)
				move_table(new_tensor, old_tensor, sizeof(float) * new_shape.user_id, &cut, room);
			else
				move_block(new_tensor, old_tensor, room, room);
		}
		to += stage_size(&new_shape);
		from += stage_size(&old_shape);
	}
}

/* Bytes of a row of a section that has one for each user, 0 for other sections. */
static size_t
user_width(int section)
{
	switch (section)
	{
		case MODEL_FILE_USER_IDS: return sizeof(int64_t);
		case MODEL_FILE_USER_RATINGS: return sizeof(int32_t);
		case MODEL_FILE_USER_VECTORS: return sizeof(float) * VECTOR_DIMS;
		default: return 0;
	}
}

uint64_t
erase_users(void *file, int32_t first, int32_t n)
{
	char	   *bytes = file;
	ModelFileHeader before = *(ModelFileHeader *) file;
	ModelFileHeader now = before;
	Cut			cut = {before.n_users, first, n};

	now.n_users -= n;
	for (int s = 0; s < N_MODEL_FILE_SECTIONS; s++)
		if (user_width(s) > 0)
			now.length[s] = user_width(s) * now.n_users;
	model_file_layout(&now);
	for (int s = 0; s < N_MODEL_FILE_SECTIONS; s++)
	{
		char	   *to = bytes + now.offset[s];
		const char *from = bytes + before.offset[s];
		uint64_t	end = s + 1 < N_MODEL_FILE_SECTIONS ? now.offset[s + 1] : now.size;
		size_t		room = end - now.offset[s];

		if (user_width(s) > 0)
			move_table(to, from, user_width(s), &cut, room);
		else if (s == MODEL_FILE_PARAMETERS)
		{
			move_parameters((float *) to, (const float *) from, &now, &before, first);
			memset(to + now.length[s], 0, room - now.length[s]);
		}
		else
			move_block(to, from, now.length[s], room);
	}
	*(ModelFileHeader *) file = now;
	return now.size;
}
