/*
 * batch.h: which rows a step trains on.
 *
 * The unit is a segment: up to segment_length consecutive train ratings of one
 * user.  An epoch is a random order of all segments, cut into batches of equal
 * numbers; a batch is cut into N_SHARDS shards.  Shards, not processes, own
 * gradients and statistics, so that results do not depend on how many
 * processes share the work.
 *
 * Segments instead of single rows because a user's history is a running sum:
 * consecutive rows share all of it but the last few movies.
 */
#ifndef MLREC_DATA_BATCH_H
#define MLREC_DATA_BATCH_H

#include "num/base/arena.h"
#include "num/data/ratings.h"

#define N_SHARDS 4
#define MAX_SEGMENT_LENGTH 16

typedef struct Segment
{
	int64_t		row;			/* the first, in Ratings.movie and .rating */
	int32_t		user;
	int32_t		n_rows;
} Segment;

/* How a data set is cut for a batch size; the same for all epochs. */
typedef struct BatchPlan
{
	int32_t		segment_length;
	int32_t		shard_segments; /* at most so many segments in a shard */
	int32_t		shard_rows;		/* at most so many rows in a shard */
	int64_t		n_segments;
	int64_t		n_batches;
} BatchPlan;

/*
 * The size of a batch for so many train ratings: the one asked for, or less, so that
 * an epoch of few ratings has some fifty steps too.
 */
extern int32_t batch_size_for(int32_t batch_size, int64_t n_train_rows);

/* batch_size is the number of rows that a batch has at the most, N_SHARDS at the least. */
extern void batch_plan(BatchPlan *plan, const Ratings *ratings, int32_t batch_size);

/* Writes plan->n_segments segments, users in ascending order. */
extern void batch_segments(Segment *segments, const BatchPlan *plan, const Ratings *ratings);

/* A random order of the segments: order [n_segments]. */
extern void batch_shuffle(int32_t *order, int64_t n_segments, uint64_t key);

/* The positions in the order that belong to a shard of a batch: from .. to - 1. */
extern void batch_shard(const BatchPlan *plan, int64_t batch, int shard,
						int64_t *from, int64_t *to);

#endif							/* MLREC_DATA_BATCH_H */
