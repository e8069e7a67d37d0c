/*
 * Model files: what is not a sound model is told so, and nothing beyond the bytes
 * at hand is read to find out (the sanitizers watch).
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "random_model.h"

#define USERS 3
#define MOVIES 9
#define GENRES 2

static const int64_t user_ids[USERS] = {4, 8, 15};
static const int64_t movie_ids[MOVIES] = {1, 2, 3, 5, 8, 13, 21, 34, 55};

static ModelFileHeader *good;
static ModelFileHeader *bad;	/* a copy to be spoiled, just as large */

static void
restore(void)
{
	memcpy(bad, good, good->size);
}

/* The status of the first `size` bytes, with nothing behind them. */
static ModelFileStatus
check_prefix(uint64_t size)
{
	void	   *prefix = malloc(size > 0 ? size : 1);
	ModelFileStatus status;

	memcpy(prefix, bad, size);
	status = model_file_check(prefix, size, true);
	free(prefix);
	return status;
}

static ModelFileStatus
check_bad(void)
{
	ModelFileStatus status = model_file_check(bad, good->size, true);

	restore();
	return status;
}

static void
set_up(void)
{
	Ratings		ratings = {.n_genres = GENRES, .n_values = {2, 1, 3}};

	good = random_model_file(&ratings, user_ids, USERS, movie_ids, MOVIES, 1);
	bad = aligned_alloc(MODEL_FILE_ALIGN, good->size);
	restore();
}

static void
test_layout(void)
{
	uint64_t	at = sizeof(ModelFileHeader);

	CHECK(model_file_check(good, good->size, true) == MODEL_FILE_OK);
	CHECK(model_file_check(good, good->size, false) == MODEL_FILE_OK);
	for (int s = 0; s < N_MODEL_FILE_SECTIONS; s++)
	{
		CHECK(good->offset[s] >= at && good->offset[s] % MODEL_FILE_ALIGN == 0);
		CHECK(good->offset[s] < at + MODEL_FILE_ALIGN);
		at = good->offset[s] + good->length[s];
	}
	CHECK(good->size >= at && good->size < at + MODEL_FILE_ALIGN &&
		  good->size % MODEL_FILE_ALIGN == 0);
	CHECK(good->length[MODEL_FILE_USER_IDS] == USERS * 8);
	CHECK(good->length[MODEL_FILE_MOVIE_VECTORS] == MOVIES * VECTOR_DIMS * 4);
	CHECK(good->length[MODEL_FILE_NAMES] == GENRES + 2 + 1 + 3);
	CHECK(good->length[MODEL_FILE_MOVIE_CODES] == 0);
	CHECK(memcmp(model_file_section(good, MODEL_FILE_MOVIE_IDS), movie_ids,
				 sizeof(movie_ids)) == 0);
}

static void
test_truncated(void)
{
	int			wrong = 0;

	for (uint64_t size = 0; size < good->size; size += size < 1000 ? 1 : 977)
		wrong += check_prefix(size) != MODEL_FILE_TRUNCATED;
	CHECK(wrong == 0);
	CHECK(check_prefix(good->size - 1) == MODEL_FILE_TRUNCATED);

	/* more than there should be is not right either */
	{
		void	   *longer = calloc(1, good->size + MODEL_FILE_ALIGN);

		memcpy(longer, good, good->size);
		CHECK(model_file_check(longer, good->size + MODEL_FILE_ALIGN, true) == MODEL_FILE_CORRUPT);
		free(longer);
	}
}

static void
test_foreign(void)
{
	char		zeros[sizeof(ModelFileHeader)] = {0};

	CHECK(model_file_check(zeros, sizeof(zeros), true) == MODEL_FILE_NOT_A_MODEL);
	bad->magic ^= 1;
	CHECK(check_bad() == MODEL_FILE_NOT_A_MODEL);
	bad->magic = __builtin_bswap64(bad->magic);
	CHECK(check_bad() == MODEL_FILE_OTHER_BYTE_ORDER);
	bad->byte_order = __builtin_bswap32(bad->byte_order);
	CHECK(check_bad() == MODEL_FILE_OTHER_BYTE_ORDER);
	bad->version++;
	CHECK(check_bad() == MODEL_FILE_OTHER_VERSION);
	bad->version = 0;
	CHECK(check_bad() == MODEL_FILE_OTHER_VERSION);
}

