/*
 * relevance.h: the order by relevance.
 *
 * Its candidates are the films with the largest
 *
 *		temperature * cosine + popularity
 *
 * which is the logit of the retrieval stage's softmax: up to a constant the
 * logarithm of the chance that the film is the user's next.  They are ordered by
 *
 *		relevance = temperature * cosine + relevance_rating * predicted rating
 *					+ relevance_popularity * popularity
 *
 * with weights that are chosen on the validation rows.
 */
#ifndef MLREC_EVAL_RELEVANCE_H
#define MLREC_EVAL_RELEVANCE_H

#include "num/model/model.h"

/* Bytes of scratch that relevance_tune needs. */
extern size_t relevance_scratch(const ImageHeader *header);

/*
 * Puts into the image's header the weights of a small grid that give the best
 * NDCG@10 of the top 200, where the fit rows are known and the liked
 * validation rows are looked for, over at most some thousand users.  Without
 * such rows the weights stay.  Returns the NDCG, NaN without rows; in
 * popularity_ndcg that of the most popular films, for comparison.  tick is called
 * every few milliseconds, for cancellation.
 */
extern double relevance_tune(void *image, const Ratings *ratings, double *popularity_ndcg,
							 void (*tick) (void), void *scratch);

/*
 * The same NDCG with the weights that the image has.  Films are indices into
 * the image's catalogue, -1 for those it does not know.
 */
extern double relevance_ndcg(const void *image, const Ratings *ratings,
							 void (*tick) (void), void *scratch);

#endif							/* MLREC_EVAL_RELEVANCE_H */
