/*
 * store.c: trained models in the extension's own tables.
 *
 * recommender_model has a row for each model: which relations it was trained
 * on, with what options and result, and whether it is the active one.  The
 * model itself, the image of image.h, is in recommender_chunk, cut into pieces
 * of a page.  Both are ordinary logged tables, so replicas, backups and pg_dump
 * carry the models without anything said about them here.
 *
 * Relations are stored by qualified name, as a function's body would name
 * them.  Kept by OID, a model would go on reading the old table after its
 * owner has swapped a new one into place, silently; and it could not be
 * restored where the table is missing.
 *
 * Who may do what: everybody may read the list of models.  Writing is for
 * those who may execute train_recommender, activate_recommender and
 * drop_recommender; they need no rights on the tables, since the writes below
 * run as the tables' owner.  The statements name every operator and type in
 * full, so that nothing on the caller's search_path runs with these rights.
 *
 * Writers take SHARE ROW EXCLUSIVE on recommender_model: they wait for each
 * other, never for readers, and readers never for them.  A statement trigger
 * on the table tells the caches of all backends that something changed.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relscan.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/varlena.h"

#include "../num/image.h"
#include "relations.h"
#include "shared_image.h"
#include "store.h"

#define MODEL_TABLE "recommender_model"
#define CHUNK_TABLE "recommender_chunk"
#define CHUNK_INDEX "recommender_chunk_pkey"
#define ID_SEQUENCE "recommender_model_id"

/*
 * Bytes of an image in one row, so that the row fills a page.  Larger values
 * would go to a TOAST table in pieces of 2 kB: reading those back took four
 * times as long.
 */
#define CHUNK_SIZE (BLCKSZ - 128)

/* How many models an error message lists. */
#define MAX_LISTED 20

/* Columns of recommender_model, in order */
enum
{
	MODEL_ID = 1,
	MODEL_CREATED_AT,
	MODEL_ACTIVE,
	MODEL_RATINGS,
	MODEL_MOVIES,
	MODEL_USERS,
	MODEL_TRAIN_ROWS,
	MODEL_TEST_ROWS,
	MODEL_SEED,
	MODEL_OPTIONS,
	MODEL_METRICS,
	MODEL_BOUNDARY_TIME,
	MODEL_BOUNDARY_USER,
	MODEL_BOUNDARY_MOVIE,
	MODEL_SIZE_BYTES,
	MODEL_CHECKSUM,
	MODEL_COMMENT,
	MODEL_RELEVANCE
};

/* Columns of recommender_chunk, in order */
enum
{
	CHUNK_MODEL_ID = 1,
	CHUNK_NO,
	CHUNK_DATA
};

/* Whom to turn back into after writing */
typedef struct Caller
{
	Oid			user;
	int			security;
} Caller;

/* Models dropped in this transaction */
static List *dropped = NIL;

PG_FUNCTION_INFO_V1(mlrec_activate_recommender);
PG_FUNCTION_INFO_V1(mlrec_drop_recommender);
PG_FUNCTION_INFO_V1(mlrec_model_changed);

/* ---------------------------------------------------------------------------
 * Names and rights
 * ------------------------------------------------------------------------- */

static Oid
own_relation(const char *name)
{
	Oid			relation = get_relname_relid(name, extension_schema());

	if (!OidIsValid(relation))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation \"%s\" of extension mlrec does not exist", name),
				 errhint("Drop the extension and create it again.")));
	return relation;
}

/*
 * store_table: the OID of recommender_model.
 */
Oid
store_table(void)
{
	return own_relation(MODEL_TABLE);
}

/*
 * Goes on as the owner of the model tables.  An error on the way needs no
 * care: the end of the (sub)transaction restores the user.
 */
static void
become_owner(Caller *caller, Oid table)
{
	Relation	relation = table_open(table, AccessShareLock);
	Oid			owner = relation->rd_rel->relowner;

	table_close(relation, NoLock);
	GetUserIdAndSecContext(&caller->user, &caller->security);
	SetUserIdAndSecContext(owner, caller->security | SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_RESTRICTED_OPERATION);
}

/*
 * The beginning of every change of the tables: waits for other writers, then
 * connects to SPI as the owner.
 */
static void
begin_write(Caller *caller)
{
	Oid			table = store_table();

	LockRelationOid(table, ShareRowExclusiveLock);
	become_owner(caller, table);
	SPI_connect();
}

static void
end_write(const Caller *caller)
{
	SPI_finish();
	SetUserIdAndSecContext(caller->user, caller->security);
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
	Caller		caller;
	int64		id;

	become_owner(&caller, store_table());
	id = nextval_internal(own_relation(ID_SEQUENCE), true);
	SetUserIdAndSecContext(caller.user, caller.security);
	return (int32) id;
}

