/*
 * evaluate.h: a model measured on the test part, next to simple baselines.
 */
#ifndef MLREC_EVAL_EVALUATE_H
#define MLREC_EVAL_EVALUATE_H

#include <stddef.h>

#include "num/data/ratings.h"
#include "num/eval/evaluation.h"
#include "num/model/model.h"

/* Bytes of scratch that evaluate_run needs. */
extern size_t evaluate_scratch(const Ratings *ratings, const Model *model,
							   const EvaluateOptions *options);

/*
 * Measures model on the test rows of ratings.  Users and movies are matched by
 * id; features and attributes are coded as the model's are.  After a random
 * split (ratings->leave_one_out) earlier and later mean nothing and the live
 * protocol is left out.  The same input gives the same numbers.
 */
extern void evaluate_run(Evaluation *evaluation, const Ratings *ratings, const Model *model,
						 const EvaluateOptions *options, void *scratch);

#endif							/* MLREC_EVAL_EVALUATE_H */
