/*
 * train.c: train_recommender.
 *
 * Phases: options are checked; the relations are read, encoded and split; each
 * stage is trained, by parallel.c, on the train ratings with the validation rows
 * deciding when to stop; the order by relevance is tuned on the validation
 * rows; with refit both stages go on for a few epochs on all training rows, at
 * the last rates that brought something; the model is measured on the test rows,
 * which no decision has seen; it is stored.
 *
 * Nothing is written before the last phase, so a failed or cancelled training
 * leaves nothing behind but a gap in the numbers of models.
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "num/eval/relevance.h"
#include "num/model/erase.h"
#include "num/train/export.h"
#include "num/train/warm_start.h"
#include "pg/data/dataset.h"
#include "pg/evaluate/measure.h"
#include "pg/store/cache.h"
#include "pg/store/store.h"
#include "pg/train/activation.h"
#include "pg/train/options.h"
#include "pg/train/parallel.h"
#include "pg/train/report.h"
#include "pg/train/train.h"
#include "pg/util/compat.h"
#include "pg/util/huge_alloc.h"
#include "pg/util/interrupts.h"
#include "pg/util/relations.h"

/*
 * Refitting goes on from the tuned parameters: what it has to add is the
 * validation rows, which are the latest.  Beginning anew, for all the epochs that
 * turned out best, takes more than twice as long and predicts no better.
 */
#define REFIT_EPOCHS 3

/*
 * Retrieval is trained in one cycle of the rate, up to RETRIEVAL_RATE times that of the
 * ranking stage, and refitted in a low one of one epoch.  Few ratings are gone through
 * more often, for about as many steps as a million ratings take.
 */
#define RETRIEVAL_RATE 4.0f
#define RETRIEVAL_REFIT_RATE 1.0f
#define RETRIEVAL_EPOCHS 4
#define RETRIEVAL_MAX_EPOCHS 20
#define RETRIEVAL_STEPS 1500

/* Of events the softmax is the only loss, and takes the weight of the other one too. */
#define EVENTS_SOFTMAX 3

/* The chance of events where there is no validation part to tell: of the order alone. */
#define UNTOLD_INTERCEPT -10

/* A model in the making. */
typedef struct Training
{
	OptionValues options;
	Dataset    *dataset;
	MovieStatistics movie_stats;
	StageShape	shape[N_STAGES];
	float	   *params[N_STAGES];
	int			n_kept[N_STAGES];	/* epochs that brought something */
	float	   *rates[N_STAGES];	/* their learning rates */
	Share		share;			/* of the networks in a prediction, see ranker.h */
	float		cosine_weight;	/* of the order by relevance, as in export.h */
	float		relevance_rating;
	float		chance_intercept;	/* of events, as in model_file.h */
	float		chance_slope;
	double		ndcg;			/* by relevance, on the validation rows */
	double		popularity_ndcg;
	int32		model_id;		/* of the new model */
	const ModelFileHeader *start;	/* the model to go on from, or NULL */
	bool		temporary;		/* one of the relations is */

	int			shortage_level; /* of the message that there are too few workers */
	TrainReport report;
} Training;

PG_FUNCTION_INFO_V1(mlrec_train_recommender);

/* mlrec.training_memory, in kB; 0: no limit */
static int	training_memory = 4 * 1024 * 1024;

