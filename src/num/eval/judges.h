/*
 * judges.h: whether the order by relevance is better than that of popularity.
 *
 * Each user judges by the NDCG of both lists on the validation rows.  The users that
 * count are the warm ones: a newcomer's list is nearly that of popularity and differs by
 * chance, and newcomers are many among the latest ratings.  When all users judged, one
 * training in some twenty on MovieLens 1M lost an order whose live lists were five times
 * better.  When newcomers had a veto, one of two on its likes as events did.  So newcomers
 * decide for themselves, all with fewer ratings than a warm user for those with none.
 */
#ifndef MLREC_EVAL_JUDGES_H
#define MLREC_EVAL_JUDGES_H

#include <stdbool.h>
#include <stdint.h>

/* With fewer warm users, newcomers count too. */
#define JUDGES_ENOUGH 50

/* Sums over users; all 0: none yet. */
typedef struct Judges
{
	int64_t		n;
	double		ndcg;			/* of the order by relevance, */
	double		popularity_ndcg;	/* of popularity's */
	double		squares;		/* of the differences of the two */
} Judges;

/* Adds a user's two NDCG, each 0 to 1. */
extern void judges_add(Judges *judges, double ndcg, double popularity_ndcg);

/* Those who count: the warm users if there are enough, else both kinds together. */
extern Judges judges_counting(const Judges *warm, const Judges *cold);

/*
 * Whether the order by relevance is better.  Enough warm users decide by any gain.  All
 * users together, five at least, decide by a gain of more than one standard error.
 */
extern bool judges_prefer(const Judges *warm, const Judges *cold);

/*
 * Whether it is worse for newcomers, where enough warm users have decided without them: by
 * more than two standard errors.
 */
extern bool judges_newcomers_lose(const Judges *warm, const Judges *cold);

#endif							/* MLREC_EVAL_JUDGES_H */
