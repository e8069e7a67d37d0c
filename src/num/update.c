/*
 * update.c: the last phase of a step: from gradients to parameters.
 *
 * Weights are shared out by ranges, tables by columns: see trainer_state.h for
 * why that gives the same bits from any number of participants.
 */
#include "trainer_state.h"

#include <string.h>

/*
 * Embeddings learn at so many times the rate of the weights: a row has a
 * gradient in few steps only.
 */
#define TABLE_RATE 3.0f

/* Running statistics take over this much of a batch; a shard is a part of one. */
#define BATCHNORM_MOMENTUM 0.9975f

static void
touch(Touched *touched, int32_t row)
{
	if (touched->mark[row])
		return;
	touched->mark[row] = 1;
	touched->row[touched->n++] = row;
}

/* This participant's columns of a table. */
static void
own_columns(const Trainer *trainer, int32_t width, int32_t *from, int32_t *to)
{
	int64_t		f;
	int64_t		t;

	share_out(trainer, width, &f, &t);
	*from = (int32_t) f;
	*to = (int32_t) t;
}

static float *
table_gradient(const Trainer *trainer, Tensor table, int64_t row)
{
	return trainer->dtables + trainer->shape.offset[table] -
		trainer->shape.offset[FIRST_TABLE] + row * trainer->shape.width[table];
}

/* Adds columns from .. to - 1 of a gradient to a row of a table's. */
static void
scatter(Trainer *trainer, Tensor table, Touched *touched, int32_t row,
		const float *gradient, int32_t from, int32_t to)
{
	float	   *d = table_gradient(trainer, table, row);

	for (int32_t i = from; i < to; i++)
		d[i] += gradient[i];
	touch(touched, row);
}

/*
 * The gradient of a segment's history: a film counts for all rows of the
 * segment that know it.  Going backwards the sum over those rows grows by one
 * row at a time.
 */
static void
scatter_history(Trainer *trainer, const ShownSegment *shown, int32_t from, int32_t to)
{
	const StageShape *shape = &trainer->shape;
	const Ratings *ratings = trainer->ratings;
	const Segment *segment = shown->segment;
	int64_t		start = ratings->start[segment->user];
	const int32_t *movie = trainer->history_movie + start;
	const float *deviation = trainer->deviation + start;
	float	   *dtable = table_gradient(trainer, HISTORY, 0);
	float	   *sum = trainer->user.history;
	bool		itself;
	int32_t		end = 0;

	memset(sum + from, 0, sizeof(float) * (to - from));
	for (int32_t i = segment->n_rows - 1; i >= 0; i--)
	{
		const float *d = trainer->dx + (int64_t) (shown->slot + i) * shape->user_inputs +
			user_input_history(shape);
		int64_t		row = segment->row + i;
		int32_t		before = 0;

		end = history_end(ratings, segment->user, row, &itself);
		if (i > 0)
			before = history_end(ratings, segment->user, row - 1, &itself);
		for (int32_t k = from; k < to; k++)
			sum[k] += d[k];
		history_backward(dtable, sum, shape->history, movie + before, deviation + before,
						 end - before, from, to, 1);
		for (int32_t h = before; h < end; h++)
			touch(&trainer->touched_history, movie[h] + 1);
		if (ratings->leave_one_out)
			history_backward(dtable, d, shape->history, trainer->history_movie + row,
							 trainer->deviation + row, 1, from, to, -1);
	}
}

/* Gradients of the tables, this participant's columns of them. */
static void
scatter_tables(Trainer *trainer)
{
	const StageShape *shape = &trainer->shape;
	Batch	   *batch = &trainer->batch;
	int32_t		from;
	int32_t		to;

	own_columns(trainer, shape->user_id, &from, &to);
	for (int32_t s = 0; s < batch->n_segments && shape->user_id > 0; s++)
	{
		const ShownSegment *shown = &batch->segments[s];

		for (int32_t i = 0; i < shown->segment->n_rows; i++)
			scatter(trainer, USER_ID, &trainer->touched_users, shown->user_row,
					trainer->dx + (int64_t) (shown->slot + i) * shape->user_inputs, from, to);
	}
	own_columns(trainer, 2 * shape->history, &from, &to);
	for (int32_t s = 0; s < batch->n_segments; s++)
	{
		if (batch->segments[s].with_history)
			scatter_history(trainer, &batch->segments[s], from, to);
		tick(trainer);
	}
	own_columns(trainer, shape->width[MOVIE_ID], &from, &to);
	if (shape->stage == RETRIEVAL)
		for (int32_t film = 0; film < batch->n_films; film++)
			scatter(trainer, MOVIE_ID, &trainer->touched_movies, batch->film_row[film],
					trainer->dfilm_id + (int64_t) film * ID_DIMS, from, to);
	else
		for (int shard = 0; shard < N_SHARDS; shard++)
			for (int32_t i = 0; i < batch->shard_rows[shard]; i++)
			{
				int32_t		slot = shard * trainer->plan.shard_rows + i;

				scatter(trainer, MOVIE_ID, &trainer->touched_movies, batch->movie_row[slot],
						trainer->dmovie + (int64_t) slot * VECTOR_DIMS, from, to);
			}
}

/*
 * Adam for the rows of a table that the step reached: moments of the others
 * stand still ("lazy" Adam).  The gradient is zeroed behind.
 */
static void
update_table(Trainer *trainer, Tensor table, Touched *touched, AdamStep step)
{
	int32_t		width = trainer->shape.width[table];
	int32_t		from;
	int32_t		to;

	own_columns(trainer, width, &from, &to);
	for (int32_t i = 0; i < touched->n; i++)
	{
		int64_t		row = touched->row[i];
		int64_t		at = trainer->shape.offset[table] + row * width + from;

		adam_update_clear(trainer->params + at, trainer->m + at, trainer->v + at,
						  table_gradient(trainer, table, row) + from, to - from, step);
		touched->mark[row] = 0;
	}
	touched->n = 0;
}

void
step_update(Trainer *trainer)
{
	const StageShape *shape = &trainer->shape;
	AdamStep	tables = adam_step(TABLE_RATE * trainer->control->rate,
								   trainer->options.weight_decay, trainer->control->step + 1);
	AdamStep	weights = adam_step(trainer->control->rate, 0, trainer->control->step + 1);
	int64_t		from;
	int64_t		to;

	scatter_tables(trainer);
	update_table(trainer, USER_ID, &trainer->touched_users, tables);
	update_table(trainer, MOVIE_ID, &trainer->touched_movies, tables);
	update_table(trainer, HISTORY, &trainer->touched_history, tables);

	share_out(trainer, shape->n_weights, &from, &to);
	adam_update(trainer->params + from, trainer->m + from, trainer->v + from,
				trainer->dweights + from, N_SHARDS, shape->n_weights, to - from, weights);
	for (int shard = 0; shard < N_SHARDS; shard++)
		memset(trainer->dweights + shard * shape->n_weights + from, 0, sizeof(float) * (to - from));
	if (shape->stage == RANKING && trainer->team.participant == 0)
		for (int shard = 0; shard < N_SHARDS; shard++)
		{
			const float *mean1 = trainer->statistics + shard * STATISTICS;
			const float *mean2 = mean1 + 2 * RANKER_HIDDEN1;

			if (trainer->batch.shard_rows[shard] > 0)
				ranker_update_statistics(trainer->params, shape, mean1, mean1 + RANKER_HIDDEN1,
										 mean2, mean2 + RANKER_HIDDEN2,
										 trainer->batch.shard_rows[shard], BATCHNORM_MOMENTUM);
		}
}
