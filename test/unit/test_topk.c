/*
 * The k best, against sorting everything.
 */
#include "unit.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "best_first.h"
#include "num/base/topk.h"

#define MAX_N 2500
#define MAX_BOUND 5000

static uint64_t state = 42;

/* Few different values, so that there are many ties. */
static float
draw(int values)
{
	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (float) ((state >> 33) % values) - (float) values / 2;
}

/* The plain way: all of them, sorted.  Returns how many of k there are. */
static int
reference(TopkEntry *sorted, const float *scores, int n, const uint8_t *skip, int k)
{
	int			found = 0;

	for (int i = 0; i < n; i++)
	{
		if (skip == NULL || !skip[i])
		{
			sorted[found].score = scores[i];
			sorted[found++].index = i;
		}
	}
	qsort(sorted, found, sizeof(TopkEntry), best_first);
	return found < k ? found : k;
}

/* How the scores are offered */
typedef enum How
{
	ALL,
	ONE_BY_ONE,					/* the last one first */
	SOME,						/* with their indices, the last one first, in two parts */
	N_HOWS
} How;

static void
check_case(int n, int k, int values, bool with_skip, How how)
{
	static float scores[MAX_N];
	static uint8_t skip[MAX_N];
	static TopkEntry sorted[MAX_N];
	static TopkEntry entries[MAX_N];
	static float some_scores[MAX_N];
	static int32_t some[MAX_N];
	Topk		topk;
	int			expected;
	int			n_some = 0;

	for (int i = 0; i < n; i++)
	{
		scores[i] = draw(values);
		skip[i] = with_skip && draw(3) > 0;
	}
	expected = reference(sorted, scores, n, with_skip ? skip : NULL, k);

	topk_init(&topk, entries, k);
	for (int i = n - 1; i >= 0; i--)
	{
		if (with_skip && skip[i])
			continue;
		if (how == ONE_BY_ONE)
			topk_push(&topk, scores[i], i);
		some_scores[n_some] = scores[i];
		some[n_some++] = i;
	}
	if (how == SOME)
	{
		topk_push_some(&topk, some_scores, some, n_some / 3);
		topk_push_some(&topk, some_scores + n_some / 3, some + n_some / 3, n_some - n_some / 3);
	}
	if (how == ALL)
		topk_push_all(&topk, scores, n, with_skip ? skip : NULL);
	topk_sort(&topk);

	if (CHECK(topk.n == expected))
		CHECK(expected == 0 || memcmp(entries, sorted, expected * sizeof(TopkEntry)) == 0);
}

/* 0 and -0 tie: the smaller index is the better one. */
static void
check_signed_zeros(void)
{
	const float scores[] = {-0.0f, 0.0f, -1, 0.0f, -0.0f};
	const int32_t expected[] = {0, 1, 3, 4, 2};
	TopkEntry	entries[5];
	Topk		topk;

	for (int k = 1; k <= 5; k++)
		for (int first = 0; first < 5; first++)
		{
			topk_init(&topk, entries, k);
			for (int i = 0; i < 5; i++)
				topk_push(&topk, scores[(first + i) % 5], (first + i) % 5);
			topk_sort(&topk);
			CHECK(topk.n == k);
			for (int i = 0; i < k; i++)
				CHECK(entries[i].index == expected[i]);
		}
}

/* At least k scores reach the bound, and of many scores not many more than k. */
static void
check_bound(int n, int k, int values)
{
	static float scores[MAX_BOUND];
	float		bound;
	int			reached = 0;

	for (int i = 0; i < n; i++)
		scores[i] = draw(values);
	bound = topk_bound(scores, n, k);
	for (int i = 0; i < n; i++)
		reached += scores[i] >= bound;
	CHECK(reached >= k || bound == -INFINITY);
	CHECK((bound == -INFINITY) == (k > n / 4));
	if (values > n && 16 * k <= n && k >= 16)
		CHECK(reached < k + k / 2);
}

int
main(void)
{
	int			sizes[] = {0, 1, 2, 3, 31, 32, 33, 64, 100, 399, 1024, 1025, 2500};
	int			ks[] = {0, 1, 2, 7, 32, 200, 399, 1024, 1025, 2500};

	for (int s = 0; s < (int) (sizeof(sizes) / sizeof(int)); s++)
	{
		for (int t = 0; t < (int) (sizeof(ks) / sizeof(int)); t++)
		{
			for (int form = 0; form < 4 * N_HOWS; form++)
				check_case(sizes[s], ks[t], form & 1 ? 5 : 100000, form & 2, form / 4);
			for (int ties = 0; ties < 2 && ks[t] > 0; ties++)
				check_bound(sizes[s], ks[t], ties ? 5 : 100000);
		}
	}
	/* more scores than four times what one selection takes */
	check_bound(4096, 200, 100000);
	check_bound(MAX_BOUND, 200, 100000);
	check_bound(MAX_BOUND, 1000, 5);
	check_signed_zeros();
	return unit_finish();
}
