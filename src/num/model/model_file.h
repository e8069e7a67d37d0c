/*
 * model_file.h: a trained model as one block of bytes.
 *
 * The block that training writes is the block that serving reads: a header
 * with a table of sections, then the sections, each aligned to 64 bytes, in
 * the machine's own byte order (the header tells, and a foreign one is
 * refused).  So loading is reading, and many processes can map one copy.
 */
#ifndef MLREC_MODEL_MODEL_FILE_H
#define MLREC_MODEL_MODEL_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "num/net/tensors.h"

#define IMAGE_MAGIC 0x6d6c7265632e696dULL
#define IMAGE_VERSION 2
#define IMAGE_ALIGN 64

typedef enum ImageSection
{
	IMAGE_USER_IDS,				/* int64 [n_users] ascending: users with fit rows */
	IMAGE_MOVIE_IDS,			/* int64 [n_movies] ascending: the catalogue */
	IMAGE_MOVIE_FLAGS,			/* uint8 [n_movies]: MOVIE_LISTED, MOVIE_TRAINED */
	IMAGE_MOVIE_MEAN,			/* float [n_movies], damped mean rating */
	IMAGE_MOVIE_RATINGS,		/* int32 [n_movies], fit ratings */
	IMAGE_MOVIE_POPULARITY,		/* float [n_movies], ln(1 + likes) among the latest
								 * fit ratings, see statistics.h */
	IMAGE_NAMES,				/* NUL-terminated strings: the genres in order of
								 * their flags, then the values of gender, age and
								 * occupation in order of their codes */
	IMAGE_PARAMETERS,			/* float: both stages' parameters, for the towers */
	IMAGE_MOVIE_VECTORS,		/* float [n_movies * VECTOR_DIMS], unit: retrieval */
	IMAGE_MOVIE_RANK_VECTORS,	/* float [n_movies * VECTOR_DIMS]: ranking */
	IMAGE_USER_VECTORS,			/* float [n_users * VECTOR_DIMS], unit, as of training */
	IMAGE_MOVIE_CODES,			/* the vectors as bytes, see codes.h; empty for small
								 * catalogues */
	IMAGE_INDEX,				/* inverted file over the codes, see ivf.h; empty for
								 * small ones */
	N_IMAGE_SECTIONS
} ImageSection;

#define MOVIE_LISTED 1			/* had a row in movies when the model was trained */
#define MOVIE_TRAINED 2			/* had fit ratings: its id is known to the towers */

typedef struct ImageHeader
{
	uint64_t	magic;
	uint32_t	version;
	uint32_t	byte_order;		/* 0x01020304 */
	uint64_t	size;			/* of the whole block */
	uint64_t	checksum;		/* of everything else */

	int32_t		n_users;
	int32_t		n_movies;
	int32_t		n_genres;
	int32_t		n_values[N_ATTRIBUTES];

	float		mean_rating;	/* of the fit rows */
	float		min_rating;		/* the data's scale: predictions are clamped to it */
	float		max_rating;
	float		like_threshold;
	float		min_year;		/* year feature = (year - min) / (max - min), clamped */
	float		max_year;
	float		median_year;	/* stands for a missing year */
	float		temperature;	/* relevance = temperature * cosine
								 * + relevance_rating * predicted rating
								 * + relevance_popularity * popularity */
	float		relevance_rating;
	float		relevance_popularity;
	int32_t		history;		/* width of each pooled history, 0: none */
	float		reserved[6];

	uint64_t	offset[N_IMAGE_SECTIONS];	/* from the start of the block */
	uint64_t	length[N_IMAGE_SECTIONS];	/* bytes */
} ImageHeader;

typedef enum ImageStatus
{
	IMAGE_OK,
	IMAGE_TRUNCATED,
	IMAGE_NOT_A_MODEL,
	IMAGE_OTHER_VERSION,
	IMAGE_OTHER_BYTE_ORDER,
	IMAGE_CORRUPT
} ImageStatus;

/*
 * Sets offsets and size from header->length[].  Returns the size of the block.
 */
extern uint64_t image_layout(ImageHeader *header);

/* Writes magic, version, byte order and checksum once all sections are filled. */
extern void image_seal(void *image);

/*
 * Whether `size` bytes at `image` are a sound model: magic, version, byte
 * order, size, every section inside the block and as long as the counts say.
 * The checksum is verified only with verify_checksum.
 */
extern ImageStatus image_check(const void *image, uint64_t size, bool verify_checksum);

/* What a status means, for a message. */
extern const char *image_status_text(ImageStatus status);

static inline const void *
image_section(const void *image, ImageSection section)
{
	return (const char *) image + ((const ImageHeader *) image)->offset[section];
}

#endif							/* MLREC_MODEL_MODEL_FILE_H */
