/*
 * report.c: what the caller of train_recommender sees of it.
 *
 * A session learns that its client is gone when it sends something.  One whose
 * client_min_messages keeps notices back would go on to the end, for nobody,
 * and keep a background worker from others; enough of them, and nobody gets
 * any.  So each epoch looks whether the connection is still there.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/builtins.h"

#include "num/eval/relevance.h"
#include "pg/train/activation.h"
#include "pg/train/report.h"
#include "pg/util/compat.h"

/* Columns of the result */
#define RESULT_COLUMNS 11

static const char *const stage_names[N_STAGES] = {
	[STAGE_RETRIEVAL] = "retrieval",
	[STAGE_RANKING] = "ranking",
};

const char *
train_report_stage(Stage stage)
{
	return stage_names[stage];
}

/* A metric as a column: NaN is NULL. */
static void
set_metric(Datum *value, bool *isnull, float metric)
{
	*isnull = isnan(metric);
	*value = Float4GetDatum(metric);
}

static void
add_row(TrainReport *report, const EpochReport *epoch, float seconds)
{
	if (report->n_rows == report->capacity)
	{
		report->capacity *= 2;
		report->rows = repalloc(report->rows, sizeof(ReportRow) * report->capacity);
	}
	report->rows[report->n_rows++] = (ReportRow) {report->stage, *epoch, seconds};
}

static void
put_row(const ReportRow *row, int32 model_id, ReturnSetInfo *result)
{
	const EpochReport *epoch = &row->epoch;
	Datum		value[RESULT_COLUMNS];
	bool		isnull[RESULT_COLUMNS] = {false};

	value[0] = Int32GetDatum(model_id);
	value[1] = CStringGetTextDatum(stage_names[row->stage]);
	value[2] = Int32GetDatum(epoch->epoch);
	set_metric(&value[3], &isnull[3], epoch->train_loss);
	set_metric(&value[4], &isnull[4], epoch->val_loss);
	set_metric(&value[5], &isnull[5], epoch->val_auc);
	set_metric(&value[6], &isnull[6], epoch->val_rmse);
	set_metric(&value[7], &isnull[7], epoch->val_mae);
	value[8] = Float4GetDatum(epoch->learning_rate);
	value[9] = Float4GetDatum(row->seconds);
	value[10] = BoolGetDatum(epoch->is_best);
	tuplestore_putvalues(result->setResult, result->setDesc, value, isnull);
}

/* A metric as a member of a JSON object, which has neither NaN nor infinity. */
static void
append_metric(StringInfo json, const char *key, float metric)
{
	if (!isfinite(metric))
		appendStringInfo(json, ", \"%s\": null", key);
	else
		appendStringInfo(json, ", \"%s\": %s", key,
						 DatumGetCString(DirectFunctionCall1(float4out, Float4GetDatum(metric))));
}

static void
add_object(const TrainReport *report, const EpochReport *epoch, float seconds)
{
	StringInfo	json = report->epochs;

	appendStringInfo(json, "%s{\"stage\": \"%s\", \"epoch\": %d, \"refit\": %s, \"is_best\": %s",
					 json->len > 0 ? ", " : "", stage_names[report->stage], epoch->epoch,
					 report->refitting ? "true" : "false", epoch->is_best ? "true" : "false");
	append_metric(json, "train_loss", epoch->train_loss);
	append_metric(json, "val_loss", epoch->val_loss);
	append_metric(json, "val_auc", epoch->val_auc);
	append_metric(json, "val_rmse", epoch->val_rmse);
	append_metric(json, "val_mae", epoch->val_mae);
	append_metric(json, "learning_rate", epoch->learning_rate);
	append_metric(json, "seconds", seconds);
	appendStringInfoChar(json, '}');
}

