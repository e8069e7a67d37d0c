/*
 * topk.c: the k best of a stream, by a bounded heap.
 *
 * The heap has the worst of the kept entries on top, so that a newcomer is
 * compared with one entry and nearly always turned away: among n scores in
 * random order only about k ln(n / k) get in.  What counts is therefore the
 * loop that turns away, and topk_push_block does it a block of scores at a time.
 *
 * But where k is a good part of n the heap is the greater part of the work: of
 * 3,700 scores some 600 get among the best 200, each by a walk through eight
 * levels, and taking the heap apart in order costs 200 more.  So when many of a
 * block get in, they and the entries kept so far are thrown together, the k best
 * of them are selected by partitioning, and the heap is built anew.  That took a
 * third of the time.
 */
#include "num/base/topk.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Scores looked at together; the compiler makes vector compares of it. */
#define BLOCK 32

/* Scores selected from together, and up to which k that is done. */
#define MANY 1024
#define MAX_SELECTED 1024

/* So many newcomers are worth it. */
#define MIN_NEWCOMERS 24

/* Fewer than so many are sorted by insertion. */
#define FEW 12

/*
 * An entry as one integer, larger for better ones, so that comparing takes no
 * branch: bits of the score in an order that holds for negative ones too, then
 * the index upside down.
 */
static inline int64_t
rank(TopkEntry entry)
{
	int32_t		bits;

	memcpy(&bits, &entry.score, sizeof(bits));
	bits ^= bits < 0 ? INT32_MAX : 0;
	return (int64_t) ((uint64_t) (uint32_t) bits << 32 | (uint32_t) ~entry.index);
}

/* Likewise back again. */
static inline TopkEntry
ranked(int64_t rank)
{
	TopkEntry	entry;
	int32_t		bits = (int32_t) (rank >> 32);

	bits ^= bits < 0 ? INT32_MAX : 0;
	memcpy(&entry.score, &bits, sizeof(bits));
	entry.index = (int32_t) ~(uint32_t) rank;
	return entry;
}

/* Puts `entry` into the heap at `place`, whose own is no longer needed, or above it. */
static inline void
sift_up(TopkEntry *heap, int32_t place, TopkEntry entry)
{
	while (place > 0)
	{
		int32_t		parent = (place - 1) / 2;

		if (rank(heap[parent]) <= rank(entry))
			break;
		heap[place] = heap[parent];
		place = parent;
	}
	heap[place] = entry;
}

/*
 * Puts `entry` into the heap of n entries in place of the worst.  The hole that
 * the worst leaves goes down to the bottom, always to the worse child, and the
 * entry up from there: most entries belong near the bottom, and the way down has
 * no branch that a processor could guess wrong.
 */
