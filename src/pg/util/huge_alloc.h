/*
 * huge_alloc.h: memory at addresses that src/num and the model files want.
 */
#ifndef MLREC_UTIL_HUGE_ALLOC_H
#define MLREC_UTIL_HUGE_ALLOC_H

#include "postgres.h"

#include "utils/memutils.h"

#include "num/base/arena.h"

/* The first such address in a block with ARENA_ALIGN bytes to spare. */
static inline void *
aligned(void *block)
{
	return (void *) TYPEALIGN(ARENA_ALIGN, block);
}

/*
 * Memory of any size in the current memory context.  flags are those of
 * MemoryContextAllocExtended.  It goes with its context, or by free_aligned:
 * the block that it lies in is noted before it.
 */
static inline void *
alloc_aligned(Size size, int flags)
{
	char	   *block;
	void	  **memory;

	if (size > MaxAllocHugeSize - ARENA_ALIGN - sizeof(void *))
		elog(ERROR, "cannot allocate %zu bytes", size);
	block = MemoryContextAllocExtended(CurrentMemoryContext, size + ARENA_ALIGN + sizeof(void *),
									   flags | MCXT_ALLOC_HUGE);
	memory = aligned(block + sizeof(void *));
	memory[-1] = block;
	return memory;
}

static inline void
free_aligned(void *memory)
{
	pfree(((void **) memory)[-1]);
}

#endif							/* MLREC_UTIL_HUGE_ALLOC_H */
