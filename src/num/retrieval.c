/*
 * retrieval.c: the retrieval head: what the cosine of a user and a film is
 * trained to say.
 *
 * Two losses on one cosine.  The cross-entropy on rated films,
 * liked ~ sigmoid(exp(a) * cosine + b), orders the films that people rate; it
 * never sees a film that nobody rates.  The softmax over the catalogue at a
 * temperature of its own, exp(t) * cosine + popularity, says which film out of
 * all comes next; films that the user has rated already are left out of it, as
 * they are left out of recommendations.  The popularity, ln(1 + recent likes), is
 * given, not learned: what everybody watches need not be said by the cosine,
 * which is left to say what is good and what is this user's taste.
 *
 * Both scales are exponentials, hence positive: a free one may turn negative,
 * and then the least liked films come nearest without any loss or AUC to show
 * it.
 *
 * For a large catalogue the softmax is over the films of the batch, each logit
 * corrected by the logarithm of the chance that its film is in a batch (Yi et
 * al., RecSys 2019).
 */
#include "trainer_state.h"

#include <math.h>
#include <string.h>

/* Rows of a shard that are in the softmax, in blocks that fit the caches. */
static int32_t
next_block(Trainer *trainer, int shard, int32_t *row)
{
	const Batch *batch = &trainer->batch;
	int32_t		n = 0;

	for (; *row < batch->shard_rows[shard] && n < SOFTMAX_ROWS; (*row)++)
	{
		int32_t		slot = shard * trainer->plan.shard_rows + *row;

		if (!batch->sampled[slot])
			continue;
		trainer->softmax.slot[n] = slot;
		trainer->softmax.target[n] = batch->place[slot];
		n++;
	}
	return n;
}

/* Makes films that the user of a row knows already impossible, but for its own. */
static void
mask_known(Trainer *trainer, float *logits, const Segment *segment, int64_t row)
{
	const Ratings *ratings = trainer->ratings;
	bool		itself;
	int64_t		start = ratings->start[segment->user];
	int32_t		end = history_end(ratings, segment->user, row, &itself);
	int32_t		own = ratings->movie[row];

	for (int64_t h = start; h < start + end; h++)
	{
		int32_t		movie = ratings->movie[h];
		int32_t		place = full_softmax(trainer) ? movie : trainer->batch.place_of[movie];

		if (place >= 0 && movie != own)
			logits[place] = IMPOSSIBLE_LOGIT;
	}
}

/* The segment of the batch that a slot is in; slots ascend with segments. */
static const ShownSegment *
segment_of(const Batch *batch, int shard, int32_t slot)
{
	int32_t		low = batch->first_segment[shard];
	int32_t		high = batch->first_segment[shard + 1] - 1;

	while (low < high)
	{
		int32_t		middle = (low + high + 1) / 2;

		if (batch->segments[middle].slot <= slot)
			low = middle;
		else
			high = middle - 1;
	}
	return &batch->segments[low];
}

static void
softmax_block(Trainer *trainer, int shard, int32_t n, float weight, float temperature,
			  double *dlog_temperature)
{
	SoftmaxWork *work = &trainer->softmax;
	const Batch *batch = &trainer->batch;
	int32_t		first = shard * trainer->plan.shard_rows;
	int32_t		films = batch->n_films;

	for (int32_t i = 0; i < n; i++)
	{
		const float *unit = trainer->user.unit + (int64_t) (work->slot[i] - first) * VECTOR_DIMS;

		for (int d = 0; d < VECTOR_DIMS; d++)
			work->query[i * VECTOR_DIMS + d] = temperature * unit[d];
	}
	matmul_transposed(work->logits, films, work->query, VECTOR_DIMS, trainer->film_unit,
					  n, films, VECTOR_DIMS, false);
	for (int32_t i = 0; i < n; i++)
	{
		const ShownSegment *shown = segment_of(batch, shard, work->slot[i]);

		mask_known(trainer, work->logits + (int64_t) i * films, shown->segment,
				   shown->segment->row + work->slot[i] - shown->slot);
	}
	trainer->loss[shard] += trainer->options.softmax_weight * batch->n_rows / batch->n_sampled *
		softmax_cross_entropy(work->logits, work->target, work->offset, 1.0f, weight,
							  dlog_temperature, n, films);
	matmul(work->dquery, VECTOR_DIMS, work->logits, films, trainer->film_unit,
		   n, films, VECTOR_DIMS, false);
	matmul_gradient(trainer->dfilm_softmax + (int64_t) shard * trainer->max_films * VECTOR_DIMS,
					work->logits, films, work->query, VECTOR_DIMS, n, films, VECTOR_DIMS);
	for (int32_t i = 0; i < n; i++)
	{
		float	   *dout = trainer->user.dout + (int64_t) (work->slot[i] - first) * VECTOR_DIMS;

		for (int d = 0; d < VECTOR_DIMS; d++)
			dout[d] += temperature * work->dquery[i * VECTOR_DIMS + d];
	}
}

