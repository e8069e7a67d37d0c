/*
 * trainer.h: trains one stage, alone or with others.
 *
 * All participants of a team run trainer_run on the same shared memory and
 * meet at barriers.  Memory is the caller's: a shared block, the same for all,
 * and a private block for each.
 */
#ifndef MLREC_TRAIN_TRAINER_H
#define MLREC_TRAIN_TRAINER_H

#include "num/data/batch.h"
#include "num/data/statistics.h"
#include "num/net/adam.h"
#include "num/net/history.h"
#include "num/net/ranker.h"
#include "num/net/recents.h"
#include "num/net/tensors.h"
#include "num/net/tower.h"
#include "num/train/share.h"

typedef struct TrainOptions
{
	int32_t		batch_size;
	int32_t		epochs;			/* at most */
	int32_t		patience;		/* epochs on a plateau before the end */
	float		learning_rate;
	bool		all_epochs;		/* the rate rises to learning_rate and stays there for
								 * the epochs, all of which are run; else it is halved on
								 * plateaus */
	float		like_threshold; /* a rating from here on is a like */
	float		softmax_weight; /* of the softmax over the catalogue, 0: none */
	float		recents_dropout;	/* share of segments that are shown as long after:
									 * without the history in order */
	float		id_dropout;		/* share of segments whose user is shown as unknown */
	float		history_dropout;	/* share of segments whose user is shown as a
									 * newcomer: no history, no id */
	float		sums_dropout;	/* of the sums over a history */
	float		tower_dropout;	/* of the user tower's hidden layer */
	float		weight_decay;	/* L2 penalty of the embedding tables */
	bool		anonymous;		/* every user is shown as unknown */
	bool		events;			/* rows are no ratings, ratings.h: retrieval learns by
								 * the softmax alone */
	bool		early_stopping; /* false: all epochs, the rates as given */
	const float *rates;			/* [epochs] with early_stopping off, else NULL */
	uint64_t	seed;
} TrainOptions;

/*
 * Sets the dropouts and the weight decay of a stage.  few_rows says how
 * much oftener the rows are gone through than enough rows are: from 0, not at all, to 1.
 */
extern void trainer_default_regularisation(TrainOptions *options, Stage stage,
										   bool random_split, float few_rows);

/* The others that train with us. */
typedef struct Team
{
	int			participant;	/* 0 is the leader */
	int			n_participants; /* with more than N_SHARDS some have no shards */
	void		(*barrier) (void *arg); /* returns once all have called it; may
										 * not return if training is cancelled */
	void	   *arg;
	void		(*check_interrupts) (void); /* called often between barriers; may not return
											 * either */
} Team;

/* What an epoch brought; NaN: not a metric of the stage. */
typedef struct EpochReport
{
	int32_t		epoch;			/* counts from 1 */
	float		train_loss;		/* ranking: in squared deviations, as val_loss */
	float		val_loss;
	float		val_auc;
	float		val_rmse;		/* on the data's scale */
	float		val_mae;
	Share		share;			/* ranking: of the networks' part */
	float		learning_rate;
	bool		is_best;
} EpochReport;

typedef struct Trainer Trainer;

/* Bytes of memory: of the shared block, of each private block. */
extern size_t trainer_shared_size(const StageShape *shape, const Ratings *ratings,
								  const TrainOptions *options);
extern size_t trainer_private_size(const StageShape *shape, const Ratings *ratings,
								   const TrainOptions *options);

/*
 * Makes a trainer in private memory.  ratings and movies must outlive it.
 */
extern Trainer *trainer_attach(void *shared, void *private, const StageShape *shape,
							   const Ratings *ratings, const MovieStatistics *movie_stats,
							   const TrainOptions *options, const Team *team);

/*
 * Called by the leader before anybody begins: fills the shared block, with the
 * first parameters random or, where start [stage_size] is not NULL, those.
 */
extern void trainer_begin(Trainer *trainer, const float *start);

/*
 * Trains until patience or epochs run out; then the parameters are the best
 * ones.  report is called in the leader after each epoch and may be NULL in
 * the others.
 */
extern void trainer_run(Trainer *trainer, void (*report) (void *arg, const EpochReport *),
						void *arg);

/* The share of the best epoch: of the parameters. */
extern Share trainer_share(const Trainer *trainer);

/* The parameters: [stage_size] floats in shared memory; during report the validated ones. */
extern const float *trainer_params(const Trainer *trainer);

#endif							/* MLREC_TRAIN_TRAINER_H */
