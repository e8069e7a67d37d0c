/*
 * batch.c: see batch.h.
 */
#include "num/data/batch.h"

#include "num/base/rng.h"

/* Batches of fewer rows than this are made of shorter segments. */
#define SEGMENTS_PER_BATCH 128

/* An epoch has so many steps, unless batches would be smaller than the smallest. */
#define MIN_STEPS 50
#define SMALLEST_BATCH 64

int32_t
batch_size_for(int32_t batch_size, int64_t n_train_rows)
{
	int64_t		size = n_train_rows / MIN_STEPS;

	if (size < SMALLEST_BATCH)
		size = SMALLEST_BATCH;
	return size < batch_size ? (int32_t) size : batch_size;
}

static int32_t
segments_of(int32_t n_rows, int32_t segment_length)
{
	return (n_rows + segment_length - 1) / segment_length;
}

void
batch_plan(BatchPlan *plan, const Ratings *ratings, int32_t batch_size)
{
	int32_t		length = batch_size / SEGMENTS_PER_BATCH;
	int32_t		batch_segments;

	length = length < 1 ? 1 : length > MAX_SEGMENT_LENGTH ? MAX_SEGMENT_LENGTH : length;
	plan->segment_length = length;
	plan->shard_segments = batch_size / length / N_SHARDS;
	if (plan->shard_segments < 1)
		plan->shard_segments = 1;
	plan->shard_rows = plan->shard_segments * length;
	plan->n_segments = 0;
	for (int32_t user = 0; user < ratings->n_users; user++)
		plan->n_segments += segments_of(ratings->n_train[user], length);
	batch_segments = plan->shard_segments * N_SHARDS;
	plan->n_batches = (plan->n_segments + batch_segments - 1) / batch_segments;
}

/* A user's rows are divided evenly, so that no segment is a short rest. */
void
batch_segments(Segment *segments, const BatchPlan *plan, const Ratings *ratings)
{
	for (int32_t user = 0; user < ratings->n_users; user++)
	{
		int32_t		n_rows = ratings->n_train[user];
		int32_t		n = segments_of(n_rows, plan->segment_length);

		for (int32_t i = 0; i < n; i++)
		{
			int32_t		from = (int32_t) ((int64_t) n_rows * i / n);
			int32_t		to = (int32_t) ((int64_t) n_rows * (i + 1) / n);

			segments->user = user;
			segments->row = ratings->start[user] + from;
			segments->n_rows = to - from;
			segments++;
		}
	}
}

void
batch_shuffle(int32_t *order, int64_t n_segments, uint64_t key)
{
	for (int64_t i = 0; i < n_segments; i++)
	{
		/* inside-out Fisher-Yates */
		int64_t		j = rng_below(key, i, (uint32_t) i + 1);

		order[i] = order[j];
		order[j] = (int32_t) i;
	}
}

void
batch_shard(const BatchPlan *plan, int64_t batch, int shard, int64_t *from, int64_t *to)
{
	int64_t		first = plan->n_segments * batch / plan->n_batches;
	int64_t		n = plan->n_segments * (batch + 1) / plan->n_batches - first;

	*from = first + n * shard / N_SHARDS;
	*to = first + n * (shard + 1) / N_SHARDS;
}
