/*
 * ivf_tune.h: calibrates the bound factors of an inverted file.
 */
#ifndef MLREC_INDEX_IVF_TUNE_H
#define MLREC_INDEX_IVF_TUNE_H

#include "num/base/arena.h"
#include "num/index/ivf.h"

/* The values of k that are calibrated for, see ivf_tune.c */
#define IVF_DEPTHS 3

/* Sets the levels of an index that has everything else, step by step */
typedef struct IvfMeasure
{
	void	   *file;
	const int32_t *list;		/* [n_movies], the list of a movie */
	const int32_t *block;		/* [n_movies], the block of a movie */
	IvfLists	lists;
	int32_t		n_queries;
	int32_t		at;				/* queries done, of both rounds */
	float	   *threshold;		/* [queries], the score of the last of the best
								 * IVF_MEASURED */
	int64_t    *needed;			/* [N_IVF_ORDERS][IVF_DEPTHS][bound factors] movies */
	int64_t    *found;			/* [N_IVF_ORDERS * IVF_LEVELS] */
	int64_t    *scanned;		/* [N_IVF_ORDERS * IVF_LEVELS], blocks */
	TopkEntry  *entries;
	void	   *scratch;
} IvfMeasure;

/* Takes its arrays from the arena. */
extern void ivf_measure_carve(IvfMeasure *measure, Arena *arena, int32_t n_lists);

/* The model file is complete but for the levels. */
extern void ivf_measure_begin(IvfMeasure *measure, void *file, const int32_t *list,
							  const int32_t *block);

/* Does the next piece of work, some milliseconds; false when all is done. */
extern bool ivf_measure_step(IvfMeasure *measure);

#endif							/* MLREC_INDEX_IVF_TUNE_H */
