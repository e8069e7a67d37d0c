/*
 * update.c: the last phase of a step: from gradients to parameters.
 *
 * Weights are shared out by ranges, tables by rows: see trainer_state.h for why
 * that gives the same bits from any number of participants.
 */
#include "num/train/trainer_state.h"

#include <string.h>

#include "num/base/simd.h"
#include "num/data/rating_table.h"

/*
 * Embeddings learn at so many times the rate of the weights: a row has a
 * gradient in few steps only.  With the high rate of retrieval that is too much.
 */
static const float table_rate[N_STAGES] = {[STAGE_RETRIEVAL] = 1, [STAGE_RANKING] = 3};

/* So many rows of a table that follow each other have one owner. */
#define ROWS_TOGETHER 8

/* Running statistics keep this much of themselves beside a shard of a batch. */
#define BATCHNORM_MOMENTUM 0.9975f

static void
carve_dirty(DirtyRows *dirty, Arena *arena, int64_t rows)
{
	dirty->row = ARENA_ARRAY(arena, int32_t, rows);
	dirty->mark = ARENA_ARRAY(arena, uint8_t, rows);
}

/* Floats in all tables. */
static int64_t
tables_size(const StageShape *shape)
{
	return stage_size(shape) - shape->offset[TENSOR_FIRST_TABLE];
}

void
update_carve_shared(Trainer *trainer, Arena *arena)
{
	Update	   *update = &trainer->update;
	int64_t		size = stage_size(&trainer->shape);

	update->m = ARENA_ARRAY(arena, float, size);
	update->v = ARENA_ARRAY(arena, float, size);
	update->dtables = ARENA_ARRAY(arena, float, tables_size(&trainer->shape));
}

void
update_carve_private(Trainer *trainer, Arena *arena)
{
	Update	   *update = &trainer->update;
	const StageShape *shape = &trainer->shape;
	int64_t		longest = rows_longest(trainer->ratings->start, trainer->ratings->n_users);

	update->owns_movie = ARENA_ARRAY(arena, uint8_t, shape->n_movies + 1);
	update->dhistory = ARENA_ARRAY(arena, float, 2 * shape->history);
	update->own_movie = ARENA_ARRAY(arena, int32_t, longest + 1);
	update->own_deviation = ARENA_ARRAY(arena, float, longest + 1);
	carve_dirty(&update->dirty_users, arena, shape->n_users + 1);
	carve_dirty(&update->dirty_movies, arena, shape->n_movies + 1);
	carve_dirty(&update->dirty_history, arena, shape->n_movies + 1);
	carve_dirty(&update->dirty_recents, arena, shape->n_movies + 1);
}

static void
mark_dirty(DirtyRows *dirty, int32_t row)
{
	if (dirty->mark[row])
		return;
	dirty->mark[row] = 1;
	dirty->row[dirty->n++] = row;
}

/*
 * Whether a row of a table is this participant's.  Some rows that follow each
 * other have one owner, so that no two processors write to one place of memory.
 */
static bool
owns(const Trainer *trainer, int64_t row)
{
	return row / ROWS_TOGETHER % trainer->team.n_participants == trainer->team.participant;
}

void
update_attach(Trainer *trainer)
{
	Update	   *update = &trainer->update;
	const StageShape *shape = &trainer->shape;

	for (int32_t movie = 0; movie < shape->n_movies; movie++)
		update->owns_movie[movie + 1] = owns(trainer, movie + 1);
	update->owns_movie[0] = 0;	/* movies without train ratings have no history */
	memset(update->dirty_users.mark, 0, shape->n_users + 1);
	memset(update->dirty_movies.mark, 0, shape->n_movies + 1);
	memset(update->dirty_history.mark, 0, shape->n_movies + 1);
	memset(update->dirty_recents.mark, 0, shape->n_movies + 1);
}

void
update_begin(Trainer *trainer)
{
	Update	   *update = &trainer->update;
	int64_t		size = stage_size(&trainer->shape);

	memset(update->m, 0, sizeof(float) * size);
	memset(update->v, 0, sizeof(float) * size);
	memset(update->dtables, 0, sizeof(float) * tables_size(&trainer->shape));
}

