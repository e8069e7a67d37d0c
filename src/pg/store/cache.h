/*
 * cache.h: models ready to serve, kept by each backend.
 */
#ifndef MLREC_STORE_CACHE_H
#define MLREC_STORE_CACHE_H

#include "postgres.h"

#include "pg/store/load.h"

/*
 * The model of that id, or with id 0 the active one, held in the current
 * memory context.  cache_get raises an error if there is none; cache_find then
 * returns NULL.  Both raise an error if the model is damaged.
 */
extern CachedModel *cache_get(int32 model_id);
extern CachedModel *cache_find(int32 model_id);

/* Grows whenever the definition of some relation may have changed. */
extern uint64 cache_relations_generation(void);

#endif							/* MLREC_STORE_CACHE_H */
