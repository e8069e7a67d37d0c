/*
 * trainer_state.h: what a trainer is made of, for trainer.c, step.c, update.c
 * and retrieval_loss.c only.
 *
 * A step has these phases, with a barrier behind each:
 *
 *	movies	vectors of the movies that the batch needs			(movies shared out)
 *	rows	user vectors, head and loss							(rows shared out)
 *	softmax	retrieval: over the movies, for some liked rows at a
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

#include "num/train/trainer.h"

/* With more movies than this the softmax is over the movies of the batch. */
#define MAX_FULL_SOFTMAX 8192

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

/* A segment as it is shown in one step. */
typedef struct BatchSegment
{
	const Segment *segment;
	int32_t		user_row;		/* of USER_ID; 0: unknown, or shown so */
	bool		with_history;	/* whether the user's ratings are known, not hidden */
	bool		with_recents;	/* the history in order, too */
	int32_t		slot;			/* of its first row; shard s owns slots from
								 * s * shard_rows on */
	int32_t		vector;			/* its first among the shard's user vectors */
	int32_t		n_vectors;		/* its n_rows, or 1 if they know the same ratings */
} BatchSegment;

/* A row that takes part in the softmax. */
typedef struct SampledRow
{
	int32_t		slot;
	int32_t		user;
	int64_t		row;
	float		weight;			/* of its cross-entropy in the loss */
} SampledRow;

/* The batch at hand; every participant describes it to itself. */
typedef struct Batch
{
	int32_t		n_segments;
	int32_t		first_segment[N_SHARDS + 1];
	BatchSegment *segments;
	int32_t		n_rows;
	int32_t		shard_rows[N_SHARDS];	/* rows in each shard */
	int32_t		shard_vectors[N_SHARDS];	/* user vectors in each shard */
	int32_t    *vector;			/* [slots] place in the shard's user vectors */
	int32_t    *movie;			/* [slots] catalogue index */
	int32_t    *place;			/* [slots] place in movies */
	float	   *rating;			/* [slots]; ranking: standardised */
	int32_t		n_sampled;
	int32_t		first_sampled[N_SHARDS + 1];
	SampledRow *sampled;		/* [slots] */
	int32_t		n_movies;
	int32_t    *movies;			/* [max_movies] the movies of the step */
	int32_t    *movie_row;		/* [max_movies] their rows of MOVIE_ID, 0 if
								 * unknown or shown so */
	int32_t    *first_row;		/* [max_movies + 1] of each, in rows */
	int32_t    *rows;			/* [slots] slots, movie by movie */
	int32_t    *place_of;		/* [n_movies] place in movies, -1: not there */
	uint64_t	key;			/* of the step's random numbers */
} Batch;

/* Rows of a table that a step's gradient has reached. */
typedef struct DirtyRows
{
	int32_t    *row;
	int32_t		n;
	uint8_t    *mark;
} DirtyRows;

/* Activations of the user tower. */
typedef struct UserActivations
{
	float	   *x;				/* [vectors][user_inputs], then its gradient */
	float	   *hidden;			/* [vectors][user_hidden] */
	float	   *recent_scale;	/* [vectors][RECENT_SUMS], see recents.h */
	float	   *temperature;	/* [vectors] retrieval */
	float	   *dtemperature;	/* [vectors] gradient by its logarithm */
	float	   *raw;			/* [vectors][VECTOR_DIMS] */
	float	   *bias;			/* [vectors] the user's as of the moment */
	float	   *unit;			/* retrieval */
	float	   *inverse_norm;
	float	   *dout;			/* [vectors][VECTOR_DIMS] */
} UserActivations;

/* Rows of the softmax at a time; with MovieLens 1M a batch has fewer. */
#define SOFTMAX_ROWS 384

/* The softmax over movies: its parts are the shards of movies. */
typedef struct SoftmaxWork
{
	float	   *offset;			/* [max_movies] added to the cosines */
	float	   *query;			/* [slots][VECTOR_DIMS] temperature * user */
	float	   *dquery;			/* [N_SHARDS][slots][VECTOR_DIMS] */
	SoftmaxPart *part;			/* [N_SHARDS][slots] */
	float	   *logits;			/* private: [SOFTMAX_ROWS][max_movies] */
	float	   *shares;			/* private: [SOFTMAX_ROWS][VECTOR_DIMS] */
} SoftmaxWork;

