/*
 * update.h: the last phase of a step: from gradients to parameters.
 */
#ifndef MLREC_TRAIN_UPDATE_H
#define MLREC_TRAIN_UPDATE_H

#include "num/train/trainer.h"

/* Rows of a table that a step's gradient has reached. */
typedef struct DirtyRows
{
	int32_t    *row;
	int32_t		n;
	uint8_t    *mark;
} DirtyRows;

typedef struct Update
{
	/* shared */
	float	   *m;				/* [stage_size] Adam's moments */
	float	   *v;				/* [stage_size] */
	float	   *dtables;		/* gradients of the tables, zero between steps; each row
								 * has one owner */

	/* private: what this participant's rows of the tables need */
	uint8_t    *owns_movie;		/* [n_movies + 1] whether a row of HISTORY is ours */
	float	   *dhistory;		/* [2 * history] of a segment's rows from one on, summed */
	int32_t    *own_movie;		/* [longest history + 1] movies of one that are ours */
	float	   *own_deviation;	/* [longest history + 1] */
	DirtyRows	dirty_history;
	DirtyRows	dirty_recents;
	DirtyRows	dirty_movies;
	DirtyRows	dirty_users;
} Update;

/* Carve the memory of trainer->update. */
extern void update_carve_shared(Trainer *trainer, Arena *arena);
extern void update_carve_private(Trainer *trainer, Arena *arena);

/* Before the first step: in private memory, each; in shared memory, the leader. */
extern void update_attach(Trainer *trainer);
extern void update_begin(Trainer *trainer);

/* The phase `update` of a step: Adam on all that the batch has reached. */
extern void step_update(Trainer *trainer);

#endif							/* MLREC_TRAIN_UPDATE_H */
