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
	float	   *scores;			/* [n_movies] */
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
 * Whether the lists of users at the moments of their validation rows are better, by
 * judges_agree, than without what is known of the moment, and than popularity's.  Each
 * user judges by the sum over these rows, of which up to 5,000 in all are looked at,
 * seeded, of 1 / log2(2 + rank): the rank, from 0, by the logit of the row's movie among
 * those not rated at an earlier time.  False where the order of ratings is not known, and
 * where the model's header says so.  users_scratch: model_users_scratch(model, 2) floats.
 * check_interrupts is called for each row, and may not return.
 */
extern bool moments_agree(Moments *moments, const Model *model, void (*check_interrupts) (void),
						  float *users_scratch);

#endif							/* MLREC_EVAL_MOMENTS_H */
