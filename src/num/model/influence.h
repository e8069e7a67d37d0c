/*
 * influence.h: what each rating of a user does for one movie.
 *
 * A user's history is pooled once; a rating is then left out by taking from the
 * running sums what it has added.  So a question costs one pass of the user
 * towers, however long the history is.  In the history in order those before the rating
 * move up, so it is gone back through from its end to the rating, or to where nothing is
 * left of what was before.  For long histories that is still a pass of the towers for
 * each rating: the estimate, a gradient taken once, costs each rating two dot products,
 * and tells which ratings are worth asking about.
 */
#ifndef MLREC_MODEL_INFLUENCE_H
#define MLREC_MODEL_INFLUENCE_H

#include "num/model/model.h"
#include "num/net/history.h"

typedef struct Influence
{
	const Model *model;
	const UserInput *input;
	History		history[N_STAGES];
	float		sum[N_STAGES][2 * VECTOR_DIMS];
	Recents		recents;
} Influence;

/* Model and input must stay where they are for as long as the influence is used. */
extern void influence_begin(Influence *influence, const Model *model, const UserInput *input);

/*
 * Vectors of the user as they would be without one of the ratings: row i without
 * the rating without[i] of the input's history.  retrieval [n * VECTOR_DIMS]: unit
 * length.  temperature [n].  ranking [n * VECTOR_DIMS].  scratch: model_users_scratch(n) floats.
 * The latest ratings first costs least.
 */
extern void influence_without(const Influence *influence, const int32_t *without, int n,
							  float *retrieval, float *temperature, float *ranking,
							  float *scratch);

/*
 * A movie, and what is asked about: temperature * cosine + rating_weight * rating
 * predicted, in deviations.
 */
typedef struct InfluenceTarget
{
	const float *vector;		/* [VECTOR_DIMS], unit: retrieval */
	const float *rank_vector;	/* [VECTOR_DIMS]: ranking */
	float		rating_weight;
} InfluenceTarget;

/*
 * out [n_history]: what each rating adds to the target, to first order, and up to
 * a constant that is the same for all; -INFINITY for ratings that the model does
 * not look at.  scratch: model_users_scratch(1) floats.
 */
extern void influence_estimate(float *out, const Influence *influence,
							   const InfluenceTarget *target, float *scratch);

#endif							/* MLREC_MODEL_INFLUENCE_H */
