/*
 * index_search.h: the best films of a model for a user.
 */
#ifndef MLREC_INDEX_INDEX_SEARCH_H
#define MLREC_INDEX_INDEX_SEARCH_H

#include "num/index/ivf.h"

/* Bytes of scratch that a search takes, 8-byte aligned; 0 for small catalogues. */
extern size_t image_search_scratch(const ImageHeader *header);

/*
 * Offers to an empty `topk` the films of the image with skip[film] 0 (skip may be
 * NULL): their cosines with vector [VECTOR_DIMS], of unit length, or for the
 * likeliest, temperature * cosine + popularity.  A margin of 1 is exact; with a
 * smaller one, see ivf.h, a search of a large catalogue may miss some.  tick, or
 * NULL, is called every few milliseconds.
 */
extern void image_search(Topk *topk, const void *image, const float *vector, IvfOrder order,
						 float margin, const uint8_t *skip, void (*tick) (void), void *scratch);

/*
 * Offers films 0 .. n - 1, which have rows only, as first .. first + n - 1; with
 * ticks as above.
 */
extern void image_search_rows(Topk *topk, const ScanFilms *films, int32_t first, int32_t n,
							  const ScanQuery *query, void (*tick) (void));

#endif							/* MLREC_INDEX_INDEX_SEARCH_H */
