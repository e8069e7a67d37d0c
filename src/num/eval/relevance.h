/*
 * relevance.h: the order by relevance.
 *
 *		relevance = temperature * cosine + popularity
 *					+ relevance_rating * predicted rating in deviations
 *
 * Its candidates are the movies with the largest of the first two, the logit.  As
 * training leaves it that is the logit of the retrieval stage's softmax: up to a
 * constant the logarithm of the chance that the movie is the user's next.  The
 * validation ratings then say how much of the cosine and of the predicted rating is
 * borne out beside popularity (choice.h).
 */
#ifndef MLREC_EVAL_RELEVANCE_H
#define MLREC_EVAL_RELEVANCE_H

#include "num/model/model.h"

/* Bytes of scratch that relevance_tune and relevance_ndcg need. */
extern size_t relevance_scratch(const ModelFileHeader *header, const Ratings *ratings);

/*
 * Puts temperature and relevance_rating into the model file's header: where the train
 * ratings are known, they make the liked validation rows likely, of the warm users, or
 * where fewer than 50 of them have such rows of all users; of more than 20,000 users with
 * validation rows a seeded sample is looked at.  The order follows what a user has just
 * rated only if that makes it better: moments.h.  If the order of long after is not clearly
 * better than that of popularity, it is made that of popularity, ties by the cosine if that is
 * better, else by the index; or that of newcomers alone, if it is worse for them: judges.h.
 * Of events it also fits the chance that a movie is among those that a user, who goes on
 * to choose any, chooses in a time as long as that of the validation part.  Without such
 * rows nothing changes.  Returns the NDCG, NaN without rows; in popularity_ndcg that of
 * the most popular movies, for comparison; they are equal if popularity's order was taken.
 * check_interrupts is called every few milliseconds, and may not return.
 */
extern double relevance_tune(void *file, const Ratings *ratings, double *popularity_ndcg,
							 void (*check_interrupts) (void), void *scratch);

/*
 * The NDCG of the same users with the weights that the model file has.  Movies are
 * indices into the model file's catalogue, -1 for those it does not know.
 */
extern double relevance_ndcg(const void *file, const Ratings *ratings,
							 void (*check_interrupts) (void), void *scratch);

/* Whether the order that relevance_tune has left, long after a rating, is popularity's. */
extern bool relevance_is_popularity(const ModelFileHeader *header);

#endif							/* MLREC_EVAL_RELEVANCE_H */
