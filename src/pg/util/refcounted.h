/*
 * refcounted.h: objects kept between calls that must outlive their replacement
 * while a call still uses them.
 */
#ifndef MLREC_UTIL_REFCOUNTED_H
#define MLREC_UTIL_REFCOUNTED_H

#include "postgres.h"

#include "utils/palloc.h"

/* First member of such an object, which lives in a memory context of its own. */
typedef struct RefCounted
{
	MemoryContext context;
	int			count;
	bool		retired;
} RefCounted;

/*
 * Holds the object until the current memory context is reset or deleted, at the
 * latest at the end of the transaction, whether it commits or aborts.
 */
extern void ref_hold(RefCounted *object);

/* Retires the object: frees it, now or when nobody holds it any more. */
extern void ref_release(RefCounted *object);

#endif							/* MLREC_UTIL_REFCOUNTED_H */
