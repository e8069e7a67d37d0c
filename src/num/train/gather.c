/*
 * gather.c: the inputs of the towers, and the way back through the history in order.
 *
 * Both histories of a row are those of the row before it and what has become known
 * since.  Of the history in order only the last RECENT_WINDOW rows before a segment
 * are gone through: what is older has a weight of less than RECENT_LEAST in its
 * slowest sum.
 */
#include "num/train/trainer_state.h"

#include <string.h>

#include "num/base/simd.h"

#define RECENT_WINDOW 448
#define RECENT_LEAST 2e-3f

void
gather_gates(Trainer *trainer)
{
	const StageShape *shape = &trainer->shape;

	if (shape->recents > 0)
		recents_gates(trainer->gate, tensor(trainer->params, shape, TENSOR_RECENT_SLOPE),
					  tensor(trainer->params, shape, TENSOR_RECENT_OFFSET));
}

int32_t
recents_first(const Trainer *trainer, const Segment *segment)
{
	RecentRows	rows = recent_rows(trainer, segment->user);
	bool		itself;
	int32_t		end = history_end(trainer->ratings, segment->user, segment->row, &itself);
	int32_t		first = end;
	float		left = 1;

	while (first > 0 && end - first < RECENT_WINDOW && left > RECENT_LEAST)
		left *= rows.decay[--first];
	return first;
}

/* The history in order, of a row that is the i-th of what is shown. */
static void
gather_recents(float *out, float *scale, Trainer *trainer, const BatchSegment *shown, int32_t i,
			   int32_t *known)
{
	const StageShape *shape = &trainer->shape;
	const Ratings *ratings = trainer->ratings;
	int32_t		user = shown->segment->user;
	int64_t		row = shown->segment->row + i;
	RecentRows	rows = recent_rows(trainer, user);
	bool		itself;
	int32_t		end = history_end(ratings, user, row, &itself);

	if (i == 0)
	{
		recents_begin(&trainer->recents, tensor(trainer->params, shape, TENSOR_RECENTS),
					  trainer->gate);
		*known = recents_first(trainer, shown->segment);
	}
	if (end > *known)
		recents_add(&trainer->recents, &rows, *known, end);
	*known = end;
	recents_features(out, scale, &trainer->recents, recents_left(ratings, user, end, row));
}

/* The history without its order, if it is used; returns the user's bias. */
static float
gather_history(float *out, History *history, const Trainer *trainer, const BatchSegment *shown,
			   int32_t i, int32_t *known)
{
	const Ratings *ratings = trainer->ratings;
	int32_t		user = shown->segment->user;
	int64_t		row = shown->segment->row + i;
	int64_t		first = ratings->start[user] + *known;
	bool		itself;
	int32_t		end = history_end(ratings, user, row, &itself);

	if (shown->with_history && end > *known)
	{
		history_add(history, trainer->history_movie + first, trainer->deviation + first,
					end - *known);
		*known = end;
	}
	itself = itself && shown->with_history;
	if (history->width > 0)
		history_features(out, history, itself ? trainer->history_movie[row] : -1,
						 trainer->deviation[row]);
	return itself ? history_bias_without(history, trainer->deviation[row]) :
		history_bias(history);
}

void
gather_segment(UserActivations to, Trainer *trainer, const BatchSegment *shown)
{
	const StageShape *shape = &trainer->shape;
	float	   *x = to.x;
	int32_t		user = shown->segment->user;
	int32_t		known = 0;
	int32_t		known_recents = 0;
	History		history;

	history_begin(&history, tensor(trainer->params, shape, TENSOR_HISTORY), shape->history,
				  shape->history_gain, trainer->history);
	user_input(x, trainer->params, shape, shown->user_row,
			   trainer->ratings->attribute + user * N_ATTRIBUTES);
	for (int32_t i = 0; i < shown->n_vectors; i++, x += shape->user_inputs)
	{
		if (i > 0)
			memcpy(x, x - shape->user_inputs, sizeof(float) * user_input_history(shape));
		to.bias[i] = gather_history(x + user_input_history(shape), &history, trainer, shown, i,
									&known);
		if (shown->with_recents)
			gather_recents(x + user_input_recents(shape), to.recent_scale + i * RECENT_SUMS,
						   trainer, shown, i, &known_recents);
		else if (shape->recents > 0)
			memset(x + user_input_recents(shape), 0, sizeof(float) * RECENT_INPUTS);
	}
}

void
gather_features(float *out, const Trainer *trainer, const int32_t *movie, int32_t n)
{
	int			width = trainer->shape.n_features;

	for (int32_t i = 0; i < n; i++)
		memcpy(out + (int64_t) i * width,
			   trainer->ratings->movie_features + (int64_t) movie[i] * width,
			   sizeof(float) * width);
}

/* Goes back from row `to` to row `from` of the user's. */
static void
walk_back(Trainer *trainer, const RecentRows *rows, int32_t from, int32_t to,
		  void (*use) (Trainer *trainer, const RecentRows *rows, int32_t from, int32_t n))
{
	while (to > from)
	{
		int32_t		first = to - from > RECENT_BLOCK ? to - RECENT_BLOCK : from;

		recents_backward(trainer->dsums, trainer->drecent, rows, first, to);
		use(trainer, rows, first, to - first);
		to = first;
	}
}

void
recents_walk_back(Trainer *trainer, const BatchSegment *shown, const float *dx,
				  void (*use) (Trainer *trainer, const RecentRows *rows, int32_t from, int32_t n))
{
	const StageShape *shape = &trainer->shape;
	const Segment *segment = shown->segment;
	RecentRows	rows = recent_rows(trainer, segment->user);
	bool		itself;

	memset(trainer->dsums, 0, sizeof(float) * RECENT_SUMS * RECENT_DIMS);
	for (int32_t i = shown->n_vectors - 1; i >= 0; i--)
	{
		const float *d = dx + (int64_t) i * shape->user_inputs + user_input_recents(shape);
		int64_t		row = segment->row + i;
		int32_t		end = history_end(trainer->ratings, segment->user, row, &itself);
		int32_t		before = i == 0 ? recents_first(trainer, segment) :
			history_end(trainer->ratings, segment->user, row - 1, &itself);

		simd_axpy(trainer->dsums, 1, d, RECENT_SUMS * RECENT_DIMS);
		walk_back(trainer, &rows, before, end, use);
	}
}
