/*
 * measure.h: an evaluation inside the server: memory, interrupts, names, JSON.
 */
#ifndef MLREC_EVALUATE_MEASURE_H
#define MLREC_EVALUATE_MEASURE_H

#include "postgres.h"

#include "num/eval/evaluate.h"

extern Evaluation *measure_model(const Ratings *ratings, const Model *model,
								 const EvaluateOptions *options);
extern char *measure_summary(const Ratings *ratings, const Model *model);

extern const char *measure_protocol_name(EvaluateProtocol protocol);
extern const char *measure_system_name(EvaluateSystem system);
extern const char *measure_users_name(EvaluateUsers users);
extern char *measure_metric_name(EvaluateMetric metric, int32 top_k, int32 top_n);

#endif							/* MLREC_EVALUATE_MEASURE_H */
