/*
 * remap.h: data that was read now, coded as an older model's was.
 */
#ifndef MLREC_DATA_REMAP_H
#define MLREC_DATA_REMAP_H

#include "postgres.h"

#include "pg/data/dataset.h"
#include "pg/store/cache.h"

/*
 * The data's ratings with features and attributes in the model's codes.  Arrays
 * that had to change are palloc'd, the others are the data's own.
 */
extern void remap_ratings(Ratings *ratings, const Dataset *dataset, const CachedModel *model);

#endif							/* MLREC_DATA_REMAP_H */
