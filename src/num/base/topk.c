/*
 * topk.c: the k best of a stream, by a bounded heap.
 *
 * The heap has the worst of the kept entries on top, so that a newcomer is
 * compared with one entry and nearly always turned away: among n scores in
 * random order only about k ln(n / k) get in.  What counts is therefore the
 * loop that turns away, and topk_push_block does it a block of scores at a time.
 *
 * Where k is a good part of n, however, the heap is the greater part of the work:
 * of 3,700 scores some 600 get among the best 200, each by a walk through eight
 * levels, and taking the heap apart in order costs 200 more.  So when many of a
 * block get in, they and the entries kept so far are put into one array, the k
 * best of them are selected by partitioning, and the heap is built anew.  That
 * took a third of the time.
 */
#include "num/base/topk.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "num/base/precondition.h"
#include "num/base/radix.h"

/* Scores compared together; the compiler makes vector instructions of it. */
#define BLOCK 32

/* Scores that one selection by partitioning takes, and the largest k of one. */
#define MANY 1024
#define MAX_SELECTED 1024

/* With fewer newcomers than this, pushing them one by one is faster. */
#define MIN_NEWCOMERS 24

/* A bound is that of the best of so many scores each, or of more. */
#define MIN_PARTS 4

/* Up to this many are sorted by insertion. */
#define FEW 12

/*
 * An entry as one integer, larger for better entries, so that comparing takes no
 * branch: the ordered bits of the score, then the complement of the index.
 */
static inline int64_t
rank(TopkEntry entry)
{
	return (int64_t) ((uint64_t) (uint32_t) float_to_ordered(entry.score) << 32 |
					  (uint32_t) ~entry.index);
}

/* The entry of a rank: the inverse. */
static inline TopkEntry
entry_of(int64_t rank)
{
	TopkEntry	entry;

	entry.score = float_from_ordered((int32_t) (rank >> 32));
	entry.index = (int32_t) ~(uint32_t) rank;
	return entry;
}

/* Puts `entry` into the heap at the free `slot`, or above it. */
static inline void
sift_up(TopkEntry *heap, int32_t slot, TopkEntry entry)
{
	while (slot > 0)
	{
		int32_t		parent = (slot - 1) / 2;

		if (rank(heap[parent]) <= rank(entry))
			break;
		heap[slot] = heap[parent];
		slot = parent;
	}
	heap[slot] = entry;
}

/*
 * Replaces the worst of the n entries of the heap by `entry`.  The slot that the
 * worst leaves free moves down to the bottom, always to the worse child, and the
 * entry is sifted up from there: most entries belong near the bottom, and the way
 * down has no branch that a processor could predict wrongly.
 */
static void
replace_worst(TopkEntry *heap, int32_t n, TopkEntry entry)
{
	int32_t		slot = 0;
	int32_t		child = 1;

	while (child + 1 < n)
	{
		child += rank(heap[child + 1]) < rank(heap[child]);
		heap[slot] = heap[child];
		slot = child;
		child = 2 * slot + 1;
	}
	if (child < n)
	{
		heap[slot] = heap[child];
		slot = child;
	}
	sift_up(heap, slot, entry);
}

void
topk_init(Topk *topk, TopkEntry *entries, int32_t k)
{
	NUM_ASSERT(k >= 0);
	topk->entry = entries;
	topk->k = k;
	topk->n = 0;
}

static inline void
push(Topk *topk, TopkEntry entry)
{
	if (topk->n < topk->k)
		sift_up(topk->entry, topk->n++, entry);
	else if (topk->k > 0 && rank(entry) > rank(topk->entry[0]))
		replace_worst(topk->entry, topk->n, entry);
}

void
topk_push(Topk *topk, float score, int32_t index)
{
	/* adding zero makes of a negative zero, which ranks lower, a positive one */
	TopkEntry	entry = {score + 0.0f, index};

	NUM_ASSERT(score == score);
	push(topk, entry);
}

