/*
 * options.c: the named options of train_recommender.
 *
 * An option out of range, or NULL where that means nothing, is an error that
 * names the option, the value and the range.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/lsyscache.h"

#include "num/data/batch.h"
#include "num/data/statistics.h"
#include "pg/train/options.h"

/* Places of the arguments, behind the three relations. */
enum
{
	ARG_TEST_FRACTION = 3,
	ARG_VALIDATION_FRACTION,
	ARG_SPLIT,
	ARG_BATCH_SIZE,
	ARG_LEARNING_RATE,
	ARG_RETRIEVAL_EPOCHS,
	ARG_RANKING_EPOCHS,
	ARG_PATIENCE,
	ARG_SEED,
	ARG_WORKERS,
	ARG_ACTIVATE,
	ARG_LIKE_THRESHOLD,
	ARG_SOFTMAX_WEIGHT,
	ARG_HISTORY,
	ARG_USER_IDS,
	ARG_FROM_MODEL,
	ARG_REFIT,
	ARG_COMMENT
};

#define MAX_EPOCHS 1000
#define MAX_BATCH_SIZE 65536
#define DEFAULT_WORKERS 1

/* Shares of the training ratings: more likes, or fewer, say little */
#define MAX_LIKES 0.95
#define MIN_LIKES 0.02

static void
require(FunctionCallInfo fcinfo, int arg, const char *name)
{
	if (PG_ARGISNULL(arg))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("option \"%s\" must not be null", name),
				 errhint("Leave the option out to have its default.")));
}

static double
number_option(FunctionCallInfo fcinfo, int arg, const char *name, double min, double max)
{
	double		value;

	require(fcinfo, arg, name);
	value = PG_GETARG_FLOAT8(arg);
	if (!(value >= min && value <= max))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"%s\" is %g, outside the range %g to %g", name, value, min, max)));
	return value;
}

static int32
integer_option(FunctionCallInfo fcinfo, int arg, const char *name, int32 min, int32 max)
{
	int32		value;

	require(fcinfo, arg, name);
	value = PG_GETARG_INT32(arg);
	if (value < min || value > max)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"%s\" is %d, outside the range %d to %d", name, value, min, max)));
	return value;
}

static bool
boolean_option(FunctionCallInfo fcinfo, int arg, const char *name)
{
	require(fcinfo, arg, name);
	return PG_GETARG_BOOL(arg);
}

/* split => 'chronological', 'random' or 'leave_last' */
static void
split_option(FunctionCallInfo fcinfo, OptionValues *values)
{
	char	   *value;

	require(fcinfo, ARG_SPLIT, "split");
	value = text_to_cstring(PG_GETARG_TEXT_PP(ARG_SPLIT));
	values->random_split = strcmp(value, "random") == 0;
	values->leave_last = strcmp(value, "leave_last") == 0;
	if (!values->random_split && !values->leave_last && strcmp(value, "chronological") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"split\" is \"%s\"", value),
				 errhint("Use 'chronological', 'random' or 'leave_last'.")));
}

/* activate => 'true', 'false' or 'if_better', of the enum type mlrec_activation */
static ActivateMode
activate_mode(FunctionCallInfo fcinfo)
{
	char	   *label;

	require(fcinfo, ARG_ACTIVATE, "activate");
	label = DatumGetCString(DirectFunctionCall1(enum_out, PG_GETARG_DATUM(ARG_ACTIVATE)));
	if (strcmp(label, "true") == 0)
		return ACTIVATE_ALWAYS;
	return strcmp(label, "false") == 0 ? ACTIVATE_NEVER : ACTIVATE_IF_BETTER;
}

