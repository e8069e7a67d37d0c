/*
 * ivf_build.h: makes the codes and the inverted file of a large catalogue.
 */
#ifndef MLREC_INDEX_IVF_BUILD_H
#define MLREC_INDEX_IVF_BUILD_H

#include "num/index/ivf_tune.h"

/* Makes both sections step by step, so that it can be interrupted */
typedef struct IvfBuilder
{
	void	   *file;
	int			phase;
	int			round;
	int32_t		at;				/* how much of the phase is done */
	IvfLists	lists;
	int32_t		n_sample;
	float	   *center;			/* [n_lists * VECTOR_DIMS], unit */
	float	   *sum;			/* [n_lists * VECTOR_DIMS] */
	int32_t    *size;			/* [n_lists] */
	int32_t    *list;			/* [n_movies] */
	int32_t    *block;			/* [n_movies] */
	float	   *residual;		/* [n_movies], squared length of the residual */
	int32_t    *order;			/* [positions in the codes], and room to sort */
	int32_t    *sorted;			/* [n_movies] */
	int64_t    *bucket;			/* of a radix sort */

	/* some vectors and their nearest lists */
	float	   *vectors;
	float	   *scores;			/* of vectors and some lists */
	float	   *nearest_score;
	int32_t    *nearest;

	IvfMeasure	measure;
} IvfBuilder;

/* Bytes of scratch for ivf_begin and ivf_step. */
extern size_t ivf_scratch(int32_t n_movies);

/*
 * Begins.  The model file has the vectors of movies and users, popularity and
 * temperature; scratch is aligned to 64 bytes.
 */
extern void ivf_begin(IvfBuilder *builder, void *file, void *scratch);

/* Does the next piece of work, some milliseconds; false when all is done. */
extern bool ivf_step(IvfBuilder *builder);

#endif							/* MLREC_INDEX_IVF_BUILD_H */
