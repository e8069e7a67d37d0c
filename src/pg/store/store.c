/*
 * store.c: trained models in the extension's own tables.
 *
 * mlrec_model has a row for each model: which relations it was trained
 * on, with what options and result, and whether it is the active one.  The
 * model itself, the model file of model file.h, is in mlrec_model_chunk, cut into pieces
 * of a page.  Both are ordinary logged tables, so replicas, backups and pg_dump
 * carry the models without anything said about them here.
 *
 * This file writes; store_read.c reads.
 *
 * Who may do what: everybody may read the list of models.  Writing is for
 * those who may execute train_recommender, activate_recommender and the like;
 * they need no rights on the tables, since the writes below run as the tables'
 * owner.  The statements name every operator and type in full, so that nothing
 * on the caller's search_path runs with these rights.
 *
 * Writers take SHARE ROW EXCLUSIVE on mlrec_model: they wait for each
 * other, never for readers, and readers never for them.  Triggers on the table
 * tell the caches of all backends that something changed, and remove the chunks
 * of a model whose row goes, whoever removes it.  (A foreign key would do that,
 * too.  But the two tables are also filled side by side, by pg_restore -j and by
 * the initial copies of logical replication, and then it refuses the one that is
 * ahead.)
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "num/model/model_file.h"
#include "pg/store/shared_file.h"
#include "pg/store/store.h"
#include "pg/util/relations.h"

#define ID_SEQUENCE "mlrec_model_id"

/*
 * Bytes of a model file in one row, so that the row fills a page.  Larger values
 * would go to a TOAST table in pieces of 2 kB: reading those back took four
 * times as long.
 */
#define CHUNK_SIZE (BLCKSZ - 128)

/* Whom to turn back into after writing */
typedef struct SavedUserContext
{
	Oid			user;
	int			security;
} SavedUserContext;

/* Shared files of models stored and dropped in the transaction at hand: paths */
static List *stored = NIL;
static List *dropped = NIL;

PG_FUNCTION_INFO_V1(mlrec_activate_recommender);
PG_FUNCTION_INFO_V1(mlrec_deactivate_recommender);
PG_FUNCTION_INFO_V1(mlrec_drop_recommender);
PG_FUNCTION_INFO_V1(mlrec_model_changed);
PG_FUNCTION_INFO_V1(mlrec_model_removed);
PG_FUNCTION_INFO_V1(mlrec_model_activated);

/* ---------------------------------------------------------------------------
 * Names and rights
 * ------------------------------------------------------------------------- */

/*
 * Goes on as the owner of the model tables.  An error on the way needs no
 * care: the end of the (sub)transaction restores the user.
 */
static void
switch_to_owner(SavedUserContext *saved, Oid table)
{
	Relation	relation = table_open(table, AccessShareLock);
	Oid			owner = relation->rd_rel->relowner;

	table_close(relation, NoLock);
	GetUserIdAndSecContext(&saved->user, &saved->security);
	SetUserIdAndSecContext(owner, saved->security | SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_RESTRICTED_OPERATION);
}

/*
 * The beginning of every change of the tables: waits for other writers, then
 * connects to SPI as the owner.
 */
static void
begin_write(SavedUserContext *saved)
{
	Oid			table = store_table();

	LockRelationOid(table, ShareRowExclusiveLock);
	switch_to_owner(saved, table);
	SPI_connect();
}

static void
end_write(const SavedUserContext *saved)
{
	SPI_finish();
	SetUserIdAndSecContext(saved->user, saved->security);
}

/*
 * Runs a statement that changes one of the tables; returns how many rows.  It
 * goes by what the tables hold now, as the caches do: under REPEATABLE READ the
 * transaction's snapshot may be older than the model that is active, and only
 * a training's end would tell.
 */
static uint64
execute(const char *statement, int n, Oid *types, Datum *values, const char *nulls, int expected)
{
	SPIPlanPtr	plan = SPI_prepare(statement, n, types);
	int			result = SPI_execute_snapshot(plan, values, nulls, GetLatestSnapshot(),
											  InvalidSnapshot, false, true, 0);

	if (result != expected)
		elog(ERROR, "\"%s\" failed: %s", statement, SPI_result_code_string(result));
	return SPI_processed;
}

/* ---------------------------------------------------------------------------
 * Writing
 * ------------------------------------------------------------------------- */

