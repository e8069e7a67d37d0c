/*
 * erase.h: users taken out of a trained model.
 */
#ifndef MLREC_MODEL_ERASE_H
#define MLREC_MODEL_ERASE_H

#include "num/model/model_file.h"

/*
 * Takes n users, from the index `first` on, out of a checked model file, in place: their
 * ids, their embeddings and their vectors.  The model file gets smaller, and nothing of
 * them is left between its sections either; the bytes behind its new end are the
 * caller's.  It has to be finalized again.  Returns its new size.
 */
extern uint64_t erase_users(void *file, int32_t first, int32_t n);

#endif							/* MLREC_MODEL_ERASE_H */
