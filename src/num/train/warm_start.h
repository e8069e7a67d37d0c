/*
 * warm_start.h: the first parameters of a training from an earlier model's.
 */
#ifndef MLREC_TRAIN_WARM_START_H
#define MLREC_TRAIN_WARM_START_H

#include "num/net/tensors.h"

/*
 * Overwrites the random parameters of a stage (see stage_init) with those of an
 * model file that has the same history: weights as they are; genres and values of
 * attributes by name; users and movies by id.  Users and movies that the model file
 * does not know begin as its unknown ones.  names: as MODEL_FILE_NAMES, of the new
 * data.
 */
extern void warm_start(float *params, const StageShape *shape, const Ratings *ratings,
					   const char *names, const void *file);

#endif							/* MLREC_TRAIN_WARM_START_H */
