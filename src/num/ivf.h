/*
 * ivf.h: an inverted file: the films of a large catalogue in lists of similar
 * ones, so that a search may look into a few lists only.
 *
 * The lists are ranges of blocks in the codes (codes.h): there is no second
 * copy of anything.  A search through all blocks is exact, one through the
 * lists nearest to the query is not, and how much it finds was measured when
 * the lists were made.
 */
#ifndef IVF_H
#define IVF_H

#include <stdbool.h>

#include "codes.h"
#include "image.h"

#define IVF_LEVELS 6

/*
 * Start of IMAGE_INDEX; behind it the centroids, float [n_lists * VECTOR_DIMS],
 * and the lists' first blocks, int32 [n_lists + 1].
 */
typedef struct IvfHeader
{
	int32_t		n_lists;
	int32_t		n_queries;		/* with which recall was measured */
	float		recall[IVF_LEVELS]; /* ascending: of the best IVF_MEASURED ... */
	int32_t		probes[IVF_LEVELS]; /* ... found in so many lists */
	int32_t		unused[2];
} IvfHeader;

#define IVF_MEASURED 200

/*
 * Sets the lengths of IMAGE_MOVIE_CODES and IMAGE_INDEX from n_movies; small
 * catalogues have neither.
 */
extern void ivf_layout(ImageHeader *header);

/* Whether `size` bytes are an index of the codes, as far as a search relies on it. */
extern bool ivf_is_sound(const void *index, uint64_t size, const void *codes);

/* Making both sections, step by step, so that it can be interrupted */
typedef struct IvfBuilder
{
	void	   *image;
	int			phase;
	int			round;
	int32_t		at;				/* how far the phase is */
	int32_t		n_lists;
	int32_t		n_sample;
	float		largest;		/* coordinate of all films */
	float	   *sum;			/* [n_lists * VECTOR_DIMS] */
	int32_t    *size;			/* [n_lists] */
	int32_t    *list;			/* [n_movies] */
	int32_t    *order;			/* [places in the codes] */
	float	   *rows;			/* vectors of the sample */
	float	   *scores;			/* of rows and lists */
	int64_t    *found;			/* [n_lists], by rank of the list */
	TopkEntry  *entries;		/* [IVF_MEASURED] */
} IvfBuilder;

/* Bytes of scratch that making them takes. */
extern size_t ivf_scratch(int32_t n_movies);

/* The image has the vectors of films and users; they stay as they are. */
extern void ivf_begin(IvfBuilder *builder, void *image, void *scratch);

/* Goes on for a moment; false when all is done. */
extern bool ivf_step(IvfBuilder *builder);

/* How many lists to search to find this share of the best; 0: all blocks. */
extern int32_t ivf_probes(const void *index, float recall);

/*
 * Offers to an empty `topk` what the nearest lists have.  If that is less than
 * the k wanted, since the mask leaves too little, all blocks are searched.
 * scores [n_lists], entries [probes].
 */
extern void ivf_search(Topk *topk, const CodesQuery *query, const void *index, const void *codes,
					   int32_t probes, const float *vectors, const uint8_t *skip,
					   float *scores, TopkEntry *entries);

#endif							/* IVF_H */
