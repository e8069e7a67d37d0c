/*
 * relevance.h: the order by relevance.
 *
 * Its candidates are the movies with the largest
 *
 *		temperature * cosine + popularity
 *
 * which is the logit of the retrieval stage's softmax: up to a constant the
 * logarithm of the chance that the movie is the user's next.  They are ordered by
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
extern size_t relevance_scratch(const ModelFileHeader *header);

/*
 * Puts into the model file's header the weights of a small grid that give the best
 * NDCG@10 of the top 200, where the train ratings are known and the liked
 * validation rows are looked for, over at most some thousand users.  Without
 * such rows the weights stay.  Returns the NDCG, NaN without rows; in
 * popularity_ndcg that of the most popular movies, for comparison.  check_interrupts is called
 * every few milliseconds, for cancellation.
 */
extern double relevance_tune(void *file, const Ratings *ratings, double *popularity_ndcg,
							 void (*check_interrupts) (void), void *scratch);

/*
 * The same NDCG with the weights that the model file has.  Movies are indices into
 * the model file's catalogue, -1 for those it does not know.
 */
extern double relevance_ndcg(const void *file, const Ratings *ratings,
							 void (*check_interrupts) (void), void *scratch);

#endif							/* MLREC_EVAL_RELEVANCE_H */
