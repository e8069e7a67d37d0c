/*
 * store.c: trained models in the extension's own tables.
 *
 * mlrec_model has a row for each model: which relations it was trained
 * on, with what options and result, and whether it is the active one.  The
 * model itself, the model file of model_file.h, is in mlrec_model_chunk, cut into pieces
 * of a page.  Both are ordinary logged tables, so replicas, backups and pg_dump
 * carry the models without anything said about them here.
 *
 * This file writes, store_triggers.c does what must happen whoever writes, and
 * store_read.c reads.
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
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "num/model/model_file.h"
#include "pg/store/shared_file.h"
#include "pg/store/store.h"
#include "pg/store/store_write.h"
#include "pg/util/relations.h"

#define ID_SEQUENCE "mlrec_model_id"

/*
 * Bytes of a model file in one row, so that the row fills a page.  Larger values
 * would go to a TOAST table in pieces of 2 kB: reading those back took four
 * times as long.
 */
#define CHUNK_SIZE (BLCKSZ - 128)

/* Shared files of models stored and dropped in the transaction at hand: paths */
static List *stored = NIL;
static List *dropped = NIL;

PG_FUNCTION_INFO_V1(mlrec_activate_recommender);
PG_FUNCTION_INFO_V1(mlrec_deactivate_recommender);
PG_FUNCTION_INFO_V1(mlrec_drop_recommender);

/* ---------------------------------------------------------------------------
 * Names and rights
 * ------------------------------------------------------------------------- */

void
store_switch_to_owner(SavedUserContext *saved, Oid table)
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
	store_switch_to_owner(saved, table);
	SPI_connect();
}

void
store_end_write(const SavedUserContext *saved)
{
	SPI_finish();
	SetUserIdAndSecContext(saved->user, saved->security);
}

uint64
store_execute(const char *statement, int n, Oid *types, Datum *values, const char *nulls,
			  int expected)
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

int32
store_next_id(void)
{
	SavedUserContext saved;
	int32		id;

	store_switch_to_owner(&saved, store_table());
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

/* Fills in the columns that are texts or JSON; NULL where there is none. */
static void
model_texts(const StoreEntry *entry, const Oid *types, Datum *values, char *nulls)
{
	const char *texts[N_MODEL_COLUMNS + 1] = {
		[MODEL_RATINGS] = entry->ratings,
		[MODEL_MOVIES] = entry->movies,
		[MODEL_USERS] = entry->users,
		[MODEL_OPTIONS] = entry->options,
		[MODEL_METRICS] = entry->metrics,
		[MODEL_COMMENT] = entry->comment,
		[MODEL_RELEVANCE] = entry->relevance,
		[MODEL_EPOCHS] = entry->epochs
	};

	for (int column = 1; column <= N_MODEL_COLUMNS; column++)
	{
		Oid			type = types[column - 1];

		if (texts[column] != NULL)
			values[column - 1] = type == TEXTOID ? CStringGetTextDatum(texts[column]) :
				DirectFunctionCall1(jsonb_in, CStringGetDatum(texts[column]));
		else if (type == TEXTOID || type == JSONBOID)
			nulls[column - 1] = 'n';
	}
}

static void
insert_model(const StoreEntry *entry)
{
#define MODEL_COLUMN_TYPE(name, type) type,
	Oid			types[] = {FOR_EACH_MODEL_COLUMN(MODEL_COLUMN_TYPE)};
	Datum		values[N_MODEL_COLUMNS];
	char		nulls[N_MODEL_COLUMNS];
	StringInfoData statement;

	memset(nulls, ' ', sizeof(nulls));
	model_texts(entry, types, values, nulls);
	values[MODEL_ID - 1] = Int32GetDatum(entry->model_id);
	values[MODEL_CREATED_AT - 1] = TimestampTzGetDatum(entry->created_at);
	values[MODEL_ACTIVE - 1] = BoolGetDatum(false);
	values[MODEL_TRAIN_RATINGS - 1] = Int64GetDatum(entry->train_ratings);
	values[MODEL_TEST_RATINGS - 1] = Int64GetDatum(entry->test_ratings);
	values[MODEL_SEED - 1] = Int64GetDatum(entry->seed);
	values[MODEL_BOUNDARY_TIME - 1] = Int64GetDatum(entry->boundary_time);
	values[MODEL_BOUNDARY_USER - 1] = Int64GetDatum(entry->boundary_user);
	values[MODEL_BOUNDARY_MOVIE - 1] = Int64GetDatum(entry->boundary_movie);
	values[MODEL_SIZE_BYTES - 1] = Int64GetDatum((int64) entry->size);
	values[MODEL_CHECKSUM - 1] = Int64GetDatum((int64) entry->checksum);

	initStringInfo(&statement);
	appendStringInfo(&statement, "INSERT INTO %s VALUES (", extension_object_quoted(STORE_MODELS));
	for (int column = 1; column <= N_MODEL_COLUMNS; column++)
		appendStringInfo(&statement, column == 1 ? "$%d" : ", $%d", column);
	appendStringInfoChar(&statement, ')');
	store_execute(statement.data, N_MODEL_COLUMNS, types, values, nulls, SPI_OK_INSERT);
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

void
store_clear_active(int32 but)
{
	Oid			types[] = {INT4OID};
	Datum		values[] = {Int32GetDatum(but)};

	store_execute(psprintf("UPDATE %s SET active = false "
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

	store_clear_active(model_id);
	return store_execute(psprintf("UPDATE %s SET active = true "
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
	store_end_write(&saved);
}

void
store_hide_boundary(StoreEntry *entry)
{
	if (entry->boundary_time == 0 && entry->boundary_user == 0 && entry->boundary_movie == 0)
		return;					/* there is none */
	entry->boundary_user = PG_INT64_MAX;
	entry->boundary_movie = PG_INT64_MAX;
}

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
	store_execute(psprintf("UPDATE %s SET size_bytes = $2, checksum = $3, boundary_user = $4, "
					 "boundary_movie = $5 WHERE model_id OPERATOR(pg_catalog.=) $1",
					 extension_object_quoted(STORE_MODELS)),
			lengthof(types), types, values, NULL, SPI_OK_UPDATE);
	store_execute(psprintf("DELETE FROM %s WHERE model_id OPERATOR(pg_catalog.=) $1",
					 extension_object_quoted(STORE_CHUNKS)),
			1, types, values, NULL, SPI_OK_DELETE);
	insert_chunks(entry->model_id, file, entry->size);
	store_end_write(&saved);
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
	store_end_write(&saved);
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
	store_clear_active(0);		/* which is no model's number */
	store_end_write(&saved);
	PG_RETURN_VOID();
}

/*
 * drop_recommender(model_id int): removes a model, the active one too.  Its
 * chunks go by a trigger (store_triggers.c).
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
	if (store_execute(psprintf("DELETE FROM %s WHERE model_id OPERATOR(pg_catalog.=) $1 "
						 "RETURNING checksum", extension_object_quoted(STORE_MODELS)),
				1, types, values, NULL, SPI_OK_DELETE_RETURNING) == 0)
		store_no_model(model_id);
	remember(&dropped, model_id,
			 DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
										 &isnull)));
	store_end_write(&saved);
	PG_RETURN_VOID();
}