struct Trainer
{
	StageShape	shape;
	const Ratings *ratings;
	MovieStatistics movie_stats;
	TrainOptions options;
	Team		team;
	BatchPlan	plan;
	int32_t		slots;			/* N_SHARDS * shard_rows */
	int32_t		max_movies;
	int64_t		n_validation;

	/* shared */
	Control    *control;
	float	   *params;
	float	   *best;
	float	   *m;
	float	   *v;
	float	   *dtables;		/* gradients of the tables, zero between steps */
	float	   *dweights;		/* [N_SHARDS][n_weights] */
	Segment    *segments;
	int32_t    *order;
	int32_t    *user_row;		/* [n_users] rows of USER_ID */
	int32_t    *history_movie;	/* [n_rows] movie, -1 without train ratings */
	float	   *deviation;		/* [n_rows] what the movie's bias leaves of it */
	uint8_t    *level;			/* [n_rows] see recents.h, like the decay */
	float	   *decay;			/* [n_rows] since the row before of the same user */
	UserActivations user;		/* [slots] */
	float	   *dslot;			/* [slots][VECTOR_DIMS] */
	double	   *loss;			/* [N_SHARDS] */
	float	   *validation;		/* [n_validation] scores or predictions */
	float	   *validation_base;	/* [n_validation] ranking: biases alone; of events
									 * the cosines of other movies */
	int32_t    *validation_movie;	/* events: [n_validation] */
	float	   *movie_raw;		/* [max_movies][VECTOR_DIMS] */
	float	   *dmovie;			/* [max_movies][VECTOR_DIMS] */
	float	   *dmovie_id;		/* [max_movies][width of MOVIE_ID] */
	float	   *statistics;		/* ranking: [N_SHARDS][STATISTICS] */
	float	   *movie_half;		/* ranking: [max_movies][RANKER_HIDDEN1] */
	float	   *dhalf;			/* ranking: [slots][RANKER_HIDDEN1] of the first
								 * layer, its outputs until the gradient is there */
	float	   *movie_x;		/* retrieval, from here on: [max_movies][movie_inputs] */
	float	   *movie_hidden;
	float	   *movie_unit;
	float	   *movie_inverse_norm;
	SoftmaxWork softmax;

	/* private */
	Batch		batch;
	UserActivations validated;	/* [VALIDATION_ROWS] */
	float	   *history;		/* [2 * history] a running sum */
	Recents		recents;		/* likewise */
	float	   *gate;			/* [RECENT_LEVELS][RECENT_DIMS] of this step */
	float	   *dgate;			/* likewise; gradients, of a shard */
	float	   *dsums;			/* [RECENT_SUMS][RECENT_DIMS] */
	float	   *drecent;		/* [RECENT_BLOCK][RECENT_DIMS] */
	uint8_t    *owns_movie;		/* [n_movies + 1] whether a row of HISTORY is ours */
	int32_t    *own_movie;		/* [longest history + 1] movies of one that are;
								 * in the softmax the places of those that
								 * this participant works on */
	float	   *own_deviation;
	float	   *dhidden;		/* [vectors of a shard][user_hidden] */
	RankerActivations ranker;
	DirtyRows	dirty_history;
	DirtyRows	dirty_recents;
	DirtyRows	dirty_movies;
	DirtyRows	dirty_users;
	float	   *movie_features; /* [movies of a shard][n_features] */
	float	   *movie_work;
	float	   *movie_dhalf;	/* ranking: [movies of a shard][RANKER_HIDDEN1] */
	FoldedRanker *folded;
	float	   *scratch;		/* validation */
	uint64_t   *metric_scratch;
};

#define STATISTICS (2 * (RANKER_HIDDEN1 + RANKER_HIDDEN2))

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

/* Rows that are validated at a time. */
#define VALIDATION_ROWS 512

