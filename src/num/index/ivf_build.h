/*
 * ivf_build.h: making the codes and the inverted file of a large catalogue.
 */
#ifndef MLREC_INDEX_IVF_BUILD_H
#define MLREC_INDEX_IVF_BUILD_H

#include "num/index/ivf_tune.h"

/* Making both sections, step by step, so that it can be interrupted */
typedef struct IvfBuilder
{
	void	   *file;
	int			phase;
	int			round;
	int32_t		at;				/* how far the phase is */
	IvfLists	lists;
	int32_t		n_sample;
	float	   *centre;			/* [n_lists * VECTOR_DIMS], unit */
	float	   *sum;			/* [n_lists * VECTOR_DIMS] */
	int32_t    *size;			/* [n_lists] */
	int32_t    *list;			/* [n_movies] */
	int32_t    *block;			/* [n_movies] */
	float	   *rest;			/* [n_movies], length beyond the origin */
	int32_t    *order;			/* [places in the codes], and room to sort */
	int32_t    *sorted;			/* [n_movies] */
	int32_t    *count;			/* of digits */

	/* some vectors and their nearest lists */
	float	   *rows;
	float	   *scores;			/* of rows and some lists */
	float	   *nearest_score;
	int32_t    *nearest;

	IvfMeasure	measure;
} IvfBuilder;

/* Bytes of scratch that making them takes. */
extern size_t ivf_scratch(int32_t n_movies);

/* The model file has the vectors of movies and users, popularity and temperature. */
extern void ivf_begin(IvfBuilder *builder, void *file, void *scratch);

/* Goes on for a moment; false when all is done. */
extern bool ivf_step(IvfBuilder *builder);

#endif							/* MLREC_INDEX_IVF_BUILD_H */
