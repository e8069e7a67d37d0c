/*
 * step_batch.h: the batch of a step: which segments it shows and what it hides of
 * them, which rows take part in the softmax, which movies it needs.
 *
 * All of that follows from the seed, the epoch and the number of the batch, so every
 * participant describes the batch to itself, in private memory.
 */
#ifndef MLREC_TRAIN_STEP_BATCH_H
#define MLREC_TRAIN_STEP_BATCH_H

#include "num/train/trainer.h"

/* What the random numbers of a step are for. */
enum
{
	PURPOSE_USER_ID = 1,
	PURPOSE_HISTORY,
	PURPOSE_MOVIE_ID,
	PURPOSE_RECENTS,
	PURPOSE_TOWER = 16,			/* from here on one for each shard */
	PURPOSE_HISTORY_INPUT = 48,
	PURPOSE_RANKER1 = 64,
	PURPOSE_RANKER2 = 80,
	PURPOSE_RANKER3 = 96,
	PURPOSE_RECENTS_INPUT = 112
};

/* A segment as it is shown in one step. */
typedef struct BatchSegment
{
	const Segment *segment;
	int32_t		user_row;		/* of USER_ID; 0: unknown, or shown so */
	bool		with_history;	/* whether the user's ratings are known, not hidden */
	bool		with_recents;	/* the history in order, too */
	int32_t		slot;			/* of its first row; shard s owns slots from
								 * s * shard_rows on */
	int32_t		vector;			/* its first among the shard's user vectors */
	int32_t		n_vectors;		/* its n_rows, or 1 if they know the same ratings */
} BatchSegment;

/* A row that takes part in the softmax. */
typedef struct SoftmaxRow
{
	int32_t		slot;
	int32_t		user;
	int64_t		row;
	float		weight;			/* of its cross-entropy in the loss */
} SoftmaxRow;

/*
 * The batch at hand.  Slots and user vectors of a shard without rows stay as they were.
 * The segments of a shard that are shown with the history in order come first.
 */
typedef struct Batch
{
	uint64_t	key;			/* of the step's random numbers */

	/* the segments, shard by shard */
	int32_t		n_segments;
	int32_t		first_segment[N_SHARDS + 1];
	BatchSegment *segments;

	/* their rows */
	int32_t		n_rows;
	int32_t		shard_rows[N_SHARDS];	/* rows in each shard */
	int32_t		shard_vectors[N_SHARDS];	/* user vectors in each shard */
	int32_t		without_recents[N_SHARDS];	/* so many of them, the last ones */
	int32_t    *vector;			/* [slots] index into the shard's user vectors */
	int32_t    *movie;			/* [slots] catalogue index */
	int32_t    *position;		/* [slots] of the movie, in movies */
	float	   *rating;			/* [slots]; ranking: standardised */

	/* those in the softmax, shard by shard */
	int32_t		n_asked;
	int32_t		first_asked[N_SHARDS + 1];
	SoftmaxRow *asked;			/* [slots] */

	/* the movies of the step */
	int32_t		n_movies;
	int32_t    *movies;			/* [max_movies] catalogue indices */
	int32_t    *movie_row;		/* [max_movies] their rows of MOVIE_ID, 0 if
								 * unknown or shown so */
	int32_t    *first_row;		/* [max_movies + 1] of each, in rows */
	int32_t    *rows;			/* [slots] slots, movie by movie */
	int32_t    *position_of;	/* [n_movies of the catalogue] position in movies, -1:
								 * not there */
} Batch;

/* Carves the private memory of trainer->batch. */
extern void step_batch_carve(Trainer *trainer, Arena *arena);

/* Once, before the first step: no batch has been described. */
extern void step_batch_begin(Trainer *trainer);

/* Makes trainer->batch that with a number, from 0 on, of an epoch. */
extern void step_batch_describe(Trainer *trainer, int32_t epoch, int64_t number);

#endif							/* MLREC_TRAIN_STEP_BATCH_H */
