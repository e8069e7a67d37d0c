/*
 * retrieval_loss.c: the retrieval head: what the cosine of a user and a movie is
 * trained to say.
 *
 * Two losses on one cosine.  The cross-entropy on rated movies,
 * liked ~ sigmoid(exp(a) * cosine + b), orders the movies that people rate; it
 * never sees a movie that nobody rates.  The softmax over the catalogue at a
 * temperature of the user's own, exp(t) * cosine + popularity, says which movie out
 * of all comes next; movies that the user has rated already are left out of it, as
 * they are left out of recommendations.  A temperature for each user, since a moment
 * after a rating much more can be said of the next one than a month after; with one
 * for all, lists for the one moment are lost to those for the other.  The popularity,
 * ln(1 + recent likes), is given, not learned: what everybody watches need not be
 * said by the cosine, which is left to say what is good and what is this user's
 * taste.
 *
 * Both scales are exponentials, hence positive: a free one may turn negative,
 * and then the least liked movies come nearest without any loss or AUC to show
 * it.
 *
 * Where that would be most of the time the softmax is over the movies of the batch, each logit
 * corrected by the logarithm of the chance that its movie is in a batch (Yi et
 * al., RecSys 2019).
 *
 * The softmax is shared out by movies: each participant takes all rows that are in it,
 * block by block, with its own movies.  A row's sum is known when all have met; then
 * the movies' gradients are complete where they are, and only the rows' are in parts.
 */
#include "num/train/trainer_state.h"

#include <math.h>
#include <string.h>

#include "num/base/simd.h"
#include "num/data/rating_table.h"

void
retrieval_carve_shared(Trainer *trainer, Arena *arena)
{
	SoftmaxWork *work = &trainer->softmax;
	int64_t		slots = trainer->slots;

	if (!with_softmax(trainer))
		return;
	work->query = ARENA_ARRAY(arena, float, slots * VECTOR_DIMS);
	work->offset = ARENA_ARRAY(arena, float, trainer->max_movies);
	work->part = ARENA_ARRAY(arena, SoftmaxPart, N_SHARDS * slots);
	work->dquery = ARENA_ARRAY(arena, float, N_SHARDS * slots * VECTOR_DIMS);
}

void
retrieval_carve_private(Trainer *trainer, Arena *arena)
{
	SoftmaxWork *work = &trainer->softmax;

	if (!with_softmax(trainer))
		return;
	work->logits = ARENA_ARRAY(arena, float, (int64_t) SOFTMAX_ROWS * trainer->max_movies);
	work->weighted = ARENA_ARRAY(arena, float, SOFTMAX_ROWS * VECTOR_DIMS);
	work->known = ARENA_ARRAY(arena, int32_t, rows_longest(trainer->ratings->start,
														   trainer->ratings->n_users) + 1);
}

/* A user's vector, of the row in a slot. */
static const float *
user_of(const Trainer *trainer, int shard, int32_t slot)
{
	return trainer->users.forward.unit +
		((int64_t) shard * trainer->plan.shard_rows + trainer->batch.vector[slot]) * VECTOR_DIMS;
}

