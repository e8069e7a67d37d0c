/*
 * store_read.c: reading trained models from the extension's own tables.
 *
 * Readers need no rights on the tables; what they may see of a model is the
 * business of those who call this.  The tables are read directly and not by
 * queries, since the cache must read under the latest snapshot, whatever that
 * of its transaction is.
 *
 * The relations of a model are stored by qualified name, as a function's body
 * would name them.  Kept by OID, a model would go on reading the old table
 * after its owner has swapped a new one into place, silently; and it could not
 * be restored where the table is missing.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/namespace.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/varlena.h"

#include "pg/store/store.h"
#include "pg/store/store_write.h"
#include "pg/util/relations.h"

#define CHUNK_INDEX "mlrec_model_chunk_pkey"

/* How many models an error message lists. */
#define MAX_LISTED 20

/* Columns of mlrec_model_chunk, in order */
enum
{
	CHUNK_MODEL_ID = 1,
	CHUNK_NO,
	CHUNK_DATA
};

Oid
store_relation(const char *name)
{
	Oid			relation = get_relname_relid(name, extension_schema());

	if (!OidIsValid(relation))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation \"%s\" of extension mlrec does not exist", name),
				 errhint("Drop the extension and create it again.")));
	return relation;
}

Oid
store_table(void)
{
	return store_relation(STORE_MODELS);
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
 * store_json_value: see store.h.
 */
bool
store_json_value(const char *json, const char *key, JsonbValue *value)
{
	Jsonb	   *object;

	if (json == NULL)
		return false;
	object = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(json)));
	return JB_ROOT_IS_OBJECT(object) &&
		getKeyJsonValueFromContainer(&object->root, key, strlen(key), value) != NULL;
}

/*
 * store_json_number: likewise a number.
 */
bool
store_json_number(const char *json, const char *key, double *number)
{
	JsonbValue	value;

	if (!store_json_value(json, key, &value) || value.type != jbvNumeric)
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
	entry->train_ratings = column_int64(slot, MODEL_TRAIN_RATINGS);
	entry->test_ratings = column_int64(slot, MODEL_TEST_RATINGS);
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

bool
store_read(int32 model_id, Snapshot snapshot, StoreEntry *entry)
{
	return model_id != 0 && read_model(model_id, snapshot, entry);
}

bool
store_read_active(Snapshot snapshot, StoreEntry *entry)
{
	return read_model(0, snapshot, entry);
}

bool
store_is_leaving(int32 model_id, uint64 checksum)
{
	Relation	table = table_open(store_table(), AccessShareLock);
	TupleTableSlot *slot = table_slot_create(table, NULL);
	SnapshotData dirty;
	TableScanDesc scan;
	bool		stays = false;

	InitDirtySnapshot(dirty);
	scan = table_beginscan(table, &dirty, 0, NULL);
	while (!stays && table_scan_getnextslot(scan, ForwardScanDirection, slot))
		stays = column_id(slot) == model_id &&
			(uint64) column_int64(slot, MODEL_CHECKSUM) == checksum &&
			!TransactionIdIsValid(dirty.xmax);
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	table_close(table, AccessShareLock);
	return !stays;
}

Size
store_load(const StoreEntry *entry, Snapshot snapshot, StoreSink sink, void *arg)
{
	Relation	table = table_open(store_relation(STORE_CHUNKS), AccessShareLock);
	Relation	index = index_open(store_relation(CHUNK_INDEX), AccessShareLock);
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

List *
store_model_ids(Snapshot snapshot)
{
	Relation	table = table_open(store_table(), AccessShareLock);
	TupleTableSlot *slot = table_slot_create(table, NULL);
	TableScanDesc scan = table_beginscan(table, snapshot, 0, NULL);
	List	   *ids = NIL;

	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
		ids = lappend_int(ids, column_id(slot));
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	table_close(table, AccessShareLock);
	list_sort(ids, list_int_cmp);
	return ids;
}

/*
 * The models that there are, as "1, 2, 3", or NULL if there are none.
 */
static char *
list_models(void)
{
	List	   *ids = store_model_ids(GetActiveSnapshot());
	StringInfoData list;

	if (ids == NIL)
		return NULL;
	initStringInfo(&list);
	for (int i = 0; i < Min(list_length(ids), MAX_LISTED); i++)
		appendStringInfo(&list, i == 0 ? "%d" : ", %d", list_nth_int(ids, i));
	if (list_length(ids) > MAX_LISTED)
		appendStringInfo(&list, " and %d more", list_length(ids) - MAX_LISTED);
	return list.data;
}

void
store_none_active(void)
{
	char	   *list = list_models();

	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("no recommender model is active"),
			 list == NULL ?
			 errhint("Train one: SELECT * FROM train_recommender();") :
			 errhint("Activate one of the models %s with activate_recommender(), "
					 "or train a new one with train_recommender().", list)));
}

void
store_no_model(int32 model_id)
{
	char	   *list = list_models();

	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("recommender model %d does not exist", model_id),
			 list == NULL ?
			 errhint("There are no models. Train one: SELECT * FROM train_recommender();") :
			 errhint("There are these models: %s.", list)));
}

int32
store_model_argument(FunctionCallInfo fcinfo, int argno)
{
	if (PG_ARGISNULL(argno))
		return 0;
	if (PG_GETARG_INT32(argno) == 0)
		store_no_model(0);
	return PG_GETARG_INT32(argno);
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

/* Whether a qualified name is one in the schema of somebody's temporary relations. */
static bool
is_temporary(const char *name)
{
	return name != NULL &&
		(strncmp(name, "pg_temp_", strlen("pg_temp_")) == 0 ||
		 strncmp(name, "pg_temp.", strlen("pg_temp.")) == 0);
}

bool
store_is_temporary(const StoreEntry *entry)
{
	return is_temporary(entry->ratings) || is_temporary(entry->movies) ||
		is_temporary(entry->users);
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

void
store_find_relations(const StoreEntry *entry, StoreRelations *relations)
{
	relations->ratings = find_relation(entry, entry->ratings);
	relations->movies = entry->movies == NULL ? InvalidOid : find_relation(entry, entry->movies);
	relations->users = entry->users == NULL ? InvalidOid : find_relation(entry, entry->users);
	relations->ratings_may_hide = relation_may_hide(relations->ratings);
	relations->movies_may_hide = OidIsValid(relations->movies) &&
		relation_may_hide(relations->movies);
	relations->is_restricted = OidIsValid(relations->movies) &&
		(relation_is_restricted(relations->ratings) || relation_is_restricted(relations->movies));
}

bool
store_relations_exist(const StoreEntry *entry)
{
	return OidIsValid(look_up(entry->ratings)) &&
		(entry->movies == NULL || OidIsValid(look_up(entry->movies))) &&
		(entry->users == NULL || OidIsValid(look_up(entry->users)));
}

bool
store_active_relations(StoreRelations *relations)
{
	StoreEntry	entry;

	if (!store_read_active(GetActiveSnapshot(), &entry))
		return false;
	store_find_relations(&entry, relations);
	return true;
}
