/*
 * trainer_state.h: what a trainer is made of, for trainer.c, step.c and
 * retrieval.c only.
 *
 * A step has four phases, with a barrier behind each:
 *
 *	films	retrieval: vectors of the films that the batch needs	(films shared out)
 *	rows	user vectors, head, loss, and back to the user inputs	(shards shared out)
 *	back	retrieval: from the films' gradients to their tower		(films shared out)
 *	update	Adam: weights by ranges, tables by columns				(numbers shared out)
 *
 * Ranking has no shared film vectors: its films are looked up row by row, and
 * it needs the second and the last phase only.
 *
 * Gradients of weights are summed shard by shard.  Gradients of the tables are
 * never summed between processes at all: each process goes through all rows of
 * the batch in the same order and takes only its own columns.  Hence the same
 * bits from any number of participants, and one gradient table for all.
 */
#ifndef TRAINER_STATE_H
#define TRAINER_STATE_H

#include "trainer.h"

/* With more films than this the softmax is over the films of the batch. */
#define MAX_FULL_SOFTMAX 8192

/* What the leader decides for all. */
typedef struct Control
{
	int64_t		step;			/* Adam steps taken */
	float		rate;
	float		best;			/* smallest validation error so far */
	int32_t		epochs_without; /* on a plateau, in a row */
	bool		is_best;
	bool		stop;
} Control;

/* A segment as it is shown in one step. */
typedef struct ShownSegment
{
	const Segment *segment;
	int32_t		user_row;		/* of USER_ID; 0: unknown, or shown so */
	bool		with_history;
	int32_t		slot;			/* of its first row; shard s owns slots from
								 * s * shard_rows on */
} ShownSegment;

/* The batch at hand; every participant describes it to itself. */
typedef struct Batch
{
	int32_t		n_segments;
	int32_t		first_segment[N_SHARDS + 1];
	ShownSegment *segments;
	int32_t		n_rows;
	int32_t		shard_rows[N_SHARDS];	/* rows in each shard */
	int32_t    *movie;			/* [slots] catalogue index */
	int32_t    *movie_row;		/* [slots] row of MOVIE_ID, 0 if shown as unknown */
	int32_t    *place;			/* [slots] retrieval: place in films */
	float	   *rating;			/* [slots] */
	uint8_t    *sampled;		/* [slots] the row takes part in the softmax */
	int32_t		n_sampled;
	int32_t		n_films;
	int32_t    *films;			/* [max_films] retrieval: the films of the step */
	int32_t    *film_row;		/* [max_films] their rows of MOVIE_ID */
	int32_t    *place_of;		/* [n_movies] place in films, -1: not there */
	uint64_t	key;			/* of the step's random numbers */
} Batch;

/* Rows of a table that a step's gradient has reached. */
typedef struct Touched
{
	int32_t    *row;
	int32_t		n;
	uint8_t    *mark;
} Touched;

/* Activations of the user tower for one shard. */
typedef struct UserTape
{
	float	   *x;				/* [rows][user_inputs] */
	float	   *hidden;			/* [rows][hidden] */
	float	   *raw;			/* [rows][VECTOR_DIMS] */
	float	   *unit;			/* retrieval */
	float	   *inverse_norm;
	float	   *dout;			/* [rows][VECTOR_DIMS] */
	float	   *dhidden;
	float	   *history;		/* [2 * history] a running sum */
	float	   *features;		/* [rows][n_features], ranking */
	int32_t    *movie_row;		/* [rows] */
} UserTape;

/* Rows of the softmax at a time. */
#define SOFTMAX_ROWS 64

/* Work space of the softmax over films. */
typedef struct SoftmaxWork
{
	float	   *logits;			/* [SOFTMAX_ROWS][max_films] */
	float	   *query;			/* [SOFTMAX_ROWS][VECTOR_DIMS] */
	float	   *dquery;
	float	   *offset;			/* [max_films] correction for sampled films */
	int32_t		slot[SOFTMAX_ROWS];
	int32_t		target[SOFTMAX_ROWS];
} SoftmaxWork;

