/*
 * moments.h: whether what users have just rated betters the order by relevance.
 */
#ifndef MLREC_EVAL_MOMENTS_H
#define MLREC_EVAL_MOMENTS_H

#include "num/base/arena.h"
#include "num/eval/judges.h"
#include "num/model/model.h"

/* Work space, what is asked about, and who has judged. */
typedef struct Moments
{
	const ModelFileHeader *header;
	const Ratings *ratings;
	float	   *decay;			/* [most rows of a user] */
	float	   *scores;			/* [2][n_movies] */
	uint8_t    *skip;			/* [n_movies] */
	Judges		still;			/* against the logit of long after */
	Judges		popularity;		/* against the order of popularity */
} Moments;

/*
 * Takes its arrays from the arena.  Movies are indices into the model file's catalogue,
 * -1 for those it does not know.
 */
extern void moments_take(Moments *moments, const ModelFileHeader *header, const Ratings *ratings,
						 Arena *arena);

/*
 * Whether the lists of users at the moments of their validation rows are better, by more
 * than one standard error, than without what is known of the moment, and than
 * popularity's.  A user judges by the sum of 1 / log2(2 + rank) over n of these rows,
 * divided by the root of n, so that who has many rows counts more but does not decide
 * alone: the rank, from 0, by the logit of the row's movie among those not rated at an
 * earlier time.  About 5,000 rows in all are looked at, seeded; fewer of more than 50,000
 * movies.  False for a model that must not be shown a history in order.  users_scratch:
 * model_users_scratch(model, 2) floats.  check_interrupts is called for each row, and may
 * not return.
 */
extern bool moments_agree(Moments *moments, const Model *model, void (*check_interrupts) (void),
						  float *users_scratch);

#endif							/* MLREC_EVAL_MOMENTS_H */
