/*
 * options.h: the named options of train_recommender.
 */
#ifndef MLREC_TRAIN_OPTIONS_H
#define MLREC_TRAIN_OPTIONS_H

#include "postgres.h"

#include "fmgr.h"

#include "num/net/tensors.h"

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
	int32		batch_size;
	double		learning_rate;
	int32		epochs[N_STAGES];
	int32		patience;
	int64		seed;
	int32		workers;
	bool		workers_given;	/* not left to us */
	ActivateMode activate;
	double		like_threshold;
	double		softmax_weight;
	bool		history;
	bool		user_ids;		/* whether users are told by their ids */
	int32		from_model;		/* 0: none */
	bool		refit;
	char	   *comment;		/* NULL: none */
} OptionValues;

extern OptionValues options_get(FunctionCallInfo fcinfo);
extern char *options_json(const OptionValues *values);

#endif							/* MLREC_TRAIN_OPTIONS_H */