/* Cross-entropy of liked or not on the rows of a shard. */
static void
liked_rows(Trainer *trainer, int shard, float *dhead)
{
	const Batch *batch = &trainer->batch;
	const float *head = tensor(trainer->params, &trainer->shape, TENSOR_HEAD);
	UserGradients back = shard_user_gradients(trainer, shard);
	float		scale = expf(head[HEAD_LOG_SCALE]);
	double		loss = 0;

	memset(back.dunit, 0, sizeof(float) * batch->shard_vectors[shard] * VECTOR_DIMS);
	if (trainer->options.events)
	{
		/* all are liked: that would only draw everybody and everything together */
		memset(trainer->rows.dmovie + (int64_t) shard * trainer->plan.shard_rows * VECTOR_DIMS, 0,
			   sizeof(float) * batch->shard_rows[shard] * VECTOR_DIMS);
		return;
	}
	for (int32_t row = 0; row < batch->shard_rows[shard]; row++)
	{
		int32_t		slot = shard * trainer->plan.shard_rows + row;
		const float *user = user_of(trainer, shard, slot);
		const float *movie_vector =
			trainer->movies.unit + (int64_t) batch->position[slot] * VECTOR_DIMS;
		float	   *duser = back.dunit + (int64_t) batch->vector[slot] * VECTOR_DIMS;
		float	   *dmovie = trainer->rows.dmovie + (int64_t) slot * VECTOR_DIMS;
		float		liked = batch->rating[slot] >= trainer->options.like_threshold;
		float		cosine = simd_dot(user, movie_vector, VECTOR_DIMS);
		float		logit = scale * cosine + head[HEAD_BIAS];
		float		dlogit;

		loss += fmaxf(logit, 0) - logit * liked + log1pf(expf(-fabsf(logit)));
		dlogit = (1.0f / (1.0f + expf(-logit)) - liked) / batch->n_rows;
		dhead[HEAD_LOG_SCALE] += dlogit * scale * cosine;
		dhead[HEAD_BIAS] += dlogit;
		simd_axpy(duser, dlogit * scale, movie_vector, VECTOR_DIMS);
		for (int d = 0; d < VECTOR_DIMS; d++)
			dmovie[d] = dlogit * scale * user[d];
	}
	trainer->epoch.loss[shard] += loss;
}

void
retrieval_rows(Trainer *trainer, int shard)
{
	const Batch *batch = &trainer->batch;
	UserActivations activations = shard_users(trainer, shard);
	float	   *dhead = shard_dweights(trainer, shard) + trainer->shape.offset[TENSOR_HEAD];

	unit_forward(activations.unit, activations.inverse_norm, activations.raw,
				 batch->shard_vectors[shard], VECTOR_DIMS);
	memset(dhead, 0, sizeof(float) * N_HEAD);
	liked_rows(trainer, shard, dhead);
	for (int v = 0; v < batch->shard_vectors[shard]; v++)
		activations.temperature[v] =
			user_temperature(activations.hidden + (int64_t) v * trainer->shape.user_hidden,
							 trainer->params, &trainer->shape, NULL);
	for (int32_t k = batch->first_asked[shard]; k < batch->first_asked[shard + 1]; k++)
	{
		const float *user = user_of(trainer, shard, batch->asked[k].slot);
		float	   *query = trainer->softmax.query + (int64_t) k * VECTOR_DIMS;
		float		temperature = activations.temperature[batch->vector[batch->asked[k].slot]];

		for (int d = 0; d < VECTOR_DIMS; d++)
			query[d] = temperature * user[d];
	}
}

/* log of the chance that a movie is among those of a batch. */
static float
log_inclusion(const Trainer *trainer, int32_t movie)
{
	double		share =
		(double) trainer->movie_stats.ratings[movie] / trainer->ratings->n_train_rows;

	return (float) log(-expm1(trainer->batch.n_rows * log1p(-share)));
}

/* What is added to the cosines: popularity, less what sampling adds by itself. */
static void
softmax_offsets(Trainer *trainer, int32_t from, int32_t to)
{
	bool		sampled = !full_softmax(trainer);

	for (int32_t index = from; index < to; index++)
	{
		int32_t		movie = trainer->batch.movies[index];

		trainer->softmax.offset[index] = trainer->movie_stats.popularity[movie] -
			(sampled ? log_inclusion(trainer, movie) : 0);
	}
}

/* The movies whose logits are this participant's. */
static void
softmax_movies(const Trainer *trainer, int32_t *from, int32_t *to)
{
	int			first;
	int			end;
	int32_t		ignored;

	own_shards(trainer, &first, &end);
	*from = *to = 0;
	if (first < end)
	{
		movie_shard(trainer, first, from, &ignored);
		movie_shard(trainer, end - 1, &ignored, to);
	}
}

/* The movies of a history whose logits are this participant's, as positions in the batch. */
typedef struct OwnHistory
{
	int32_t		from;			/* this participant's movies */
	int32_t		to;
	int32_t		user;			/* whose history; -1: nobody's yet */
	int32_t		end;			/* how many of their rows have been looked at */
	int32_t		n;
	int32_t    *position;		/* [n] */
} OwnHistory;

/*
 * Makes them the movies that the user of a row knew before it.  Rows of a segment
 * follow each other, and each knows what those before it know.
 */
