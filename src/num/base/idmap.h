/*
 * idmap.h: any 64-bit ids to dense codes, 0, 1, 2, ... in order of arrival.
 */
#ifndef MLREC_BASE_IDMAP_H
#define MLREC_BASE_IDMAP_H

#include <stdbool.h>
#include <stdint.h>

typedef struct IdSlot
{
	int64_t		id;
	int32_t		code;			/* -1: the slot is free */
} IdSlot;

typedef struct IdMap
{
	IdSlot	   *slots;			/* the caller's */
	uint64_t	n_slots;		/* a power of two */
	int32_t		n;				/* ids so far */
} IdMap;

extern void idmap_init(IdMap *map, IdSlot *slots, uint64_t n_slots);
extern bool idmap_is_full(const IdMap *map);
extern void idmap_move(IdMap *map, IdSlot *slots, uint64_t n_slots);
extern int32_t idmap_find(const IdMap *map, int64_t id);
extern int32_t idmap_put(IdMap *map, int64_t id);
extern void idmap_rank(const IdMap *map, int64_t *ids, int32_t *rank, IdSlot *scratch);

#endif							/* MLREC_BASE_IDMAP_H */
