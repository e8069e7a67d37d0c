/*
 * measure.c: an evaluation inside the server: memory, interrupts, names, JSON.
 */
#include "postgres.h"

#include <math.h>

#include "lib/stringinfo.h"

#include "pg/evaluate/measure.h"
#include "pg/util/huge_alloc.h"
#include "pg/util/interrupts.h"

/* What is stored with a model is measured with these. */
#define SUMMARY_TOP_K 200
#define SUMMARY_TOP_N 10
#define SUMMARY_LIST_USERS 10000
#define SUMMARY_LIST_SCORES 200000000	/* at the most: users times movies */

static const char *const protocol_names[N_PROTOCOLS] = {
	[PROTOCOL_STATIC] = "static",
	[PROTOCOL_LIVE] = "live",
	[PROTOCOL_LIVE_LISTS] = "live_lists",
};

static const char *const system_names[N_SYSTEMS] = {
	[SYSTEM_MLREC] = "mlrec",
	[SYSTEM_POPULARITY] = "popularity",
	[SYSTEM_BIAS] = "bias",
	[SYSTEM_ITEM_MEAN] = "item_mean",
	[SYSTEM_RECENT_7] = "popularity_recent_7_days",
	[SYSTEM_RECENT_30] = "popularity_recent_30_days",
};

static const char *const users_names[N_USER_GROUPS] = {
	[USERS_ALL] = "all",
	[USERS_WARM] = "warm",
	[USERS_COLD] = "cold",
};

/* A metric's name: stem, "@" with the size of the list it looks at, and order */
typedef enum ListSize
{
	NO_LIST,
	TOP_50,
	TOP_K,
	TOP_N
} ListSize;

static const struct
{
	const char *stem;
	ListSize	size;
	const char *order;
} metric_names[N_METRICS] = {
	[METRIC_RMSE] = {"rmse", NO_LIST, ""},
	[METRIC_MAE] = {"mae", NO_LIST, ""},
	[METRIC_AUC_RATING] = {"auc_rating", NO_LIST, ""},
	[METRIC_AUC_RETRIEVAL] = {"auc_retrieval", NO_LIST, ""},
	[METRIC_RECALL_K] = {"recall", TOP_K, ""},
	[METRIC_RECALL_50] = {"recall", TOP_50, ""},
	[METRIC_NDCG] = {"ndcg", TOP_N, ""},
	[METRIC_HIT] = {"hit", TOP_N, ""},
	[METRIC_MRR] = {"mrr", NO_LIST, ""},
	[METRIC_COVERAGE] = {"coverage", TOP_N, ""},
	[METRIC_HIT_RATING] = {"mean_rating_of_hits", NO_LIST, ""},
	[METRIC_RECALL_K_BY_RATING] = {"recall", TOP_K, "_by_rating"},
	[METRIC_NDCG_BY_RATING] = {"ndcg", TOP_N, "_by_rating"},
	[METRIC_HIT_BY_RATING] = {"hit", TOP_N, "_by_rating"},
	[METRIC_MRR_BY_RATING] = {"mrr", NO_LIST, "_by_rating"},
	[METRIC_COVERAGE_BY_RATING] = {"coverage", TOP_N, "_by_rating"},
	[METRIC_HIT_RATING_BY_RATING] = {"mean_rating_of_hits", NO_LIST, "_by_rating"},
	[METRIC_MEAN_RATING_K] = {"mean_rating", TOP_K, ""},
	[METRIC_CATALOGUE_MEAN] = {"catalogue_mean_rating", NO_LIST, ""},
	[METRIC_TEST_RATINGS] = {"test_ratings", NO_LIST, ""},
	[METRIC_QUERIES] = {"n_queries", NO_LIST, ""},
};

const char *
measure_protocol_name(EvaluateProtocol protocol)
{
	return protocol_names[protocol];
}

const char *
measure_system_name(EvaluateSystem system)
{
	return system_names[system];
}

const char *
measure_users_name(EvaluateUsers users)
{
	return users_names[users];
}

