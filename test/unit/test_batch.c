/*
 * Batches: every train rating in one place of an epoch, whatever the data's size.
 */
#include "unit.h"

#include <string.h>

#include "num/data/batch.h"
#include "small_ratings.h"

/* Every train rating is in one segment, in order; no other row is in any. */
static void
check_segments(const Segment *segments, const BatchPlan *plan, const Ratings *ratings)
{
	uint8_t    *seen = calloc(ratings->n_rows + 1, 1);
	int			wrong = 0;
	int64_t		total = 0;

	for (int64_t s = 0; s < plan->n_segments; s++)
	{
		const Segment *segment = segments + s;
		int64_t		first = ratings->start[segment->user];

		wrong += segment->n_rows < 1 || segment->n_rows > plan->segment_length;
		wrong += segment->row < first ||
			segment->row + segment->n_rows > first + ratings->n_train[segment->user];
		wrong += s > 0 && segment->user < segments[s - 1].user;
		for (int32_t i = 0; i < segment->n_rows; i++)
			wrong += seen[segment->row + i]++;
		total += segment->n_rows;
	}
	CHECK(wrong == 0);
	CHECK(total == ratings->n_train_rows);
	free(seen);
}

/* Batches and their shards take every place once, in order, and not too many. */
static void
check_shards(const BatchPlan *plan, const Segment *segments, int32_t batch_size)
{
	int64_t		next = 0;
	int			wrong = 0;

	for (int64_t batch = 0; batch < plan->n_batches; batch++)
	{
		int64_t		rows = 0;
		int64_t		first = next;

		for (int shard = 0; shard < N_SHARDS; shard++)
		{
			int64_t		from;
			int64_t		to;
			int32_t		shard_rows = 0;

			batch_shard(plan, batch, shard, &from, &to);
			wrong += from != next || to < from || to - from > plan->shard_segments;
			for (int64_t s = from; s < to; s++)
				shard_rows += segments[s].n_rows;
			wrong += shard_rows > plan->shard_rows;
			rows += shard_rows;
			next = to;
		}
		wrong += next == first || (batch_size >= N_SHARDS && rows > batch_size);
	}
	CHECK(wrong == 0);
	CHECK(next == plan->n_segments);
}

static void
test_data(const SmallSpec *spec)
{
	static const int32_t sizes[] = {1, 3, 4, 7, 100, 256, 1000, 2048, 65536};
	SmallRatings data = small_ratings(spec);

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
	{
		BatchPlan	plan;
		Segment    *segments;

		batch_plan(&plan, &data.ratings, sizes[i]);
		CHECK(plan.segment_length >= 1 && plan.segment_length <= MAX_SEGMENT_LENGTH);
		segments = malloc(sizeof(Segment) * (plan.n_segments + 1));
		memset(segments, 0x55, sizeof(Segment) * (plan.n_segments + 1));
		batch_segments(segments, &plan, &data.ratings);
		CHECK(segments[plan.n_segments].user == 0x55555555);
		check_segments(segments, &plan, &data.ratings);
		check_shards(&plan, segments, sizes[i]);
		free(segments);
	}
	small_free(&data);
}

static void
test_sizes(void)
{
	static const SmallSpec specs[] = {
		{.n_users = 1, .n_movies = 1, .least = 1, .most = 1},
		{.n_users = 1, .n_movies = 2, .least = 2, .most = 2},
		{.n_users = 2, .n_movies = 1, .least = 1, .most = 1},
		{.n_users = 1, .n_movies = 500, .least = 333, .most = 333},
		{.n_users = 3, .n_movies = 9, .least = 5, .most = 5, .newcomers = 3},
		{.n_users = 90, .n_movies = 200, .least = 0, .most = 120, .every_validation = 7,
		.every_test = 5, .newcomers = 11},
	};

	for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++)
		test_data(&specs[i]);
}

/* A user's segments differ by one row at the most: none is a short rest. */
static void
test_even_segments(void)
{
	SmallSpec	spec = {.n_users = 30, .n_movies = 200, .least = 1, .most = 99};
	SmallRatings data = small_ratings(&spec);
	BatchPlan	plan;
	Segment    *segments;
	int			uneven = 0;

	batch_plan(&plan, &data.ratings, 2048);
	CHECK(plan.segment_length == 16 && plan.shard_rows * N_SHARDS == 2048);
	segments = malloc(sizeof(Segment) * plan.n_segments);
	batch_segments(segments, &plan, &data.ratings);
	for (int64_t s = 1; s < plan.n_segments; s++)
		uneven += segments[s].user == segments[s - 1].user &&
			abs(segments[s].n_rows - segments[s - 1].n_rows) > 1;
	CHECK(uneven == 0);
	free(segments);
	small_free(&data);
}

/* An order takes every segment once; each place is equally likely. */
static void
test_shuffle(void)
{
	enum
	{
		N = 8,
		ROUNDS = 4000
	};
	int			count[N][N] = {{0}};
	int32_t		order[N];
	int32_t		again[N];
	int			twice = 0;
	int			unlikely = 0;

	for (int round = 0; round < ROUNDS; round++)
	{
		int			seen = 0;

		batch_shuffle(order, N, rng_mix64(round));
		for (int i = 0; i < N; i++)
		{
			twice += (seen >> order[i]) & 1;
			seen |= 1 << order[i];
			count[order[i]][i]++;
		}
		twice += seen != (1 << N) - 1;
	}
	CHECK(twice == 0);
	/* 500 expected, with a standard deviation of 21 */
	for (int i = 0; i < N * N; i++)
		unlikely += abs(count[i / N][i % N] - ROUNDS / N) > 100;
	CHECK(unlikely == 0);

	batch_shuffle(order, N, 1);
	batch_shuffle(again, N, 1);
	CHECK(memcmp(order, again, sizeof(order)) == 0);
	batch_shuffle(again, N, 2);
	CHECK(memcmp(order, again, sizeof(order)) != 0);
	again[0] = -1;
	batch_shuffle(again, 0, 1);
	CHECK(again[0] == -1);
}

int
main(void)
{
	test_sizes();
	test_even_segments();
	test_shuffle();
	return unit_finish();
}
