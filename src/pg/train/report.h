/*
 * report.h: what the caller of train_recommender sees of it.
 */
#ifndef MLREC_TRAIN_REPORT_H
#define MLREC_TRAIN_REPORT_H

#include "postgres.h"

#include "portability/instr_time.h"
#include "utils/tuplestore.h"

#include "num/train/trainer.h"

typedef struct TrainReport
{
	int32		model_id;
	bool		refitting;
	Tuplestorestate *rows;		/* a row for each epoch */
	TupleDesc	columns;

	/* the epoch at hand */
	Stage		stage;
	instr_time	epoch_start;
} TrainReport;

extern const char *train_report_stage(Stage stage);

/* A stage begins. */
extern void train_report_begin(TrainReport *report, Stage stage);

/*
 * An epoch is over: a row, a notice, and the end of the session if there is
 * nobody to read them.
 */
extern void train_report_epoch(TrainReport *report, const EpochReport *epoch);

#endif							/* MLREC_TRAIN_REPORT_H */