static void
replace_worst(TopkEntry *heap, int32_t n, TopkEntry entry)
{
	int32_t		place = 0;
	int32_t		child = 1;

	while (child + 1 < n)
	{
		child += rank(heap[child + 1]) < rank(heap[child]);
		heap[place] = heap[child];
		place = child;
		child = 2 * place + 1;
	}
	if (child < n)
	{
		heap[place] = heap[child];
		place = child;
	}
	sift_up(heap, place, entry);
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

static inline void
push(Topk *topk, TopkEntry entry)
{
	if (topk->n < topk->k)
		sift_up(topk->entry, topk->n++, entry);
	else if (topk->k > 0 && rank(entry) > rank(topk->entry[0]))
		replace_worst(topk->entry, topk->n, entry);
}

/*
 * Offers one entry.  The score must not be NaN, which has no place in any
 * order.
 */
void
topk_push(Topk *topk, float score, int32_t index)
{
	/* adding zero makes of a negative zero, which ranks lower, a positive one */
	TopkEntry	entry = {score + 0.0f, index};

	push(topk, entry);
}

/*
 * Puts those of n ranks that are larger than the one in the middle to the front,
 * it behind them, and returns its place.  There is no branch on what is compared.
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
		int32_t		place = partition(ranks, n);

		if (place >= k)
			n = place;
		else
		{
			ranks += place + 1;
			n -= place + 1;
			k -= place + 1;
		}
	}
}

/* Orders n ranks, the largest first. */
static void
sort_ranks(int64_t *ranks, int32_t n)
{
	while (n > FEW)
	{
		int32_t		place = partition(ranks, n);

		sort_ranks(ranks, place);
		ranks += place + 1;
		n -= place + 1;
	}
	for (int32_t i = 1; i < n; i++)
	{
		int64_t		moved = ranks[i];
		int32_t		place = i;

		for (; place > 0 && ranks[place - 1] < moved; place--)
			ranks[place] = ranks[place - 1];
		ranks[place] = moved;
	}
}

/* Makes a heap of entries in any order. */
static void
make_heap(TopkEntry *heap, int32_t n)
{
	for (int32_t root = n / 2 - 1; root >= 0; root--)
	{
		TopkEntry	entry = heap[root];
		int32_t		place = root;
		int32_t		child;

		while ((child = 2 * place + 1) < n)
		{
			if (child + 1 < n)
				child += rank(heap[child + 1]) < rank(heap[child]);
			if (rank(heap[child]) >= rank(entry))
				break;
			heap[place] = heap[child];
			place = child;
		}
		heap[place] = entry;
	}
}

/*
 * Offers up to MANY scores together, with index[i], or first + i if that is NULL.
 * Selecting from ranks in a fixed order costs at the worst as much as comparing
 * all with all, which no stream of scores from outside brings about: the middle
 * one is the pivot.
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
			push(topk, ranked(ranks[i]));
		return;
	}
	all = newcomers + topk->n;
	for (int32_t i = 0; i < topk->n; i++)
		ranks[newcomers + i] = rank(topk->entry[i]);
	topk->n = all < topk->k ? all : topk->k;
	if (all > topk->n)
		select_largest(ranks, all, topk->n);
	for (int32_t i = 0; i < topk->n; i++)
		topk->entry[i] = ranked(ranks[i]);
	make_heap(topk->entry, topk->n);
}

/* Whether one of the BLOCK scores reaches the bar. */
static bool
any_above(const float *scores, float threshold)
{
	int			reached = 0;

	for (int i = 0; i < BLOCK; i++)
		reached |= scores[i] >= threshold;
	return reached != 0;
}

/* Offers scores one by one, but for blocks that do not reach the bar. */
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

/*
 * Offers scores[i] with index first + i for all i < n whose skip[i] is 0; skip
 * may be NULL.
 */
void
topk_push_block(Topk *topk, const float *scores, int32_t first, int32_t n, const uint8_t *skip)
{
	for (int32_t start = 0; start < n; start += MANY)
	{
		int32_t		count = n - start < MANY ? n - start : MANY;
		int32_t		seen = first + start + count;

		/* how many get in is foretold by how many have been seen, if indices are dense */
		if (topk->k <= MAX_SELECTED && topk->k > 0 &&
			(int64_t) topk->k * count > (int64_t) MIN_NEWCOMERS * seen)
			push_many(topk, scores + start, NULL, first + start, count,
					  skip != NULL ? skip + start : NULL);
		else
			push_few(topk, scores + start, first + start, count,
					 skip != NULL ? skip + start : NULL);
	}
}

/*
 * Offers n scores with any indices.
 */
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

/*
 * Offers scores[i] with index i for all i < n whose skip[i] is 0.
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
	int64_t		ranks[MAX_SELECTED];

	if (topk->n <= MAX_SELECTED)
	{
		for (int32_t i = 0; i < topk->n; i++)
			ranks[i] = rank(topk->entry[i]);
		sort_ranks(ranks, topk->n);
		for (int32_t i = 0; i < topk->n; i++)
			topk->entry[i] = ranked(ranks[i]);
		return;
	}
	for (int32_t last = topk->n - 1; last > 0; last--)
	{
		TopkEntry	worst = topk->entry[0];

		replace_worst(topk->entry, last, topk->entry[last]);
		topk->entry[last] = worst;
	}
}
