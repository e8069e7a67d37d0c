/*
 * parallel.h: training a stage with several processes.
 */
#ifndef MLREC_PARALLEL_H
#define MLREC_PARALLEL_H

#include "postgres.h"

#include "../num/trainer.h"

/* What a stage is trained with. */
typedef struct ParallelJob
{
	const StageShape *shape;
	const Ratings *ratings;
	const FilmStatistics *films;
	const TrainOptions *options;
	const float *start;			/* first parameters, NULL: random ones */
	int			workers;		/* background workers asked for, 0: none */
	void		(*report) (void *arg, const EpochReport *report);
	void	   *arg;
} ParallelJob;

extern float *parallel_train(const ParallelJob *job);

extern Size parallel_memory(const ParallelJob *job);

#endif							/* MLREC_PARALLEL_H */
