/*
 * arena.h: many arrays in one block of the caller's memory.
 *
 * Carving is deterministic: the same calls give the same offsets.  So a pass with
 * base NULL measures the size, and every process that maps a shared block finds
 * its arrays by carving again.
 */
#ifndef MLREC_BASE_ARENA_H
#define MLREC_BASE_ARENA_H

#include <stddef.h>

#define ARENA_ALIGN 64

typedef struct Arena
{
	char	   *base;			/* NULL: only measure */
	size_t		used;
} Arena;

/* `count` elements of `size` bytes, aligned to ARENA_ALIGN; NULL while measuring. */
static inline void *
arena_take(Arena *arena, size_t count, size_t size)
{
	size_t		at = arena->used;

	arena->used = (at + count * size + ARENA_ALIGN - 1) & ~(size_t) (ARENA_ALIGN - 1);
	return arena->base ? arena->base + at : NULL;
}

#define ARENA_ARRAY(arena, type, count) ((type *) arena_take(arena, (size_t) (count), sizeof(type)))

#endif							/* MLREC_BASE_ARENA_H */
