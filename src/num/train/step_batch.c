/*
 * step_batch.c: see step_batch.h.
 */
#include "num/train/trainer_state.h"

#include <string.h>

#include "num/base/rng.h"

/* A movie is shown as unknown this often, so that the unknown movie means something. */
#define MOVIE_ID_DROPOUT 0.02f

/*
 * All rows of segments with the history in order take part in the softmax; of the
 * others, who are asked about what comes at some later time, the liked ones, and their
 * loss counts for this share.
 */
#define SOFTMAX_LATER 0.35f

void
step_batch_carve(Trainer *trainer, Arena *arena)
{
	Batch	   *batch = &trainer->batch;
	int32_t		slots = trainer->slots;
	int32_t		max_movies = trainer->max_movies;

	batch->segments = ARENA_ARRAY(arena, BatchSegment, N_SHARDS * trainer->plan.shard_segments);
	batch->vector = ARENA_ARRAY(arena, int32_t, slots);
	batch->movie = ARENA_ARRAY(arena, int32_t, slots);
	batch->position = ARENA_ARRAY(arena, int32_t, slots);
	batch->rating = ARENA_ARRAY(arena, float, slots);
	batch->asked = ARENA_ARRAY(arena, SoftmaxRow, slots);
	batch->movies = ARENA_ARRAY(arena, int32_t, max_movies);
	batch->movie_row = ARENA_ARRAY(arena, int32_t, max_movies);
	batch->first_row = ARENA_ARRAY(arena, int32_t, max_movies + 1);
	batch->rows = ARENA_ARRAY(arena, int32_t, slots);
	batch->position_of = ARENA_ARRAY(arena, int32_t, trainer->shape.n_movies);
}

void
step_batch_begin(Trainer *trainer)
{
	bool		all = full_softmax(trainer);

	for (int32_t movie = 0; movie < trainer->shape.n_movies; movie++)
		trainer->batch.position_of[movie] = all ? movie : -1;
}

static bool
happens(const Trainer *trainer, int purpose, int64_t index, float rate)
{
	return rate > 0 && rng_uniform(rng_u64(trainer->batch.key, purpose), index) < rate;
}

/* Takes a row into the batch. */
static void
add_row(Trainer *trainer, const BatchSegment *shown, int32_t i)
{
	Batch	   *batch = &trainer->batch;
	const Ratings *ratings = trainer->ratings;
	int64_t		row = shown->segment->row + i;
	int32_t		slot = shown->slot + i;

	batch->movie[slot] = ratings->movie[row];
	batch->rating[slot] = trainer->shape.stage == STAGE_RETRIEVAL ? ratings->rating[row] :
		standardise(row_value(ratings, row), trainer->movie_stats.mean_rating,
					trainer->movie_stats.deviation);
	batch->vector[slot] = shown->vector + (shown->n_vectors > 1 ? i : 0);
	if (with_softmax(trainer) &&
		(shown->with_recents || ratings->rating[row] >= trainer->options.like_threshold))
		batch->asked[batch->n_asked++] = (SoftmaxRow) {slot, shown->segment->user, row,
			trainer->options.softmax_weight * (shown->with_recents ? 1 : SOFTMAX_LATER)};
}

/* What is shown of the batch's segment number `index`, and what is hidden. */
static BatchSegment
segment_shown(const Trainer *trainer, const Segment *segment, int64_t index)
{
	const TrainOptions *options = &trainer->options;
	bool		known = knows_ratings(trainer);
	BatchSegment shown = {
		.segment = segment,
		.user_row = trainer->known.user_row[segment->user],
		.n_vectors = known ? segment->n_rows : 1
	};

	shown.with_history = known &&
		!happens(trainer, PURPOSE_HISTORY, index, options->history_dropout);
	shown.with_recents = shown.with_history && trainer->shape.recents > 0 &&
		ratings_in_order(trainer->ratings) &&
		!happens(trainer, PURPOSE_RECENTS, index, options->recents_dropout);
	/* without ratings the user is a newcomer, who has no id either */
	if ((known && !shown.with_history) ||
		happens(trainer, PURPOSE_USER_ID, index, options->id_dropout))
		shown.user_row = 0;
	return shown;
}

