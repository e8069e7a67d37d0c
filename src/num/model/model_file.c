/*
 * model_file.c: see image.h.
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
required_length(const ImageHeader *header, ImageSection section)
{
	uint64_t	users = header->n_users;
	uint64_t	movies = header->n_movies;

	switch (section)
	{
		case IMAGE_USER_IDS: return users * sizeof(int64_t);
		case IMAGE_MOVIE_IDS: return movies * sizeof(int64_t);
		case IMAGE_MOVIE_FLAGS: return movies;
		case IMAGE_MOVIE_MEAN: return movies * sizeof(float);
		case IMAGE_MOVIE_RATINGS: return movies * sizeof(int32_t);
		case IMAGE_MOVIE_POPULARITY: return movies * sizeof(float);
		case IMAGE_MOVIE_VECTORS: return movies * VECTOR_DIMS * sizeof(float);
		case IMAGE_MOVIE_RANK_VECTORS: return movies * VECTOR_DIMS * sizeof(float);
		case IMAGE_USER_VECTORS: return users * VECTOR_DIMS * sizeof(float);
		case IMAGE_PARAMETERS:
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
image_layout(ImageHeader *header)
{
	uint64_t	at = (sizeof(ImageHeader) + IMAGE_ALIGN - 1) & ~(uint64_t) (IMAGE_ALIGN - 1);

	for (int s = 0; s < N_IMAGE_SECTIONS; s++)
	{
		if (required_length(header, s) > 0)
			header->length[s] = required_length(header, s);
		header->offset[s] = at;
		at += (header->length[s] + IMAGE_ALIGN - 1) & ~(uint64_t) (IMAGE_ALIGN - 1);
	}
	header->size = at;
	return at;
}

/* A hash of everything but the checksum; size is a multiple of 8. */
static uint64_t
checksum(const void *image, uint64_t size)
{
	const char *bytes = image;
	uint64_t	hash = size;

	for (uint64_t at = 0; at < size; at += sizeof(uint64_t))
	{
		uint64_t	word;

		if (at == offsetof(ImageHeader, checksum))
			continue;
		memcpy(&word, bytes + at, sizeof(word));
		hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL;
		hash ^= hash >> 29;
	}
	return rng_mix64(hash);
}

void
image_seal(void *image)
{
	ImageHeader *header = image;

	header->magic = IMAGE_MAGIC;
	header->version = IMAGE_VERSION;
	header->byte_order = BYTE_ORDER_MARK;
	header->checksum = checksum(image, header->size);
}

static bool
counts_are_sound(const ImageHeader *header)
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
names_are_sound(const void *image)
{
	const ImageHeader *header = image;
	const char *names = image_section(image, IMAGE_NAMES);
	int64_t		wanted = header->n_genres;
	int64_t		found = 0;

	for (int a = 0; a < N_ATTRIBUTES; a++)
		wanted += header->n_values[a];
	for (uint64_t i = 0; i < header->length[IMAGE_NAMES]; i++)
		found += names[i] == '\0';
	return found == wanted &&
		(wanted == 0 || names[header->length[IMAGE_NAMES] - 1] == '\0');
}

ImageStatus
image_check(const void *image, uint64_t size, bool verify_checksum)
{
	const ImageHeader *header = image;

	if (size < sizeof(ImageHeader))
		return IMAGE_TRUNCATED;
	if (header->magic != IMAGE_MAGIC)
		return header->magic == __builtin_bswap64(IMAGE_MAGIC) ?
			IMAGE_OTHER_BYTE_ORDER : IMAGE_NOT_A_MODEL;
	if (header->version != IMAGE_VERSION)
		return IMAGE_OTHER_VERSION;
	if (header->byte_order != BYTE_ORDER_MARK)
		return IMAGE_OTHER_BYTE_ORDER;
	if (size < header->size)
		return IMAGE_TRUNCATED;
	if (size != header->size || size % IMAGE_ALIGN != 0 || !counts_are_sound(header))
		return IMAGE_CORRUPT;
	for (int s = 0; s < N_IMAGE_SECTIONS; s++)
	{
		uint64_t	required = required_length(header, s);

		if (header->offset[s] % IMAGE_ALIGN != 0 || header->offset[s] > size ||
			header->length[s] > size - header->offset[s] ||
			(required > 0 && header->length[s] != required))
			return IMAGE_CORRUPT;
	}
	if (!names_are_sound(image))
		return IMAGE_CORRUPT;
	if (verify_checksum && checksum(image, size) != header->checksum)
		return IMAGE_CORRUPT;
	return IMAGE_OK;
}

const char *
image_status_text(ImageStatus status)
{
	switch (status)
	{
		case IMAGE_OK: return "sound";
		case IMAGE_TRUNCATED: return "truncated";
		case IMAGE_NOT_A_MODEL: return "not a model";
		case IMAGE_OTHER_VERSION: return "written by another version of mlrec";
		case IMAGE_OTHER_BYTE_ORDER: return "written on a machine of another byte order";
		case IMAGE_CORRUPT: return "corrupt";
	}
	return "unknown";
}
