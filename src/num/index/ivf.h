/*
 * ivf.h: an inverted file: the movies of a large catalogue in lists of similar
 * movies, of which a search scans only a few; and the search of a model's movies.
 *
 * The lists are ranges of blocks in the codes, which hold residuals (codes.h):
 * there is no second copy of anything.  One search serves both ends.  With a bound
 * factor of 1 it skips what cannot be among the best, and is exact.  With a smaller one
 * it trades recall for speed; the recall of each bound factor was measured on user
 * vectors when the lists were made (ivf_tune.h).
 */
#ifndef MLREC_INDEX_IVF_H
#define MLREC_INDEX_IVF_H

#include <stdbool.h>

#include "num/index/scan.h"
#include "num/model/model_file.h"

/* The score of a search: the cosine, or temperature * cosine + popularity */
typedef enum IvfOrder
{
	IVF_BY_COSINE,
	IVF_BY_LOGIT,
	N_IVF_ORDERS
} IvfOrder;

#define IVF_LEVELS 6
#define IVF_MEASURED 200

/* What a bound factor is good for */
typedef struct IvfLevel
{
	float		promise;		/* least recall, for any k; 0: no such level */
	float		bound_factor;
	float		recall;			/* measured, of the best IVF_MEASURED */
	float		share;			/* of the blocks that were scanned for it */
} IvfLevel;

/*
 * Start of MODEL_FILE_INDEX.  It is followed by the lists' centroids, float [n_lists *
 * VECTOR_DIMS], bounds that hold for all their blocks, CodeBlock [n_lists], and
 * their first blocks, int32 [n_lists + 1].
 */
typedef struct IvfHeader
{
	int32_t		n_lists;
	int32_t		n_queries;		/* that recall was measured with */
	IvfLevel	level[N_IVF_ORDERS][IVF_LEVELS];	/* ascending */
	int32_t		unused[14];
} IvfHeader;

/* A view of the section */
typedef struct IvfLists
{
	int32_t		n;
	float	   *centroids;		/* [n * VECTOR_DIMS] */
	CodeBlock  *bounds;			/* [n] */
	int32_t    *first_block;	/* [n + 1] */
} IvfLists;

/*
 * Sets the lengths of MODEL_FILE_MOVIE_CODES and MODEL_FILE_INDEX from n_movies;
 * small catalogues have neither.
 */
extern void ivf_layout(ModelFileHeader *header);

/* The number of lists of a catalogue, and the most blocks that they can fill. */
extern int32_t ivf_count_lists(int32_t n_movies);
extern int32_t ivf_max_blocks(int32_t n_movies);

/* Makes a view of a section, whose header has the number of lists. */
extern void ivf_open(IvfLists *lists, const void *index);

/* Whether `size` bytes are an index of the codes that a search can read safely. */
extern bool ivf_is_sound(const void *index, uint64_t size, const void *codes);

/* The fastest level that promises this recall, else that of an exact search. */
extern IvfLevel ivf_level(const void *index, IvfOrder order, float recall);

/* Bytes of scratch that a search takes, 8-byte aligned. */
extern size_t ivf_search_scratch(const void *index);

/*
 * Offers to an empty `topk` the movies of the index.  `movies` have a bias if the
 * score is the logit.  check_interrupts, or NULL, is called every few milliseconds.
 * Returns the number of blocks that were scanned.
 */
extern int32_t ivf_search(Topk *topk, const ScanMovies *movies, const void *index,
						  const Codes *codes, float bound_factor, const ScanQuery *query,
						  void (*check_interrupts) (void), void *scratch);

#endif							/* MLREC_INDEX_IVF_H */