static void
insert_model(const StoreEntry *entry)
{
	char	   *statement = psprintf("INSERT INTO %s VALUES ($1, $2, false, $3, $4, $5, $6, $7, "
									 "$8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
									 extension_object_quoted(MODEL_TABLE));
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
	values[5] = Int64GetDatum(entry->train_rows);
	values[6] = Int64GetDatum(entry->test_rows);
	values[7] = Int64GetDatum(entry->seed);
	values[10] = Int64GetDatum(entry->boundary_time);
	values[11] = Int64GetDatum(entry->boundary_user);
	values[12] = Int64GetDatum(entry->boundary_movie);
	values[13] = Int64GetDatum((int64) entry->size);
	values[14] = Int64GetDatum((int64) entry->checksum);
	execute(statement, lengthof(types), types, values, nulls, SPI_OK_INSERT);
}

static void
insert_chunks(int32 model_id, const char *image, Size size)
{
	char	   *statement = psprintf("INSERT INTO %s VALUES ($1, $2, $3)",
									 extension_object_quoted(CHUNK_TABLE));
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
		memcpy(VARDATA(data), image + done, length);
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
	const char *table = extension_object_quoted(MODEL_TABLE);
	Oid			types[] = {INT4OID};
	Datum		values[] = {Int32GetDatum(model_id)};

	execute(psprintf("UPDATE %s SET active = false "
					 "WHERE active AND model_id OPERATOR(pg_catalog.<>) $1", table),
			1, types, values, NULL, SPI_OK_UPDATE);
	return execute(psprintf("UPDATE %s SET active = true "
							"WHERE model_id OPERATOR(pg_catalog.=) $1", table),
				   1, types, values, NULL, SPI_OK_UPDATE) == 1;
}

/*
 * store_save: stores the sealed image of a model and what is known of it, under
 * entry->model_id (from store_next_id), and completes the entry.  With
 * `activate` it is the active model from the caller's COMMIT on.  Not in
 * parallel mode; the caller has checked PreventCommandIfReadOnly.
 */
void
store_save(StoreEntry *entry, const void *image, Size size, bool activate)
{
	Caller		caller;

	entry->created_at = GetCurrentTimestamp();
	entry->active = activate;
	entry->size = size;
	entry->checksum = ((const ImageHeader *) image)->checksum;

	begin_write(&caller);
	insert_model(entry);
	insert_chunks(entry->model_id, image, size);
	if (activate)
		set_active(entry->model_id);
	end_write(&caller);
}

/*
 * activate_recommender(model_id int): all sessions serve from this model once
 * the caller has committed.
 */
Datum
mlrec_activate_recommender(PG_FUNCTION_ARGS)
{
	int32		model_id = PG_GETARG_INT32(0);
	Caller		caller;
	bool		found;

	PreventCommandIfReadOnly("activate_recommender()");
	begin_write(&caller);
	found = set_active(model_id);
	end_write(&caller);
	if (!found)
		store_no_model(model_id);
	PG_RETURN_VOID();
}

/*
 * At COMMIT of a transaction that dropped models, their shared files go.  If it
 * was a subtransaction that was rolled back, nothing is lost: the next session
 * makes the file again.
 */
static void
remove_files_at_commit(XactEvent event, void *arg)
{
	ListCell   *cell;

	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;
	foreach(cell, dropped)
	{
		if (event == XACT_EVENT_COMMIT)
			shared_image_remove(lfirst_int(cell));
	}
	dropped = NIL;				/* its memory goes with the transaction */
}

static void
remember_dropped(int32 model_id)
{
	static bool registered = false;
	MemoryContext caller = MemoryContextSwitchTo(TopTransactionContext);

	if (!registered)
		RegisterXactCallback(remove_files_at_commit, NULL);
	registered = true;
	dropped = lappend_int(dropped, model_id);
	MemoryContextSwitchTo(caller);
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
	Caller		caller;
	uint64		n;

	PreventCommandIfReadOnly("drop_recommender()");
	begin_write(&caller);
	n = execute(psprintf("DELETE FROM %s WHERE model_id OPERATOR(pg_catalog.=) $1",
						 extension_object_quoted(MODEL_TABLE)),
				1, types, values, NULL, SPI_OK_DELETE);
	end_write(&caller);
	if (n == 0)
		store_no_model(model_id);
	remember_dropped(model_id);
	PG_RETURN_VOID();
}

/*
 * Statement trigger on recommender_model: tells every backend, this one at the
 * end of the command and others at COMMIT, that the table changed.
 */
Datum
mlrec_model_changed(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("recommender_model_changed() can only be called as a trigger")));
	CacheInvalidateRelcache(((TriggerData *) fcinfo->context)->tg_relation);
	return PointerGetDatum(NULL);
}

