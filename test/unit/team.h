/*
 * team.h: training with several participants, as processes that share memory.
 * Never threads: the serial BLAS is not safe for those.
 */
#ifndef TEAM_H
#define TEAM_H

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "small_ratings.h"
#include "num/train/trainer_state.h"
#include "unit.h"

/* A team that hangs is killed after so many seconds. */
#define TEAM_SECONDS 300

#define TEAM_EPOCHS 20

/* What a training left behind. */
typedef struct Trained
{
	float	   *params;			/* [size] */
	int64_t		size;
	float	   *best;			/* [size] as they were at the last best epoch */
	int			n_epochs;
	EpochReport report[TEAM_EPOCHS];
	Trainer    *trainer;		/* the leader's, in memory that stays */
	StageShape	shape;
} Trained;

static inline void
team_wait(void *barrier)
{
	if (barrier)
		pthread_barrier_wait(barrier);
}

static inline void
team_report(void *arg, const EpochReport *report)
{
	Trained    *trained = arg;

	trained->report[trained->n_epochs++ % TEAM_EPOCHS] = *report;
	if (report->is_best)
		memcpy(trained->best, trainer_params(trained->trainer), sizeof(float) * trained->size);
}

/* Memory that forked processes share, full of NaN. */
static inline void *
team_memory(size_t size)
{
	void	   *block = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (block == MAP_FAILED)
	{
		perror("mmap");
		exit(1);
	}
	memset(block, 0xff, size);
	return block;
}

/* Private memory full of NaN too, for whoever reads what he has not written. */
static inline Trainer *
team_attach(void *shared, const StageShape *shape, const SmallRatings *data,
			const TrainOptions *options, const Team *team)
{
	size_t		size = trainer_private_size(shape, &data->ratings, options);
	void	   *private = aligned_alloc(ARENA_ALIGN, size);

	memset(private, 0xff, size);
	return trainer_attach(shared, private, shape, &data->ratings, &data->movie_stats, options,
						  team);
}

static inline StageShape
team_shape(Stage stage, const Ratings *ratings, int32_t history)
{
	StageShape	shape;
	int32_t		known = 0;

	for (int32_t user = 0; user < ratings->n_users; user++)
		known += ratings->n_train[user] > 0;
	stage_shape(&shape, stage, known, ratings->n_movies, ratings->n_genres, ratings->n_values,
				history);
	return shape;
}

static inline void
team_member(void *shared, const StageShape *shape, const SmallRatings *data,
			const TrainOptions *options, const Team *team)
{
	Trainer    *trainer;

	alarm(TEAM_SECONDS);
	trainer = team_attach(shared, shape, data, options, team);
	team_wait(team->arg);
	trainer_run(trainer, NULL, NULL);
	_exit(0);
}

/*
 * Trains with n participants, from start or, where that is NULL, from random
 * parameters.  The caller frees with team_free.
 */
static inline Trained
team_train(const SmallRatings *data, Stage stage, int32_t history, const TrainOptions *options,
		   int n, const float *start)
{
	Trained		trained = {.shape = team_shape(stage, &data->ratings, history)};
	void	   *shared = team_memory(trainer_shared_size(&trained.shape, &data->ratings, options));
	Team		team =
		{.n_participants = n, .barrier = team_wait, .check_interrupts = small_check_interrupts};
	pthread_barrierattr_t attributes;

	if (n > 1)
	{
		team.arg = team_memory(sizeof(pthread_barrier_t));
		pthread_barrierattr_init(&attributes);
		pthread_barrierattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
		pthread_barrier_init(team.arg, &attributes, n);
	}
	trained.size = stage_size(&trained.shape);
	trained.params = malloc(sizeof(float) * trained.size);
	trained.best = malloc(sizeof(float) * trained.size);
	fflush(stdout);
	for (team.participant = 1; team.participant < n; team.participant++)
		if (fork() == 0)
			team_member(shared, &trained.shape, data, options, &team);
	alarm(TEAM_SECONDS);
	team.participant = 0;
	trained.trainer = team_attach(shared, &trained.shape, data, options, &team);
	trainer_begin(trained.trainer, start);
	team_wait(team.arg);
	trainer_run(trained.trainer, team_report, &trained);
	memcpy(trained.params, trainer_params(trained.trainer), sizeof(float) * trained.size);
	for (int i = 1; i < n; i++)
	{
		int			status = -1;

		wait(&status);
		CHECK(status == 0);
	}
	alarm(0);
	return trained;
}

static inline void
team_free(Trained *trained, const SmallRatings *data, const TrainOptions *options)
{
	size_t		size = trainer_shared_size(&trained->shape, &data->ratings, options);

	munmap(trained->trainer->control, size);
	free(trained->trainer);
	free(trained->params);
	free(trained->best);
}

/* Is every parameter a number? */
static inline bool
team_all_finite(const Trained *trained)
{
	for (int64_t i = 0; i < trained->size; i++)
		if (!isfinite(trained->params[i]))
			return false;
	return true;
}

/* Options as train_recommender sets them, for one stage. */
static inline TrainOptions
team_options(Stage stage, int32_t batch_size, int32_t epochs)
{
	TrainOptions options = {
		.batch_size = batch_size,
		.epochs = epochs,
		.patience = 3,
		.learning_rate = 2e-3f,
		.like_threshold = LIKE_THRESHOLD,
		.softmax_weight = stage == STAGE_RETRIEVAL ? 0.1f : 0,
		.seed = 42,
		.early_stopping = true,
	};

	trainer_default_regularisation(&options, stage, false, 0);
	return options;
}

#endif							/* TEAM_H */
