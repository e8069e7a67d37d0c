/*
 * refcounted.h: things kept between calls that must outlive their replacement
 * while somebody still uses them.
 */
#ifndef MLREC_UTIL_REFCOUNTED_H
#define MLREC_UTIL_REFCOUNTED_H

#include "postgres.h"

#include "utils/palloc.h"

/* First member of the kept thing, which lives in its own memory context. */
typedef struct RefCounted
{
	MemoryContext context;
	int			count;
	bool		retired;
} RefCounted;

/*
 * Keeps the thing alive until the current memory context is reset or deleted,
 * which the end of a transaction, regular or not, sees to at the latest.
 */
extern void ref_hold(RefCounted *thing);

/* Frees the thing, now or when the last pin goes. */
extern void ref_release(RefCounted *thing);

#endif							/* MLREC_UTIL_REFCOUNTED_H */