/* Whether a model of that number is there, though no snapshot of ours may see it. */
static bool
is_taken(int32 model_id)
{
	StoreEntry	entry;
	bool		taken;

	PushActiveSnapshot(GetLatestSnapshot());
	taken = store_read(model_id, GetActiveSnapshot(), &entry);
	PopActiveSnapshot();
	return taken;
}

/*
 * store_next_id: a number for a new model.  Like every sequence, this one has
 * gaps where a training did not end well.  Models also come by replication, which
 * leaves the sequence as it is: numbers that are there are passed over.
 */
int32
store_next_id(void)
{
	SavedUserContext saved;
	int32		id;

	switch_to_owner(&saved, store_table());
	do
		id = (int32) nextval_internal(store_relation(ID_SEQUENCE), true);
	while (is_taken(id));
	SetUserIdAndSecContext(saved.user, saved.security);
	return id;
}

/*
 * Gives the model another number if one of its number has come while it was
 * trained.  The caller holds the lock of writers, so that none comes after this.
 */
static void
avoid_taken_id(StoreEntry *entry)
{
	int32		id = entry->model_id;

	if (!is_taken(id))
		return;
	entry->model_id = store_next_id();
	ereport(NOTICE,
			(errmsg("the model is stored as model %d", entry->model_id),
			 errdetail("While it was trained, another model %d has come.", id)));
}

static void
insert_model(const StoreEntry *entry)
{
	char	   *statement = psprintf("INSERT INTO %s VALUES ($1, $2, false, $3, $4, $5, $6, $7, "
									 "$8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
									 extension_object_quoted(STORE_MODELS));
	Oid			types[] = {INT4OID, TIMESTAMPTZOID, TEXTOID, TEXTOID, TEXTOID, INT8OID, INT8OID,
		INT8OID, JSONBOID, JSONBOID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, TEXTOID,
	JSONBOID, JSONBOID};
	const char *texts[] = {NULL, NULL, entry->ratings, entry->movies, entry->users, NULL, NULL,
		NULL, entry->options, entry->metrics, NULL, NULL, NULL, NULL, NULL, entry->comment,
	entry->relevance, entry->epochs};
	Datum		values[lengthof(types)];
	char		nulls[lengthof(types)];

	memset(nulls, ' ', sizeof(nulls));
	for (int i = 0; i < lengthof(types); i++)
	{
		if (texts[i] != NULL)
			values[i] = types[i] == TEXTOID ? CStringGetTextDatum(texts[i]) :
				DirectFunctionCall1(jsonb_in, CStringGetDatum(texts[i]));
		else if (types[i] == TEXTOID || types[i] == JSONBOID)
			nulls[i] = 'n';
	}
	values[0] = Int32GetDatum(entry->model_id);
	values[1] = TimestampTzGetDatum(entry->created_at);
	values[5] = Int64GetDatum(entry->train_ratings);
	values[6] = Int64GetDatum(entry->test_ratings);
	values[7] = Int64GetDatum(entry->seed);
	values[10] = Int64GetDatum(entry->boundary_time);
	values[11] = Int64GetDatum(entry->boundary_user);
	values[12] = Int64GetDatum(entry->boundary_movie);
	values[13] = Int64GetDatum((int64) entry->size);
	values[14] = Int64GetDatum((int64) entry->checksum);
	execute(statement, lengthof(types), types, values, nulls, SPI_OK_INSERT);
}

static void
insert_chunks(int32 model_id, const char *file, Size size)
{
	char	   *statement = psprintf("INSERT INTO %s VALUES ($1, $2, $3)",
									 extension_object_quoted(STORE_CHUNKS));
	Oid			types[] = {INT4OID, INT4OID, BYTEAOID};
	SPIPlanPtr	plan = SPI_prepare(statement, lengthof(types), types);
	bytea	   *data = palloc(VARHDRSZ + Min(size, CHUNK_SIZE));
	Size		done = 0;

	for (int32 chunk = 0; done < size; chunk++)
	{
		Size		length = Min(size - done, CHUNK_SIZE);
		Datum		values[] = {Int32GetDatum(model_id), Int32GetDatum(chunk),
		PointerGetDatum(data)};

		CHECK_FOR_INTERRUPTS();
		SET_VARSIZE(data, VARHDRSZ + length);
		memcpy(VARDATA(data), file + done, length);
		if (SPI_execute_plan(plan, values, NULL, false, 0) != SPI_OK_INSERT)
			elog(ERROR, "could not store a chunk of model %d", model_id);
		done += length;
	}
	pfree(data);
}

