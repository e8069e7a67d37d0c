/*
 * average.c: see average.h.
 *
 * A step reaches few rows of a table, and the average of the others has to be brought
 * nearer to them all the same.  That is put off until a step is about to change a row:
 * what is left of the difference after some steps is the product of their 1 - a.
 */
#include "num/train/trainer_state.h"

#include <math.h>
#include <string.h>

/* With a smaller share of the difference a float would stand still. */
#define MOST_STEPS 10000

/* 0 where the stage lacks the table.  Of a narrow one the padding may count as rows. */
static int64_t
table_rows(const StageShape *shape, Tensor table)
{
	int32_t		width = shape->width[table];

	return width > 0 ? (shape->offset[table + 1] - shape->offset[table]) / width : 0;
}

void
average_carve(Trainer *trainer, Arena *arena)
{
	const StageShape *shape = &trainer->shape;
	Average    *average = &trainer->average;

	average->steps = trainer->plan.n_batches < MOST_STEPS ? (int32_t) trainer->plan.n_batches :
		MOST_STEPS;
	average->params = ARENA_ARRAY(arena, float, stage_size(shape));
	for (Tensor table = TENSOR_FIRST_TABLE; table < N_TENSORS; table++)
		average->seen[table] = ARENA_ARRAY(arena, int32_t, table_rows(shape, table));
}

void
average_begin(Trainer *trainer)
{
	const StageShape *shape = &trainer->shape;

	memcpy(trainer->average.params, trainer->params, sizeof(float) * stage_size(shape));
	for (Tensor table = TENSOR_FIRST_TABLE; table < N_TENSORS; table++)
		memset(trainer->average.seen[table], 0, sizeof(int32_t) * table_rows(shape, table));
}

/* The share that is left, after `to` steps, of the average after `from`: from < to. */
static float
left_over(const Average *average, int32_t from, int32_t to)
{
	int32_t		mean_until = to < average->steps ? to : average->steps;

	if (from < mean_until)
		/* the product of 1 - 1 / t over the steps between */
		return (float) from / mean_until * left_over(average, mean_until, to);
	return powf(1 - 1.0f / average->steps, (float) (to - from));
}

/* Brings the averages of n numbers nearer to them by a share of what is between. */
static void
approach(float *restrict average, const float *restrict params, float share, int64_t n)
{
	for (int64_t i = 0; i < n; i++)
		average[i] += share * (params[i] - average[i]);
}

void
average_numbers(Trainer *trainer, int64_t first, int64_t end)
{
	int32_t		step = (int32_t) trainer->control->step;

	approach(trainer->average.params + first, trainer->params + first,
			 1 - left_over(&trainer->average, step, step + 1), end - first);
}

void
average_row(Trainer *trainer, Tensor table, int64_t row, int32_t steps)
{
	const StageShape *shape = &trainer->shape;
	int32_t		width = shape->width[table];
	int64_t		at = shape->offset[table] + row * width;
	int32_t    *seen = &trainer->average.seen[table][row];

	if (*seen == steps)
		return;
	approach(trainer->average.params + at, trainer->params + at,
			 1 - left_over(&trainer->average, *seen, steps), width);
	*seen = steps;
}

void
average_tables(Trainer *trainer, int32_t steps)
{
	for (Tensor table = TENSOR_FIRST_TABLE; table < N_TENSORS; table++)
	{
		int64_t		row;
		int64_t		end;

		for (share_out(trainer, table_rows(&trainer->shape, table), &row, &end); row < end; row++)
			average_row(trainer, table, row, steps);
	}
}
