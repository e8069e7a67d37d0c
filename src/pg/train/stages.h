/*
 * stages.h: a model in the making, and the training of its two stages.
 */
#ifndef MLREC_TRAIN_STAGES_H
#define MLREC_TRAIN_STAGES_H

#include "postgres.h"

#include "num/data/statistics.h"
#include "num/model/model_file.h"
#include "num/train/export.h"
#include "num/train/share.h"
#include "pg/data/dataset.h"
#include "pg/train/options.h"
#include "pg/train/report.h"

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
	RelevanceOrder order;
	float		chance_intercept;	/* of events, as in model_file.h */
	float		chance_slope;
	double		ndcg;			/* by relevance, on the validation rows */
	double		popularity_ndcg;
	int32		model_id;		/* of the new model */
	const ModelFileHeader *start;	/* the model to go on from, or NULL */
	bool		temporary;		/* one of the relations is */
	Size		memory_limit;	/* bytes for a stage, 0: no limit */

	int			shortage_level; /* of the message that there are too few workers */
	TrainReport report;
} Training;

/*
 * Room for what is counted of the movies, and for the learning rate of each epoch, in the
 * current memory context.  Once, when the dataset is loaded.
 */
extern void stages_init(Training *training);

/*
 * Counts, shapes and both stages, for the split as it is: sets movie_stats, shape, params
 * and, unless refitting, n_kept, rates and share.  Where all rows are events the ranking
 * stage is not trained.  Errors: more memory than memory_limit; a stage that diverged.
 */
extern void stages_train(Training *training);

#endif							/* MLREC_TRAIN_STAGES_H */
