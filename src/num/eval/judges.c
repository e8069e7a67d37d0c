/*
 * judges.c: see judges.h.
 */
#include "num/eval/judges.h"

#include <math.h>

/* The lists of fewer users do not tell which order is better. */
#define LEAST_JUDGES 5

void
judges_add(Judges *judges, double ndcg, double base_ndcg)
{
	double		difference = ndcg - base_ndcg;

	judges->n++;
	judges->ndcg += ndcg;
	judges->base_ndcg += base_ndcg;
	judges->squares += difference * difference;
}

Judges
judges_counting(const Judges *warm, const Judges *cold)
{
	Judges		all = *warm;

	if (warm->n >= JUDGES_ENOUGH)
		return all;
	all.n += cold->n;
	all.ndcg += cold->ndcg;
	all.base_ndcg += cold->base_ndcg;
	all.squares += cold->squares;
	return all;
}

static double
gain(const Judges *judges)
{
	return judges->ndcg - judges->base_ndcg;
}

bool
judges_agree(const Judges *judges, double errors)
{
	return judges->n >= LEAST_JUDGES && gain(judges) > errors * sqrt(judges->squares);
}

bool
judges_newcomers_lose(const Judges *warm, const Judges *newcomers)
{
	return warm->n >= JUDGES_ENOUGH && gain(newcomers) < -JUDGES_CLEAR * sqrt(newcomers->squares);
}
