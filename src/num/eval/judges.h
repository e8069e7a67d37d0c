/*
 * judges.h: whether one order of movies is better than another, by the users' NDCG of both
 * on the validation rows.
 *
 * That the order by relevance is better than popularity's, warm users say: a newcomer's
 * list is nearly that of popularity and differs by chance, and newcomers are many among
 * the latest ratings.  When all users judged, one training in some twenty on MovieLens 1M
 * lost an order whose live lists were five times better.  When newcomers had a veto, one
 * of two on its likes as events did.  So newcomers, who have rated nothing, decide for
 * themselves.
 *
 * They have to say so by more than two standard errors, with lists as long as those of
 * candidates, 200.  By NDCG@200 the warm users of MovieLens 1M, of its likes as events and
 * of a fifth of its users, 48 to 221 of them, said so by 2.3 to 4.7 standard errors; those
 * of tenths of its ratings, which tell nothing but what is popular, by -0.7 to 1.4.  By
 * NDCG@10 these were 1.3 to 3.6 and -1.1 to 1.8.
 *
 * Where users do not tell, popularity's order remains.  What the networks make of what
 * users have just rated is judged apart (moments.h), by more lists of each user and with
 * more at stake: of 600 users of MovieLens 1M it finds the next movie nearly three times
 * as often.
 */
#ifndef MLREC_EVAL_JUDGES_H
#define MLREC_EVAL_JUDGES_H

#include <stdbool.h>
#include <stdint.h>

/* With fewer warm users, cold ones count too. */
#define JUDGES_ENOUGH 50

/* A gain or a loss of more than so many standard errors is clear. */
#define JUDGES_CLEAR 2

/* Sums over users; all 0: none yet. */
typedef struct Judges
{
	int64_t		n;
	double		ndcg;			/* of the order in question, */
	double		base_ndcg;		/* of the one it is compared with */
	double		squares;		/* of the differences of the two */
} Judges;

/* Adds a user's two NDCG, or the sums of them. */
extern void judges_add(Judges *judges, double ndcg, double base_ndcg);

/* Those who count: the warm users if there are enough, else both kinds together. */
extern Judges judges_counting(const Judges *warm, const Judges *cold);

/* Whether five users at least have judged, with a gain of more than so many standard errors. */
extern bool judges_agree(const Judges *judges, double errors);

/*
 * Whether the order by relevance is worse for newcomers, where enough warm users have
 * decided without them: clearly.
 */
extern bool judges_newcomers_lose(const Judges *warm, const Judges *newcomers);

#endif							/* MLREC_EVAL_JUDGES_H */
