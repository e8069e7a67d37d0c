/*
 * prepared.c: prepared queries over the relations of a model.
 *
 * Serving answers in less than a millisecond, so its queries are prepared once
 * in a backend and kept.  The plan cache sees to it that a kept plan respects
 * the rights and row security policies of whoever runs it.  What it cannot see
 * is that the text itself depends on the relation: its name, and whether it
 * has the optional columns.  After any relcache invalidation the text is made
 * again, and if it has changed, so is the plan.
 *
 * Rows go to a receiver of our own, which hands each to a callback as it comes
 * from the executor.  SPI's usual way would first copy them all.  Unlike SPI's
 * own, these functions leave the current memory context as it was.
 */
#include "postgres.h"

#include "nodes/params.h"
#include "tcop/dest.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "cache.h"
#include "prepared.h"

typedef struct RowReceiver
{
	DestReceiver receiver;		/* must be first */
	PreparedRow row;
	void	   *arg;
} RowReceiver;

static void
receive_startup(DestReceiver *self, int operation, TupleDesc columns)
{
}

static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	RowReceiver *receiver = (RowReceiver *) self;

	slot_getallattrs(slot);
	receiver->row(receiver->arg, slot);
	return true;
}

static void
receive_nothing(DestReceiver *self)
{
}

/*
 * Sees to it that query->plan is what the text for this relation says.
 */
static void
prepare(Prepared *query, Oid relation)
{
	uint64		generation = cache_relations_generation();
	MemoryContext caller;
	char	   *text;
	SPIPlanPtr	plan;

	if (query->plan != NULL && query->relation == relation && query->generation == generation)
		return;
	text = query->text(relation);
	if (query->plan != NULL && query->relation == relation &&
		strcmp(query->prepared_text, text) == 0)
	{
		query->generation = generation;
		pfree(text);
		return;
	}

	caller = CurrentMemoryContext;	/* SPI changes it */
	plan = SPI_prepare(text, query->n_parameters, query->types);
	if (plan == NULL)
		elog(ERROR, "could not prepare \"%s\": %s", text, SPI_result_code_string(SPI_result));
	SPI_keepplan(plan);
	MemoryContextSwitchTo(caller);
	if (query->plan != NULL)
	{
		SPI_freeplan(query->plan);
		pfree(query->prepared_text);
	}
	query->plan = plan;
	query->prepared_text = MemoryContextStrdup(TopMemoryContext, text);
	query->relation = relation;
	query->generation = generation;
	pfree(text);
}

static ParamListInfo
parameters(const Prepared *query, const Datum *values, const char *nulls)
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

/*
 * prepared_run: see prepared.h.
 */
void
prepared_run(Prepared *query, Oid relation, const Datum *values, const char *nulls,
		  PreparedRow row, void *arg)
{
	RowReceiver receiver = {
		/* with DestNone, SPI would say that there was no SELECT */
		{receive_row, receive_startup, receive_nothing, receive_nothing, DestTuplestore}, row, arg
	};
	MemoryContext caller = CurrentMemoryContext;	/* SPI changes it */
	SPIExecuteOptions options;
	int			result;

	prepare(query, relation);
	memset(&options, 0, sizeof(options));
	options.params = parameters(query, values, nulls);
	options.read_only = true;
	options.dest = &receiver.receiver;
	result = SPI_execute_plan_extended(query->plan, &options);
	MemoryContextSwitchTo(caller);
	if (result != SPI_OK_SELECT)
		elog(ERROR, "\"%s\" failed: %s", query->prepared_text, SPI_result_code_string(result));
}

/*
 * prepared_open: see prepared.h.
 */
Portal
prepared_open(Prepared *query, Oid relation, const Datum *values, const char *nulls)
{
	MemoryContext caller = CurrentMemoryContext;	/* SPI changes it */
	Portal		portal;

	prepare(query, relation);
	portal = SPI_cursor_open(NULL, query->plan, unconstify(Datum *, values), nulls, true);
	MemoryContextSwitchTo(caller);
	return portal;
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

float
slot_float(TupleTableSlot *slot, int column, bool *isnull)
{
	Datum		value = slot_getattr(slot, column, isnull);

	return *isnull ? 0 : DatumGetFloat4(value);
}

char *
slot_text(TupleTableSlot *slot, int column)
{
	bool		isnull;
	Datum		value = slot_getattr(slot, column, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}
