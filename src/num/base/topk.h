/*
 * topk.h: the k best of a stream, by a bounded heap.
 *
 * Larger scores are better; equal scores are ordered by the smaller index, so
 * the result does not depend on the order of arrival.
 */
#ifndef MLREC_BASE_TOPK_H
#define MLREC_BASE_TOPK_H

#include <stdint.h>

typedef struct TopkEntry
{
	float		score;
	int32_t		index;
} TopkEntry;

typedef struct Topk
{
	TopkEntry  *entry;			/* [k], the caller's; entry[0] is the worst while n == k */
	int32_t		k;
	int32_t		n;				/* entries kept so far */
} Topk;

/* Starts an empty selection of at most k entries, k >= 0. */
extern void topk_init(Topk *topk, TopkEntry *entries, int32_t k);

/* Offers one entry.  No score may be NaN, here and below: NaN has no order. */
extern void topk_push(Topk *topk, float score, int32_t index);

/* Offers scores[i] with index i for all i < n whose skip[i] is 0 (skip may be NULL). */
extern void topk_push_all(Topk *topk, const float *scores, int32_t n, const uint8_t *skip);

/* The same for a part of the stream: scores[i] with index first + i. */
extern void topk_push_block(Topk *topk, const float *scores, int32_t first, int32_t n,
							const uint8_t *skip);

/* The same for scattered entries: scores[i] with index[i]. */
extern void topk_push_some(Topk *topk, const float *scores, const int32_t *index, int32_t n);

/*
 * A score that at least k of n scores reach, 0 < k, or -INFINITY where k is a large
 * part of n; in a small part of the time that it takes to find the k best.  The
 * scores are taken four at a time or more, and the bound is the k-th best of those
 * that are the best of their four.
 */
extern float topk_bound(const float *scores, int32_t n, int32_t k);

/* Orders the entries from best to worst.  Nothing may be pushed afterwards. */
extern void topk_sort(Topk *topk);

#endif							/* MLREC_BASE_TOPK_H */
