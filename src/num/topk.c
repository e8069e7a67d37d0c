/*
 * topk.c: the k best of a stream, by a bounded heap.
 *
 * The heap has the worst of the kept entries on top, so that a newcomer is
 * compared with one entry and nearly always turned away: among n scores in
 * random order only about k ln(n / k) get in.  What counts is therefore the
 * loop that turns away, and topk_push_block does it a block of scores at a time.
 */
#include "topk.h"

#include <float.h>
#include <stdbool.h>
#include <stddef.h>

/* Scores looked at together; the compiler makes vector compares of it. */
#define BLOCK 32

/* Scores beyond this, or no farther apart than its inverse, are not put into bins. */
#define MAX_BINNED 1e6f

static bool
better(TopkEntry a, TopkEntry b)
{
	return a.score > b.score || (a.score == b.score && a.index < b.index);
}

/*
 * Puts `entry` into the heap of n entries at `place`, whose own entry is no
 * longer needed, or below it.
 */
static void
sift_down(TopkEntry *heap, int32_t n, int32_t place, TopkEntry entry)
{
	for (;;)
	{
		int32_t		child = 2 * place + 1;

		if (child >= n)
			break;
		if (child + 1 < n && better(heap[child], heap[child + 1]))
			child++;
		if (!better(entry, heap[child]))
			break;
		heap[place] = heap[child];
		place = child;
	}
	heap[place] = entry;
}

/* Likewise, but at `place` or above it. */
static void
sift_up(TopkEntry *heap, int32_t place, TopkEntry entry)
{
	while (place > 0)
	{
		int32_t		parent = (place - 1) / 2;

		if (!better(heap[parent], entry))
			break;
		heap[place] = heap[parent];
		place = parent;
	}
	heap[place] = entry;
}

/*
 * Starts an empty selection of at most k entries, k >= 0.
 */
void
topk_init(Topk *topk, TopkEntry *entries, int32_t k)
{
	topk->entry = entries;
	topk->k = k;
	topk->n = 0;
}

/*
 * Offers one entry.  The score must not be NaN, which has no place in any
 * order.
 */
void
topk_push(Topk *topk, float score, int32_t index)
{
	TopkEntry	entry = {score, index};

	if (topk->n < topk->k)
		sift_up(topk->entry, topk->n++, entry);
	else if (topk->k > 0 && better(entry, topk->entry[0]))
		sift_down(topk->entry, topk->n, 0, entry);
}

/* Whether one of the BLOCK scores reaches the bar. */
static bool
any_reaches(const float *scores, float bar)
{
	int			reached = 0;

	for (int i = 0; i < BLOCK; i++)
		reached |= scores[i] >= bar;
	return reached != 0;
}

/*
 * Among the first scores most would get in, only to be pushed out again.  So a
 * histogram of them tells first which ones cannot stay: those in bins above
 * which there are k others.
 */
typedef struct Bins
{
	float		low;
	float		scale;			/* score to bin */
	float		first;			/* scores of bins below it cannot stay */
} Bins;

#define N_BINS 256

static float
bin_of(const Bins *bins, float score)
{
	return (score - bins->low) * bins->scale;
}

/*
 * Spreads the bins over the scores.  Returns false if they cannot be.
 */
static bool
spread_bins(Bins *bins, const float *scores, int32_t n)
{
	float		low = FLT_MAX;
	float		high = -FLT_MAX;

	for (int32_t i = 0; i < n; i++)
	{
		high = scores[i] > high ? scores[i] : high;
		low = scores[i] < low ? scores[i] : low;
	}
	if (!(low >= -MAX_BINNED && high <= MAX_BINNED && high - low >= 1 / MAX_BINNED))
		return false;
	bins->low = low;
	bins->scale = (N_BINS - 1) / (high - low);
	return true;
}

static void
find_first_bin(Bins *bins, const float *scores, int32_t n, const uint8_t *skip, int32_t k)
{
	int32_t		count[N_BINS + 1] = {0};
	int32_t		above = 0;
	int			bin = N_BINS;

	for (int32_t i = 0; i < n; i++)
		count[(int) bin_of(bins, scores[i])] += skip == NULL || !skip[i];
	while (bin > 0 && above < k)
		above += count[--bin];
	bins->first = bin;
}

/*
 * Offers scores[i] with index first + i for all i < n whose skip[i] is 0; skip
 * may be NULL.
 */
void
topk_push_block(Topk *topk, const float *scores, int32_t first, int32_t n, const uint8_t *skip)
{
	Bins		bins;
	bool		binned = topk->n == 0 && topk->k > 0 && n / 2 >= topk->k &&
		spread_bins(&bins, scores, n);

	if (binned)
		find_first_bin(&bins, scores, n, skip, topk->k);
	for (int32_t start = 0; start < n; start += BLOCK)
	{
		int32_t		end = n - start < BLOCK ? n : start + BLOCK;

		if (topk->n == topk->k && end - start == BLOCK && topk->k > 0 &&
			!any_reaches(scores + start, topk->entry[0].score))
			continue;
		for (int32_t i = start; i < end; i++)
		{
			if (binned && bin_of(&bins, scores[i]) < bins.first)
				continue;
			if (skip == NULL || !skip[i])
				topk_push(topk, scores[i], first + i);
		}
	}
}

/*
 * Likewise from index 0 on.
 */
void
topk_push_all(Topk *topk, const float *scores, int32_t n, const uint8_t *skip)
{
	topk_push_block(topk, scores, 0, n, skip);
}

/*
 * Orders the entries from best to worst, in place.  They are no heap any more:
 * only topk_init makes the selection ready for more.
 */
void
topk_sort(Topk *topk)
{
	for (int32_t last = topk->n - 1; last > 0; last--)
	{
		TopkEntry	worst = topk->entry[0];

		sift_down(topk->entry, last, 0, topk->entry[last]);
		topk->entry[last] = worst;
	}
}