/*
 * Makes all models but one inactive.
 */
static void
clear_active(int32 but)
{
	Oid			types[] = {INT4OID};
	Datum		values[] = {Int32GetDatum(but)};

	execute(psprintf("UPDATE %s SET active = false "
					 "WHERE active AND model_id OPERATOR(pg_catalog.<>) $1",
					 extension_object_quoted(STORE_MODELS)),
			1, types, values, NULL, SPI_OK_UPDATE);
}

/*
 * Makes the model the active one; false if there is no such model.
 */
static bool
set_active(int32 model_id)
{
	Oid			types[] = {INT4OID};
	Datum		values[] = {Int32GetDatum(model_id)};

	clear_active(model_id);
	return execute(psprintf("UPDATE %s SET active = true "
							"WHERE model_id OPERATOR(pg_catalog.=) $1",
							extension_object_quoted(STORE_MODELS)),
				   1, types, values, NULL, SPI_OK_UPDATE) == 1;
}

static void
remove_all(const List *files)
{
	ListCell   *cell;

	foreach(cell, files)
	{
		shared_file_remove(lfirst(cell));
	}
}

/*
 * At the end of a transaction the shared files go of models that nobody will
 * know any more: those dropped, if it commits, and those stored.  The latter go
 * even so, since a savepoint may have been rolled back: if the model is there,
 * the next session makes its file again.
 *
 * Of COMMIT PREPARED an extension is not told, nor does the session that calls it
 * know what it commits.  So the files go at PREPARE already, and until the end of
 * the prepared transaction nobody makes them again (load.c).
 */
static void
remove_files(XactEvent event, void *arg)
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;
	remove_all(stored);
	if (event != XACT_EVENT_ABORT)
		remove_all(dropped);
	stored = dropped = NIL;		/* their memory goes with the transaction */
}

/* Adds a model to those stored or dropped in this transaction. */
static void
remember(List **files, int32 model_id, uint64 checksum)
{
	static bool registered = false;
	MemoryContext saved = MemoryContextSwitchTo(TopTransactionContext);

	if (!registered)
		RegisterXactCallback(remove_files, NULL);
	registered = true;
	*files = lappend(*files, shared_file_path(model_id, checksum));
	MemoryContextSwitchTo(saved);
}

/*
 * store_save: stores the finalized file of a model and what is known of it, under
 * entry->model_id (from store_next_id) or, if that was taken since, the next
 * number, and completes the entry.  With `activate` it is the active model from
 * the caller's COMMIT on.  Not in parallel mode; the caller has checked
 * PreventCommandIfReadOnly.
 */
void
store_save(StoreEntry *entry, const void *file, Size size, bool activate)
{
	SavedUserContext saved;

	entry->created_at = GetCurrentTimestamp();
	entry->active = activate;
	entry->size = size;
	entry->checksum = ((const ModelFileHeader *) file)->checksum;

	begin_write(&saved);
	avoid_taken_id(entry);
	remember(&stored, entry->model_id, entry->checksum);
	insert_model(entry);
	insert_chunks(entry->model_id, file, size);
	if (activate)
		set_active(entry->model_id);
	end_write(&saved);
}

/*
 * store_hide_boundary: lets the boundary of the split tell a time and no user.
 * Ratings of exactly that time that were for testing are not tested on any more.
 */
void
store_hide_boundary(StoreEntry *entry)
{
	if (entry->boundary_time == 0 && entry->boundary_user == 0 && entry->boundary_movie == 0)
		return;					/* there is none */
	entry->boundary_user = PG_INT64_MAX;
	entry->boundary_movie = PG_INT64_MAX;
}

/*
 * store_replace: puts another finalized model file in the place of a model's, and what is
 * known of it by now.  Options, metrics and the like stay.  As of store_save, the
 * caller has checked that it may write; the new size and checksum are filled in.
 */