/* Tells a person at psql how an epoch went. */
static void
announce(const TrainReport *report, const EpochReport *epoch, float seconds)
{
	const char *stage = stage_names[report->stage];
	const char *best = epoch->is_best && !report->refitting ? ", best so far" : "";

	if (!isnan(epoch->val_rmse))
		ereport(NOTICE,
				(errmsg("%s epoch %d: loss %.4f, validation RMSE %.4f, MAE %.4f (%.1f s)%s", stage,
						epoch->epoch, epoch->train_loss, epoch->val_rmse, epoch->val_mae,
						seconds, best)));
	else if (!isnan(epoch->val_auc))
		ereport(NOTICE,
				(errmsg("%s epoch %d: loss %.4f, validation AUC %.4f (%.1f s)%s", stage,
						epoch->epoch, epoch->train_loss, epoch->val_auc, seconds, best)));
	else
		ereport(NOTICE,
				(errmsg("%s epoch %d: loss %.4f (%.1f s)%s", stage,
						epoch->epoch, epoch->train_loss, seconds,
						report->refitting ? ", on all training ratings" : "")));
}

/* As client_connection_check_interval does, which is off unless somebody sets it. */
static void
check_client(void)
{
	if (client_is_connected())
		return;
	ClientConnectionLost = true;
	InterruptPending = true;
	CHECK_FOR_INTERRUPTS();
}

void
train_report_init(TrainReport *report)
{
	report->refitting = false;
	report->n_rows = 0;
	report->capacity = 16;
	report->rows = palloc(sizeof(ReportRow) * report->capacity);
	report->epochs = makeStringInfo();
}

void
train_report_begin(TrainReport *report, Stage stage)
{
	report->stage = stage;
	INSTR_TIME_SET_CURRENT(report->epoch_start);
}

void
train_report_epoch(TrainReport *report, const EpochReport *epoch)
{
	instr_time	now;
	float		seconds;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, report->epoch_start);
	seconds = INSTR_TIME_GET_DOUBLE(now);
	add_row(report, epoch, seconds);
	add_object(report, epoch, seconds);
	announce(report, epoch, seconds);
	check_client();
	INSTR_TIME_SET_CURRENT(report->epoch_start);
}

void
train_report_seen(const StoreEntry *entry, const Ratings *ratings, const char *relation)
{
	int64		n_test = ratings->n_rows - ratings->n_trainval_rows;
	int64		n_seen = 0;

	if (!activation_has_boundary(entry) || strcmp(entry->ratings, relation) != 0)
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

void
train_report_share(const Share *share, double deviation)
{
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

/* What is to be said of an order by relevance that is not popularity's; empty: nothing. */
static char *
relevance_detail(const ModelFileHeader *file, const Ratings *ratings)
{
	StringInfoData detail;

	initStringInfo(&detail);
	if (file->newcomers_popular)
		appendStringInfoString(&detail, "Users without ratings get the order of popularity, "
							   "which is better for them.");
	if (file->history > 0 && ratings_in_order(ratings) && !file->in_order)
		appendStringInfo(&detail, "%sThe order does not follow what a user has just rated: that "
						 "made the lists no better.", detail.len > 0 ? " " : "");
	return detail.data;
}

void
train_report_relevance(const ModelFileHeader *file, const Ratings *ratings, double ndcg,
					   double popularity_ndcg)
{
	char	   *detail;

	if (isnan(ndcg))
		return;
	if (relevance_is_popularity(file))
	{
		ereport(NOTICE,
				(errmsg("relevance: the order by relevance is that of popularity%s",
						file->in_order ? ", except in the days after a rating" : ""),
				 errdetail("On the validation ratings the networks do not order movies better "
						   "than popularity, whose NDCG@10 is %.4f%s.", popularity_ndcg,
						   file->in_order ?
						   ", unless they know what the user has just rated" : ""),
				 errhint("More ratings teach the networks more.")));
		return;
	}
	detail = relevance_detail(file, ratings);
	ereport(NOTICE,
			(errmsg("relevance: validation NDCG@10 %.4f, by popularity alone %.4f",
					ndcg, popularity_ndcg),
			 detail[0] == '\0' ? 0 : errdetail_internal("%s", detail)));
}

void
train_report_put(const TrainReport *report, int32 model_id, ReturnSetInfo *result)
{
	for (int i = 0; i < report->n_rows; i++)
		put_row(&report->rows[i], model_id, result);
}
