/*
 * catalogue_version.h: as of what a catalogue holds.
 */
#ifndef MLREC_CATALOGUE_CATALOGUE_VERSION_H
#define MLREC_CATALOGUE_CATALOGUE_VERSION_H

#include "postgres.h"

typedef struct CatalogueVersion CatalogueVersion;

/*
 * The key of this moment for what the relation has, palloc'd.  To be taken before
 * the relation is read, so that no change is missed.
 */
extern CatalogueVersion *catalogue_version_now(Oid movies);

/* A copy in another memory context. */
extern CatalogueVersion *catalogue_version_copy(const CatalogueVersion *key, MemoryContext context);

/*
 * Whether what was read as of one key is what would be read as of the other, a
 * later one.  This holds of a heap that is read without conditions.
 */
extern bool catalogue_version_holds(const CatalogueVersion *key, const CatalogueVersion *now);

#endif							/* MLREC_CATALOGUE_CATALOGUE_VERSION_H */