static float *
table_gradient(const Trainer *trainer, Tensor table, int64_t row)
{
	return trainer->update.dtables + trainer->shape.offset[table] -
		trainer->shape.offset[TENSOR_FIRST_TABLE] + row * trainer->shape.width[table];
}

/* Adds a gradient to that of a row of a table, if it is this participant's. */
static void
scatter(Trainer *trainer, Tensor table, DirtyRows *dirty, int32_t row, const float *gradient)
{
	if (!owns(trainer, row))
		return;
	simd_axpy(table_gradient(trainer, table, row), 1, gradient, trainer->shape.width[table]);
	mark_dirty(dirty, row);
}

/*
 * Adds the gradient dsum of the sums over a history to the movies of its rows
 * first .. first + n - 1, this participant's only; those are listed first, since
 * no processor could foresee a branch on who owns a movie.
 */
static void
scatter_movies(Trainer *trainer, const float *dsum, int64_t first, int32_t n, float sign)
{
	const int32_t *movie = trainer->known.movie + first;
	const float *deviation = trainer->known.deviation + first;
	int32_t    *own_movie = trainer->update.own_movie;
	int32_t		n_own = 0;

	for (int32_t h = 0; h < n; h++)
	{
		own_movie[n_own] = movie[h];
		trainer->update.own_deviation[n_own] = deviation[h];
		n_own += trainer->update.owns_movie[movie[h] + 1];
	}
	history_backward(table_gradient(trainer, TENSOR_HISTORY, 0), dsum, trainer->shape.history,
					 own_movie, trainer->update.own_deviation, n_own, sign);
	for (int32_t h = 0; h < n_own; h++)
		mark_dirty(&trainer->update.dirty_history, own_movie[h] + 1);
}

/*
 * The gradient of a segment's history, from that of its user vectors' inputs: a
 * movie counts for all rows of the segment that know it.  Going backwards the sum
 * over those rows grows by one row at a time.
 */
static void
scatter_history(Trainer *trainer, const BatchSegment *shown, const float *dx)
{
	const StageShape *shape = &trainer->shape;
	const Ratings *ratings = trainer->ratings;
	const Segment *segment = shown->segment;
	int64_t		start = ratings->start[segment->user];
	int32_t		width = 2 * shape->history;
	float	   *sum = trainer->update.dhistory;
	bool		itself;

	memset(sum, 0, sizeof(float) * width);
	for (int32_t i = segment->n_rows - 1; i >= 0; i--)
	{
		const float *d = dx + (int64_t) i * shape->user_inputs + user_input_history(shape);
		int64_t		row = segment->row + i;
		int32_t		end = history_end(ratings, segment->user, row, &itself);
		int32_t		before = i == 0 ? 0 : history_end(ratings, segment->user, row - 1, &itself);

		simd_axpy(sum, 1, d, width);
		scatter_movies(trainer, sum, start + before, end - before, 1);
		if (ratings->leave_one_out)
			scatter_movies(trainer, d, row, 1, -1);
	}
}

/* Takes what rows of a history in order have added to the embeddings that are ours. */
static void
scatter_recents(Trainer *trainer, const RecentRows *rows, int32_t from, int32_t n)
{
	for (int32_t i = 0; i < n; i++)
	{
		int32_t		movie = rows->movie[from + i];
		const float *gate = trainer->gather.gate + rows->level[from + i] * RECENT_DIMS;
		const float *d = trainer->gather.drecent + i * RECENT_DIMS;
		float	   *row;

		if (!trainer->update.owns_movie[movie + 1])
			continue;
		row = table_gradient(trainer, TENSOR_RECENTS, movie + 1);
		for (int dim = 0; dim < RECENT_DIMS; dim++)
			row[dim] += d[dim] * gate[dim];
		mark_dirty(&trainer->update.dirty_recents, movie + 1);
	}
}

