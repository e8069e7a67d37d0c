/*
 * ivf_tune.h: what a search of the inverted file finds, and with which margin.
 */
#ifndef MLREC_INDEX_IVF_TUNE_H
#define MLREC_INDEX_IVF_TUNE_H

#include "num/base/arena.h"
#include "num/index/ivf.h"

/* Depths of the answers that are asked for, see ivf_tune.c */
#define IVF_DEPTHS 3

/* Setting the levels of an index that has everything else, step by step */
typedef struct IvfMeasure
{
	void	   *file;
	const int32_t *list;		/* [n_movies], which list a movie is in */
	const int32_t *block;		/* [n_movies], and which block */
	IvfLists	lists;
	int32_t		n_queries;
	int32_t		at;				/* query that comes next, in both rounds */
	float	   *threshold;		/* [queries], the last of the best IVF_MEASURED */
	int64_t    *needed;			/* [IVF_DEPTHS][margins] */
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

/* Goes on for a moment; false when all is done. */
extern bool ivf_measure_step(IvfMeasure *measure);

#endif							/* MLREC_INDEX_IVF_TUNE_H */
