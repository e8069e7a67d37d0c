/*
 * measure.h: an evaluation inside the server: memory, interrupts, names, JSON.
 */
#ifndef MLREC_EVALUATE_MEASURE_H
#define MLREC_EVALUATE_MEASURE_H

#include "postgres.h"

#include "num/eval/evaluate.h"

/*
 * evaluate_run() that can be cancelled, into the current memory context.
 * options->check_interrupts is set here.
 */
extern Evaluation *measure_model(const Ratings *ratings, const Model *model,
								 const EvaluateOptions *options);

/*
 * What is stored with a model that was just trained, as a JSON object, palloc'd:
 * everything but the live lists, which take as long as all the rest together; lists
 * of at most SUMMARY_LIST_USERS users, fewer for large catalogues.
 */
extern char *measure_summary(const Ratings *ratings, const Model *model);

/* The names in results of what the enums list. */
extern const char *measure_protocol_name(EvaluateProtocol protocol);
extern const char *measure_system_name(EvaluateSystem system);
extern const char *measure_users_name(EvaluateUsers users);

/* The metric with the actual sizes, as recall@200, palloc'd. */
extern char *measure_metric_name(EvaluateMetric metric, int32 top_k, int32 top_n);

#endif							/* MLREC_EVALUATE_MEASURE_H */
