/*
 * index_search.h: the best movies of a model for a user.
 */
#ifndef MLREC_INDEX_INDEX_SEARCH_H
#define MLREC_INDEX_INDEX_SEARCH_H

#include "num/index/ivf.h"

/* Bytes of scratch that a search takes, 8-byte aligned; 0 without an index. */
extern size_t index_search_scratch(const ModelFileHeader *header);

/*
 * Offers to an empty `topk` the movies of the model file with skip[movie] 0 (skip may
 * be NULL).  vector [VECTOR_DIMS] is of unit length; the score is the cosine or, with a
 * temperature above 0, the logit.  A bound factor of 1 is exact; with a smaller one,
 * see ivf.h, a search of a large catalogue may miss some.  check_interrupts, or NULL,
 * is called every few milliseconds.
 */
extern void index_search(Topk *topk, const void *file, const float *vector, float temperature,
						 float bound_factor, const uint8_t *skip, void (*check_interrupts) (void),
						 void *scratch);

/*
 * Offers movies 0 .. n - 1, which have vectors but no codes, with index first ..
 * first + n - 1.
 */
extern void index_search_vectors(Topk *topk, const ScanMovies *movies, int32_t first, int32_t n,
								 const ScanQuery *query, void (*check_interrupts) (void));

#endif							/* MLREC_INDEX_INDEX_SEARCH_H */
