/*
 * trainer_state.h: what a trainer is made of, for the files of this folder that
 * train, and only for those.
 *
 * Each of them owns a part of it: its header defines the structure of the part and says
 * what of it is shared, in one block for all participants, and who writes that; the
 * rest is private.  Its .c file carves the memory of the part.
 *
 * A step has these phases, with a barrier behind each:
 *
 *	movies	vectors of the movies that the batch needs			(movies shared out)
 *	rows	user vectors, head and loss							(rows shared out)
 *	softmax	retrieval: over the movies, for a block of rows at a
 *			time, with a barrier for each such block			(movies shared out)
 *	back	to the user inputs, in ranking at the end of `rows`	(rows shared out)
 *			to the movies' inputs								(movies shared out)
 *	update	Adam: weights by ranges, tables by rows				(numbers shared out)
 *
 * Rows and movies are shared out as N_SHARDS shards of either.  A movie of the
 * batch is computed once, however many rows it has; a user's vector is that of
 * a row with their history before it, or else of a segment.
 *
 * Gradients of weights are summed shard by shard.  Gradients of the tables are
 * never summed between processes at all: each process goes through all rows of
 * the batch in the same order and takes only its own rows of a table.  Hence the
 * same bits from any number of participants, and one gradient table for all.
 */
#ifndef MLREC_TRAIN_TRAINER_STATE_H
#define MLREC_TRAIN_TRAINER_STATE_H

#include "num/train/average.h"
#include "num/train/gather.h"
#include "num/train/retrieval_loss.h"
#include "num/train/step.h"
#include "num/train/step_batch.h"
#include "num/train/trainer.h"
#include "num/train/update.h"
#include "num/train/validate.h"

/*
 * With more movies than this, or more logits an epoch, the softmax is over the movies of
 * the batch.  On MovieLens 1M that takes a third off the retrieval stage's time and makes
 * no difference to its lists.
 */
#define MAX_FULL_SOFTMAX 8192
#define MAX_FULL_LOGITS INT64_C(1000000000)

/* What the leader decides for all. */
typedef struct Control
{
	int64_t		step;			/* Adam steps taken */
	float		rate;
	float		best;			/* smallest validation error so far */
	int32_t		epochs_without; /* on a plateau, in a row */
	Share		share;			/* ranking: of the best epoch */
	bool		is_best;
	bool		stop;
} Control;

/* The epoch at hand. */
typedef struct Epoch
{
	Segment    *segments;		/* [plan.n_segments] constant */
	int32_t    *order;			/* [plan.n_segments] of this epoch, the leader's */
	double	   *loss;			/* [N_SHARDS] sums; a shard owns its own, the leader
								 * clears them */
} Epoch;

struct Trainer
{
	/* constant: what is trained, on what, with whom */
	StageShape	shape;
	const Ratings *ratings;
	MovieStatistics movie_stats;
	TrainOptions options;
	Team		team;
	BatchPlan	plan;
	int32_t		slots;			/* N_SHARDS * shard_rows */
	int32_t		max_movies;		/* of a step */
	int64_t		n_validation;

	/* trainer.c; shared */
	Control    *control;		/* the leader's */
	Epoch		epoch;
	float	   *params;			/* [stage_size] written by update.c, set back by trainer.c;
								 * average.params while those are validated */
	Average		average;		/* average.c */
	float	   *best;			/* [stage_size] those of the best epoch */
	float	   *dweights;		/* [N_SHARDS][n_weights] a shard owns its own */

	KnownRows	known;			/* gather.c; shared */
	GatherWork	gather;			/* gather.c; private */
	Batch		batch;			/* step_batch.c; private */
	BatchUsers	users;			/* step.c; shared */
	BatchMovies movies;			/* step.c; shared */
	BatchRows	rows;			/* step.c; shared */
	StepWork	work;			/* step.c; private */
	SoftmaxWork softmax;		/* retrieval_loss.c; both */
	Update		update;			/* update.c; both */
	Validation	validation;		/* validate.c; both */
};

static inline bool
with_softmax(const Trainer *trainer)
{
	return trainer->shape.stage == STAGE_RETRIEVAL && trainer->options.softmax_weight > 0;
}

/* Whether what is known of a user grows with the ratings: by a history, or the bias. */
static inline bool
knows_ratings(const Trainer *trainer)
{
	return trainer->shape.history > 0 || trainer->shape.stage == STAGE_RANKING;
}

/* Whether the movies of a step are the whole catalogue. */
static inline bool
full_softmax(const Trainer *trainer)
{
	return with_softmax(trainer) && trainer->shape.n_movies <= MAX_FULL_SOFTMAX &&
		trainer->shape.n_movies * trainer->ratings->n_train_rows <= MAX_FULL_LOGITS;
}

/* This participant's part of n things: from .. to - 1. */
static inline void
share_out(const Trainer *trainer, int64_t n, int64_t *from, int64_t *to)
{
	*from = n * trainer->team.participant / trainer->team.n_participants;
	*to = n * (trainer->team.participant + 1) / trainer->team.n_participants;
}

/* Shards from .. to - 1 are this participant's. */
static inline void
own_shards(const Trainer *trainer, int *from, int *to)
{
	int64_t		f;
	int64_t		t;

	share_out(trainer, N_SHARDS, &f, &t);
	*from = (int) f;
	*to = (int) t;
}

/* Movies from .. to - 1 of the step belong to a shard of movies. */
static inline void
movie_shard(const Trainer *trainer, int shard, int32_t *from, int32_t *to)
{
	*from = (int32_t) ((int64_t) trainer->batch.n_movies * shard / N_SHARDS);
	*to = (int32_t) ((int64_t) trainer->batch.n_movies * (shard + 1) / N_SHARDS);
}

/* What a shard of rows has for the users of a batch. */
static inline UserActivations
shard_users(const Trainer *trainer, int shard)
{
	return user_activations_from(&trainer->users.forward, &trainer->shape,
								 (int64_t) shard * trainer->plan.shard_rows);
}

static inline UserGradients
shard_user_gradients(const Trainer *trainer, int shard)
{
	int64_t		first = (int64_t) shard * trainer->plan.shard_rows;
	UserGradients back = trainer->users.back;

	back.dtemperature += first;
	back.draw += first * VECTOR_DIMS;
	return back;
}

/* The gradients of the weights by a shard. */
static inline float *
shard_dweights(const Trainer *trainer, int shard)
{
	return trainer->dweights + shard * trainer->shape.n_weights;
}

static inline void
barrier(const Trainer *trainer)
{
	trainer->team.barrier(trainer->team.arg);
}

static inline void
check_interrupts(const Trainer *trainer)
{
	trainer->team.check_interrupts();
}

/* The bias of a movie as it is shown: row of MOVIE_ID, 0 for the unknown one. */
static inline float
movie_bias(const Trainer *trainer, int32_t movie_row)
{
	return movie_row > 0 ? trainer->movie_stats.bias[movie_row - 1] : 0;
}

#endif							/* MLREC_TRAIN_TRAINER_STATE_H */
