/*
 * live_lists.h: does a list hold the movie that is rated next?
 */
#ifndef MLREC_EVAL_LIVE_LISTS_H
#define MLREC_EVAL_LIVE_LISTS_H

#include "num/eval/evaluator.h"

/*
 * Measures PROTOCOL_LIVE_LISTS, see evaluation.h.  Takes its work space from the
 * arena, and does no more than that while the arena measures.
 */
extern void live_lists(Evaluator *evaluator, Evaluation *evaluation, Arena *arena);

#endif							/* MLREC_EVAL_LIVE_LISTS_H */
