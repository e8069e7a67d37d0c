/*
 * evaluate.h: a model measured on the test part, next to simple baselines.
 */
#ifndef EVALUATE_H
#define EVALUATE_H

#include <stddef.h>

#include "evaluation.h"
#include "model.h"
#include "ratings.h"

/* Bytes of scratch that evaluate_run needs. */
extern size_t evaluate_scratch(const Ratings *ratings, const Model *model,
							   const EvaluateOptions *options);

/*
 * Measures model on the test rows of ratings.  Users and films are matched by
 * id; features and attributes are coded as the model's are.  After a random
 * split (ratings->leave_one_out) earlier and later mean nothing and the live
 * protocol is left out.  The same input gives the same numbers.
 */
extern void evaluate_run(Evaluation *evaluation, const Ratings *ratings, const Model *model,
						 const EvaluateOptions *options, void *scratch);

#endif							/* EVALUATE_H */