void
train_define_settings(void)
{
	DefineCustomIntVariable("mlrec.training_memory",
							"Memory that one train_recommender() may take.",
							"Before ratings are read, and before a stage is trained, its needs "
							"are estimated and compared. 0 is no limit.",
							&training_memory, training_memory, 0, MAX_KILOBYTES,
							PGC_USERSET, GUC_UNIT_KB, NULL, NULL, NULL);
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

/* The epochs of the retrieval stage, unless they are given. */
static int32
retrieval_epochs(const Training *training)
{
	BatchPlan	plan;

	if (training->options.epochs[STAGE_RETRIEVAL] > 0)
		return training->options.epochs[STAGE_RETRIEVAL];
	batch_plan(&plan, &training->dataset->ratings, training->options.batch_size);
	return Max(RETRIEVAL_EPOCHS,
			   Min(RETRIEVAL_STEPS / plan.n_batches + 1, RETRIEVAL_MAX_EPOCHS));
}

/* How the rate of a stage goes. */
static void
set_schedule(TrainOptions *options, const Training *training, Stage stage)
{
	bool		refitting = training->report.refitting;

	options->one_cycle = stage == STAGE_RETRIEVAL;
	if (options->one_cycle)
	{
		options->epochs = refitting ? 1 : retrieval_epochs(training);
		options->learning_rate *= refitting ? RETRIEVAL_REFIT_RATE : RETRIEVAL_RATE;
		return;
	}
	if (!refitting)
		return;
	options->epochs = Min(training->n_kept[stage], REFIT_EPOCHS);
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
		.softmax_weight = stage == STAGE_RETRIEVAL ? values->softmax_weight *
			(training->dataset->ratings.weight ? EVENTS_SOFTMAX : 1) : 0,
		.seed = values->seed,
		.anonymous = !values->user_ids,
		.events = training->dataset->ratings.weight != NULL,
		.early_stopping = true,
	};

	trainer_default_regularisation(&options);
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
check_memory(const ParallelJob *job)
{
	Size		needed = parallel_memory(job);
	Size		limit = (Size) training_memory * 1024;

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
	check_memory(&job);
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

/* Counts, shapes and both stages, for the split as it is. */
static void
train_stages(Training *training)
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

/* Says what the networks add to the biases. */
static void
tell_share(const Training *training)
{
	const Share *share = &training->share;
	double		deviation = training->movie_stats.deviation;

	if (isnan(share->rmse))
		return;
	if (share->share > 0)
		ereport(NOTICE,
				(errmsg("ranking: validation RMSE %.4g with %.2f of what the networks add to the "
						"biases, %.4g by the biases alone", deviation * share->rmse,
						share->share, deviation * share->base_rmse)));
	else
		ereport(NOTICE,
				(errmsg("ranking: predicted ratings are those of user and movie biases alone"),
				 errdetail("On the validation ratings the networks do not predict better than the "
						   "biases, whose RMSE is %.4g.", deviation * share->base_rmse),
				 errhint("More ratings teach the networks more.")));
}

/*
 * Makes every user the unknown one, as it was in a training without ids; until
 * store() takes them out, the model file has users all the same, for searches of
 * large catalogues to be tried with.
 */
static void
forget_ids(float *params, const StageShape *shape)
{
	const float *unknown = params + shape->offset[TENSOR_USER_ID];

	for (int32 user = 1; user <= shape->n_users && shape->user_id > 0; user++)
		memcpy(params + shape->offset[TENSOR_USER_ID] + (int64) user * shape->user_id, unknown,
			   sizeof(float) * shape->user_id);
}

/* The model as a model file, not finalized. */
static ModelFileHeader *
make_model_file(const Training *training)
{
	const Dataset *dataset = training->dataset;
	ExportInput input = {
		.ratings = &dataset->ratings,
		.second = dataset->facts.second,
		.movie_stats = &training->movie_stats,
		.names = dataset->names,
		.names_length = dataset->names_length,
		.cosine_weight = training->cosine_weight,
		.relevance_rating = training->relevance_rating,
	};
	ModelFileHeader header = {
		.share = training->share.share,
		.min_rating = dataset->min_rating,
		.max_rating = dataset->max_rating,
		.like_threshold = training->options.like_threshold,
		.chance_intercept = training->chance_intercept,
		.chance_slope = training->chance_slope,
		.events = dataset->ratings.weight != NULL,
		.min_year = dataset->min_year,
		.max_year = dataset->max_year,
		.median_year = dataset->median_year,
	};
	ModelFileHeader *file;
	void	   *scratch;

	for (Stage stage = 0; stage < N_STAGES; stage++)
	{
		if (!training->options.user_ids)
			forget_ids(training->params[stage], &training->shape[stage]);
		input.params[stage] = training->params[stage];
		input.shape[stage] = &training->shape[stage];
	}
	file = alloc_aligned(export_layout(&header, &input), MCXT_ALLOC_ZERO);
	scratch = alloc_aligned(export_scratch(&input), 0);
	export_model_file(file, &header, &input, check_interrupts, scratch);
	return file;
}

/*
 * A model of a temporary relation is of use to this session alone: active, it would
 * keep all others from being served.
 */
static bool
may_be_active(const Training *training)
{
	if (!training->temporary || training->options.activate == ACTIVATE_NEVER)
		return !training->temporary;
	ereport(NOTICE,
			(errmsg("model %d is not activated", training->model_id),
			 errdetail("It was trained on a temporary relation, which other sessions cannot read."),
			 errhint("Use it in this session with model_id => %d.", training->model_id)));
	return false;
}

/* Says what the order by relevance reaches. */
static void
tell_relevance(const Training *training)
{
	if (isnan(training->ndcg))
		return;
	if (training->ndcg > training->popularity_ndcg)
		ereport(NOTICE,
				(errmsg("relevance: validation NDCG@10 %.4f, by popularity alone %.4f",
						training->ndcg, training->popularity_ndcg)));
	else
		ereport(NOTICE,
				(errmsg("relevance: the order by relevance is that of popularity"),
				 errdetail("On the validation ratings the networks do not order movies better "
						   "than popularity, whose NDCG@10 is %.4f.", training->popularity_ndcg),
				 errhint("More ratings teach the networks more.")));
}

/*
 * Chooses the weights of the order by relevance on the validation rows, and
 * decides whether the model will be the active one.
 */
static bool
decide_activation(Training *training, ModelFileHeader *file, Oid ratings)
{
	NewModel	new_model = {
		.model_id = training->model_id,
		.relation = relation_quoted(ratings),
		.dataset = training->dataset,
		.file = file,
	};
	void	   *scratch = alloc_aligned(relevance_scratch(file, &training->dataset->ratings), 0);
	float		softmax_temperature = file->temperature;

	new_model.ndcg = relevance_tune(file, &training->dataset->ratings,
									&new_model.popularity_ndcg, check_interrupts,
									scratch);
	free_aligned(scratch);
	training->ndcg = new_model.ndcg;
	training->popularity_ndcg = new_model.popularity_ndcg;
	training->cosine_weight = file->temperature / softmax_temperature;
	training->relevance_rating = file->relevance_rating;
	training->chance_intercept = file->chance_intercept;
	training->chance_slope = file->chance_slope;
	tell_relevance(training);
	if (!may_be_active(training))
		return false;
	switch (training->options.activate)
	{
		case ACTIVATE_NEVER:
			return false;
		case ACTIVATE_IF_BETTER:
			return activation_gate_passes(&new_model);
		case ACTIVATE_ALWAYS:
			break;
	}
	return true;
}

/* Whether refitting has anything to add. */
static bool
has_validation(const Dataset *dataset)
{
	return dataset->ratings.n_train_rows < dataset->ratings.n_trainval_rows;
}

/* Goes on from the tuned model with everything that is not test. */
static ModelFileHeader *
refit(Training *training, const SplitOptions *split, const ModelFileHeader *tuned)
{
	SplitOptions all = *split;
	ModelFileHeader *file;

	all.refit = true;
	dataset_resplit(training->dataset, &all);
	training->report.refitting = true;
	training->start = tuned;
	train_stages(training);
	file = make_model_file(training);
	return file;
}

/*
 * The weights of the order by relevance, that of the predicted rating for a unit of
 * the data's scale, and what it reached on the validation rows if there were any, as a
 * JSON object.
 */
static char *
relevance_json(const Training *training, const ModelFileHeader *file)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfo(&json, "{\"cosine\": %.9g, \"rating\": %.9g, \"popularity\": 1",
					 file->temperature, file->relevance_rating / file->deviation);
	if (!isnan(training->ndcg))
		appendStringInfo(&json, ", \"" ACTIVATION_NDCG "\": %.6g, \"popularity_ndcg@10\": %.6g",
						 training->ndcg, training->popularity_ndcg);
	appendStringInfoChar(&json, '}');
	return json.data;
}

/* Measures the model, finalized now, and stores it; returns its number. */
static int32
store(const Training *training, ModelFileHeader *file, bool activate,
	  Oid ratings, Oid movies, Oid users)
{
	const Dataset *dataset = training->dataset;
	const OptionValues *options = &training->options;
	Model	   *model = alloc_aligned(model_size(), 0);
	StoreEntry	entry = {
		.model_id = training->model_id,
		.ratings = relation_quoted(ratings),
		.movies = OidIsValid(movies) ? relation_quoted(movies) : NULL,
		.users = OidIsValid(users) ? relation_quoted(users) : NULL,
		.train_ratings = dataset->ratings.n_trainval_rows,
		.test_ratings = dataset->ratings.n_rows - dataset->ratings.n_trainval_rows,
		.seed = options->seed,
		.options = options_json(options),
		.comment = options->comment,
	};

	if (!options->random_split && !options->leave_last)
	{
		entry.boundary_time = dataset->boundary.time;
		entry.boundary_user = dataset->boundary.user_id;
		entry.boundary_movie = dataset->boundary.movie_id;
	}
	if (!options->user_ids)
	{
		erase_users(file, 0, file->n_users);
		store_hide_boundary(&entry);
	}
	model_file_finalize(file);
	model_open(model, file);
	if (entry.test_ratings > 0)
		entry.metrics = measure_summary(&dataset->ratings, model);
	entry.relevance = relevance_json(training, file);
	entry.epochs = psprintf("[%s]", training->report.epochs->data);
	store_save(&entry, file, file->size, activate);
	return entry.model_id;
}

static void
alloc_statistics(MovieStatistics *movie_stats, int32 n_users, int32 n_movies)
{
	movie_stats->ratings = palloc(sizeof(int32) * n_movies);
	movie_stats->popularity = palloc(sizeof(float) * n_movies);
	movie_stats->bias = palloc(sizeof(float) * n_movies);
	movie_stats->user_bias = palloc_extended(sizeof(float) * (Size) n_users, MCXT_ALLOC_HUGE);
	movie_stats->sum = palloc_extended(sizeof(double) * (Size) n_movies, MCXT_ALLOC_HUGE);
}

/* What training cannot do without. */
static void
check_dataset(const Dataset *dataset, Oid ratings)
{
	if (dataset->ratings.n_train_rows == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("no ratings left to train on"),
				 errdetail("Of the ratings in %s, " INT64_FORMAT " in number, all are kept for "
						   "test and validation.",
						   relation_quoted(ratings), dataset->ratings.n_rows),
				 errhint("Lower test_fraction or validation_fraction, or add ratings.")));
}