/* ---------------------------------------------------------------------------
 * Reading
 * ------------------------------------------------------------------------- */

static int64
column_int64(TupleTableSlot *slot, int column)
{
	bool		isnull;
	Datum		value = slot_getattr(slot, column, &isnull);

	return isnull ? 0 : DatumGetInt64(value);
}

static char *
column_text(TupleTableSlot *slot, int column)
{
	bool		isnull;
	Datum		value = slot_getattr(slot, column, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

static char *
column_json(TupleTableSlot *slot, int column)
{
	bool		isnull;
	Datum		value = slot_getattr(slot, column, &isnull);
	Jsonb	   *json;

	if (isnull)
		return NULL;
	json = DatumGetJsonbP(value);
	return JsonbToCString(NULL, &json->root, VARSIZE(json));
}

/*
 * store_json_number: a number of a JSON object; false if it is not there.
 */
bool
store_json_number(const char *json, const char *key, double *number)
{
	Datum		object = DirectFunctionCall1(jsonb_in, CStringGetDatum(json));
	JsonbValue	value;

	if (getKeyJsonValueFromContainer(&DatumGetJsonbP(object)->root, key, strlen(key),
									 &value) == NULL || value.type != jbvNumeric)
		return false;
	*number = DatumGetFloat8(DirectFunctionCall1(numeric_float8,
												 NumericGetDatum(value.val.numeric)));
	return true;
}

static int32
column_id(TupleTableSlot *slot)
{
	bool		isnull;

	return DatumGetInt32(slot_getattr(slot, MODEL_ID, &isnull));
}

static bool
column_active(TupleTableSlot *slot)
{
	bool		isnull;

	return DatumGetBool(slot_getattr(slot, MODEL_ACTIVE, &isnull));
}

static void
read_entry(TupleTableSlot *slot, StoreEntry *entry)
{
	entry->model_id = column_id(slot);
	entry->created_at = column_int64(slot, MODEL_CREATED_AT);
	entry->active = column_active(slot);
	entry->ratings = column_text(slot, MODEL_RATINGS);
	entry->movies = column_text(slot, MODEL_MOVIES);
	entry->users = column_text(slot, MODEL_USERS);
	entry->train_rows = column_int64(slot, MODEL_TRAIN_ROWS);
	entry->test_rows = column_int64(slot, MODEL_TEST_ROWS);
	entry->seed = column_int64(slot, MODEL_SEED);
	entry->options = column_json(slot, MODEL_OPTIONS);
	entry->metrics = column_json(slot, MODEL_METRICS);
	entry->boundary_time = column_int64(slot, MODEL_BOUNDARY_TIME);
	entry->boundary_user = column_int64(slot, MODEL_BOUNDARY_USER);
	entry->boundary_movie = column_int64(slot, MODEL_BOUNDARY_MOVIE);
	entry->size = (uint64) column_int64(slot, MODEL_SIZE_BYTES);
	entry->checksum = (uint64) column_int64(slot, MODEL_CHECKSUM);
	entry->comment = column_text(slot, MODEL_COMMENT);
	entry->relevance = column_json(slot, MODEL_RELEVANCE);
}

/*
 * Finds a model by id or, with id 0, the active one.  The table has a few rows
 * and is read once for each change of it, so it is simply scanned.  Rights are
 * the business of the caller.
 */
static bool
read_model(int32 model_id, Snapshot snapshot, StoreEntry *entry)
{
	Relation	table = table_open(store_table(), AccessShareLock);
	TupleTableSlot *slot = table_slot_create(table, NULL);
	TableScanDesc scan = table_beginscan(table, snapshot, 0, NULL);
	bool		found = false;

	while (!found && table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		found = model_id == 0 ? column_active(slot) : column_id(slot) == model_id;
		if (found)
			read_entry(slot, entry);
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	table_close(table, AccessShareLock);
	return found;
}

/*
 * store_read: what is known of a model, in the current memory context; false
 * if the snapshot has no such model.
 */
bool
store_read(int32 model_id, Snapshot snapshot, StoreEntry *entry)
{
	return model_id != 0 && read_model(model_id, snapshot, entry);
}

/*
 * store_read_active: likewise for the active model; false if none is.
 */
bool
store_read_active(Snapshot snapshot, StoreEntry *entry)
{
	return read_model(0, snapshot, entry);
}

/*
 * store_load: hands the image of a model to `sink`, piece by piece, at most
 * entry->size bytes.  Returns how many bytes there are in the tables, which
 * differs from entry->size if these were tampered with, or how many were taken
 * when the sink refused one by returning false.
 */
Size
store_load(const StoreEntry *entry, Snapshot snapshot, StoreSink sink, void *arg)
{
	Relation	table = table_open(own_relation(CHUNK_TABLE), AccessShareLock);
	Relation	index = index_open(own_relation(CHUNK_INDEX), AccessShareLock);
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;
	Size		done = 0;
	bool		more = true;

	ScanKeyInit(&key, CHUNK_MODEL_ID, BTEqualStrategyNumber, F_INT4EQ,
				Int32GetDatum(entry->model_id));
	scan = systable_beginscan_ordered(table, index, snapshot, 1, &key);
	while (more &&
		   HeapTupleIsValid(tuple = systable_getnext_ordered(scan, ForwardScanDirection)))
	{
		bool		isnull;
		Datum		value = heap_getattr(tuple, CHUNK_DATA, RelationGetDescr(table), &isnull);
		bytea	   *data = DatumGetByteaPP(value);
		Size		length = VARSIZE_ANY_EXHDR(data);

		CHECK_FOR_INTERRUPTS();
		more = length <= entry->size - done && sink(arg, VARDATA_ANY(data), length);
		if (more || length > entry->size - done)
			done += length;
		if ((Pointer) data != DatumGetPointer(value))
			pfree(data);
	}
	systable_endscan_ordered(scan);
	index_close(index, AccessShareLock);
	table_close(table, AccessShareLock);
	return done;
}

/*
 * The models that there are, as "1, 2, 3", or NULL if there are none.
 */
static char *
list_models(void)
{
	Relation	table = table_open(store_table(), AccessShareLock);
	TupleTableSlot *slot = table_slot_create(table, NULL);
	TableScanDesc scan = table_beginscan(table, GetActiveSnapshot(), 0, NULL);
	List	   *ids = NIL;
	StringInfoData list;

	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
		ids = lappend_int(ids, column_id(slot));
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	table_close(table, AccessShareLock);
	if (ids == NIL)
		return NULL;

	list_sort(ids, list_int_cmp);
	initStringInfo(&list);
	for (int i = 0; i < Min(list_length(ids), MAX_LISTED); i++)
		appendStringInfo(&list, i == 0 ? "%d" : ", %d", list_nth_int(ids, i));
	if (list_length(ids) > MAX_LISTED)
		appendStringInfo(&list, " and %d more", list_length(ids) - MAX_LISTED);
	return list.data;
}

/*
 * store_no_model: raises that a model does not exist or, with id 0, that none
 * is active, and tells what there is.
 */
void
store_no_model(int32 model_id)
{
	char	   *list = list_models();

	if (model_id == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("no recommender model is active"),
				 list == NULL ?
				 errhint("Train one: SELECT * FROM train_recommender();") :
				 errhint("Activate one of the models %s with activate_recommender(), "
						 "or train a new one with train_recommender().", list)));
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("recommender model %d does not exist", model_id),
			 list == NULL ?
			 errhint("There are no models. Train one: SELECT * FROM train_recommender();") :
			 errhint("There are these models: %s.", list)));
}

