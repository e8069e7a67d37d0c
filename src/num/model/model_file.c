/*
 * model_file.c: see model_file.h.
 */
#include "num/model/model_file.h"

#include <string.h>

#include "num/base/rng.h"
#include "num/net/tensors.h"

#define BYTE_ORDER_MARK 0x01020304

/* Far beyond any list of genres, and widths made of it stay in an int32. */
#define MAX_GENRES 1000000

/* Bytes that a section must have, from the counts; 0: free. */
static uint64_t
required_length(const ModelFileHeader *header, ModelFileSection section)
{
	uint64_t	users = header->n_users;
	uint64_t	movies = header->n_movies;

	switch (section)
	{
		case MODEL_FILE_USER_IDS: return users * sizeof(int64_t);
		case MODEL_FILE_USER_RATINGS: return users * sizeof(int32_t);
		case MODEL_FILE_MOVIE_IDS: return movies * sizeof(int64_t);
		case MODEL_FILE_MOVIE_FLAGS: return movies;
		case MODEL_FILE_MOVIE_BIAS: return movies * sizeof(float);
		case MODEL_FILE_MOVIE_RATINGS: return movies * sizeof(int32_t);
		case MODEL_FILE_MOVIE_POPULARITY: return movies * sizeof(float);
		case MODEL_FILE_MOVIE_VECTORS: return movies * VECTOR_DIMS * sizeof(float);
		case MODEL_FILE_MOVIE_RANK_VECTORS: return movies * VECTOR_DIMS * sizeof(float);
		case MODEL_FILE_USER_VECTORS: return users * VECTOR_DIMS * sizeof(float);
		case MODEL_FILE_PARAMETERS:
			{
				StageShape	shape;
				uint64_t	floats = 0;

				for (int stage = 0; stage < N_STAGES; stage++)
				{
					stage_shape(&shape, stage, header->n_users, header->n_movies,
								header->n_genres, header->n_values, header->history);
					floats += stage_size(&shape);
				}
				return floats * sizeof(float);
			}
		default: return 0;
	}
}

uint64_t
model_file_layout(ModelFileHeader *header)
{
	uint64_t	at = (sizeof(ModelFileHeader) + MODEL_FILE_ALIGN -
					  1) & ~(uint64_t) (MODEL_FILE_ALIGN - 1);

	for (int s = 0; s < N_MODEL_FILE_SECTIONS; s++)
	{
		if (required_length(header, s) > 0)
			header->length[s] = required_length(header, s);
		header->offset[s] = at;
		at += (header->length[s] + MODEL_FILE_ALIGN - 1) & ~(uint64_t) (MODEL_FILE_ALIGN - 1);
	}
	header->size = at;
	return at;
}

/* A hash of everything but the checksum; size is a multiple of 8. */
static uint64_t
checksum(const void *file, uint64_t size)
{
	const char *bytes = file;
	uint64_t	hash = size;

	for (uint64_t at = 0; at < size; at += sizeof(uint64_t))
	{
		uint64_t	word;

		if (at == offsetof(ModelFileHeader, checksum))
			continue;
		memcpy(&word, bytes + at, sizeof(word));
		hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL;
		hash ^= hash >> 29;
	}
	return rng_mix64(hash);
}

void
model_file_finalize(void *file)
{
	ModelFileHeader *header = file;

	header->magic = MODEL_FILE_MAGIC;
	header->version = MODEL_FILE_VERSION;
	header->byte_order = BYTE_ORDER_MARK;
	header->checksum = checksum(file, header->size);
}

static bool
counts_are_sound(const ModelFileHeader *header)
{
	if (header->n_users < 0 || header->n_movies < 0 || header->n_genres < 0 ||
		header->n_genres > MAX_GENRES || header->history < 0 || header->history > VECTOR_DIMS)
		return false;
	for (int a = 0; a < N_ATTRIBUTES; a++)
		if (header->n_values[a] < 0 || header->n_values[a] > UINT8_MAX)
			return false;
	return true;
}

/* Whether the names are as many strings as the counts say, the last one ended. */
static bool
names_are_sound(const void *file)
{
	const ModelFileHeader *header = file;
	const char *names = model_file_section(file, MODEL_FILE_NAMES);
	int64_t		wanted = header->n_genres;
	int64_t		found = 0;

	for (int a = 0; a < N_ATTRIBUTES; a++)
		wanted += header->n_values[a];
	for (uint64_t i = 0; i < header->length[MODEL_FILE_NAMES]; i++)
		found += names[i] == '\0';
	return found == wanted &&
		(wanted == 0 || names[header->length[MODEL_FILE_NAMES] - 1] == '\0');
}

ModelFileStatus
model_file_check(const void *file, uint64_t size, bool verify_checksum)
{
	const ModelFileHeader *header = file;

	if (size < sizeof(ModelFileHeader))
		return MODEL_FILE_TRUNCATED;
	if (header->magic != MODEL_FILE_MAGIC)
		return header->magic == __builtin_bswap64(MODEL_FILE_MAGIC) ?
			MODEL_FILE_OTHER_BYTE_ORDER : MODEL_FILE_NOT_A_MODEL;
	if (header->version != MODEL_FILE_VERSION)
		return MODEL_FILE_OTHER_VERSION;
	if (header->byte_order != BYTE_ORDER_MARK)
		return MODEL_FILE_OTHER_BYTE_ORDER;
	if (size < header->size)
		return MODEL_FILE_TRUNCATED;
	if (size != header->size || size % MODEL_FILE_ALIGN != 0 || !counts_are_sound(header))
		return MODEL_FILE_CORRUPT;
	for (int s = 0; s < N_MODEL_FILE_SECTIONS; s++)
	{
		uint64_t	required = required_length(header, s);

		if (header->offset[s] % MODEL_FILE_ALIGN != 0 || header->offset[s] > size ||
			header->length[s] > size - header->offset[s] ||
			(required > 0 && header->length[s] != required))
			return MODEL_FILE_CORRUPT;
	}
	if (!names_are_sound(file))
		return MODEL_FILE_CORRUPT;
	if (verify_checksum && checksum(file, size) != header->checksum)
		return MODEL_FILE_CORRUPT;
	return MODEL_FILE_OK;
}

const char *
model_file_status_text(ModelFileStatus status)
{
	switch (status)
	{
		case MODEL_FILE_OK: return "sound";
		case MODEL_FILE_TRUNCATED: return "truncated";
		case MODEL_FILE_NOT_A_MODEL: return "not a model";
		case MODEL_FILE_OTHER_VERSION: return "written by another version of mlrec";
		case MODEL_FILE_OTHER_BYTE_ORDER: return "written on a machine of another byte order";
		case MODEL_FILE_CORRUPT: return "corrupt";
	}
	return "unknown";
}