char *
measure_metric_name(EvaluateMetric metric, int32 top_k, int32 top_n)
{
	const char *stem = metric_names[metric].stem;
	const char *order = metric_names[metric].order;

	switch (metric_names[metric].size)
	{
		case NO_LIST:
			break;
		case TOP_50:
			return psprintf("%s@50%s", stem, order);
		case TOP_K:
			return psprintf("%s@%d%s", stem, top_k, order);
		case TOP_N:
			return psprintf("%s@%d%s", stem, top_n, order);
	}
	return psprintf("%s%s", stem, order);
}

Evaluation *
measure_model(const Ratings *ratings, const Model *model, const EvaluateOptions *options)
{
	Evaluation *evaluation = palloc(sizeof(Evaluation));
	EvaluateOptions own = *options;
	void	   *scratch;

	own.check_interrupts = check_interrupts;
	scratch = alloc_aligned(evaluate_scratch(ratings, model, &own), 0);
	evaluate_run(evaluation, ratings, model, &own, scratch);
	free_aligned(scratch);
	return evaluation;
}

/* ---------------------------------------------------------------------- JSON */

/*
 * "name": at the current end of an object, after a comma unless it is the
 * first there.  Names are our own and need no escapes.
 */
static void
append_key(StringInfo json, const char *name)
{
	if (json->data[json->len - 1] != '{')
		appendStringInfoString(json, ", ");
	appendStringInfo(json, "\"%s\": ", name);
}

/* The metrics that are defined, as an object. */
static void
append_metrics(StringInfo json, const Evaluation *evaluation, const double *value)
{
	appendStringInfoChar(json, '{');
	for (EvaluateMetric metric = 0; metric < N_METRICS; metric++)
	{
		if (isnan(value[metric]))
			continue;
		append_key(json, measure_metric_name(metric, evaluation->top_k, evaluation->top_n));
		appendStringInfo(json, "%.6g", value[metric]);
	}
	appendStringInfoChar(json, '}');
}

/* Whether anything is defined of n systems. */
static bool
has_metrics(const GroupValues *systems, int n)
{
	const double *value = &systems[0][0][0];

	for (int i = 0; i < n * N_USER_GROUPS * N_METRICS; i++)
		if (!isnan(value[i]))
			return true;
	return false;
}

/*
 * The table as nested objects, palloc'd:
 * {"static": {"mlrec": {"all": {"rmse": 0.93, ...}, ...}, ...}, "live": ...}.
 */
static char *
evaluation_json(const Evaluation *evaluation)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	for (EvaluateProtocol protocol = 0; protocol < N_PROTOCOLS; protocol++)
	{
		if (!has_metrics(evaluation->value[protocol], N_SYSTEMS))
			continue;
		append_key(&json, protocol_names[protocol]);
		appendStringInfoChar(&json, '{');
		for (EvaluateSystem system = 0; system < N_SYSTEMS; system++)
		{
			if (!has_metrics(&evaluation->value[protocol][system], 1))
				continue;
			append_key(&json, system_names[system]);
			appendStringInfoChar(&json, '{');
			for (EvaluateUsers users = 0; users < N_USER_GROUPS; users++)
			{
				append_key(&json, users_names[users]);
				append_metrics(&json, evaluation, evaluation->value[protocol][system][users]);
			}
			appendStringInfoChar(&json, '}');
		}
		appendStringInfoChar(&json, '}');
	}
	appendStringInfoChar(&json, '}');
	return json.data;
}

char *
measure_summary(const Ratings *ratings, const Model *model)
{
	EvaluateOptions options = {
		.top_k = SUMMARY_TOP_K,
		.top_n = SUMMARY_TOP_N,
		.list_users = Max(1, Min(SUMMARY_LIST_USERS,
								 SUMMARY_LIST_SCORES / Max(ratings->n_movies, 1))),
		.live_ratings = true,
	};
	Evaluation *evaluation = measure_model(ratings, model, &options);
	char	   *json = evaluation_json(evaluation);

	pfree(evaluation);
	return json;
}