static void
recall(OwnHistory *history, const Trainer *trainer, const SoftmaxRow *asked)
{
	const Ratings *ratings = trainer->ratings;
	const int32_t *movie = ratings->movie + ratings->start[asked->user];
	bool		itself;
	int32_t		end = history_end(ratings, asked->user, asked->row, &itself);

	if (asked->user != history->user || end < history->end)
	{
		history->user = asked->user;
		history->end = 0;
		history->n = 0;
	}
	/* no branch on whose a movie is: no processor could foresee it */
	for (; history->end < end; history->end++)
	{
		int32_t		position = trainer->batch.position_of[movie[history->end]];

		history->position[history->n] = position;
		history->n += position >= history->from && position < history->to;
	}
}

/* Makes what the users of a block's rows know already impossible, but for a row's own movie. */
static void
mask_known(Trainer *trainer, int32_t first, int32_t n)
{
	const Batch *batch = &trainer->batch;
	OwnHistory	history = {.user = -1, .position = trainer->softmax.known};

	softmax_movies(trainer, &history.from, &history.to);
	for (int32_t i = 0; i < n; i++)
	{
		const SoftmaxRow *asked = &batch->asked[first + i];
		float	   *logits = trainer->softmax.logits + (int64_t) i * batch->n_movies;
		int32_t		own = batch->position[asked->slot];
		float		own_logit = logits[own];

		recall(&history, trainer, asked);
		for (int32_t h = 0; h < history.n; h++)
			logits[history.position[h]] = IMPOSSIBLE_LOGIT;
		logits[own] = own_logit;
	}
}

/*
 * The layer between logits [n][movies of a shard], among those of all movies, and
 * user vectors [n][VECTOR_DIMS]; its weights are the vectors of the movies.
 */
static inline LayerSize
logits_size(const Trainer *trainer, int32_t n, int32_t movies)
{
	return (LayerSize) {n, movies, VECTOR_DIMS, trainer->batch.n_movies, VECTOR_DIMS};
}

/* Logits of a block of rows, first .. first + n - 1, with this participant's movies. */
static void
block_logits(Trainer *trainer, int32_t first, int32_t n)
{
	SoftmaxWork *work = &trainer->softmax;
	int			shard;
	int			end;
	int32_t		from;
	int32_t		to;

	for (own_shards(trainer, &shard, &end); shard < end; shard++)
	{
		movie_shard(trainer, shard, &from, &to);
		matmul_transposed(work->logits + from, work->query + (int64_t) first * VECTOR_DIMS,
						  trainer->movies.unit + (int64_t) from * VECTOR_DIMS,
						  logits_size(trainer, n, to - from), false);
	}
	mask_known(trainer, first, n);
}

/* From the logits to chances, not yet divided by their sum, and the rows' gradients by them. */
static void
block_chances(Trainer *trainer, int32_t first, int32_t n)
{
	SoftmaxWork *work = &trainer->softmax;
	int32_t		stride = trainer->batch.n_movies;
	int			shard;
	int			end;

	for (own_shards(trainer, &shard, &end); shard < end; shard++)
	{
		int64_t		at = (int64_t) shard * trainer->slots + first;
		int32_t		from;
		int32_t		to;

		movie_shard(trainer, shard, &from, &to);
		softmax_part(work->logits + from, stride, work->part + at, work->offset + from,
					 n, to - from);
		matmul(work->dquery + at * VECTOR_DIMS, work->chances + from,
			   trainer->movies.unit + (int64_t) from * VECTOR_DIMS,
			   logits_size(trainer, n, to - from), false);
	}
}

/* The movies' gradients by their chances, once all participants have theirs. */
static void
block_movies(Trainer *trainer, int32_t first, int32_t n)
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
				work->weighted[i * VECTOR_DIMS + d] =
					trainer->batch.asked[first + i].weight * share[shard] * query[d];
		}
		movie_shard(trainer, shard, &from, &to);
		matmul_gradient(trainer->movies.dunit + (int64_t) from * VECTOR_DIMS, work->chances + from,
						work->weighted, logits_size(trainer, n, to - from), first > 0);
	}
}

