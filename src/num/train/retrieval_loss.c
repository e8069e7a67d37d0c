/*
 * retrieval_loss.c: the retrieval head: what the cosine of a user and a film is
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
 *
 * The softmax is shared out by films: each participant takes the liked rows of
 * the whole batch, block by block, with its own films.  A row's sum is known when
 * all have met; then the films' gradients are complete where they are, and only
 * the rows' are in parts.
 */
#include "num/train/trainer_state.h"

#include <math.h>
#include <string.h>

#include "num/base/simd.h"

static float
temperature_of(const Trainer *trainer)
{
	return expf(tensor(trainer->params, &trainer->shape, HEAD)[HEAD_LOG_TEMPERATURE]);
}

/* A user's vector, of the row in a slot. */
static const float *
user_of(const Trainer *trainer, int shard, int32_t slot)
{
	return trainer->user.unit +
		((int64_t) shard * trainer->plan.shard_rows + trainer->batch.vector[slot]) * VECTOR_DIMS;
}

/* Cross-entropy of liked or not on the rows of a shard. */
static void
liked_rows(Trainer *trainer, int shard, float *dhead)
{
	const Batch *batch = &trainer->batch;
	const float *head = tensor(trainer->params, &trainer->shape, HEAD);
	UserTape	tape = user_shard(trainer, shard);
	float		scale = expf(head[HEAD_LOG_SCALE]);
	double		loss = 0;

	memset(tape.dout, 0, sizeof(float) * batch->shard_vectors[shard] * VECTOR_DIMS);
	for (int32_t row = 0; row < batch->shard_rows[shard]; row++)
	{
		int32_t		slot = shard * trainer->plan.shard_rows + row;
		const float *user = user_of(trainer, shard, slot);
		const float *film = trainer->film_unit + (int64_t) batch->place[slot] * VECTOR_DIMS;
		float	   *duser = tape.dout + (int64_t) batch->vector[slot] * VECTOR_DIMS;
		float	   *dfilm = trainer->dmovie + (int64_t) slot * VECTOR_DIMS;
		float		liked = batch->rating[slot] >= trainer->options.like_threshold;
		float		cosine = simd_dot(user, film, VECTOR_DIMS);
		float		logit = scale * cosine + head[HEAD_BIAS];
		float		dlogit;

		loss += fmaxf(logit, 0) - logit * liked + log1pf(expf(-fabsf(logit)));
		dlogit = (1.0f / (1.0f + expf(-logit)) - liked) / batch->n_rows;
		dhead[HEAD_LOG_SCALE] += dlogit * scale * cosine;
		dhead[HEAD_BIAS] += dlogit;
		simd_axpy(duser, dlogit * scale, film, VECTOR_DIMS);
		for (int d = 0; d < VECTOR_DIMS; d++)
			dfilm[d] = dlogit * scale * user[d];
	}
	trainer->loss[shard] += loss;
}

