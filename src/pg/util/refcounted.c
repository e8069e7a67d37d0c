/*
 * refcounted.c: see refcounted.h.
 *
 * A call that uses a cached model may run queries, a query may run functions
 * of its own (a view over the ratings, a row security policy), and such a
 * function may call mlrec again and find that the cache is out of date.  So an
 * object that is replaced must not be freed while the outer call uses it.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "pg/util/refcounted.h"

static void
release_hold(void *arg)
{
	RefCounted *object = arg;

	Assert(object->count > 0);
	if (--object->count == 0 && object->retired)
		MemoryContextDelete(object->context);
}

void
ref_hold(RefCounted *object)
{
	MemoryContextCallback *callback = palloc(sizeof(MemoryContextCallback));

	callback->func = release_hold;
	callback->arg = object;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
	object->count++;
}

void
ref_release(RefCounted *object)
{
	object->retired = true;
	if (object->count == 0)
		MemoryContextDelete(object->context);
}
