/*
 * best_first.h: the order of topk.h, for qsort.
 */
#ifndef BEST_FIRST_H
#define BEST_FIRST_H

#include "num/base/topk.h"

static inline int
best_first(const void *a, const void *b)
{
	const TopkEntry *x = a;
	const TopkEntry *y = b;

	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

#endif							/* BEST_FIRST_H */