void
retrieval_softmax(Trainer *trainer)
{
	int32_t		n_asked = trainer->batch.n_asked;
	int32_t		from;
	int32_t		to;

	softmax_movies(trainer, &from, &to);
	softmax_offsets(trainer, from, to);
	for (int32_t first = 0; first < n_asked; first += SOFTMAX_ROWS)
	{
		int32_t		n = n_asked - first < SOFTMAX_ROWS ? n_asked - first : SOFTMAX_ROWS;

		block_logits(trainer, first, n);
		block_chances(trainer, first, n);
		barrier(trainer);
		block_movies(trainer, first, n);
	}
}

/* The softmax of a row: its loss, and its gradients by the user and the temperature. */
static void
softmax_row(Trainer *trainer, int shard, int32_t k)
{
	UserActivations activations = shard_users(trainer, shard);
	UserGradients back = shard_user_gradients(trainer, shard);
	const SoftmaxWork *work = &trainer->softmax;
	const Batch *batch = &trainer->batch;
	int32_t		target = batch->position[batch->asked[k].slot];
	int32_t		vector = batch->vector[batch->asked[k].slot];
	const float *movie_vector = trainer->movies.unit + (int64_t) target * VECTOR_DIMS;
	float	   *duser = back.dunit + (int64_t) vector * VECTOR_DIMS;
	float		cosine = simd_dot(work->query + (int64_t) k * VECTOR_DIMS, movie_vector,
								  VECTOR_DIMS);
	float		weight = batch->asked[k].weight;
	float		scale = weight * activations.temperature[vector];
	float		share[N_SHARDS];
	float		mean;
	float		log_sum = softmax_join(share, &mean, work->part + k, trainer->slots, N_SHARDS);

	for (int part = 0; part < N_SHARDS; part++)
		if (share[part] > 0)
			simd_axpy(duser, scale * share[part], work->dquery +
					  ((int64_t) part * trainer->slots + k) * VECTOR_DIMS, VECTOR_DIMS);
	simd_axpy(duser, -scale, movie_vector, VECTOR_DIMS);
	back.dtemperature[vector] += weight * (mean - cosine);
	trainer->epoch.loss[shard] += (double) weight * batch->n_rows *
		(log_sum - cosine - work->offset[target]);
}

void
retrieval_users(Trainer *trainer, int shard)
{
	const Batch *batch = &trainer->batch;
	UserActivations activations = shard_users(trainer, shard);
	UserGradients back = shard_user_gradients(trainer, shard);
	float	   *dhead = shard_dweights(trainer, shard) + trainer->shape.offset[TENSOR_HEAD];

	memset(back.dtemperature, 0, sizeof(float) * batch->shard_vectors[shard]);
	for (int32_t k = batch->first_asked[shard]; k < batch->first_asked[shard + 1]; k++)
		softmax_row(trainer, shard, k);
	for (int v = 0; v < batch->shard_vectors[shard]; v++)
	{
		bool		limited;

		dhead[HEAD_LOG_TEMPERATURE] += back.dtemperature[v];
		user_temperature(activations.hidden + (int64_t) v * trainer->shape.user_hidden,
						 trainer->params, &trainer->shape, &limited);
		if (limited)
			back.dtemperature[v] = 0;
	}
	unit_backward(back.draw, back.dunit, activations.unit, activations.inverse_norm,
				  batch->shard_vectors[shard], VECTOR_DIMS);
}

void
retrieval_movies(Trainer *trainer, int shard)
{
	const Batch *batch = &trainer->batch;
	int32_t		from;
	int32_t		to;
	float	   *dmovie;

	movie_shard(trainer, shard, &from, &to);
	dmovie = trainer->movies.dunit + (int64_t) from * VECTOR_DIMS;
	if (batch->n_asked == 0)
		memset(dmovie, 0, sizeof(float) * (to - from) * VECTOR_DIMS);
	for (int32_t k = 0; k < batch->n_asked; k++)
	{
		int32_t		target = batch->position[batch->asked[k].slot];

		if (target >= from && target < to)
			simd_axpy(dmovie + (int64_t) (target - from) * VECTOR_DIMS, -batch->asked[k].weight,
					  trainer->softmax.query + (int64_t) k * VECTOR_DIMS, VECTOR_DIMS);
	}
}
