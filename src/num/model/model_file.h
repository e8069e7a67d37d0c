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

#define MODEL_FILE_MAGIC 0x6d6c7265632e696dULL
#define MODEL_FILE_VERSION 10
#define MODEL_FILE_ALIGN 64

/*
 * The temperature of who gets the order of popularity: the cosine decides only among movies
 * that nobody liked; to all others it adds nothing that a float can hold.
 */
#define NO_TEMPERATURE 1e-20f

typedef enum ModelFileSection
{
	MODEL_FILE_USER_IDS,		/* int64 [n_users] ascending: users with train ratings */
	MODEL_FILE_USER_RATINGS,	/* int32 [n_users], training ratings of each */
	MODEL_FILE_MOVIE_IDS,		/* int64 [n_movies] ascending: the catalogue */
	MODEL_FILE_MOVIE_FLAGS,		/* uint8 [n_movies]: MOVIE_LISTED, MOVIE_TRAINED */
	MODEL_FILE_MOVIE_BIAS,		/* float [n_movies], see bias.h */
	MODEL_FILE_MOVIE_RATINGS,	/* int32 [n_movies], train ratings */
	MODEL_FILE_MOVIE_POPULARITY,	/* float [n_movies], ln(1 + likes) among the latest
									 * train ratings, see statistics.h */
	MODEL_FILE_NAMES,			/* NUL-terminated strings: the genres in order of
								 * their flags, then the values of gender, age and
								 * occupation in order of their codes */
	MODEL_FILE_PARAMETERS,		/* float: both stages' parameters, for the towers */
	MODEL_FILE_MOVIE_VECTORS,	/* float [n_movies * VECTOR_DIMS], unit: retrieval */
	MODEL_FILE_MOVIE_RANK_VECTORS,	/* float [n_movies * VECTOR_DIMS]: ranking */
	MODEL_FILE_USER_VECTORS,	/* float [n_users * VECTOR_DIMS], unit, as of training */
	MODEL_FILE_MOVIE_CODES,		/* the vectors as bytes, see codes.h; empty for small
								 * catalogues */
	MODEL_FILE_INDEX,			/* inverted file over the codes, see ivf.h; empty for
								 * small ones */
	N_MODEL_FILE_SECTIONS
} ModelFileSection;

#define MOVIE_LISTED 1			/* had a row in movies when the model was trained */
#define MOVIE_TRAINED 2			/* had train ratings: its id is known to the towers */

typedef struct ModelFileHeader
{
	uint64_t	magic;
	uint32_t	version;
	uint32_t	byte_order;		/* 0x01020304 */
	uint64_t	size;			/* of the whole block */
	uint64_t	checksum;		/* of everything else */

	double		mean_rating;	/* of the train ratings */
	double		deviation;		/* their standard deviation */
	int64_t		second;			/* in the units of the times of ratings */

	int32_t		n_users;
	int32_t		n_movies;
	int32_t		n_genres;
	int32_t		n_values[N_ATTRIBUTES];

	float		share;			/* of the networks in a predicted rating, see ranker.h */
	float		min_rating;		/* the data's scale: predictions are clamped to it */
	float		max_rating;
	float		like_threshold;
	float		min_year;		/* year feature = (year - min) / (max - min), clamped */
	float		max_year;
	float		median_year;	/* stands for a missing year */
	float		temperature;	/* of users who say nothing of their own, see tower.h;
								 * relevance = the user's temperature * cosine + popularity
								 * + relevance_rating * predicted rating in
								 * deviations */
	float		relevance_rating;
	int32_t		newcomers_popular;	/* 1: who has rated no movie that the model knows gets the
									 * order of popularity, whatever the networks say */
	int32_t		history;		/* width of each pooled history, 0: none */
	int32_t		events;			/* 1: trained on events, ratings.h: a history has
								 * ln(1 + weight) in the place of ratings */
	int32_t		in_order;		/* 1: trained with histories in order, and better for them;
								 * else they must not be shown */
	float		chance_intercept;	/* of events: a movie is among the next ones of a user
									 * with the chance 1 / (1 + exp(-intercept - slope *
									 * relevance)), see relevance.h */
	float		chance_slope;
	float		reserved[2];

	uint64_t	offset[N_MODEL_FILE_SECTIONS];	/* from the start of the block */
	uint64_t	length[N_MODEL_FILE_SECTIONS];	/* bytes */
} ModelFileHeader;

typedef enum ModelFileStatus
{
	MODEL_FILE_OK,
	MODEL_FILE_TRUNCATED,
	MODEL_FILE_NOT_A_MODEL,
	MODEL_FILE_OTHER_VERSION,
	MODEL_FILE_OTHER_BYTE_ORDER,
	MODEL_FILE_CORRUPT
} ModelFileStatus;

/*
 * Sets offsets and size from header->length[].  Returns the size of the block.
 */
extern uint64_t model_file_layout(ModelFileHeader *header);

/* Writes magic, version, byte order and checksum once all sections are filled. */
extern void model_file_finalize(void *file);

/*
 * Whether the `size` bytes at `file` are a sound model: magic, version, byte
 * order, size, every section inside the block and as long as the counts say.
 * The checksum is verified only with verify_checksum.
 */
extern ModelFileStatus model_file_check(const void *file, uint64_t size, bool verify_checksum);

/* What a status means, for a message. */
extern const char *model_file_status_text(ModelFileStatus status);

static inline const void *
model_file_section(const void *file, ModelFileSection section)
{
	return (const char *) file + ((const ModelFileHeader *) file)->offset[section];
}

#endif							/* MLREC_MODEL_MODEL_FILE_H */
