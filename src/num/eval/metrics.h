/*
 * metrics.h: how good predictions and lists are.
 *
 * Sums are taken in double precision in the order of the rows, so the same
 * input gives the same bits.  A metric that its input does not define (no
 * rows, one class only) is NaN.
 */
#ifndef MLREC_EVAL_METRICS_H
#define MLREC_EVAL_METRICS_H

#include <stdint.h>

/*
 * Area under the ROC curve: the chance that a liked row has a higher score
 * than one that is not, ties counting half.  score [n] holds no NaN; liked [n]
 * is 0 or 1; scratch [2 * n].
 */
extern double metrics_auc(const float *score, const uint8_t *liked, int64_t n, uint64_t *scratch);

/* Root mean square and mean absolute difference of predicted [n] and actual [n]. */
extern double metrics_rmse(const float *predicted, const float *actual, int64_t n);
extern double metrics_mae(const float *predicted, const float *actual, int64_t n);

/*
 * Lists.  relevant [n] says for each rank of a list, best first, whether the
 * movie there is one of those looked for; n_relevant >= 1 is how many there
 * are, in the list or not.  Ranks beyond n count as misses, k >= 1.
 */

/* Found among the first k / all. */
extern double metrics_recall(const uint8_t *relevant, int n, int k, int n_relevant);

/*
 * Sum of 1 / log2(rank + 1) over the relevant ranks 1 .. k, over that of the
 * ideal list, which has min(k, n_relevant) relevant movies in front.
 */
extern double metrics_ndcg(const uint8_t *relevant, int n, int k, int n_relevant);

/* 1 if any of the first k is relevant, else 0. */
extern double metrics_hit(const uint8_t *relevant, int n, int k);

/* 1 / rank of the first relevant movie, 0 if there is none. */
extern double metrics_reciprocal_rank(const uint8_t *relevant, int n);

/*
 * How many of the entries score [n] come before entry `at` where none is skipped, skip [n]:
 * the larger ones, and of equal ones those with a smaller index.  0 for the best.
 */
extern int32_t metrics_rank(const float *score, const uint8_t *skip, int32_t n, int32_t at);

#endif							/* MLREC_EVAL_METRICS_H */
