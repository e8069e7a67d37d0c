/*
 * stages.c: see stages.h.
 */
#include "postgres.h"

#include <math.h>

#include "utils/memutils.h"

#include "num/train/warm_start.h"
#include "pg/train/parallel.h"
#include "pg/train/stages.h"
#include "pg/util/interrupts.h"

/*
 * Refitting goes on from the tuned parameters: what it has to add is the
 * validation rows, which are the latest.  Beginning anew, for all the epochs that
 * turned out best, takes more than twice as long and predicts no better.  Ranking
 * goes on for an epoch for each REFIT_SHARE that turned out best, REFIT_EPOCHS at most:
 * more than that overfits few ratings.
 */
#define REFIT_EPOCHS 3
#define REFIT_SHARE 3

/*
 * Retrieval is trained at RETRIEVAL_RATE times the rate of the ranking stage, which its
 * averages allow, and refitted in one epoch at a low rate.  Few ratings are gone through
 * more often, for about as many steps as a million ratings take.
 */
#define RETRIEVAL_RATE 4.0f
#define RETRIEVAL_REFIT_RATE 1.0f
#define RETRIEVAL_EPOCHS 6
#define RETRIEVAL_MAX_EPOCHS 20
#define RETRIEVAL_STEPS 1500

static void
alloc_statistics(MovieStatistics *movie_stats, int32 n_users, int32 n_movies)
{
	movie_stats->ratings = palloc(sizeof(int32) * n_movies);
	movie_stats->popularity = palloc(sizeof(float) * n_movies);
	movie_stats->bias = palloc(sizeof(float) * n_movies);
	movie_stats->user_bias = palloc_extended(sizeof(float) * (Size) n_users, MCXT_ALLOC_HUGE);
	movie_stats->sum = palloc_extended(sizeof(double) * (Size) n_movies, MCXT_ALLOC_HUGE);
}

void
stages_init(Training *training)
{
	const Ratings *ratings = &training->dataset->ratings;

	alloc_statistics(&training->movie_stats, ratings->n_users, ratings->n_movies);
	for (Stage stage = 0; stage < N_STAGES; stage++)
		training->rates[stage] = palloc0(sizeof(float) * Max(training->options.epochs[stage],
															 RETRIEVAL_MAX_EPOCHS));
}

/* What parallel.c calls after each epoch. */
static void
report_epoch(void *arg, const EpochReport *epoch)
{
	Training   *training = arg;
	Stage		stage = training->report.stage;

	train_report_epoch(&training->report, epoch);
	if (epoch->is_best && !training->report.refitting)
		training->rates[stage][training->n_kept[stage]++] = epoch->learning_rate;
}

/* The epochs of the retrieval stage that so many ratings need. */
static int32
epochs_needed(const Training *training)
{
	BatchPlan	plan;

	batch_plan(&plan, &training->dataset->ratings, training->options.batch_size);
	return Max(RETRIEVAL_EPOCHS,
			   Min(RETRIEVAL_STEPS / plan.n_batches + 1, RETRIEVAL_MAX_EPOCHS));
}

/* Those that are run. */
static int32
retrieval_epochs(const Training *training)
{
	int32		given = training->options.epochs[STAGE_RETRIEVAL];

	return given > 0 ? given : epochs_needed(training);
}

/* From 0, where there are enough ratings, to 1. */
static float
few_rows(const Training *training)
{
	return (float) (epochs_needed(training) - RETRIEVAL_EPOCHS) /
		(RETRIEVAL_MAX_EPOCHS - RETRIEVAL_EPOCHS);
}

/* How the rate of a stage goes. */
static void
set_schedule(TrainOptions *options, const Training *training, Stage stage)
{
	bool		refitting = training->report.refitting;

	options->all_epochs = stage == STAGE_RETRIEVAL;
	if (options->all_epochs)
	{
		options->epochs = refitting ? 1 : retrieval_epochs(training);
		options->learning_rate *= refitting ? RETRIEVAL_REFIT_RATE : RETRIEVAL_RATE;
		return;
	}
	if (!refitting)
		return;
	options->epochs = Min((training->n_kept[stage] + REFIT_SHARE - 1) / REFIT_SHARE, REFIT_EPOCHS);
	options->early_stopping = false;
	options->rates = training->rates[stage] + training->n_kept[stage] - options->epochs;
}