struct Trainer
{
	StageShape	shape;
	const Ratings *ratings;
	FilmStatistics films;
	TrainOptions options;
	Team		team;
	BatchPlan	plan;
	int32_t		slots;			/* N_SHARDS * shard_rows */
	int32_t		max_films;
	int64_t		n_validation;

	/* shared */
	Control    *control;
	float	   *params;
	float	   *best;
	float	   *m;
	float	   *v;
	float	   *dtables;		/* gradients of the tables, zero between steps */
	float	   *dweights;		/* [N_SHARDS][n_weights], zero between steps */
	Segment    *segments;
	int32_t    *order;
	int32_t    *user_row;		/* [n_users] rows of USER_ID */
	int32_t    *history_movie;	/* [n_rows] film, -1 without fit rows */
	float	   *deviation;		/* [n_rows] rating - mean of the film */
	float	   *dx;				/* [slots][user_inputs] */
	float	   *dmovie;			/* [slots][VECTOR_DIMS] */
	double	   *loss;			/* [N_SHARDS] */
	float	   *validation;		/* [n_validation] scores or predictions */
	float	   *statistics;		/* ranking: [N_SHARDS][STATISTICS] */
	float	   *film_x;			/* retrieval, from here on: [max_films][movie_inputs] */
	float	   *film_hidden;
	float	   *film_raw;
	float	   *film_unit;
	float	   *film_inverse_norm;
	float	   *dfilm_softmax;	/* [N_SHARDS][max_films][VECTOR_DIMS] */
	float	   *dfilm;			/* [max_films][VECTOR_DIMS] */
	float	   *dfilm_id;		/* [max_films][ID_DIMS] */

	/* private */
	Batch		batch;
	UserTape	user;
	RankerTape	ranker;
	SoftmaxWork softmax;
	Touched		touched_history;
	Touched		touched_movies;
	Touched		touched_users;
	float	   *film_features;	/* [films of a shard][n_features] */
	float	   *film_work;
	FoldedRanker *folded;
	float	   *scratch;		/* validation */
	uint64_t   *metric_scratch;
};

#define STATISTICS (2 * (RANKER_HIDDEN1 + RANKER_HIDDEN2))

static inline bool
full_softmax(const Trainer *trainer)
{
	return trainer->options.softmax_weight > 0 && trainer->shape.n_movies <= MAX_FULL_SOFTMAX;
}

/* This participant's part of n things: from .. to - 1. */
static inline void
share_out(const Trainer *trainer, int64_t n, int64_t *from, int64_t *to)
{
	*from = n * trainer->team.participant / trainer->team.n_participants;
	*to = n * (trainer->team.participant + 1) / trainer->team.n_participants;
}

static inline void
barrier(const Trainer *trainer)
{
	trainer->team.barrier(trainer->team.arg);
}

static inline void
tick(const Trainer *trainer)
{
	trainer->team.tick();
}

/*
 * The inputs of a segment's rows for the user tower: x [n_rows][user_inputs].
 * Used in training and validation alike.
 */
extern void gather_segment(float *x, const Trainer *trainer, const Segment *segment,
						   int32_t user_row, bool with_history, float *sum);

/* How many rows of its user a row's history has, and whether itself is among them. */
static inline int32_t
history_end(const Ratings *ratings, int32_t user, int64_t row, bool *itself)
{
	*itself = ratings->leave_one_out && row < ratings->start[user] + ratings->n_fit[user];
	return ratings->leave_one_out ? ratings->n_fit[user] : ratings->prefix[row];
}

/* The phase `update` of a step: Adam on all that the batch has reached. */
extern void step_update(Trainer *trainer);

/* One step of training on a batch of the epoch. */
extern void step_train(Trainer *trainer, int32_t epoch, int64_t batch);

/*
 * The retrieval head for one shard: adds losses and gradients, and leaves the
 * gradient of the user vectors in user.dout.
 */
extern void retrieval_shard(Trainer *trainer, int shard);

#endif							/* TRAINER_STATE_H */