/* Gradients of the tables, this participant's rows of them. */
static void
scatter_tables(Trainer *trainer)
{
	const StageShape *shape = &trainer->shape;
	Batch	   *batch = &trainer->batch;

	for (int shard = 0; shard < N_SHARDS; shard++)
		for (int32_t s = batch->first_segment[shard]; s < batch->first_segment[shard + 1]; s++)
		{
			const BatchSegment *shown = &batch->segments[s];
			const float *dx = shard_users(trainer, shard).dx +
				(int64_t) shown->vector * shape->user_inputs;

			for (int32_t i = 0; i < shown->n_vectors && shape->user_id > 0; i++)
				scatter(trainer, TENSOR_USER_ID, &trainer->update.dirty_users, shown->user_row,
						dx + (int64_t) i * shape->user_inputs);
			if (shown->with_history && shape->history > 0)
				scatter_history(trainer, shown, dx);
			if (shown->with_recents)
				recents_walk_back(trainer, shown, dx, scatter_recents);
			check_interrupts(trainer);
		}
	for (int32_t index = 0; index < batch->n_movies; index++)
		scatter(trainer, TENSOR_MOVIE_ID, &trainer->update.dirty_movies, batch->movie_row[index],
				trainer->movies.did + (int64_t) index * shape->width[TENSOR_MOVIE_ID]);
}

/*
 * Adam for the rows of a table that the step reached: moments of the others
 * stand still ("lazy" Adam).  The gradient is zeroed behind.
 */
static void
update_table(Trainer *trainer, Tensor table, DirtyRows *dirty, AdamStep step)
{
	int32_t		width = trainer->shape.width[table];

	for (int32_t i = 0; i < dirty->n; i++)
	{
		int64_t		row = dirty->row[i];
		int64_t		at = trainer->shape.offset[table] + row * width;

		average_row(trainer, table, row, (int32_t) trainer->control->step);
		adam_update_clear(trainer->params + at, trainer->update.m + at, trainer->update.v + at,
						  table_gradient(trainer, table, row), width, step);
		dirty->mark[row] = 0;
	}
	dirty->n = 0;
}

/* The running statistics of batch normalization, by those of the step's shards. */
static void
update_statistics(Trainer *trainer)
{
	const StageShape *shape = &trainer->shape;

	for (int shard = 0; shard < N_SHARDS; shard++)
	{
		const float *mean1 = trainer->rows.statistics + shard * STATISTICS;
		const float *mean2 = mean1 + 2 * RANKER_HIDDEN1;

		if (trainer->batch.shard_rows[shard] > 0)
			ranker_update_statistics(trainer->params, shape, mean1, mean1 + RANKER_HIDDEN1,
									 mean2, mean2 + RANKER_HIDDEN2,
									 trainer->batch.shard_rows[shard], BATCHNORM_MOMENTUM);
	}
	average_numbers(trainer, shape->offset[TENSOR_FIRST_STATISTIC],
					shape->offset[TENSOR_FIRST_TABLE]);
}

void
step_update(Trainer *trainer)
{
	const StageShape *shape = &trainer->shape;
	float		rate = step_rate(trainer, trainer->control->step);
	AdamStep	tables = adam_step(table_rate[shape->stage] * rate, trainer->options.weight_decay,
								   trainer->control->step + 1);
	AdamStep	weights = adam_step(rate, 0, trainer->control->step + 1);
	int64_t		from;
	int64_t		to;

	scatter_tables(trainer);
	update_table(trainer, TENSOR_USER_ID, &trainer->update.dirty_users, tables);
	update_table(trainer, TENSOR_MOVIE_ID, &trainer->update.dirty_movies, tables);
	update_table(trainer, TENSOR_HISTORY, &trainer->update.dirty_history, tables);
	update_table(trainer, TENSOR_RECENTS, &trainer->update.dirty_recents, tables);

	share_out(trainer, shape->n_weights, &from, &to);
	adam_update(trainer->params + from, trainer->update.m + from, trainer->update.v + from,
				trainer->dweights + from, N_SHARDS, shape->n_weights, to - from, weights);
	average_numbers(trainer, from, to);
	if (shape->stage == STAGE_RANKING && trainer->team.participant == 0)
		update_statistics(trainer);
}