void
store_replace(const StoreEntry *before, StoreEntry *entry, const void *file)
{
	Oid			types[] = {INT4OID, INT8OID, INT8OID, INT8OID, INT8OID};
	Datum		values[lengthof(types)];
	SavedUserContext saved;

	entry->size = ((const ModelFileHeader *) file)->size;
	entry->checksum = ((const ModelFileHeader *) file)->checksum;
	remember(&dropped, entry->model_id, before->checksum);
	remember(&stored, entry->model_id, entry->checksum);
	values[0] = Int32GetDatum(entry->model_id);
	values[1] = Int64GetDatum((int64) entry->size);
	values[2] = Int64GetDatum((int64) entry->checksum);
	values[3] = Int64GetDatum(entry->boundary_user);
	values[4] = Int64GetDatum(entry->boundary_movie);
	begin_write(&saved);
	execute(psprintf("UPDATE %s SET size_bytes = $2, checksum = $3, boundary_user = $4, "
					 "boundary_movie = $5 WHERE model_id OPERATOR(pg_catalog.=) $1",
					 extension_object_quoted(STORE_MODELS)),
			lengthof(types), types, values, NULL, SPI_OK_UPDATE);
	execute(psprintf("DELETE FROM %s WHERE model_id OPERATOR(pg_catalog.=) $1",
					 extension_object_quoted(STORE_CHUNKS)),
			1, types, values, NULL, SPI_OK_DELETE);
	insert_chunks(entry->model_id, file, entry->size);
	end_write(&saved);
}

/*
 * activate_recommender(model_id int): all sessions serve from this model once
 * the caller has committed.
 */
Datum
mlrec_activate_recommender(PG_FUNCTION_ARGS)
{
	int32		model_id = PG_GETARG_INT32(0);
	SavedUserContext saved;
	StoreEntry	entry;
	bool		found;

	PreventCommandIfReadOnly("activate_recommender()");
	begin_write(&saved);
	PushActiveSnapshot(GetLatestSnapshot());
	if (store_read(model_id, GetActiveSnapshot(), &entry) && store_is_temporary(&entry))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("recommender model %d cannot be the active one", model_id),
				 errdetail("It was trained on a temporary relation, which other sessions cannot "
						   "read."),
				 errhint("Name it by model_id in this session, or train on a relation that "
						 "stays.")));
	PopActiveSnapshot();
	found = set_active(model_id);
	end_write(&saved);
	if (!found)
		store_no_model(model_id);
	PG_RETURN_VOID();
}

/*
 * deactivate_recommender(): there is no active model once the caller has
 * committed.
 */
Datum
mlrec_deactivate_recommender(PG_FUNCTION_ARGS)
{
	SavedUserContext saved;

	PreventCommandIfReadOnly("deactivate_recommender()");
	begin_write(&saved);
	clear_active(0);			/* which is no model's number */
	end_write(&saved);
	PG_RETURN_VOID();
}

/*
 * drop_recommender(model_id int): removes a model, the active one too.  Its
 * chunks go by the trigger below.
 */
Datum
mlrec_drop_recommender(PG_FUNCTION_ARGS)
{
	int32		model_id = PG_GETARG_INT32(0);
	Oid			types[] = {INT4OID};
	Datum		values[] = {Int32GetDatum(model_id)};
	SavedUserContext saved;
	bool		isnull;

	PreventCommandIfReadOnly("drop_recommender()");
	begin_write(&saved);
	if (execute(psprintf("DELETE FROM %s WHERE model_id OPERATOR(pg_catalog.=) $1 "
						 "RETURNING checksum", extension_object_quoted(STORE_MODELS)),
				1, types, values, NULL, SPI_OK_DELETE_RETURNING) == 0)
		store_no_model(model_id);
	remember(&dropped, model_id,
			 DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
										 &isnull)));
	end_write(&saved);
	PG_RETURN_VOID();
}

/* ---------------------------------------------------------------------------
 * Triggers on mlrec_model
 *
 * They fire for logical replication too, in its workers, and there is no order
 * in which the rows of several models come.
 * ------------------------------------------------------------------------- */

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
	switch_to_owner(saved, RelationGetRelid(trigger->tg_relation));
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
		execute(psprintf("TRUNCATE %s", chunks), 0, NULL, NULL, NULL, SPI_OK_UTILITY);
	else
	{
		Oid			types[] = {INT4OID};
		Datum		values[] = {Int32GetDatum(row_id(trigger, trigger->tg_trigtuple))};

		execute(psprintf("DELETE FROM %s WHERE model_id OPERATOR(pg_catalog.=) $1", chunks),
				1, types, values, NULL, SPI_OK_DELETE);
	}
	end_write(&saved);
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
	clear_active(row_id(trigger, row));
	end_write(&saved);
	return PointerGetDatum(row);
}
