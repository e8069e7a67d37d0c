/*
 * refcounted.c: see refcounted.h.
 *
 * A call that uses a cached model may run queries, a query may run functions
 * of its own (a view over the ratings, a row security policy), and such a
 * function may come back here and find that the cache is out of date.  So what
 * is replaced must not be freed under the hands of the outer call.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "pg/util/refcounted.h"

static void
unpin(void *arg)
{
	RefCounted *thing = arg;

	Assert(thing->count > 0);
	if (--thing->count == 0 && thing->retired)
		MemoryContextDelete(thing->context);
}

void
ref_hold(RefCounted *thing)
{
	MemoryContextCallback *callback = palloc(sizeof(MemoryContextCallback));

	callback->func = unpin;
	callback->arg = thing;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
	thing->count++;
}

void
ref_release(RefCounted *thing)
{
	thing->retired = true;
	if (thing->count == 0)
		MemoryContextDelete(thing->context);
}
