/*
 * recode.h: data that was read now, coded as an older model's was.
 */
#ifndef MLREC_RECODE_H
#define MLREC_RECODE_H

#include "postgres.h"

#include "cache.h"
#include "dataset.h"

extern void recode_ratings(Ratings *ratings, const Dataset *dataset, const CachedModel *model);

#endif							/* MLREC_RECODE_H */
