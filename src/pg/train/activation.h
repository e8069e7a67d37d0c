/*
 * activation.h: whether a new model is better than what is served.
 */
#ifndef MLREC_TRAIN_ACTIVATION_H
#define MLREC_TRAIN_ACTIVATION_H

#include "postgres.h"

#include "num/model/model_file.h"
#include "pg/data/dataset.h"
#include "pg/store/store.h"

/* Under this key StoreEntry.relevance has the validation NDCG@10. */
#define ACTIVATION_NDCG "validation_ndcg@10"

/* A model that has been trained on the train ratings only. */
typedef struct NewModel
{
	int32		model_id;
	const char *relation;		/* its ratings, as StoreEntry names them */
	const Dataset *dataset;
	const ModelFileHeader *file;	/* not finalized */
	double		ndcg;			/* on the validation rows, NaN without any liked */
	double		popularity_ndcg;
} NewModel;

/* Whether the new model may become the active one; a NOTICE says why not. */
extern bool activation_gate_passes(const NewModel *new_model);

/* Whether a row of the user's is later than all that a model was trained on. */
extern bool activation_is_later(const Ratings *ratings, int32 user, int64 row,
								const StoreEntry *model);

/*
 * Whether a model was trained on the earlier part of its ratings, not on a random
 * one.
 */
extern bool activation_has_boundary(const StoreEntry *model);

#endif							/* MLREC_TRAIN_ACTIVATION_H */