/* log of the chance that a film is among those of a batch. */
static float
log_inclusion(const Trainer *trainer, int32_t movie)
{
	double		share = (double) trainer->films.ratings[movie] / trainer->ratings->n_fit_rows;

	return (float) log(-expm1(trainer->batch.n_rows * log1p(-share)));
}

/* What is added to the cosines: popularity, less what sampling adds by itself. */
static void
softmax_offsets(Trainer *trainer)
{
	const Batch *batch = &trainer->batch;
	bool		sampled = !full_softmax(trainer);

	for (int32_t film = 0; film < batch->n_films; film++)
	{
		int32_t		movie = batch->films[film];

		trainer->softmax.offset[film] = trainer->films.popularity[movie] -
			(sampled ? log_inclusion(trainer, movie) : 0);
	}
}

static void
softmax_shard(Trainer *trainer, int shard, float *dhead)
{
	const Batch *batch = &trainer->batch;
	float		temperature = expf(tensor(trainer->params, &trainer->shape,
										  HEAD)[HEAD_LOG_TEMPERATURE]);
	double		dlog_temperature = 0;
	int32_t		row = 0;
	int32_t		n;

	memset(trainer->dfilm_softmax + (int64_t) shard * trainer->max_films * VECTOR_DIMS, 0,
		   sizeof(float) * batch->n_films * VECTOR_DIMS);
	softmax_offsets(trainer);
	while ((n = next_block(trainer, shard, &row)) > 0)
	{
		softmax_block(trainer, shard, n, trainer->options.softmax_weight / batch->n_sampled,
					  temperature, &dlog_temperature);
		tick(trainer);
	}
	dhead[HEAD_LOG_TEMPERATURE] += (float) dlog_temperature;
}

/* Cross-entropy of liked or not on the rows of a shard. */
static void
liked_shard(Trainer *trainer, int shard, float *dhead)
{
	const Batch *batch = &trainer->batch;
	const float *head = tensor(trainer->params, &trainer->shape, HEAD);
	float		scale = expf(head[HEAD_LOG_SCALE]);
	int32_t		first = shard * trainer->plan.shard_rows;
	double		loss = 0;

	for (int32_t row = 0; row < batch->shard_rows[shard]; row++)
	{
		int32_t		slot = first + row;
		const float *user = trainer->user.unit + (int64_t) row * VECTOR_DIMS;
		const float *film = trainer->film_unit + (int64_t) batch->place[slot] * VECTOR_DIMS;
		float	   *duser = trainer->user.dout + (int64_t) row * VECTOR_DIMS;
		float	   *dfilm = trainer->dmovie + (int64_t) slot * VECTOR_DIMS;
		float		liked = batch->rating[slot] >= trainer->options.like_threshold;
		float		cosine = 0;
		float		logit;
		float		dlogit;

		for (int d = 0; d < VECTOR_DIMS; d++)
			cosine += user[d] * film[d];
		logit = scale * cosine + head[HEAD_BIAS];
		loss += fmaxf(logit, 0) - logit * liked + log1pf(expf(-fabsf(logit)));
		dlogit = (1.0f / (1.0f + expf(-logit)) - liked) / batch->n_rows;
		dhead[HEAD_LOG_SCALE] += dlogit * scale * cosine;
		dhead[HEAD_BIAS] += dlogit;
		for (int d = 0; d < VECTOR_DIMS; d++)
		{
			duser[d] = dlogit * scale * film[d];
			dfilm[d] = dlogit * scale * user[d];
		}
	}
	trainer->loss[shard] += loss;
}

void
retrieval_shard(Trainer *trainer, int shard)
{
	UserTape   *tape = &trainer->user;
	int			rows = trainer->batch.shard_rows[shard];
	float	   *dhead = trainer->dweights + shard * trainer->shape.n_weights +
		trainer->shape.offset[HEAD];

	unit_forward(tape->unit, tape->inverse_norm, tape->raw, rows, VECTOR_DIMS);
	liked_shard(trainer, shard, dhead);
	if (trainer->batch.n_sampled > 0)
		softmax_shard(trainer, shard, dhead);
	unit_backward(tape->dout, tape->dout, tape->unit, tape->inverse_norm, rows, VECTOR_DIMS);
}