/* Whether the movies of a step are the whole catalogue. */
static inline bool
full_softmax(const Trainer *trainer)
{
	return with_softmax(trainer) && trainer->shape.n_movies <= MAX_FULL_SOFTMAX;
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

/* The user vectors of a shard of rows. */
static inline UserActivations
user_shard(const Trainer *trainer, int shard)
{
	const UserActivations *all = &trainer->user;
	int64_t		first = (int64_t) shard * trainer->plan.shard_rows;
	UserActivations activations = {
		.x = all->x + first * trainer->shape.user_inputs,
		.hidden = all->hidden + first * trainer->shape.user_hidden,
		.recent_scale = all->recent_scale + first * RECENT_SUMS,
		.temperature = all->temperature + first,
		.dtemperature = all->dtemperature + first,
		.raw = all->raw + first * VECTOR_DIMS,
		.bias = all->bias + first,
		.unit = all->unit + first * VECTOR_DIMS,
		.inverse_norm = all->inverse_norm + first,
		.dout = all->dout + first * VECTOR_DIMS
	};

	return activations;
}

/* What is gathered for vectors from a place on. */
static inline UserActivations
user_vectors(const UserActivations *all, const StageShape *shape, int64_t first)
{
	return (UserActivations) {.x = all->x + first * shape->user_inputs,
		.bias = all->bias + first, .recent_scale = all->recent_scale + first * RECENT_SUMS};
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

/*
 * The inputs of the first n_vectors rows of what is shown for the user tower: x, bias,
 * the user's before each row, and recent_scale of activations that begin with the
 * first of them.  Used in training and validation alike.
 */
extern void gather_segment(UserActivations to, Trainer *trainer, const BatchSegment *shown);

/* The gates of this step's parameters, for whoever gathers. */
extern void gather_gates(Trainer *trainer);

/* The rows of a user as recents.h wants them; row 0 is the user's first. */
static inline RecentRows
recent_rows(const Trainer *trainer, int32_t user)
{
	int64_t		start = trainer->ratings->start[user];

	return (RecentRows) {trainer->history_movie + start, trainer->level + start,
		trainer->decay + start};
}

/*
 * From which row on a user's rows still matter to the history in order of the first
 * row of a segment.
 */
extern int32_t recents_first(const Trainer *trainer, const Segment *segment);

/*
 * A step backwards through the history in order of a segment, for both who need the
 * gradient.  Goes through the rows that its rows know, from the last one back, up to
 * RECENT_BLOCK at a time: `use` gets the gradients of what n rows from `from` on, of
 * the user's, have added to the sums: trainer->drecent [n][RECENT_DIMS].
 */
extern void recents_walk_back(Trainer *trainer, const BatchSegment *shown, const float *dx,
							  void (*use) (Trainer *trainer, const RecentRows *rows,
										   int32_t from, int32_t n));

/* Rows of recents_walk_back at a time. */
#define RECENT_BLOCK 64

/* The bias of a movie as it is shown: row of MOVIE_ID, 0 for the unknown one. */
static inline float
movie_bias(const Trainer *trainer, int32_t movie_row)
{
	return movie_row > 0 ? trainer->movie_stats.bias[movie_row - 1] : 0;
}

/* How many rows of its user a row's history has, and whether itself is among them. */
static inline int32_t
history_end(const Ratings *ratings, int32_t user, int64_t row, bool *itself)
{
	*itself = ratings->leave_one_out && row < ratings->start[user] + ratings->n_train[user];
	return ratings->leave_one_out ? ratings->n_train[user] : ratings->prefix[row];
}

/*
 * Gathers the features of n movies, given as catalogue indices: out
 * [n][n_features].
 */
extern void gather_features(float *out, const Trainer *trainer, const int32_t *movie, int32_t n);

/* The learning rate of a step, the first of which is 0. */
extern float step_rate(const Trainer *trainer, int64_t step);

/* Events: fills validation_movie, once. */
extern void list_validation(Trainer *trainer);

/* Scores the validation rows; users are shared out. */
extern void validate(Trainer *trainer);

/* Fills the report's metrics; returns the error, which is to be made small. */
extern float measure_validation(Trainer *trainer, EpochReport *report);

/* Fills owns_movie, once. */
extern void update_own_movies(Trainer *trainer);

/* The phase `update` of a step: Adam on all that the batch has reached. */
extern void step_update(Trainer *trainer);

/* One step of training on a batch of the epoch. */
extern void step_train(Trainer *trainer, int32_t epoch, int64_t batch);

/*
 * The retrieval head.  retrieval_rows: the cross-entropy of a shard of rows, and
 * what the softmax asks.  retrieval_softmax: the answers, and the gradient of the
 * chances by this participant's movies; has barriers of its own. retrieval_users:
 * the gradient of a shard's user vectors, in user.dout. retrieval_movies: that of
 * a shard of movies' unit vectors by the softmax, in dmovie.
 */
extern void retrieval_rows(Trainer *trainer, int shard);
extern void retrieval_softmax(Trainer *trainer);
extern void retrieval_users(Trainer *trainer, int shard);
extern void retrieval_movies(Trainer *trainer, int shard);

#endif							/* MLREC_TRAIN_TRAINER_STATE_H */
