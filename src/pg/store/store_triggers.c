/*
 * store_triggers.c: the triggers on mlrec_model.
 *
 * They fire for logical replication too, in its workers, and there is no order
 * in which the rows of several models come.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "utils/inval.h"
#include "utils/rel.h"

#include "pg/store/store.h"
#include "pg/store/store_write.h"
#include "pg/util/relations.h"

PG_FUNCTION_INFO_V1(mlrec_model_changed);
PG_FUNCTION_INFO_V1(mlrec_model_removed);
PG_FUNCTION_INFO_V1(mlrec_model_activated);

/*
 * What a trigger was called with.  Anybody may make a trigger of the function, on a
 * table of any shape: only ours will do.
 */
static TriggerData *
trigger_data(FunctionCallInfo fcinfo, const char *function)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) || RelationGetRelid(trigger->tg_relation) != store_table())
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("%s() can only be called as a trigger of " STORE_MODELS, function)));
	return trigger;
}

/* The number of the model in a row that a trigger was given. */
static int32
row_id(const TriggerData *trigger, HeapTuple row)
{
	bool		isnull;

	if (!TRIGGER_FIRED_FOR_ROW(trigger->tg_event))
		elog(ERROR, "trigger \"%s\" is not one for each row", trigger->tg_trigger->tgname);
	return DatumGetInt32(heap_getattr(row, 1, RelationGetDescr(trigger->tg_relation), &isnull));
}

/* Like begin_write, within a statement that has its lock on the table. */
static void
begin_trigger(SavedUserContext *saved, const TriggerData *trigger)
{
	store_switch_to_owner(saved, RelationGetRelid(trigger->tg_relation));
	SPI_connect();
}

/*
 * After a row was inserted, updated or deleted, or TRUNCATE: tells every backend,
 * this one at the end of the command and others at COMMIT, that the table changed.
 */
Datum
mlrec_model_changed(PG_FUNCTION_ARGS)
{
	CacheInvalidateRelcache(trigger_data(fcinfo, "mlrec_model_changed")->tg_relation);
	return PointerGetDatum(NULL);
}

/*
 * Before a row is deleted, or TRUNCATE: the chunks of the model, or of all, go.
 */
Datum
mlrec_model_removed(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = trigger_data(fcinfo, "mlrec_model_removed");
	const char *chunks = extension_object_quoted(STORE_CHUNKS);
	SavedUserContext saved;

	begin_trigger(&saved, trigger);
	if (TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event))
		store_execute(psprintf("TRUNCATE %s", chunks), 0, NULL, NULL, NULL, SPI_OK_UTILITY);
	else
	{
		Oid			types[] = {INT4OID};
		Datum		values[] = {Int32GetDatum(row_id(trigger, trigger->tg_trigtuple))};

		store_execute(psprintf("DELETE FROM %s WHERE model_id OPERATOR(pg_catalog.=) $1", chunks),
				1, types, values, NULL, SPI_OK_DELETE);
	}
	store_end_write(&saved);
	return PointerGetDatum(trigger->tg_trigtuple);
}

/*
 * Before replication brings a row of an active model: another that was active here
 * no longer is.  Else a subscriber that has activated a model of its own could
 * apply nothing more, not even what makes the publisher's model inactive again.
 */
Datum
mlrec_model_activated(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = trigger_data(fcinfo, "mlrec_model_activated");
	HeapTuple	row = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ?
		trigger->tg_newtuple : trigger->tg_trigtuple;
	SavedUserContext saved;

	begin_trigger(&saved, trigger);
	store_clear_active(row_id(trigger, row));
	store_end_write(&saved);
	return PointerGetDatum(row);
}