/* The model to start from. */
static const CachedModel *
find_before(const OptionValues *options)
{
	CachedModel *before;

	if (options->from_model == 0)
		return NULL;
	before = cache_get(options->from_model);
	if ((before->header->history > 0) != options->history)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("model %d was trained with history => %s", options->from_model,
						before->header->history > 0 ? "true" : "false"),
				 errhint("Continue from it with the same setting, or train without from_model.")));
	return before;
}

/*
 * Warns if the model to start from was trained on what is now to be tested on:
 * figures would be better than the model is.
 */
static void
warn_of_seen(const CachedModel *before, const Dataset *dataset, Oid relation)
{
	const Ratings *ratings = &dataset->ratings;
	const StoreEntry *entry = &before->entry;
	int64		n_test = ratings->n_rows - ratings->n_trainval_rows;
	int64		n_seen = 0;

	if (!activation_has_boundary(entry) || strcmp(entry->ratings, relation_quoted(relation)) != 0)
		return;
	for (int32 user = 0; user < ratings->n_users; user++)
		for (int64 row = ratings->start[user] + ratings->n_trainval[user];
			 row < ratings->start[user + 1]; row++)
			n_seen += !activation_is_later(ratings, user, row, entry);
	if (n_seen > 0)
		ereport(WARNING,
				(errmsg("model %d was trained on " INT64_FORMAT " of the " INT64_FORMAT
						" test ratings", entry->model_id, n_seen, n_test),
				 errdetail("The test metrics of a model that goes on from it say nothing."),
				 errhint("Use a test_fraction so small that the test part is later, or train "
						 "without from_model.")));
}