/*
 * Partitions n ranks around the one in the middle, the larger ones first; returns
 * the index of the pivot.  No branch depends on the values.
 */
static int32_t
partition(int64_t *ranks, int32_t n)
{
	int64_t		pivot = ranks[n / 2];
	int32_t		larger = 0;

	ranks[n / 2] = ranks[n - 1];
	for (int32_t i = 0; i < n - 1; i++)
	{
		int64_t		moved = ranks[i];

		ranks[i] = ranks[larger];
		ranks[larger] = moved;
		larger += moved > pivot;
	}
	ranks[n - 1] = ranks[larger];
	ranks[larger] = pivot;
	return larger;
}

/* Puts the k largest of n ranks to the front, in no order. */
static void
select_largest(int64_t *ranks, int32_t n, int32_t k)
{
	while (n > 1)
	{
		int32_t		pivot = partition(ranks, n);

		if (pivot >= k)
			n = pivot;
		else
		{
			ranks += pivot + 1;
			n -= pivot + 1;
			k -= pivot + 1;
		}
	}
}

/* Orders n ranks, the largest first. */
static void
sort_ranks(int64_t *ranks, int32_t n)
{
	while (n > FEW)
	{
		int32_t		pivot = partition(ranks, n);

		sort_ranks(ranks, pivot);
		ranks += pivot + 1;
		n -= pivot + 1;
	}
	for (int32_t i = 1; i < n; i++)
	{
		int64_t		moved = ranks[i];
		int32_t		to = i;

		for (; to > 0 && ranks[to - 1] < moved; to--)
			ranks[to] = ranks[to - 1];
		ranks[to] = moved;
	}
}

/* Makes a heap of entries in any order. */
static void
make_heap(TopkEntry *heap, int32_t n)
{
	for (int32_t root = n / 2 - 1; root >= 0; root--)
	{
		TopkEntry	entry = heap[root];
		int32_t		slot = root;
		int32_t		child;

		while ((child = 2 * slot + 1) < n)
		{
			if (child + 1 < n)
				child += rank(heap[child + 1]) < rank(heap[child]);
			if (rank(heap[child]) >= rank(entry))
				break;
			heap[slot] = heap[child];
			slot = child;
		}
		heap[slot] = entry;
	}
}

/*
 * Offers up to MANY scores together, with index[i], or first + i if that is NULL.
 * The pivot of the selection is the one in the middle, so its worst case is
 * quadratic; no stream of scores from outside brings that about.
 */
static void
push_many(Topk *topk, const float *scores, const int32_t *index, int32_t first, int32_t n,
		  const uint8_t *skip)
{
	int64_t		ranks[MANY + MAX_SELECTED];
	int64_t		threshold = topk->n < topk->k ? INT64_MIN : rank(topk->entry[0]);
	int32_t		newcomers = 0;
	int32_t		all;

	for (int32_t i = 0; i < n; i++)
	{
		TopkEntry	entry = {scores[i] + 0.0f, index != NULL ? index[i] : first + i};

		ranks[newcomers] = rank(entry);
		newcomers += (ranks[newcomers] > threshold) & (skip == NULL || !skip[i]);
	}
	if (newcomers < MIN_NEWCOMERS)
	{
		for (int32_t i = 0; i < newcomers; i++)
			push(topk, entry_of(ranks[i]));
		return;
	}
	all = newcomers + topk->n;
	for (int32_t i = 0; i < topk->n; i++)
		ranks[newcomers + i] = rank(topk->entry[i]);
	topk->n = all < topk->k ? all : topk->k;
	if (all > topk->n)
		select_largest(ranks, all, topk->n);
	for (int32_t i = 0; i < topk->n; i++)
		topk->entry[i] = entry_of(ranks[i]);
	make_heap(topk->entry, topk->n);
}

/* Whether one of the BLOCK scores reaches the threshold. */
static bool
any_above(const float *scores, float threshold)
{
	int			reached = 0;

	for (int i = 0; i < BLOCK; i++)
		reached |= scores[i] >= threshold;
	return reached != 0;
}