/* ---------------------------------------------------------------------------
 * The relations of a model
 * ------------------------------------------------------------------------- */

/* OID of a relation by its qualified name, InvalidOid if there is none. */
static Oid
look_up(const char *name)
{
	List	   *parts = textToQualifiedNameList(cstring_to_text(name));

	return RangeVarGetRelid(makeRangeVarFromNameList(parts), NoLock, true);
}

static Oid
find_relation(const StoreEntry *entry, const char *name)
{
	Oid			relation = look_up(name);

	if (!OidIsValid(relation))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation %s of recommender model %d does not exist", name,
						entry->model_id),
				 errhint("Give a relation or a view this name again, or train a new model.")));
	return relation;
}

/*
 * store_find_relations: the OIDs of the relations on which the model was
 * trained.  Raises ERRCODE_UNDEFINED_TABLE if one of them is gone.
 */
void
store_find_relations(const StoreEntry *entry, StoreRelations *relations)
{
	relations->ratings = find_relation(entry, entry->ratings);
	relations->movies = find_relation(entry, entry->movies);
	relations->users = entry->users == NULL ? InvalidOid : find_relation(entry, entry->users);
}

/*
 * store_relations_exist: whether store_find_relations would find them all.
 */
bool
store_relations_exist(const StoreEntry *entry)
{
	return OidIsValid(look_up(entry->ratings)) && OidIsValid(look_up(entry->movies)) &&
		(entry->users == NULL || OidIsValid(look_up(entry->users)));
}

/*
 * store_active_relations: the same for the active model; false if none is.
 */
bool
store_active_relations(StoreRelations *relations)
{
	StoreEntry	entry;

	if (!store_read_active(GetActiveSnapshot(), &entry))
		return false;
	store_find_relations(&entry, relations);
	return true;
}