/* What the relations hold, checked, and room for what is counted of its movies. */
static void
load_dataset(Training *training, const SplitOptions *split, Oid ratings, Oid movies, Oid users)
{
	training->temporary = relation_is_temporary(ratings) || relation_is_temporary(movies) ||
		relation_is_temporary(users);
	training->dataset = dataset_load(ratings, movies, users, split,
									 (Size) training_memory * 1024);
	dataset_warn(training->dataset);
	check_dataset(training->dataset, ratings);
	options_decide(&training->options, training->dataset);
	training->chance_intercept = UNTOLD_INTERCEPT;
	alloc_statistics(&training->movie_stats, training->dataset->ratings.n_users,
					 training->dataset->ratings.n_movies);
}

/* Room for the learning rate of each epoch. */
static void
alloc_rates(Training *training)
{
	for (Stage stage = 0; stage < N_STAGES; stage++)
		training->rates[stage] = palloc0(sizeof(float) * Max(training->options.epochs[stage],
															 RETRIEVAL_MAX_EPOCHS));
}

/* The file to be stored: with refit, of a model trained on the validation ratings too. */
static ModelFileHeader *
final_model_file(Training *training, const SplitOptions *split, ModelFileHeader *tuned)
{
	if (training->options.refit && has_validation(training->dataset))
		return refit(training, split, tuned);
	if (tuned->length[MODEL_FILE_INDEX] > 0)
		return make_model_file(training);	/* with an index tried at its temperature */
	return tuned;
}

