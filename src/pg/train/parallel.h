/*
 * parallel.h: training a stage with several processes.
 */
#ifndef MLREC_TRAIN_PARALLEL_H
#define MLREC_TRAIN_PARALLEL_H

#include "postgres.h"

#include "num/train/trainer.h"

/* What a stage is trained with. */
typedef struct ParallelJob
{
	const StageShape *shape;
	const Ratings *ratings;
	const MovieStatistics *movie_stats;
	const TrainOptions *options;
	const float *start;			/* first parameters, NULL: random ones */
	int			workers;		/* background workers asked for, 0: none */
	int			shortage_level; /* of the message that there were fewer */
	void		(*report) (void *arg, const EpochReport *report);
	void	   *arg;
} ParallelJob;

/*
 * Trains a stage; returns its parameters, stage_size(shape) floats in the
 * current memory context, in *n_workers how many workers took part, and in *share
 * what trainer_share says.  The report is called in this backend, in parallel mode:
 * it must not write to tables.
 */
extern float *parallel_train(const ParallelJob *job, int *n_workers, Share *share);

/*
 * The bytes that training takes at the most, all participants together, with the
 * first and the last parameters.
 */
extern Size parallel_memory(const ParallelJob *job);

#endif							/* MLREC_TRAIN_PARALLEL_H */
