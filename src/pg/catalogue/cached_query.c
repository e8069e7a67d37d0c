/*
 * cached_query.c: prepared queries over the relations of a model.
 *
 * Serving answers in less than a millisecond, so its queries are prepared once
 * in a backend and kept.  The plan cache sees to it that a kept plan respects
 * the rights and row security policies of whoever runs it.  What it cannot see
 * is that the text itself depends on the relation: its name, and whether it
 * has the optional columns.  After any relcache invalidation the text is made
 * again, and if it has changed, so is the plan.  A query may come back here
 * while it runs (a view over the ratings that calls a serving function for
 * another model), so a plan is held as long as it is in use.
 *
 * Rows go to a receiver of our own, which hands each to a callback as it comes
 * from the executor.  SPI's usual way would first copy them all.  Unlike SPI's
 * own, these functions leave the current memory context as it was.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_am.h"
#include "nodes/params.h"
#include "nodes/plannodes.h"
#include "optimizer/optimizer.h"
#include "tcop/dest.h"
#include "tcop/pquery.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/rel.h"
#include "utils/resowner.h"

#include "pg/catalogue/cached_query.h"
#include "pg/data/input.h"
#include "pg/store/cache.h"
#include "pg/util/refcounted.h"

/* A plan that is kept, or that an outer call still uses. */
typedef struct CachedQueryPlan
{
	RefCounted	ref;			/* must be first */
	Oid			relation;		/* what it is prepared for */
	uint64		generation;		/* of cache_relations_generation() */
	char	   *text;
	SPIPlanPtr	plan;
	MemoryContextCallback release;
} CachedQueryPlan;

static void
free_plan(void *arg)
{
	SPI_freeplan(arg);
}

/*
 * A plan of the query, in a memory context of its own whose end is the plan's.
 */
static CachedQueryPlan *
make_plan(CachedQuery *query, Oid relation, const char *text)
{
	MemoryContext caller = CurrentMemoryContext;	/* SPI changes it */
	MemoryContext context;
	CachedQueryPlan *made;
	SPIPlanPtr	plan = SPI_prepare(text, query->n_parameters, query->types);

	if (plan == NULL)
		elog(ERROR, "could not prepare \"%s\": %s", text, SPI_result_code_string(SPI_result));
	context = AllocSetContextCreate(CacheMemoryContext, "mlrec plan", ALLOCSET_SMALL_SIZES);
	MemoryContextSwitchTo(context);
	made = palloc0(sizeof(CachedQueryPlan));
	made->ref.context = context;
	made->relation = relation;
	made->text = pstrdup(text);
	made->plan = plan;
	made->release.func = free_plan;
	made->release.arg = plan;
	SPI_keepplan(plan);
	MemoryContextRegisterResetCallback(context, &made->release);
	MemoryContextSwitchTo(caller);
	return made;
}

/*
 * The plan that the text for this relation says, held in the current memory
 * context.
 */
static CachedQueryPlan *
prepare(CachedQuery *query, Oid relation)
{
	uint64		generation = cache_relations_generation();
	CachedQueryPlan *kept = query->kept;

	if (kept == NULL || kept->relation != relation || kept->generation != generation)
	{
		char	   *text = query->text(relation);

		if (kept == NULL || kept->relation != relation || strcmp(kept->text, text) != 0)
		{
			kept = make_plan(query, relation, text);
			if (query->kept != NULL)
				ref_release(&query->kept->ref);
			query->kept = kept;
		}
		kept->generation = generation;
		pfree(text);
	}
	ref_hold(&kept->ref);
	return kept;
}

/* A memory context for one use of a query, and for what pins its plan. */
static MemoryContext
begin_use(void)
{
	return AllocSetContextCreate(CurrentMemoryContext, "mlrec query", ALLOCSET_SMALL_SIZES);
}

static ParamListInfo
parameters(const CachedQuery *query, const Datum *values, const char *nulls)
{
	ParamListInfo list;

	if (query->n_parameters == 0)
		return NULL;
	list = makeParamList(query->n_parameters);
	for (int i = 0; i < query->n_parameters; i++)
	{
		list->params[i].value = values[i];
		list->params[i].isnull = nulls != NULL && nulls[i] == 'n';
		list->params[i].pflags = PARAM_FLAG_CONST;
		list->params[i].ptype = query->types[i];
	}
	return list;
}

/* ---------------------------------------------------------------------------
 * What a plan reads
 * ------------------------------------------------------------------------- */

/*
 * Whether a plan node gives every row of a table of the query, which it scans, or
 * some.  Conditions of an index scan are not among `qual`.
 */
static bool
scans_all(const Plan *plan)
{
	if (plan->qual != NIL || plan->initPlan != NIL)
		return false;
	switch (nodeTag(plan))
	{
		case T_SeqScan:
			return true;
		case T_IndexScan:
			return ((const IndexScan *) plan)->indexqual == NIL;
		case T_IndexOnlyScan:
			return ((const IndexOnlyScan *) plan)->indexqual == NIL;
		default:
			return false;
	}
}

