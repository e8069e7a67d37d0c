/*
 * search.h: the best movies of the catalogue for a vector.
 */
#ifndef MLREC_CATALOGUE_SEARCH_H
#define MLREC_CATALOGUE_SEARCH_H

#include "pg/catalogue/catalogue.h"

/* The settings of this file, once per backend. */
extern void search_define_settings(void);

/* mlrec.recall: the share of the best candidates that recommend() must find. */
extern double search_recall(void);

/*
 * Offers to an empty topk the cosines of a unit vector and all movies with
 * skip[movie] 0.  With a recall below 1, an index may miss some of the best.
 */
extern void search_by_cosine(const Catalogue *catalogue, const float *vector, double recall,
							 const uint8 *skip, Topk *topk);

/* Likewise temperature * cosine + popularity, with the user's temperature; see relevance.h. */
extern void search_by_logit(const Catalogue *catalogue, const float *vector, float temperature,
							double recall, const uint8 *skip, Topk *topk);

/* How recommend() searches the movies of a model, for people to read; palloc'd. */
extern char *search_describe(const ModelFileHeader *header);

#endif							/* MLREC_CATALOGUE_SEARCH_H */
