/*
 * gather.c: see gather.h.
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
gather_carve_shared(Trainer *trainer, Arena *arena)
{
	const Ratings *ratings = trainer->ratings;
	KnownRows  *known = &trainer->known;
	int64_t		in_order = trainer->shape.recents ? ratings->n_rows : 0;

	known->user_row = ARENA_ARRAY(arena, int32_t, ratings->n_users);
	known->movie = ARENA_ARRAY(arena, int32_t, ratings->n_rows);
	known->deviation = ARENA_ARRAY(arena, float, ratings->n_rows);
	known->level = ARENA_ARRAY(arena, uint8_t, in_order);
	known->decay = ARENA_ARRAY(arena, float, in_order);
}

void
gather_carve_private(Trainer *trainer, Arena *arena)
{
	const StageShape *shape = &trainer->shape;
	GatherWork *work = &trainer->gather;

	work->gate = ARENA_ARRAY(arena, float, shape->recents * RECENT_LEVELS);
	work->history_sum = ARENA_ARRAY(arena, float, 2 * shape->history);
	work->dsums = ARENA_ARRAY(arena, float, shape->recents * RECENT_SUMS);
	work->drecent = ARENA_ARRAY(arena, float, shape->recents * RECENT_BLOCK);
}

/* What the histories are made of: of each row its movie, and what its rating says. */
static void
fill_history_rows(Trainer *trainer)
{
	const Ratings *ratings = trainer->ratings;
	const MovieStatistics *stats = &trainer->movie_stats;
	KnownRows  *known = &trainer->known;
	bool		recents = trainer->shape.recents && ratings_in_order(ratings);

	for (int64_t row = 0; row < ratings->n_rows; row++)
	{
		int32_t		movie = ratings->movie[row];
		float		z = standardise(row_value(ratings, row), stats->mean_rating, stats->deviation);

		known->movie[row] = stats->ratings[movie] > 0 ? movie : -1;
		known->deviation[row] = z - stats->bias[movie];
		if (recents)
			known->level[row] = recent_level(z);
	}
	if (recents)
		recents_decays(known->decay, ratings);
}

void
gather_begin(Trainer *trainer)
{
	const Ratings *ratings = trainer->ratings;
	int32_t		known = 0;

	for (int32_t user = 0; user < ratings->n_users; user++)
		trainer->known.user_row[user] =
			ratings->n_train[user] > 0 && !trainer->options.anonymous ? ++known : 0;
	fill_history_rows(trainer);
}

/* The rows of a user as recents.h wants them; row 0 is the user's first. */
static RecentRows
recent_rows(const Trainer *trainer, int32_t user)
{
	const KnownRows *known = &trainer->known;
	int64_t		start = trainer->ratings->start[user];

	return (RecentRows) {known->movie + start, known->level + start, known->decay + start};
}

void
gather_gates(Trainer *trainer)
{
	const StageShape *shape = &trainer->shape;

	if (shape->recents > 0)
		recents_gates(trainer->gather.gate, tensor(trainer->params, shape, TENSOR_RECENT_SLOPE),
					  tensor(trainer->params, shape, TENSOR_RECENT_OFFSET));
}

/*
 * From which row on a user's rows still matter to the history in order of the first
 * row of a segment.
 */
static int32_t
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
		recents_begin(&trainer->gather.recents, tensor(trainer->params, shape, TENSOR_RECENTS),
					  trainer->gather.gate);
		*known = recents_first(trainer, shown->segment);
	}
	if (end > *known)
		recents_add(&trainer->gather.recents, &rows, *known, end);
	*known = end;
	recents_features(out, scale, &trainer->gather.recents, recents_left(ratings, user, end, row));
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
		history_add(history, trainer->known.movie + first, trainer->known.deviation + first,
					end - *known);
		*known = end;
	}
	itself = itself && shown->with_history;
	if (history->width > 0)
		history_features(out, history, itself ? trainer->known.movie[row] : -1,
						 trainer->known.deviation[row]);
	return itself ? history_bias_without(history, trainer->known.deviation[row]) :
		history_bias(history);
}

void
gather_segment(UserInputs to, Trainer *trainer, const BatchSegment *shown)
{
	const StageShape *shape = &trainer->shape;
	float	   *x = to.x;
	int32_t		user = shown->segment->user;
	int32_t		known = 0;
	int32_t		known_recents = 0;
	History		history;

	history_begin(&history, tensor(trainer->params, shape, TENSOR_HISTORY), shape->history,
				  shape->history_gain, trainer->gather.history_sum);
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

		recents_backward(trainer->gather.dsums, trainer->gather.drecent, rows, first, to);
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

	memset(trainer->gather.dsums, 0, sizeof(float) * RECENT_SUMS * RECENT_DIMS);
	for (int32_t i = shown->n_vectors - 1; i >= 0; i--)
	{
		const float *d = dx + (int64_t) i * shape->user_inputs + user_input_recents(shape);
		int64_t		row = segment->row + i;
		int32_t		end = history_end(trainer->ratings, segment->user, row, &itself);
		int32_t		before = i == 0 ? recents_first(trainer, segment) :
			history_end(trainer->ratings, segment->user, row - 1, &itself);

		simd_axpy(trainer->gather.dsums, 1, d, RECENT_SUMS * RECENT_DIMS);
		walk_back(trainer, &rows, before, end, use);
	}
}
