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

#include "image.h"
#include "scan.h"

/* What films are wanted: the nearest ones, or the likeliest ones (relevance.h) */
typedef enum IvfOrder
{
	IVF_NEAREST,
	IVF_LIKELIEST,
	N_IVF_ORDERS
} IvfOrder;

#define IVF_LEVELS 6
#define IVF_MEASURED 200

/* So many lists found this share of the best IVF_MEASURED; no lists: not reached. */
typedef struct IvfLevel
{
	float		recall;
	int32_t		probes;
} IvfLevel;

/*
 * Start of IMAGE_INDEX; behind it the centroids, float [n_lists * VECTOR_DIMS],
 * the lists' weights, float [n_lists], see ivf.c, and their first blocks, int32
 * [n_lists + 1].
 */
typedef struct IvfHeader
{
	int32_t		n_lists;
	int32_t		n_queries;		/* with which recall was measured */
	IvfLevel	level[N_IVF_ORDERS][IVF_LEVELS];	/* ascending */
	int32_t		unused[6];
} IvfHeader;

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
	float	   *sum;			/* [n_lists * VECTOR_DIMS] */
	int32_t    *size;			/* [n_lists] */
	int32_t    *list;			/* [n_movies] */
	int32_t    *popular;		/* [n_movies], most popular first */
	int32_t    *order;			/* [places in the codes], and room to sort */
	int32_t    *count;
	float	   *rows;			/* vectors of the sample */
	float	   *scores;			/* of rows and lists */
	int64_t    *found;			/* [N_IVF_ORDERS][n_lists], by rank of the list */
	TopkEntry  *entries;		/* [IVF_MEASURED] */
} IvfBuilder;

/* Bytes of scratch that making them takes. */
extern size_t ivf_scratch(int32_t n_movies);

/* The image has the vectors of films and users, popularity and temperature. */
extern void ivf_begin(IvfBuilder *builder, void *image, void *scratch);

/* Goes on for a moment; false when all is done. */
extern bool ivf_step(IvfBuilder *builder);

/* The fewest lists that were measured to give this recall; 0: none did. */
extern IvfLevel ivf_level(const void *index, IvfOrder order, float recall);

/* Bytes of scratch that a search takes, 8-byte aligned. */
extern size_t ivf_search_scratch(const void *index);

/*
 * Offers to an empty `topk` what the best `probes` lists have.  `films` have a
 * bias if the likeliest are wanted.  For a k above IVF_MEASURED, and for films
 * that are skipped where the best ones are, more lists are searched; at worst,
 * and if there are not k films in these, all.
 */
extern void ivf_search(Topk *topk, const ScanFilms *films, const void *index, const Codes *codes,
					   int32_t probes, const ScanQuery *query, void *scratch);

#endif							/* IVF_H */
