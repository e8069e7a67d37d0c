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

/* An empty map over slots [n_slots], a power of two of at least 2. */
extern void idmap_init(IdMap *map, IdSlot *slots, uint64_t n_slots);

/* Whether the map must move to more slots before the next idmap_put. */
extern bool idmap_is_full(const IdMap *map);

/* Moves the map to more slots.  The old ones are free afterwards. */
extern void idmap_move(IdMap *map, IdSlot *slots, uint64_t n_slots);

/* The id's code, or -1. */
extern int32_t idmap_find(const IdMap *map, int64_t id);

/* The id's code, a new one when the id is new.  The map must not be full. */
extern int32_t idmap_put(IdMap *map, int64_t id);

/*
 * The ids in ascending order, ids [n], and of each code the index of its id among
 * them, index [n].  scratch [2 * n].
 */
extern void idmap_rank(const IdMap *map, int64_t *ids, int32_t *index, IdSlot *scratch);

#endif							/* MLREC_BASE_IDMAP_H */
