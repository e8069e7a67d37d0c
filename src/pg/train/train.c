/*
 * train.c: train_recommender.
 *
 * Phases: options are checked; the relations are read, encoded and split; each
 * stage is trained, by stages.c, on the train ratings with the validation rows
 * deciding when to stop; the order by relevance is tuned on the validation
 * rows; with refit both stages go on for a few epochs on all training rows, ranking at
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
#include "pg/data/dataset.h"
#include "pg/evaluate/measure.h"
#include "pg/store/cache.h"
#include "pg/store/store.h"
#include "pg/train/activation.h"
#include "pg/train/report.h"
#include "pg/train/stages.h"
#include "pg/train/train.h"
#include "pg/util/compat.h"
#include "pg/util/huge_alloc.h"
#include "pg/util/interrupts.h"
#include "pg/util/relations.h"

/* The chance of events where there is no validation part to tell: of the order alone. */
#define UNTOLD_INTERCEPT -10

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
		.order = training->order,
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
	training->order = (RelevanceOrder) {
		.cosine_weight = file->temperature / softmax_temperature,
		.rating_weight = file->relevance_rating,
		.newcomers_popular = file->newcomers_popular,
		.live = file->in_order
	};
	training->chance_intercept = file->chance_intercept;
	training->chance_slope = file->chance_slope;
	train_report_relevance(file, &training->dataset->ratings, training->ndcg,
						   training->popularity_ndcg);
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
	stages_train(training);
	file = make_model_file(training);
	return file;
}

/*
 * The weights of the order by relevance, that of the predicted rating for a unit of
 * the data's scale, whether it follows what a user has just rated, whether newcomers get
 * popularity's, and what it reached on the validation rows if there were any, as a JSON
 * object.
 */
static char *
relevance_json(const Training *training, const ModelFileHeader *file)
{
	/* refitting moves it a little */
	float		cosine = file->temperature > 2 * NO_TEMPERATURE ? file->temperature : 0;
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfo(&json, "{\"cosine\": %.9g, \"rating\": %.9g, \"popularity\": 1",
					 cosine, file->relevance_rating / file->deviation);
	appendStringInfo(&json, ", \"live\": %s, \"newcomers_popular\": %s",
					 file->in_order ? "true" : "false",
					 file->newcomers_popular ? "true" : "false");
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

/* What the relations hold, checked, and room for what is counted of its movies. */
static void
load_dataset(Training *training, const SplitOptions *split, Oid ratings, Oid movies, Oid users)
{
	training->temporary = relation_is_temporary(ratings) || relation_is_temporary(movies) ||
		relation_is_temporary(users);
	training->memory_limit = (Size) training_memory * 1024;
	training->dataset = dataset_load(ratings, movies, users, split, training->memory_limit);
	dataset_warn(training->dataset);
	check_dataset(training->dataset, ratings);
	options_decide(&training->options, training->dataset);
	training->chance_intercept = UNTOLD_INTERCEPT;
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
	Training	training = {
		.options = options_get(fcinfo), .order = UNTUNED_ORDER, .chance_slope = 1
	};
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
		train_report_seen(&before->entry, &training.dataset->ratings, relation_quoted(ratings));
	training.model_id = store_next_id();
	stages_init(&training);

	stages_train(&training);
	train_report_share(&training.share, training.movie_stats.deviation);
	file = make_model_file(&training);
	activate = decide_activation(&training, file, ratings);
	file = final_model_file(&training, &split, file);
	train_report_put(&training.report,
					 store(&training, file, activate, ratings, movies, users), result);

	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	return (Datum) 0;
}
