/*
 * options.h: the named options of train_recommender.
 */
#ifndef MLREC_TRAIN_OPTIONS_H
#define MLREC_TRAIN_OPTIONS_H

#include "postgres.h"

#include "fmgr.h"

#include "num/net/tensors.h"
#include "pg/data/dataset.h"

/* Whether a new model becomes the active one. */
typedef enum ActivateMode
{
	ACTIVATE_ALWAYS,
	ACTIVATE_NEVER,
	ACTIVATE_IF_BETTER
} ActivateMode;

typedef struct OptionValues
{
	double		test_fraction;
	double		validation_fraction;
	bool		random_split;
	bool		leave_last;		/* the split leaves each user's last rating out */
	int32		batch_size;
	double		learning_rate;
	int32		epochs[N_STAGES];	/* of retrieval 0: by the number of ratings */
	int32		patience;
	int64		seed;
	int32		workers;
	bool		workers_given;	/* not left to us */
	ActivateMode activate;
	double		like_threshold; /* NaN: by the data */
	double		softmax_weight;
	bool		history;
	bool		user_ids;		/* whether users are told by their ids */
	int32		from_model;		/* 0: none */
	bool		refit;
	char	   *comment;		/* NULL: none */
} OptionValues;

/* The checked options of a call. */
extern OptionValues options_get(FunctionCallInfo fcinfo);

/*
 * Decides what the options left to the data: the threshold of likes.  Without
 * times the split is random, whatever was asked for.  Raises a NOTICE with the
 * threshold and the share of likes, or a WARNING where these say little.
 */
extern void options_decide(OptionValues *values, const Dataset *dataset);

/* What decides a training's result, as a JSON object, palloc'd. */
extern char *options_json(const OptionValues *values);

#endif							/* MLREC_TRAIN_OPTIONS_H */