/* Each with a checksum that is right: the rest must notice. */
static void
test_bad_counts(void)
{
	static const int32_t counts[] = {-1, INT32_MIN, INT32_MAX, INT32_MAX - 1, 1 << 30, 100};
	int32_t    *const fields[] = {&bad->n_users, &bad->n_movies, &bad->n_genres,
	&bad->n_values[0], &bad->n_values[1], &bad->n_values[2], &bad->history};

	for (size_t f = 0; f < sizeof(fields) / sizeof(fields[0]); f++)
		for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++)
		{
			*fields[f] = counts[c];
			model_file_finalize(bad);
			CHECK(check_bad() == MODEL_FILE_CORRUPT);
		}
}

static void
test_bad_sections(void)
{
	const uint64_t lengths[] = {0, 1, good->size, good->size + 1, UINT64_MAX, UINT64_MAX - 63,
	UINT64_C(1) << 63};

	for (int s = 0; s < N_MODEL_FILE_SECTIONS; s++)
		for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		{
			if (lengths[i] != good->length[s])
			{
				bad->length[s] = lengths[i];
				model_file_finalize(bad);
				CHECK(check_bad() == MODEL_FILE_CORRUPT);
			}
			if (lengths[i] == 0 || (good->length[s] == 0 && lengths[i] == good->size))
				continue;
			bad->offset[s] = lengths[i];
			model_file_finalize(bad);
			CHECK(check_bad() == MODEL_FILE_CORRUPT);
		}
}

static void
test_bad_names(void)
{
	char	   *names = random_model_section(bad, MODEL_FILE_NAMES);

	/* one name fewer */
	names[0] = 'a';
	model_file_finalize(bad);
	CHECK(check_bad() == MODEL_FILE_CORRUPT);

	/* as many, and then one without an end */
	bad->length[MODEL_FILE_NAMES]++;
	names[bad->length[MODEL_FILE_NAMES] - 1] = 'z';
	model_file_finalize(bad);
	CHECK(check_bad() == MODEL_FILE_CORRUPT);
}

/* Any byte that is another, the header's own included, is noticed. */
static void
test_flipped_bytes(void)
{
	unsigned char *bytes = (unsigned char *) bad;
	int			unnoticed = 0;

	for (uint64_t at = 0; at < good->size; at += at < 2000 ? 1 : 613)
	{
		bytes[at] ^= 1 << at % 8;
		unnoticed += model_file_check(bad, good->size, true) == MODEL_FILE_OK;
		bytes[at] ^= 1 << at % 8;
	}
	CHECK(unnoticed == 0);

	/* unless nobody looks */
	bytes[good->size - 100] ^= 1;
	CHECK(model_file_check(bad, good->size, false) == MODEL_FILE_OK);
	CHECK(check_bad() == MODEL_FILE_CORRUPT);
}

/*
 * Headers with random words and a right checksum: whatever passes for sound
 * must be fit for use.
 */
static void
test_random_headers(void)
{
	int			sound = 0;

	for (int round = 0; round < 5000; round++)
	{
		for (uint32_t change = 0; change <= rng_below(round, 0, 3); change++)
		{
			uint32_t	at = rng_below(round, 1 + 3 * change, sizeof(ModelFileHeader) / 4);
			uint32_t	value = (uint32_t) rng_u64(round, 2 + 3 * change);

			/* small numbers and single bits go further */
			if (rng_below(round, 3 + 3 * change, 3) > 0)
				value = round % 2 ? value % 128 : ((uint32_t *) bad)[at] ^ 1U << value % 32;
			((uint32_t *) bad)[at] = value;
		}
		if (bad->size == good->size)
			model_file_finalize(bad);
		if (model_file_check(bad, good->size, true) == MODEL_FILE_OK)
		{
			Model	   *model = random_model_open(bad);

			sound++;
			CHECK(model_header(model)->n_movies == MOVIES);
			free(model);
		}
		restore();
	}
	CHECK(sound > 0);
}

static void
test_status_texts(void)
{
	for (int s = MODEL_FILE_OK; s <= MODEL_FILE_CORRUPT; s++)
		CHECK(strcmp(model_file_status_text(s), "unknown") != 0);
}

int
main(void)
{
	set_up();
	test_layout();
	test_truncated();
	test_foreign();
	test_bad_counts();
	test_bad_sections();
	test_bad_names();
	test_flipped_bytes();
	test_random_headers();
	test_status_texts();
	free(good);
	free(bad);
	return unit_finish();
}