/*
 * train_recommender(ratings regclass, movies regclass, users regclass, options ...)
 */
Datum
mlrec_train_recommender(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Training	training = {.options = options_get(fcinfo), .cosine_weight = 1, .chance_slope = 1};
	const OptionValues *options = &training.options;
	Oid			ratings = relation_argument(fcinfo, 0, "ratings", false);
	Oid			movies = relation_argument(fcinfo, 1, "movies", true);
	Oid			users = relation_argument(fcinfo, 2, "users", true);
	SplitOptions split = {
		.test_fraction = options->test_fraction,
		.validation_fraction = options->validation_fraction,
		.random = options->random_split,
		.leave_last = options->leave_last,
		.seed = options->seed,
	};
	MemoryContext context;
	MemoryContext caller;
	const CachedModel *before;
	ModelFileHeader *file;
	bool		activate;

	PreventCommandIfReadOnly("train_recommender()");
	PreventCommandIfParallelMode("train_recommender()");
	InitMaterializedSRF(fcinfo, 0);
	context = AllocSetContextCreate(CurrentMemoryContext, "train_recommender",
									ALLOCSET_DEFAULT_SIZES);
	caller = MemoryContextSwitchTo(context);
	before = find_before(options);
	training.start = before ? before->header : NULL;
	train_report_init(&training.report);
	/* who asked for workers is warned, who left it to us merely told */
	training.shortage_level = options->workers_given ? WARNING : NOTICE;
	load_dataset(&training, &split, ratings, movies, users);
	if (before)
		warn_of_seen(before, training.dataset, ratings);
	training.model_id = store_next_id();
	alloc_rates(&training);

	train_stages(&training);
	tell_share(&training);
	file = make_model_file(&training);
	activate = decide_activation(&training, file, ratings);
	file = final_model_file(&training, &split, file);
	train_report_put(&training.report,
					 store(&training, file, activate, ratings, movies, users), result);

	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	return (Datum) 0;
}
