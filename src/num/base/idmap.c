/*
 * idmap.c: any 64-bit ids to dense codes.
 *
 * An open-addressing table with linear probing, at most half full.  Ratings
 * stream in with ids of 64 bits and are kept with codes of 32; only the distinct
 * ids are ever sorted (idmap_rank).
 */
#include "num/base/idmap.h"

#include "num/base/precondition.h"
#include "num/base/radix.h"

#define DIGIT_BITS 11
#define N_BUCKETS (1 << DIGIT_BITS)

static inline uint64_t
slot_of(const IdMap *map, int64_t id)
{
	uint64_t	h = (uint64_t) id;

	h = (h ^ (h >> 32)) * 0x9e3779b97f4a7c15ULL;
	h = (h ^ (h >> 29)) * 0xbf58476d1ce4e5b9ULL;
	return (h ^ (h >> 32)) & (map->n_slots - 1);
}

/* The slot that holds the id, or the free one where it belongs. */
static inline IdSlot *
probe(const IdMap *map, int64_t id)
{
	uint64_t	i = slot_of(map, id);

	while (map->slots[i].code >= 0 && map->slots[i].id != id)
		i = (i + 1) & (map->n_slots - 1);
	return &map->slots[i];
}

void
idmap_init(IdMap *map, IdSlot *slots, uint64_t n_slots)
{
	NUM_ASSERT(n_slots >= 2 && (n_slots & (n_slots - 1)) == 0);
	map->slots = slots;
	map->n_slots = n_slots;
	map->n = 0;
	for (uint64_t i = 0; i < n_slots; i++)
		slots[i].code = -1;
}

bool
idmap_is_full(const IdMap *map)
{
	return (uint64_t) map->n * 2 >= map->n_slots;
}

void
idmap_move(IdMap *map, IdSlot *slots, uint64_t n_slots)
{
	IdMap		moved;

	idmap_init(&moved, slots, n_slots);
	for (uint64_t i = 0; i < map->n_slots; i++)
		if (map->slots[i].code >= 0)
			*probe(&moved, map->slots[i].id) = map->slots[i];
	moved.n = map->n;
	*map = moved;
}

int32_t
idmap_find(const IdMap *map, int64_t id)
{
	return probe(map, id)->code;
}

int32_t
idmap_put(IdMap *map, int64_t id)
{
	IdSlot	   *slot = probe(map, id);

	NUM_ASSERT(!idmap_is_full(map));
	if (slot->code < 0)
	{
		slot->id = id;
		slot->code = map->n++;
	}
	return slot->code;
}

/* An id as an unsigned number of the same order, from 0 on. */
static inline uint64_t
ordinal(int64_t id, int64_t least)
{
	return (uint64_t) id - (uint64_t) least;
}

/* One stable counting pass of a radix sort. */
static void
sort_by_digit(IdSlot *out, const IdSlot *in, int32_t n, int64_t least, int shift)
{
	int64_t		next[N_BUCKETS] = {0};

	for (int32_t i = 0; i < n; i++)
		next[(ordinal(in[i].id, least) >> shift) & (N_BUCKETS - 1)]++;
	radix_starts(next, N_BUCKETS);
	for (int32_t i = 0; i < n; i++)
		out[next[(ordinal(in[i].id, least) >> shift) & (N_BUCKETS - 1)]++] = in[i];
}

void
idmap_rank(const IdMap *map, int64_t *ids, int32_t *index, IdSlot *scratch)
{
	IdSlot	   *from = scratch;
	IdSlot	   *to = scratch + map->n;
	int64_t		least = INT64_MAX;
	int64_t		most = INT64_MIN;
	int32_t		n = 0;

	for (uint64_t i = 0; i < map->n_slots; i++)
	{
		if (map->slots[i].code < 0)
			continue;
		from[n++] = map->slots[i];
		least = map->slots[i].id < least ? map->slots[i].id : least;
		most = map->slots[i].id > most ? map->slots[i].id : most;
	}
	for (int shift = 0; n > 1 && shift < 64 && ordinal(most, least) >> shift != 0;
		 shift += DIGIT_BITS)
	{
		IdSlot	   *swap = from;

		sort_by_digit(to, from, n, least, shift);
		from = to;
		to = swap;
	}
	for (int32_t i = 0; i < n; i++)
	{
		ids[i] = from[i].id;
		index[from[i].code] = i;
	}
}