static bool
is_heap(Oid relation)
{
	Relation	opened = table_open(relation, NoLock);	/* the plan has locked it */
	bool		heap = opened->rd_rel->relam == HEAP_TABLE_AM_OID;

	table_close(opened, NoLock);
	return heap;
}

/*
 * Whether the plan is a bare scan of the relation, as cached_query.h has it.  A view, a
 * policy that says anything, partitions, a foreign table, an extension that keeps
 * the rows elsewhere: each shows as another node, another relation, or a condition.
 * An index that has not all rows is not used without its condition.
 */
static bool
is_bare_scan(const PlannedStmt *statement, Oid relation)
{
	const Plan *plan = statement->planTree;
	const RangeTblEntry *table;

	if (statement->commandType != CMD_SELECT || statement->subplans != NIL ||
		statement->rowMarks != NIL || !scans_all(plan))
		return false;
	table = list_nth(statement->rtable, ((const Scan *) plan)->scanrelid - 1);
	return table->rtekind == RTE_RELATION && table->relid == relation && is_heap(relation) &&
		!contain_mutable_functions((Node *) plan->targetlist);
}

/*
 * Whether what a plan without parameters has just read, was read by a bare scan.
 * The relation is locked since, so it is planned as it was.
 */
static bool
plan_is_bare_scan(SPIPlanPtr plan, Oid relation)
{
	CachedPlan *cached = SPI_plan_get_cached_plan(plan);
	bool		bare;

	if (cached == NULL)
		return false;
	bare = list_length(cached->stmt_list) == 1 &&
		is_bare_scan(linitial_node(PlannedStmt, cached->stmt_list), relation);
	ReleaseCachedPlan(cached, CurrentResourceOwner);
	return bare;
}

/* ---------------------------------------------------------------------------
 * Running
 * ------------------------------------------------------------------------- */

/*
 * Runs the query; sets *bare, unless it is NULL, to whether this was a bare scan.
 */
static void
run(CachedQuery *query, Oid relation, const Datum *values, const char *nulls, RowCallback row,
	void *arg, bool *bare)
{
	RowReceiver receiver = row_receiver(row, arg);
	MemoryContext caller = CurrentMemoryContext;	/* SPI changes it */
	MemoryContext context = begin_use();
	SPIExecuteOptions options;
	CachedQueryPlan *kept;
	int			result;

	MemoryContextSwitchTo(context);
	kept = prepare(query, relation);
	memset(&options, 0, sizeof(options));
	options.params = parameters(query, values, nulls);
	options.read_only = true;
	options.dest = &receiver.receiver;
	result = SPI_execute_plan_extended(kept->plan, &options);
	if (result != SPI_OK_SELECT)
		elog(ERROR, "\"%s\" failed: %s", kept->text, SPI_result_code_string(result));
	if (bare != NULL)
		*bare = plan_is_bare_scan(kept->plan, relation);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
}

/*
 * cached_query_run: see cached_query.h.
 */
void
cached_query_run(CachedQuery *query, Oid relation, const Datum *values, const char *nulls,
		  RowCallback row, void *arg)
{
	run(query, relation, values, nulls, row, arg, NULL);
}

/*
 * cached_query_scan: see cached_query.h.
 */
bool
cached_query_scan(CachedQuery *query, Oid relation, RowCallback row, void *arg)
{
	bool		bare;

	run(query, relation, NULL, NULL, row, arg, &bare);
	return bare;
}

/*
 * cached_query_open: see cached_query.h.
 */
Portal
cached_query_open(CachedQuery *query, Oid relation, const Datum *values, const char *nulls)
{
	MemoryContext caller = CurrentMemoryContext;	/* SPI changes it */
	MemoryContext context = begin_use();
	Portal		portal;

	MemoryContextSwitchTo(context);
	portal = SPI_cursor_open(NULL, prepare(query, relation)->plan, unconstify(Datum *, values),
							 nulls, true);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);	/* the portal keeps what it needs of the plan */
	return portal;
}

/*
 * cached_query_fetch: see cached_query.h.  SPI_cursor_fetch would make a copy of each row.
 */
uint64
cached_query_fetch(Portal portal, int n, RowCallback row, void *arg)
{
	RowReceiver receiver = row_receiver(row, arg);

	return PortalRunFetch(portal, FETCH_FORWARD, n, &receiver.receiver);
}

/*
 * relation_has_column: whether the relation has a column of that name.
 */
bool
relation_has_column(Oid relation, const char *name)
{
	return get_attnum(relation, name) > 0;
}

int64
slot_int64(TupleTableSlot *slot, int column, bool *isnull)
{
	Datum		value = slot_getattr(slot, column, isnull);

	return *isnull ? 0 : DatumGetInt64(value);
}

double
slot_double(TupleTableSlot *slot, int column, bool *isnull)
{
	Datum		value = slot_getattr(slot, column, isnull);

	return *isnull ? 0 :
		input_double(TupleDescAttr(slot->tts_tupleDescriptor, column - 1)->atttypid, value);
}

char *
slot_text(TupleTableSlot *slot, int column)
{
	bool		isnull;
	Datum		value = slot_getattr(slot, column, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}