OptionValues
options_get(FunctionCallInfo fcinfo)
{
	OptionValues values = {0};

	values.test_fraction = number_option(fcinfo, ARG_TEST_FRACTION, "test_fraction", 0, 0.9);
	values.validation_fraction = number_option(fcinfo, ARG_VALIDATION_FRACTION,
											   "validation_fraction", 0, 0.5);
	split_option(fcinfo, &values);
	values.batch_size = integer_option(fcinfo, ARG_BATCH_SIZE, "batch_size", 1, MAX_BATCH_SIZE);
	values.learning_rate = number_option(fcinfo, ARG_LEARNING_RATE, "learning_rate", 1e-7, 1);
	values.epochs[STAGE_RETRIEVAL] = PG_ARGISNULL(ARG_RETRIEVAL_EPOCHS) ? 0 :
		integer_option(fcinfo, ARG_RETRIEVAL_EPOCHS, "retrieval_epochs", 1, MAX_EPOCHS);
	values.epochs[STAGE_RANKING] = integer_option(fcinfo, ARG_RANKING_EPOCHS, "ranking_epochs",
												  1, MAX_EPOCHS);
	values.patience = integer_option(fcinfo, ARG_PATIENCE, "patience", 0, MAX_EPOCHS);
	require(fcinfo, ARG_SEED, "seed");
	values.seed = PG_GETARG_INT64(ARG_SEED);
	values.workers_given = !PG_ARGISNULL(ARG_WORKERS);
	values.workers = !values.workers_given ? DEFAULT_WORKERS :
		integer_option(fcinfo, ARG_WORKERS, "workers", 0, N_SHARDS - 1);
	values.activate = activate_mode(fcinfo);
	values.like_threshold = PG_ARGISNULL(ARG_LIKE_THRESHOLD) ? NAN :
		number_option(fcinfo, ARG_LIKE_THRESHOLD, "like_threshold", -FLT_MAX, FLT_MAX);
	values.softmax_weight = number_option(fcinfo, ARG_SOFTMAX_WEIGHT, "softmax_weight", 0, 100);
	values.history = boolean_option(fcinfo, ARG_HISTORY, "history");
	values.user_ids = boolean_option(fcinfo, ARG_USER_IDS, "user_ids");
	values.from_model = PG_ARGISNULL(ARG_FROM_MODEL) ? 0 :
		integer_option(fcinfo, ARG_FROM_MODEL, "from_model", 1, PG_INT32_MAX);
	values.refit = boolean_option(fcinfo, ARG_REFIT, "refit");
	if (!PG_ARGISNULL(ARG_COMMENT))
		values.comment = text_to_cstring(PG_GETARG_TEXT_PP(ARG_COMMENT));
	return values;
}

/* Says what is a like, and warns if nearly everything is, or nearly nothing. */
static void
report_likes(const OptionValues *values, double share)
{
	bool		says_little = share > MAX_LIKES || share < MIN_LIKES;

	ereport(says_little ? WARNING : NOTICE,
			(errmsg("a rating of %g or more is a like: %.1f %% of the training ratings are",
					values->like_threshold, 100 * share),
			 says_little ?
			 errdetail("Likes this %s tell the movies that a user goes for from others badly.",
					   share > MAX_LIKES ? "frequent" : "rare") : 0,
			 says_little ? errhint("Set the threshold with like_threshold.") : 0));
}

void
options_decide(OptionValues *values, const Dataset *dataset)
{
	const Ratings *ratings = &dataset->ratings;

	values->random_split = dataset->random;
	values->leave_last = values->leave_last && !dataset->random;
	if (isnan(values->like_threshold))
		values->like_threshold = default_like_threshold(ratings);
	if (ratings->weight == NULL)
		report_likes(values, like_share(ratings, values->like_threshold));
}

/* The shortest text that reads as the same number. */
static char *
float4_text(float value)
{
	return DatumGetCString(DirectFunctionCall1(float4out, Float4GetDatum(value)));
}

char *
options_json(const OptionValues *values)
{
	return psprintf("{\"test_fraction\": %.17g, \"validation_fraction\": %g, \"split\": \"%s\", "
					"\"batch_size\": %d, \"learning_rate\": %g, \"retrieval_epochs\": %s, "
					"\"ranking_epochs\": %d, \"patience\": %d, \"like_threshold\": %s, "
					"\"softmax_weight\": %g, \"history\": %s, \"user_ids\": %s, "
					"\"from_model\": %s, \"refit\": %s}",
					values->test_fraction, values->validation_fraction,
					values->random_split ? "random" :
					values->leave_last ? "leave_last" : "chronological",
					values->batch_size, values->learning_rate,
					values->epochs[STAGE_RETRIEVAL] == 0 ? "null" :
					psprintf("%d", values->epochs[STAGE_RETRIEVAL]),
					values->epochs[STAGE_RANKING], values->patience,
					float4_text((float) values->like_threshold),
					values->softmax_weight, values->history ? "true" : "false",
					values->user_ids ? "true" : "false",
					values->from_model ? psprintf("%d", values->from_model) : "null",
					values->refit ? "true" : "false");
}
