/*
 * report.h: what the caller of train_recommender sees of it.
 */
#ifndef MLREC_TRAIN_REPORT_H
#define MLREC_TRAIN_REPORT_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "nodes/execnodes.h"
#include "portability/instr_time.h"

#include "num/model/model_file.h"
#include "num/train/trainer.h"
#include "pg/store/store.h"

/* A row of the result */
typedef struct ReportRow
{
	Stage		stage;
	EpochReport epoch;
	float		seconds;
} ReportRow;

typedef struct TrainReport
{
	bool		refitting;
	ReportRow  *rows;			/* [n_rows], a row for each epoch */
	int			n_rows;
	int			capacity;
	StringInfo	epochs;			/* the same rows as JSON objects, to be kept with
								 * the model: "{...}, {...}" */

	/* the epoch at hand */
	Stage		stage;
	instr_time	epoch_start;
} TrainReport;

/* The name of a stage in results: 'retrieval' or 'ranking'. */
extern const char *train_report_stage(Stage stage);

/* Starts empty, in the current memory context. */
extern void train_report_init(TrainReport *report);

/* A stage begins. */
extern void train_report_begin(TrainReport *report, Stage stage);

/*
 * An epoch is over: a row twice, a notice, and the end of the session if there is
 * nobody to read them.
 */
extern void train_report_epoch(TrainReport *report, const EpochReport *epoch);

/*
 * Warns if the model to start from, which is described by `entry`, was trained on rows of
 * the relation that are now to be tested on: figures would be better than the model is.
 */
extern void train_report_seen(const StoreEntry *entry, const Ratings *ratings,
							  const char *relation);

/* A notice of what the networks add to the biases; the deviation of the ratings is its unit. */
extern void train_report_share(const Share *share, double deviation);

/*
 * A notice of what the order by relevance that the model file has reaches, NaN where that
 * was not measured, and whether it is popularity's, or is for some.
 */
extern void train_report_relevance(const ModelFileHeader *file, const Ratings *ratings,
								   double ndcg, double popularity_ndcg);

/* Puts the rows into the result, with the number that the model was stored under. */
extern void train_report_put(const TrainReport *report, int32 model_id, ReturnSetInfo *result);

#endif							/* MLREC_TRAIN_REPORT_H */
