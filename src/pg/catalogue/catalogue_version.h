/*
 * catalogue_version.h: as of what a catalogue holds.
 */
#ifndef MLREC_CATALOGUE_CATALOGUE_VERSION_H
#define MLREC_CATALOGUE_CATALOGUE_VERSION_H

#include "postgres.h"

typedef struct CatalogueKey CatalogueKey;

/*
 * The key of this moment for what the relation has, palloc'd.  To be taken before
 * the relation is read, so that no change is missed.
 */
extern CatalogueKey *catalogue_key_now(Oid movies);

/* A copy in another memory context. */
extern CatalogueKey *catalogue_key_copy(const CatalogueKey *key, MemoryContext context);

/*
 * Whether what was read as of one key is what would be read as of the other, a
 * later one.
 */
extern bool catalogue_key_holds(const CatalogueKey *key, const CatalogueKey *now);

/* Whether keys mean anything: whether rows come and go with transactions alone. */
extern bool catalogue_key_is_sound(Oid movies);

#endif							/* MLREC_CATALOGUE_CATALOGUE_VERSION_H */