void
retrieval_rows(Trainer *trainer, int shard)
{
	const Batch *batch = &trainer->batch;
	UserTape	tape = user_shard(trainer, shard);
	float		temperature = temperature_of(trainer);
	float	   *dhead = trainer->dweights + shard * trainer->shape.n_weights +
		trainer->shape.offset[HEAD];

	unit_forward(tape.unit, tape.inverse_norm, tape.raw, batch->shard_vectors[shard], VECTOR_DIMS);
	memset(dhead, 0, sizeof(float) * N_HEAD);
	liked_rows(trainer, shard, dhead);
	for (int32_t k = batch->first_sampled[shard]; k < batch->first_sampled[shard + 1]; k++)
	{
		const float *user = user_of(trainer, shard, batch->sampled[k].slot);
		float	   *query = trainer->softmax.query + (int64_t) k * VECTOR_DIMS;

		for (int d = 0; d < VECTOR_DIMS; d++)
			query[d] = temperature * user[d];
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
softmax_offsets(Trainer *trainer, int32_t from, int32_t to)
{
	bool		sampled = !full_softmax(trainer);

	for (int32_t film = from; film < to; film++)
	{
		int32_t		movie = trainer->batch.films[film];

		trainer->softmax.offset[film] = trainer->films.popularity[movie] -
			(sampled ? log_inclusion(trainer, movie) : 0);
	}
}

/* The films whose logits are this participant's. */
static void
softmax_films(const Trainer *trainer, int32_t *from, int32_t *to)
{
	int			first;
	int			end;
	int32_t		ignored;

	own_shards(trainer, &first, &end);
	*from = *to = 0;
	if (first < end)
	{
		film_shard(trainer, first, from, &ignored);
		film_shard(trainer, end - 1, &ignored, to);
	}
}

/* The films of a history whose logits are this participant's, as places in the batch. */
typedef struct OwnHistory
{
	int32_t		from;			/* this participant's films */
	int32_t		to;
	int32_t		user;			/* whose history; -1: nobody's yet */
	int32_t		end;			/* how many of his rows have been looked at */
	int32_t		n;
	int32_t    *place;			/* [n] */
} OwnHistory;

/*
 * Makes them the films that the user of a row knew before it.  Rows of a segment
 * follow each other, and each knows what those before it know.
 */
static void
recall(OwnHistory *history, const Trainer *trainer, const SampledRow *sampled)
{
	const Ratings *ratings = trainer->ratings;
	const int32_t *movie = ratings->movie + ratings->start[sampled->user];
	bool		itself;
	int32_t		end = history_end(ratings, sampled->user, sampled->row, &itself);

	if (sampled->user != history->user || end < history->end)
	{
		history->user = sampled->user;
		history->end = 0;
		history->n = 0;
	}
	/* no branch on whose a film is: no processor could foresee it */
	for (; history->end < end; history->end++)
	{
		int32_t		place = trainer->batch.place_of[movie[history->end]];

		history->place[history->n] = place;
		history->n += place >= history->from && place < history->to;
	}
}

/* Makes what the users of a block's rows know already impossible, but for a row's own film. */
static void
mask_known(Trainer *trainer, int32_t first, int32_t n)
{
	const Batch *batch = &trainer->batch;
	OwnHistory	history = {.user = -1, .place = trainer->own_movie};

	softmax_films(trainer, &history.from, &history.to);
	for (int32_t i = 0; i < n; i++)
	{
		const SampledRow *sampled = &batch->sampled[first + i];
		float	   *logits = trainer->softmax.logits + (int64_t) i * batch->n_films;
		int32_t		own = batch->place[sampled->slot];
		float		own_logit = logits[own];

		recall(&history, trainer, sampled);
		for (int32_t h = 0; h < history.n; h++)
			logits[history.place[h]] = IMPOSSIBLE_LOGIT;
		logits[own] = own_logit;
	}
}

static float
row_weight(const Trainer *trainer)
{
	return trainer->options.softmax_weight / trainer->batch.n_sampled;
}

/* Logits of a block of rows, first .. first + n - 1, with this participant's films. */
static void
block_logits(Trainer *trainer, int32_t first, int32_t n)
{
	SoftmaxWork *work = &trainer->softmax;
	int32_t		stride = trainer->batch.n_films;
	int			shard;
	int			end;
	int32_t		from;
	int32_t		to;

	for (own_shards(trainer, &shard, &end); shard < end; shard++)
	{
		film_shard(trainer, shard, &from, &to);
		matmul_transposed(work->logits + from, stride,
						  work->query + (int64_t) first * VECTOR_DIMS, VECTOR_DIMS,
						  trainer->film_unit + (int64_t) from * VECTOR_DIMS,
						  n, to - from, VECTOR_DIMS, false);
	}
	mask_known(trainer, first, n);
}

/* From the logits to chances, not yet divided by their sum, and the rows' gradients by them. */
static void
block_chances(Trainer *trainer, int32_t first, int32_t n)
{
	SoftmaxWork *work = &trainer->softmax;
	int32_t		stride = trainer->batch.n_films;
	int			shard;
	int			end;

	for (own_shards(trainer, &shard, &end); shard < end; shard++)
	{
		int64_t		at = (int64_t) shard * trainer->slots + first;
		int32_t		from;
		int32_t		to;

		film_shard(trainer, shard, &from, &to);
		softmax_part(work->logits + from, stride, work->part + at, work->offset + from,
					 n, to - from);
		matmul(work->dquery + at * VECTOR_DIMS, VECTOR_DIMS, work->logits + from, stride,
			   trainer->film_unit + (int64_t) from * VECTOR_DIMS, n, to - from, VECTOR_DIMS,
			   false);
	}
}

/* The films' gradients by their chances, once all participants have theirs. */
static void
block_films(Trainer *trainer, int32_t first, int32_t n)
{
	SoftmaxWork *work = &trainer->softmax;
	int			shard;
	int			end;

	for (own_shards(trainer, &shard, &end); shard < end; shard++)
	{
		int32_t		from;
		int32_t		to;

		for (int32_t i = 0; i < n; i++)
		{
			const float *query = work->query + (int64_t) (first + i) * VECTOR_DIMS;
			float		share[N_SHARDS];
			float		mean;

			softmax_join(share, &mean, work->part + first + i, trainer->slots, N_SHARDS);
			for (int d = 0; d < VECTOR_DIMS; d++)
				work->shares[i * VECTOR_DIMS + d] =
					row_weight(trainer) * share[shard] * query[d];
		}
		film_shard(trainer, shard, &from, &to);
		matmul_gradient(trainer->dfilm + (int64_t) from * VECTOR_DIMS, work->logits + from,
						trainer->batch.n_films, work->shares, VECTOR_DIMS,
						n, to - from, VECTOR_DIMS, first > 0);
	}
}

void
retrieval_softmax(Trainer *trainer)
{
	int32_t		n_sampled = trainer->batch.n_sampled;
	int32_t		from;
	int32_t		to;

	softmax_films(trainer, &from, &to);
	softmax_offsets(trainer, from, to);
	for (int32_t first = 0; first < n_sampled; first += SOFTMAX_ROWS)
	{
		int32_t		n = n_sampled - first < SOFTMAX_ROWS ? n_sampled - first : SOFTMAX_ROWS;

		block_logits(trainer, first, n);
		block_chances(trainer, first, n);
		barrier(trainer);
		block_films(trainer, first, n);
	}
}

/* The softmax of a row: its loss, and its gradients by the user and the temperature. */
static void
softmax_row(Trainer *trainer, int shard, int32_t k, float *duser, float *dlog_temperature)
{
	const SoftmaxWork *work = &trainer->softmax;
	const Batch *batch = &trainer->batch;
	int32_t		target = batch->place[batch->sampled[k].slot];
	const float *film = trainer->film_unit + (int64_t) target * VECTOR_DIMS;
	float		cosine = simd_dot(work->query + (int64_t) k * VECTOR_DIMS, film, VECTOR_DIMS);
	float		weight = row_weight(trainer);
	float		scale = weight * temperature_of(trainer);
	float		share[N_SHARDS];
	float		mean;
	float		log_sum = softmax_join(share, &mean, work->part + k, trainer->slots, N_SHARDS);

	for (int part = 0; part < N_SHARDS; part++)
		if (share[part] > 0)
			simd_axpy(duser, scale * share[part], work->dquery +
					  ((int64_t) part * trainer->slots + k) * VECTOR_DIMS, VECTOR_DIMS);
	simd_axpy(duser, -scale, film, VECTOR_DIMS);
	*dlog_temperature += weight * (mean - cosine);
	trainer->loss[shard] += (double) weight * batch->n_rows *
		(log_sum - cosine - work->offset[target]);
}

void
retrieval_users(Trainer *trainer, int shard)
{
	const Batch *batch = &trainer->batch;
	UserTape	tape = user_shard(trainer, shard);
	float	   *dlog_temperature = trainer->dweights + shard * trainer->shape.n_weights +
		trainer->shape.offset[HEAD] + HEAD_LOG_TEMPERATURE;

	for (int32_t k = batch->first_sampled[shard]; k < batch->first_sampled[shard + 1]; k++)
		softmax_row(trainer, shard, k, tape.dout +
					(int64_t) batch->vector[batch->sampled[k].slot] * VECTOR_DIMS,
					dlog_temperature);
	unit_backward(tape.dout, tape.dout, tape.unit, tape.inverse_norm,
				  batch->shard_vectors[shard], VECTOR_DIMS);
}

void
retrieval_films(Trainer *trainer, int shard)
{
	const Batch *batch = &trainer->batch;
	int32_t		from;
	int32_t		to;
	float	   *dfilm;

	film_shard(trainer, shard, &from, &to);
	dfilm = trainer->dfilm + (int64_t) from * VECTOR_DIMS;
	if (batch->n_sampled == 0)
		memset(dfilm, 0, sizeof(float) * (to - from) * VECTOR_DIMS);
	for (int32_t k = 0; k < batch->n_sampled; k++)
	{
		int32_t		target = batch->place[batch->sampled[k].slot];

		if (target >= from && target < to)
			simd_axpy(dfilm + (int64_t) (target - from) * VECTOR_DIMS, -row_weight(trainer),
					  trainer->softmax.query + (int64_t) k * VECTOR_DIMS, VECTOR_DIMS);
	}
}
