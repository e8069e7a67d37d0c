/*
 * ivf.h: an inverted file: the movies of a large catalogue in lists of similar
 * ones, so that a search may look into a few of them only.
 *
 * The lists are ranges of blocks in the codes (codes.h): there is no second
 * copy of anything.  One way of searching serves both ends: with a margin of 1 it
 * passes over what cannot be among the best, and is exact; with a smaller one
 * over what is not likely to be, and how much it finds with which margin was
 * measured when the lists were made (ivf_build.h).
 */
#ifndef MLREC_INDEX_IVF_H
#define MLREC_INDEX_IVF_H

#include <stdbool.h>

#include "num/index/scan.h"
#include "num/model/model_file.h"

/* What movies are wanted: the nearest ones, or the likeliest ones (relevance.h) */
typedef enum IvfOrder
{
	IVF_BY_COSINE,
	IVF_BY_LOGIT,
	N_IVF_ORDERS
} IvfOrder;

#define IVF_LEVELS 6
#define IVF_MEASURED 200

/* What a margin is good for */
typedef struct IvfLevel
{
	float		promise;		/* least recall, however many movies; 0: no such level */
	float		bound_factor;
	float		recall;			/* that was measured, of the best IVF_MEASURED */
	float		share;			/* of the blocks, that were looked into for these */
} IvfLevel;

/*
 * Start of MODEL_FILE_INDEX; behind it the lists' origins, float [n_lists *
 * VECTOR_DIMS], bounds that hold for all their blocks, CodeBlock [n_lists], and
 * their first blocks, int32 [n_lists + 1].
 */
typedef struct IvfHeader
{
	int32_t		n_lists;
	int32_t		n_queries;		/* with which recall was measured */
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

/* Lists of a catalogue of so many movies, and blocks enough however they spread. */
extern int32_t ivf_count_lists(int32_t n_movies);
extern int32_t ivf_max_blocks(int32_t n_movies);

/* The header says how many there are. */
extern void ivf_open(IvfLists *lists, const void *index);

/* Whether `size` bytes are an index of the codes, as far as a search relies on it. */
extern bool ivf_is_sound(const void *index, uint64_t size, const void *codes);

/* The least level that promises this recall, else that of an exact search. */
extern IvfLevel ivf_level(const void *index, IvfOrder order, float recall);

/* Bytes of scratch that a search takes, 8-byte aligned. */
extern size_t ivf_search_scratch(const void *index);

/*
 * Offers to an empty `topk` the movies of the index that come within the margin.
 * `movies` have a bias if the likeliest are wanted.  tick, or NULL, is called every
 * few milliseconds.  Returns how many blocks were looked into.
 */
extern int32_t ivf_search(Topk *topk, const ScanMovies *movies, const void *index,
						  const Codes *codes, float bound_factor, const ScanQuery *query,
						  void (*check_interrupts) (void), void *scratch);

#endif							/* MLREC_INDEX_IVF_H */
