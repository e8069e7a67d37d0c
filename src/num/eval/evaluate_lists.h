/*
 * evaluate_lists.h: the list metrics of an evaluation.
 */
#ifndef MLREC_EVAL_EVALUATE_LISTS_H
#define MLREC_EVAL_EVALUATE_LISTS_H

#include "num/eval/evaluator.h"

/*
 * Measures the lists of all systems under one protocol.  Takes its work space
 * from the arena, and does no more than that while the arena measures.
 */
extern void evaluate_lists(Evaluator *evaluator, EvaluateProtocol protocol, Evaluation *evaluation,
						   Arena *arena);

#endif							/* MLREC_EVAL_EVALUATE_LISTS_H */
