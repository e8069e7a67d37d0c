/*
 * refcounted.c: see pinned.h.
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
	Pinned	   *thing = arg;

	Assert(thing->pins > 0);
	if (--thing->pins == 0 && thing->retired)
		MemoryContextDelete(thing->context);
}

void
pin(Pinned *thing)
{
	MemoryContextCallback *callback = palloc(sizeof(MemoryContextCallback));

	callback->func = unpin;
	callback->arg = thing;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
	thing->pins++;
}

void
pinned_retire(Pinned *thing)
{
	thing->retired = true;
	if (thing->pins == 0)
		MemoryContextDelete(thing->context);
}
