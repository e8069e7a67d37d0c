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
 * those who may execute train_recommender, activate_recommender and
 * drop_recommender; they need no rights on the tables, since the writes below
 * run as the tables' owner.  The statements name every operator and type in
 * full, so that nothing on the caller's search_path runs with these rights.
 *
 * Writers take SHARE ROW EXCLUSIVE on mlrec_model: they wait for each
 * other, never for readers, and readers never for them.  A statement trigger
 * on the table tells the caches of all backends that something changed.
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
PG_FUNCTION_INFO_V1(mlrec_drop_recommender);
PG_FUNCTION_INFO_V1(mlrec_model_changed);

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

/*
 * store_next_id: a number for a new model.  Like every sequence, this one has
 * gaps where a training did not end well.
 */
int32
store_next_id(void)
{
	SavedUserContext saved;
	int64		id;

	switch_to_owner(&saved, store_table());
	id = nextval_internal(store_relation(ID_SEQUENCE), true);
	SetUserIdAndSecContext(saved.user, saved.security);
	return (int32) id;
}

static void
insert_model(const StoreEntry *entry)
{
	char	   *statement = psprintf("INSERT INTO %s VALUES ($1, $2, false, $3, $4, $5, $6, $7, "
									 "$8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
									 extension_object_quoted(STORE_MODELS));
	Oid			types[] = {INT4OID, TIMESTAMPTZOID, TEXTOID, TEXTOID, TEXTOID, INT8OID, INT8OID,
		INT8OID, JSONBOID, JSONBOID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, TEXTOID,
	JSONBOID};
	const char *texts[] = {NULL, NULL, entry->ratings, entry->movies, entry->users, NULL, NULL,
		NULL, entry->options, entry->metrics, NULL, NULL, NULL, NULL, NULL, entry->comment,
	entry->relevance};
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
 * Makes the model the active one; false if there is no such model.
 */
static bool
set_active(int32 model_id)
{
	const char *table = extension_object_quoted(STORE_MODELS);
	Oid			types[] = {INT4OID};
	Datum		values[] = {Int32GetDatum(model_id)};

	execute(psprintf("UPDATE %s SET active = false "
					 "WHERE active AND model_id OPERATOR(pg_catalog.<>) $1", table),
			1, types, values, NULL, SPI_OK_UPDATE);
	return execute(psprintf("UPDATE %s SET active = true "
							"WHERE model_id OPERATOR(pg_catalog.=) $1", table),
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
 */
static void
remove_files(XactEvent event, void *arg)
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;
	if (event != XACT_EVENT_PREPARE)
		remove_all(stored);
	if (event == XACT_EVENT_COMMIT)
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
 * entry->model_id (from store_next_id), and completes the entry.  With
 * `activate` it is the active model from the caller's COMMIT on.  Not in
 * parallel mode; the caller has checked PreventCommandIfReadOnly.
 */
void
store_save(StoreEntry *entry, const void *file, Size size, bool activate)
{
	SavedUserContext saved;

	entry->created_at = GetCurrentTimestamp();
	entry->active = activate;
	entry->size = size;
	entry->checksum = ((const ModelFileHeader *) file)->checksum;

	remember(&stored, entry->model_id, entry->checksum);
	begin_write(&saved);
	insert_model(entry);
	insert_chunks(entry->model_id, file, size);
	if (activate)
		set_active(entry->model_id);
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
	bool		found;

	PreventCommandIfReadOnly("activate_recommender()");
	begin_write(&saved);
	found = set_active(model_id);
	end_write(&saved);
	if (!found)
		store_no_model(model_id);
	PG_RETURN_VOID();
}

/*
 * drop_recommender(model_id int): removes a model, the active one too.  Its
 * chunks follow through their foreign key.
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

/*
 * Statement trigger on mlrec_model: tells every backend, this one at the
 * end of the command and others at COMMIT, that the table changed.
 */
Datum
mlrec_model_changed(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("mlrec_model_changed() can only be called as a trigger")));
	CacheInvalidateRelcache(((TriggerData *) fcinfo->context)->tg_relation);
	return PointerGetDatum(NULL);
}
