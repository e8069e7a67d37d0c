/*
 * evaluate.c: evaluate_recommender(), a model measured on its test part.
 *
 * The ratings are read anew, as the invoker, and split where training split
 * them: at the last training row by time, or by the same draw.  What came after
 * training is later than that row and belongs to the test part, so a model can
 * be measured on ratings that did not exist when it was trained.
 */
#include "postgres.h"

#include <math.h>

#include "pg/util/compat.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

#include "pg/data/dataset.h"
#include "pg/data/remap.h"
#include "pg/evaluate/measure.h"
#include "pg/serve/serve.h"
#include "pg/store/cache.h"
#include "pg/store/store.h"

#define N_COLUMNS 5

/* Test ratings that live lists are asked for at the most */
#define LIVE_QUESTIONS 20000

PG_FUNCTION_INFO_V1(mlrec_evaluate_recommender);

/* ----------------------------------------------------------------- the split */

static bool
split_is(const StoreEntry *entry, const char *name)
{
	JsonbValue	value;

	if (!store_json_value(entry->options, "split", &value) || value.type != jbvString)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("recommender model %d was stored without its split", entry->model_id),
				 errhint("Train a new model.")));
	return value.val.string.len == strlen(name) &&
		memcmp(value.val.string.val, name, strlen(name)) == 0;
}

static double
option_number(const StoreEntry *entry, const char *name)
{
	double		number;

	if (!store_json_number(entry->options, name, &number))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("recommender model %d was stored without its %s", entry->model_id, name),
				 errhint("Train a new model.")));
	return number;
}

/* The split of the training, found again. */
static void
find_split(SplitOptions *split, const StoreEntry *entry)
{
	memset(split, 0, sizeof(*split));
	split->leave_last = split_is(entry, "leave_last");
	if (split->leave_last)
		return;
	if (split_is(entry, "random"))
	{
		split->random = true;
		split->seed = entry->seed;
		split->test_fraction = option_number(entry, "test_fraction");
		return;
	}
	split->has_boundary = true;
	split->boundary.time = entry->boundary_time;
	split->boundary.user_id = entry->boundary_user;
	split->boundary.movie_id = entry->boundary_movie;
}

/*
 * Whatever the split was found by, a figure is worth nothing if the model has
 * seen what came later: no training row may be after a test row.
 */
static void
check_chronology(const Dataset *dataset, const StoreEntry *entry)
{
	const Ratings *ratings = &dataset->ratings;
	int64		last_trainval = PG_INT64_MIN;
	int64		first_test = PG_INT64_MAX;

	for (int32 user = 0; user < ratings->n_users; user++)
	{
		int64		test = ratings->start[user] + ratings->n_trainval[user];

		for (int64 row = ratings->start[user]; row < test; row++)
			last_trainval = Max(last_trainval, dataset->ratings.time[row]);
		for (int64 row = test; row < ratings->start[user + 1]; row++)
			first_test = Min(first_test, dataset->ratings.time[row]);
	}
	if (last_trainval > first_test)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("training ratings of recommender model %d are later than test ratings",
						entry->model_id),
				 errhint("Train the model again.")));
}

/*
 * The model's data, read and split; refuses if there is nothing to test on.
 */
static Dataset *
load_test_data(CachedModel *model, const StoreEntry *entry)
{
	StoreRelations relations;
	SplitOptions split;
	Dataset    *dataset;

	store_find_relations(entry, &relations);
	serve_check_columns(model, &relations);
	find_split(&split, entry);
	dataset = dataset_load(relations.ratings, relations.movies, relations.users, &split, 0);
	if (dataset->ratings.n_trainval_rows == dataset->ratings.n_rows)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("recommender model %d has no test part", entry->model_id),
				 entry->test_ratings > 0 ?
				 errdetail("Its %lld test ratings are no longer in %s.",
						   (long long) entry->test_ratings, entry->ratings) :
				 errdetail("It was trained on all ratings of %s.", entry->ratings),
				 entry->test_ratings > 0 ?
				 errhint("Bring them back, wait for newer ratings, or train a new model.") :
				 errhint("Train with test_fraction above 0, or wait for newer ratings.")));
	if (!split.random && !split.leave_last)
		check_chronology(dataset, entry);
	else if (split.random)
		ereport(NOTICE,
				(errmsg("recommender model %d has no live metrics", entry->model_id),
				 errdetail("Its split is random: without times, or apart from them, nothing is "
						   "known of what came before a rating.")));
	return dataset;
}

/* -------------------------------------------------------------- the function */

/* The model to measure; NULL stands for the active one. */
static void
find_model(FunctionCallInfo fcinfo, int argno, StoreEntry *entry)
{
	int32		model_id = store_model_argument(fcinfo, argno);

	if (model_id != 0 && !store_read(model_id, GetActiveSnapshot(), entry))
		store_no_model(model_id);
	if (model_id == 0 && !store_read_active(GetActiveSnapshot(), entry))
		store_none_active();
}

static void
put_metrics(ReturnSetInfo *result, const Evaluation *evaluation, EvaluateProtocol protocol,
			EvaluateSystem system, EvaluateUsers users)
{
	const double *value = evaluation->value[protocol][system][users];

	for (EvaluateMetric metric = 0; metric < N_METRICS; metric++)
	{
		char	   *name = measure_metric_name(metric, evaluation->top_k, evaluation->top_n);
		Datum		row[N_COLUMNS] = {CStringGetTextDatum(measure_protocol_name(protocol)),
								CStringGetTextDatum(measure_system_name(system)),
								CStringGetTextDatum(measure_users_name(users)),
								CStringGetTextDatum(name), Float8GetDatum(value[metric])};
		bool		isnull[N_COLUMNS] = {false};

		if (!isnan(value[metric]))
			tuplestore_putvalues(result->setResult, result->setDesc, row, isnull);
	}
}

static void
put_evaluation(ReturnSetInfo *result, const Evaluation *evaluation)
{
	for (EvaluateProtocol protocol = 0; protocol < N_PROTOCOLS; protocol++)
		for (EvaluateSystem system = 0; system < N_SYSTEMS; system++)
			for (EvaluateUsers users = 0; users < N_USER_GROUPS; users++)
				put_metrics(result, evaluation, protocol, system, users);
}

/*
 * evaluate_recommender(model_id int, top_k_retrieve int, top_n_final int)
 */
Datum
mlrec_evaluate_recommender(PG_FUNCTION_ARGS)
{
	EvaluateOptions options = {
		.top_k = serve_count(fcinfo, 1, "top_k_retrieve", 1),
		.top_n = serve_count(fcinfo, 2, "top_n_final", 1),
		.live_ratings = true,
		.live_lists = true,
		.live_questions = LIVE_QUESTIONS,
	};
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "mlrec evaluation",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller;
	StoreEntry	entry;
	CachedModel *model;
	Ratings		ratings;

	InitMaterializedSRF(fcinfo, 0);
	caller = MemoryContextSwitchTo(context);
	find_model(fcinfo, 0, &entry);
	model = cache_get(entry.model_id);
	remap_ratings(&ratings, load_test_data(model, &entry), model);
	put_evaluation((ReturnSetInfo *) fcinfo->resultinfo,
				   measure_model(&ratings, model->model, &options));
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	return (Datum) 0;
}