/* Offers scores one by one; skips blocks in which none reaches the threshold. */
static void
push_few(Topk *topk, const float *scores, int32_t first, int32_t n, const uint8_t *skip)
{
	for (int32_t start = 0; start < n; start += BLOCK)
	{
		int32_t		end = n - start < BLOCK ? n : start + BLOCK;

		if (topk->n == topk->k && end - start == BLOCK && topk->k > 0 &&
			!any_above(scores + start, topk->entry[0].score))
			continue;
		for (int32_t i = start; i < end; i++)
		{
			if (skip == NULL || !skip[i])
				topk_push(topk, scores[i], first + i);
		}
	}
}

void
topk_push_block(Topk *topk, const float *scores, int32_t first, int32_t n, const uint8_t *skip)
{
	for (int32_t start = 0; start < n; start += MANY)
	{
		int32_t		count = n - start < MANY ? n - start : MANY;
		int32_t		seen = first + start + count;

		/* if indices are dense, the share that gets in is about k / seen */
		if (topk->k <= MAX_SELECTED && topk->k > 0 &&
			(int64_t) topk->k * count > (int64_t) MIN_NEWCOMERS * seen)
			push_many(topk, scores + start, NULL, first + start, count,
					  skip != NULL ? skip + start : NULL);
		else
			push_few(topk, scores + start, first + start, count,
					 skip != NULL ? skip + start : NULL);
	}
}

void
topk_push_some(Topk *topk, const float *scores, const int32_t *index, int32_t n)
{
	for (int32_t start = 0; start < n; start += MANY)
	{
		int32_t		count = n - start < MANY ? n - start : MANY;

		if (topk->k <= MAX_SELECTED && topk->k > 0)
			push_many(topk, scores + start, index + start, 0, count, NULL);
		else
			for (int32_t i = start; i < start + count; i++)
				topk_push(topk, scores[i], index[i]);
	}
}

void
topk_push_all(Topk *topk, const float *scores, int32_t n, const uint8_t *skip)
{
	topk_push_block(topk, scores, 0, n, skip);
}

float
topk_bound(const float *scores, int32_t n, int32_t k)
{
	int32_t		n_parts = n / MANY + 1 > MIN_PARTS ? n / MANY + 1 : MIN_PARTS;
	int32_t		n_best = n / n_parts;
	float		best[MANY];
	int64_t		ranks[MANY];
	int64_t		worst = INT64_MAX;

	NUM_ASSERT(k > 0);
	if (k > n_best)
		return -INFINITY;
	memcpy(best, scores, sizeof(float) * n_best);
	for (int32_t part = 1; part < n_parts; part++)
	{
		const float *other = scores + (int64_t) part * n_best;

		for (int32_t i = 0; i < n_best; i++)
			best[i] = other[i] > best[i] ? other[i] : best[i];
	}
	for (int32_t i = 0; i < n_best; i++)
		ranks[i] = rank((TopkEntry) {best[i], i});
	select_largest(ranks, n_best, k);
	for (int32_t i = 0; i < k; i++)
		worst = ranks[i] < worst ? ranks[i] : worst;
	return entry_of(worst).score;
}

void
topk_sort(Topk *topk)
{
	int64_t		ranks[MAX_SELECTED];

	if (topk->n <= MAX_SELECTED)
	{
		for (int32_t i = 0; i < topk->n; i++)
			ranks[i] = rank(topk->entry[i]);
		sort_ranks(ranks, topk->n);
		for (int32_t i = 0; i < topk->n; i++)
			topk->entry[i] = entry_of(ranks[i]);
		return;
	}
	for (int32_t last = topk->n - 1; last > 0; last--)
	{
		TopkEntry	worst = topk->entry[0];

		replace_worst(topk->entry, last, topk->entry[last]);
		topk->entry[last] = worst;
	}
}