/* The options of one stage's training. */
static TrainOptions
stage_options(const Training *training, Stage stage)
{
	const OptionValues *values = &training->options;
	TrainOptions options = {
		.batch_size = batch_size_for(values->batch_size,
									 training->dataset->ratings.n_train_rows),
		.epochs = values->epochs[stage],
		.patience = values->patience,
		.learning_rate = values->learning_rate,
		.like_threshold = values->like_threshold,
		.softmax_weight = stage == STAGE_RETRIEVAL ? values->softmax_weight : 0,
		.seed = values->seed,
		.anonymous = !values->user_ids,
		.events = training->dataset->ratings.weight != NULL,
		.early_stopping = true,
	};

	trainer_default_regularisation(&options, stage,
								   training->dataset->ratings.leave_one_out,
								   few_rows(training));
	set_schedule(&options, training, stage);
	return options;
}

/* The parameters to start from, NULL for random ones. */
static float *
first_params(const Training *training, Stage stage)
{
	const StageShape *shape = &training->shape[stage];
	float	   *params;

	if (training->start == NULL)
		return NULL;
	params = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(float) * stage_size(shape));
	stage_init(params, shape, training->options.seed);
	warm_start(params, shape, &training->dataset->ratings, training->dataset->names,
			   training->start);
	return params;
}

/* Refuses a stage that would take more memory than is allowed. */
static void
check_memory(const ParallelJob *job, Size limit)
{
	Size		needed = parallel_memory(job);

	if (limit > 0 && needed > limit)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("training needs more memory than is allowed"),
				 errdetail("The %s stage with " INT64_FORMAT " ratings, %d movies and %d workers "
						   "needs %zu MB, the limit is %zu MB.",
						   train_report_stage(job->shape->stage), job->ratings->n_rows,
						   job->shape->n_movies, job->workers, needed >> 20, limit >> 20),
				 errhint("Raise mlrec.training_memory, or lower workers or batch_size.")));
}

static void
train_stage(Training *training, Stage stage)
{
	TrainOptions options = stage_options(training, stage);
	ParallelJob job = {
		.shape = &training->shape[stage],
		.ratings = &training->dataset->ratings,
		.movie_stats = &training->movie_stats,
		.options = &options,
		.workers = training->options.workers,
		.shortage_level = training->shortage_level,
		.report = report_epoch,
		.arg = training,
	};
	float	   *start;
	Share		share;
	int			n_workers;

	train_report_begin(&training->report, stage);
	if (training->params[stage])
		pfree(training->params[stage]);
	check_memory(&job, training->memory_limit);
	job.start = start = first_params(training, stage);
	training->params[stage] = parallel_train(&job, &n_workers, &share);
	if (stage == STAGE_RANKING && !training->report.refitting)
		training->share = share;
	if (start)
		pfree(start);
	if (n_workers < job.workers)
		training->shortage_level = DEBUG1;	/* once is enough */
	if (training->n_kept[stage] == 0)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("training of the %s stage diverged", train_report_stage(stage)),
				 errdetail("No epoch left finite numbers, with a learning rate of %g.",
						   training->options.learning_rate),
				 errhint("Lower learning_rate.")));
}

/* Events have no ratings to predict: the networks of that stage have no part. */
static void
leave_untrained(Training *training, Stage stage)
{
	const StageShape *shape = &training->shape[stage];

	if (training->params[stage])
		pfree(training->params[stage]);
	training->params[stage] = MemoryContextAllocHuge(CurrentMemoryContext,
													 sizeof(float) * stage_size(shape));
	stage_init(training->params[stage], shape, training->options.seed);
	training->share.share = 0;
	training->share.rmse = training->share.base_rmse = NAN;
}

void
stages_train(Training *training)
{
	const Ratings *ratings = &training->dataset->ratings;
	int32		n_users = 0;

	movie_statistics(&training->movie_stats, ratings, training->options.like_threshold,
					 check_interrupts);
	for (int32 user = 0; user < ratings->n_users; user++)
		n_users += ratings->n_train[user] > 0;
	for (Stage stage = 0; stage < N_STAGES; stage++)
	{
		stage_shape(&training->shape[stage], stage, n_users, ratings->n_movies,
					ratings->n_genres, ratings->n_values,
					training->options.history ? HISTORY_DIMS : 0);
		if (stage == STAGE_RANKING && ratings->weight != NULL)
			leave_untrained(training, stage);
		else
			train_stage(training, stage);
	}
}
