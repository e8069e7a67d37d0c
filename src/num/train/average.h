/*
 * average.h: the running average of a stage's parameters.
 *
 * Steps at a rate from which something is still learned shake the parameters.  Their
 * average over the latest steps predicts better than they do themselves (Polyak &
 * Juditsky, SIAM Journal on Control and Optimization, 1992):
 *
 *		average <- average + a (params - average)		after each step
 *
 * where 1 / a is the number of steps of an epoch, or of those taken so far if fewer: then
 * it is the plain mean.  It is what is validated and kept.  Training goes on
 * from the parameters themselves or, after an epoch that was not the best, from the best
 * averages.
 */
#ifndef MLREC_TRAIN_AVERAGE_H
#define MLREC_TRAIN_AVERAGE_H

#include "num/train/trainer.h"

/* Shared. */
typedef struct Average
{
	float	   *params;			/* [stage_size] */
	int32_t    *seen[N_TENSORS];	/* of a table [rows]: the number of steps that the
									 * average of a row has seen; in a step each row has one
									 * owner, see update.c, as it has at the end of an epoch */
	int32_t		steps;			/* the largest 1 / a */
} Average;

/* Carves the memory of trainer->average. */
extern void average_carve(Trainer *trainer, Arena *arena);

/* The leader's, before the first step: the average of the first parameters. */
extern void average_begin(Trainer *trainer);

/* After a step has changed the parameters first .. end - 1, which are no table's. */
extern void average_numbers(Trainer *trainer, int64_t first, int64_t end);

/*
 * Before a step changes a row of a table, or at the end of an epoch: makes the row's
 * average what it is after so many steps.  No step changes a row without having called
 * this first.
 */
extern void average_row(Trainer *trainer, Tensor table, int64_t row, int32_t steps);

/* At the end of an epoch: average_row of this participant's part of all tables. */
extern void average_tables(Trainer *trainer, int32_t steps);

#endif							/* MLREC_TRAIN_AVERAGE_H */