/* Takes the segments from .. to - 1 of the epoch's order into a shard that are shown so. */
static void
add_segments(Trainer *trainer, int shard, int64_t from, int64_t to, bool with_recents)
{
	Batch	   *batch = &trainer->batch;

	for (int64_t i = from; i < to; i++)
	{
		const Segment *segment = &trainer->epoch.segments[trainer->epoch.order[i]];
		BatchSegment shown = segment_shown(trainer, segment, i);

		if (shown.with_recents != with_recents)
			continue;
		shown.slot = shard * trainer->plan.shard_rows + batch->shard_rows[shard];
		shown.vector = batch->shard_vectors[shard];
		for (int32_t row = 0; row < segment->n_rows; row++)
			add_row(trainer, &shown, row);
		batch->shard_rows[shard] += segment->n_rows;
		batch->shard_vectors[shard] += shown.n_vectors;
		batch->n_rows += segment->n_rows;
		batch->segments[batch->n_segments++] = shown;
	}
}

/* Lists the rows of each movie, in order. */
static void
list_rows(Trainer *trainer)
{
	Batch	   *batch = &trainer->batch;
	int32_t    *end = batch->first_row + 1;
	int32_t		n = 0;

	memset(batch->first_row, 0, sizeof(int32_t) * (batch->n_movies + 1));
	for (int shard = 0; shard < N_SHARDS; shard++)
		for (int32_t i = 0; i < batch->shard_rows[shard]; i++)
			end[batch->position[shard * trainer->plan.shard_rows + i]]++;
	/* from here on `end` is where a movie's next row goes */
	for (int32_t index = 0; index < batch->n_movies; index++)
	{
		int32_t		n_rows = end[index];

		end[index] = n;
		n += n_rows;
	}
	for (int shard = 0; shard < N_SHARDS; shard++)
		for (int32_t i = 0; i < batch->shard_rows[shard]; i++)
		{
			int32_t		slot = shard * trainer->plan.shard_rows + i;

			batch->rows[end[batch->position[slot]]++] = slot;
		}
}

/* Lists the movies whose vectors the step needs, and each row's position among them. */
static void
list_movies(Trainer *trainer)
{
	Batch	   *batch = &trainer->batch;

	if (full_softmax(trainer))
		for (batch->n_movies = 0; batch->n_movies < trainer->shape.n_movies; batch->n_movies++)
			batch->movies[batch->n_movies] = batch->n_movies;
	else
	{
		for (int32_t index = 0; index < batch->n_movies; index++)
			batch->position_of[batch->movies[index]] = -1;
		batch->n_movies = 0;
	}
	for (int shard = 0; shard < N_SHARDS; shard++)
		for (int32_t i = 0; i < batch->shard_rows[shard]; i++)
		{
			int32_t		slot = shard * trainer->plan.shard_rows + i;
			int32_t		movie = batch->movie[slot];

			if (batch->position_of[movie] < 0)
			{
				batch->position_of[movie] = batch->n_movies;
				batch->movies[batch->n_movies++] = movie;
			}
			batch->position[slot] = batch->position_of[movie];
		}
	list_rows(trainer);
	for (int32_t index = 0; index < batch->n_movies; index++)
	{
		int32_t		movie = batch->movies[index];

		batch->movie_row[index] = trainer->movie_stats.ratings[movie] == 0 ||
			happens(trainer, PURPOSE_MOVIE_ID, movie, MOVIE_ID_DROPOUT) ? 0 : movie + 1;
	}
}

void
step_batch_describe(Trainer *trainer, int32_t epoch, int64_t number)
{
	Batch	   *batch = &trainer->batch;

	batch->key = rng_key(trainer->options.seed, 't' + trainer->shape.stage, epoch, number);
	batch->n_segments = 0;
	batch->n_rows = 0;
	batch->n_asked = 0;
	for (int shard = 0; shard < N_SHARDS; shard++)
	{
		int64_t		from;
		int64_t		to;
		int32_t		with_recents;

		batch_shard(&trainer->plan, number, shard, &from, &to);
		batch->first_segment[shard] = batch->n_segments;
		batch->first_asked[shard] = batch->n_asked;
		batch->shard_rows[shard] = batch->shard_vectors[shard] = 0;
		add_segments(trainer, shard, from, to, true);
		with_recents = batch->shard_vectors[shard];
		add_segments(trainer, shard, from, to, false);
		batch->without_recents[shard] = batch->shard_vectors[shard] - with_recents;
	}
	batch->first_segment[N_SHARDS] = batch->n_segments;
	batch->first_asked[N_SHARDS] = batch->n_asked;
	for (int32_t k = 0; k < batch->n_asked; k++)
		batch->asked[k].weight /= batch->n_rows;
	list_movies(trainer);
}
