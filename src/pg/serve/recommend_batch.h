/*
 * recommend_batch.h: a batch of users through the networks together.
 */
#ifndef MLREC_SERVE_RECOMMEND_BATCH_H
#define MLREC_SERVE_RECOMMEND_BATCH_H

#include "postgres.h"

#include "nodes/execnodes.h"

#include "num/index/scan.h"
#include "pg/serve/recommend.h"

#define BATCH_USERS 256

/* A user of the batch */
typedef struct BatchSlot
{
	UserState  *state;
	int32	   *seen;			/* [n_seen], ascending, indices in the catalogue */
	int32		n_seen;
	int32		next_seen;
	ScanQuery	query;
	Topk		topk;			/* candidates */
} BatchSlot;

typedef struct Batch
{
	const Serving *serving;
	const RecommendRequest *request;
	ReturnSetInfo *result;		/* gets the rows */

	MemoryContext context;		/* of the slots' users, reset with each batch */
	int32		n_slots;
	BatchSlot	slots[BATCH_USERS];

	int32		k;				/* candidates of a user at the most */
	RankWorkspace workspace;
	float	   *vectors;		/* [BATCH_USERS * VECTOR_DIMS] */
	float	   *temperatures;	/* [BATCH_USERS] */
	float	   *rank_vectors;	/* [BATCH_USERS * VECTOR_DIMS] */
	float	   *halves;			/* [BATCH_USERS * PAIR_HALF] */
	float	   *tower_scratch;
	float	   *scores;			/* [BATCH_USERS * BLOCK_MOVIES] */
	Recommendation *items;		/* [BATCH_USERS * request->n] */

	/* candidates of some users, see rank_slots */
	RankPair   *pairs;			/* [PAIR_ROWS + k] */
	float	   *ratings;		/* [PAIR_ROWS + k] */
	float	   *rank_scratch;
	float	   *movie_halves;	/* [n_movies * PAIR_HALF], NULL: not computed */
} Batch;

/* An empty batch in the current memory context, of which it takes some megabytes. */
extern Batch *batch_create(const Serving *serving, const RecommendRequest *request,
						   ReturnSetInfo *result);

/*
 * Gives a user a slot, after answering for the batch if that is full.  The user's
 * state lives in batch->context, and must be finished before the next call.
 */
extern BatchSlot *batch_add_user(Batch *batch, int64 user_id);

/* Answers for the users of the batch, and empties it. */
extern void batch_finish(Batch *batch);

#endif							/* MLREC_SERVE_RECOMMEND_BATCH_H */
