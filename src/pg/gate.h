/*
 * gate.h: whether a new model is better than what is served.
 */
#ifndef MLREC_GATE_H
#define MLREC_GATE_H

#include "postgres.h"

#include "dataset.h"

extern bool gate_open(int32 model_id, const Dataset *dataset, double ndcg,
					  double popularity_ndcg);

#endif							/* MLREC_GATE_H */
