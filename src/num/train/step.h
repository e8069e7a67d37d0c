/*
 * step.h: a step of training: what the vectors of users and movies are made of on the
 * way forward, and their gradients on the way back.
 *
 * Memory that the way forward needs no more is where the way back puts its gradients:
 * that keeps a shard within the caches.  Such memory has two names, of which the
 * second one begins to hold where the gradient is computed.
 */
#ifndef MLREC_TRAIN_STEP_H
#define MLREC_TRAIN_STEP_H

#include "num/train/gather.h"

/* The user tower: forward. */
typedef struct UserActivations
{
	union
	{
		float	   *x;			/* [vectors][user_inputs] */
		float	   *dx;			/* the gradient, of the histories that by their sums */
	};
	float	   *hidden;			/* [vectors][user_hidden] */
	float	   *recent_scale;	/* [vectors][RECENT_SUMS], see recents.h */
	float	   *bias;			/* [vectors] the user's as of the moment */
	float	   *raw;			/* [vectors][VECTOR_DIMS] */

	/* retrieval */
	float	   *temperature;	/* [vectors] */
	float	   *unit;			/* [vectors][VECTOR_DIMS] */
	float	   *inverse_norm;	/* [vectors] */
} UserActivations;

/* The user tower: where the way back begins. */
typedef struct UserGradients
{
	float	   *dtemperature;	/* [vectors] retrieval: by its logarithm */
	union
	{
		float	   *dunit;		/* [vectors][VECTOR_DIMS] retrieval */
		float	   *draw;
	};
} UserGradients;

/* The users of a batch.  Shared; a shard of rows owns its own. */
typedef struct BatchUsers
{
	UserActivations forward;	/* [slots] */
	UserGradients back;			/* [slots] */
} BatchUsers;

/* The movies of a batch, [max_movies].  Shared; a shard of movies owns its own. */
typedef struct BatchMovies
{
	float	   *raw;			/* [movies][VECTOR_DIMS] */
	union
	{
		float	   *dunit;		/* [movies][VECTOR_DIMS] retrieval */
		float	   *draw;
	};
	float	   *did;			/* [movies][width of MOVIE_ID], by the id's embedding; in
								 * ranking draw itself */

	/* ranking */
	float	   *half;			/* [movies][RANKER_HIDDEN1] their part of the first layer */

	/* retrieval */
	float	   *x;				/* [movies][movie_inputs] */
	float	   *hidden;			/* [movies][movie_hidden] */
	float	   *unit;			/* [movies][VECTOR_DIMS] */
	float	   *inverse_norm;	/* [movies] */
} BatchMovies;

/*
 * The rows of a batch, [slots]: what the movies and the update need of them.  Shared; a
 * shard of rows owns its own.
 */
typedef struct BatchRows
{
	float	   *dmovie;			/* [slots][VECTOR_DIMS] by the vectors of their movies */

	/* ranking */
	union
	{
		float	   *out1;		/* [slots][RANKER_HIDDEN1] of the first layer */
		float	   *dhalf;		/* the gradient by the movie's half of the layer */
	};
	float	   *statistics;		/* [N_SHARDS][STATISTICS] of batch normalization */
} BatchRows;

#define STATISTICS (2 * (RANKER_HIDDEN1 + RANKER_HIDDEN2))

/* Work space for a shard.  Private. */
typedef struct StepWork
{
	float	   *dhidden;		/* [vectors][user_hidden] */
	float	   *dgate;			/* [RECENT_LEVELS][RECENT_DIMS] */
	float	   *features;		/* [movies][n_features] */

	/* ranking */
	RankerActivations ranker;	/* of the rows of a shard */
	float	   *dhalf;			/* [movies][RANKER_HIDDEN1] sums over the rows of each */

	/* retrieval */
	float	   *movie_tower;	/* movie_tower_backward's */
} StepWork;

/* Carves the activations of n vectors. */
extern void user_activations_carve(UserActivations *activations, Arena *arena,
								   const StageShape *shape, int64_t n);

/* Carve the shared memory of trainer->users, movies and rows, the private memory of work. */
extern void step_carve_shared(Trainer *trainer, Arena *arena);
extern void step_carve_private(Trainer *trainer, Arena *arena);

/* The learning rate of a step, the first of which is 0. */
extern float step_rate(const Trainer *trainer, int64_t step);

/* One step of training on a batch of the epoch. */
extern void step_train(Trainer *trainer, int32_t epoch, int64_t batch);

/* The activations of the vectors from one on. */
static inline UserActivations
user_activations_from(const UserActivations *all, const StageShape *shape, int64_t first)
{
	return (UserActivations) {
		.x = all->x + first * shape->user_inputs,
		.hidden = all->hidden + first * shape->user_hidden,
		.recent_scale = all->recent_scale + first * RECENT_SUMS,
		.bias = all->bias + first,
		.raw = all->raw + first * VECTOR_DIMS,
		.temperature = all->temperature + first,
		.unit = all->unit + first * VECTOR_DIMS,
		.inverse_norm = all->inverse_norm + first
	};
}

/* Where the inputs of the vectors from one on are gathered. */
static inline UserInputs
user_inputs_from(const UserActivations *all, const StageShape *shape, int64_t first)
{
	return (UserInputs) {all->x + first * shape->user_inputs, all->bias + first,
		all->recent_scale + first * RECENT_SUMS};
}

#endif							/* MLREC_TRAIN_STEP_H */
