/*
 * gather.h: the inputs of the towers, and the way back through the history in order.
 */
#ifndef MLREC_TRAIN_GATHER_H
#define MLREC_TRAIN_GATHER_H

#include "num/train/step_batch.h"

/* Rows of recents_walk_back at a time. */
#define RECENT_BLOCK 64

/* What there is to know of users and their rows.  Shared; constant once filled. */
typedef struct KnownRows
{
	int32_t    *user_row;		/* [n_users] rows of USER_ID, 0: unknown */
	int32_t    *movie;			/* [n_rows] -1 without train ratings */
	float	   *deviation;		/* [n_rows] what the movie's bias leaves of it */
	uint8_t    *level;			/* [n_rows] see recents.h, like the decay */
	float	   *decay;			/* [n_rows] since the row before of the same user */
} KnownRows;

/* Private. */
typedef struct GatherWork
{
	float	   *gate;			/* [RECENT_LEVELS][RECENT_DIMS] of the parameters at hand */
	float	   *history_sum;	/* [2 * history] of the segment at hand, growing */
	Recents		recents;		/* likewise */

	/* recents_walk_back's, of the row at hand and those before it */
	float	   *dsums;			/* [RECENT_SUMS][RECENT_DIMS] gradient by the sums */
	float	   *drecent;		/* [RECENT_BLOCK][RECENT_DIMS] by what was added to them */
} GatherWork;

/* Where gather_segment puts what it gathers, for vectors that follow each other. */
typedef struct UserInputs
{
	float	   *x;				/* [vectors][user_inputs] */
	float	   *bias;			/* [vectors] the user's as of the moment */
	float	   *recent_scale;	/* [vectors][RECENT_SUMS], see recents.h */
} UserInputs;

/* Carve the shared memory of trainer->known and the private memory of trainer->gather. */
extern void gather_carve_shared(Trainer *trainer, Arena *arena);
extern void gather_carve_private(Trainer *trainer, Arena *arena);

/* Fills trainer->known; the leader's, once. */
extern void gather_begin(Trainer *trainer);

/* The gates of the parameters at hand, for whoever gathers. */
extern void gather_gates(Trainer *trainer);

/*
 * The inputs of the first n_vectors rows of what is shown for the user tower; a history
 * in order that is hidden leaves its part of them as it is.  Used in training and
 * validation alike.
 */
extern void gather_segment(UserInputs to, Trainer *trainer, const BatchSegment *shown);

/*
 * Gathers the features of n movies, given as catalogue indices: out
 * [n][n_features].
 */
extern void gather_features(float *out, const Trainer *trainer, const int32_t *movie, int32_t n);

/*
 * A step backwards through the history in order of a segment, for both who need the
 * gradient.  Goes through the rows that its rows know, from the last one back, up to
 * RECENT_BLOCK at a time: `use` gets the gradients of what n rows from `from` on, of
 * the user's, have added to the sums: trainer->gather.drecent [n][RECENT_DIMS].
 */
extern void recents_walk_back(Trainer *trainer, const BatchSegment *shown, const float *dx,
							  void (*use) (Trainer *trainer, const RecentRows *rows,
										   int32_t from, int32_t n));

/* How many rows of its user a row's history has, and whether itself is among them. */
static inline int32_t
history_end(const Ratings *ratings, int32_t user, int64_t row, bool *itself)
{
	*itself = ratings->leave_one_out && row < ratings->start[user] + ratings->n_train[user];
	return ratings->leave_one_out ? ratings->n_train[user] : ratings->prefix[row];
}

#endif							/* MLREC_TRAIN_GATHER_H */
