/*
 * validate.h: how good the parameters are on the validation rows.
 */
#ifndef MLREC_TRAIN_VALIDATE_H
#define MLREC_TRAIN_VALIDATE_H

#include "num/train/step.h"

/* Rows that are validated at a time. */
#define VALIDATION_ROWS 512

typedef struct Validation
{
	/* shared, [n_validation]: whoever scores a row writes it */
	float	   *score;			/* cosines, or in ranking predicted ratings */
	float	   *base;			/* ranking: what the biases alone predict */
	float	   *other;			/* retrieval of events: cosines of other movies */
	int32_t    *movie;			/* retrieval of events: constant once listed */

	/* private, [VALIDATION_ROWS] */
	UserActivations users;
	float	   *vector;			/* [rows][VECTOR_DIMS] movies */
	float	   *features;		/* [rows][n_features] */
	float	   *x;				/* retrieval: [rows][movie_inputs] */
	float	   *hidden;			/* retrieval: [rows][movie_hidden] */
	float	   *inverse_norm;	/* retrieval */
	FoldedRanker *folded;		/* ranking: of the parameters at hand */
	float	   *pairs;			/* ranking: scratch of rank_pairs.h */

	/* private, [n_validation]: to measure with, the leader's */
	float	   *rating;
	uint8_t    *liked;
	uint64_t   *auc;			/* [2 * n_validation] scratch of metrics_auc */
} Validation;

/* Carve the memory of trainer->validation. */
extern void validation_carve_shared(Trainer *trainer, Arena *arena);
extern void validation_carve_private(Trainer *trainer, Arena *arena);

/* Lists the movies of events; the leader's, once. */
extern void validation_begin(Trainer *trainer);

/* Scores the validation rows; users are shared out. */
extern void validate(Trainer *trainer);

/* Fills the report's metrics; returns the error, which is to be made small. */
extern float measure_validation(Trainer *trainer, EpochReport *report);

#endif							/* MLREC_TRAIN_VALIDATE_H */
