/*
 * load.h: models from the extension's tables into memory.
 */
#ifndef MLREC_STORE_LOAD_H
#define MLREC_STORE_LOAD_H

#include "postgres.h"

#include "utils/snapshot.h"

#include "num/index/codes.h"
#include "num/index/ivf.h"
#include "num/model/model.h"
#include "num/model/model_file.h"
#include "pg/store/store.h"
#include "pg/util/refcounted.h"

typedef struct CachedModel
{
	RefCounted	ref;
	StoreEntry	entry;			/* without options, metrics, comment */
	const ModelFileHeader *header;	/* start of the model file */
	const Model *model;
	char	  **genres;			/* [n_genres] */
	char	  **values[N_ATTRIBUTES];	/* [n_values[a]], values of attributes */
	bool		shared;			/* model file is mapped, not private */

	struct Catalogue *catalogue;	/* of catalogue.c */
	uint64		checked;		/* of cache.c: as of when it exists */
	uint64		columns_checked;	/* of serve.c: as of when its relations have them */
	struct CachedModel *next;	/* of cache.c */
} CachedModel;

/* The settings of this file, once per backend. */
extern void load_define_settings(void);

/*
 * A copy of a model file in the current memory context, which the caller may
 * change.  An error if the model is damaged.
 */
extern void *load_copy(const StoreEntry *entry, Snapshot snapshot);

/*
 * Loads a model into a memory context of its own, which belongs to the caller's
 * until everything has gone well, and to CacheMemoryContext then.  Deleting it
 * lets go of a shared model file.  An error if the model is damaged.
 */
extern CachedModel *load_model(const StoreEntry *entry, Snapshot snapshot);

#endif							/* MLREC_STORE_LOAD_H */
