/*
 * relations.c: finding and naming the relations that mlrec works on.
 *
 * Functions of mlrec take their input relations as optional regclass
 * arguments, and NULL stands for the relation of the customary name on the
 * caller's search path.  So no SQL function of mlrec may be declared with SET
 * search_path: the caller's path is part of its input.  Queries that we build
 * name every relation in full instead, which makes them independent of it.
 *
 * Nothing here checks the right to read a relation.  The query that reads it
 * does, as the invoker, together with row-level security.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"

#include "pg/util/relations.h"

#define EXTENSION_NAME "mlrec"

/*
 * True for what a SELECT can read rows from: tables, partitioned and foreign
 * tables, views and materialized views.
 */
static bool
is_readable_kind(char relkind)
{
	return relkind == RELKIND_RELATION || relkind == RELKIND_PARTITIONED_TABLE ||
		relkind == RELKIND_FOREIGN_TABLE || relkind == RELKIND_VIEW || relkind == RELKIND_MATVIEW;
}

Oid
relation_resolve(Oid given, const char *name, bool missing_ok)
{
	Oid			relation = given;
	char	   *found;

	if (!OidIsValid(given))
	{
		relation = RangeVarGetRelid(makeRangeVar(NULL, pstrdup(name), -1), NoLock, true);
		if (!OidIsValid(relation) && missing_ok)
			return InvalidOid;
		if (!OidIsValid(relation))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_TABLE),
					 errmsg("relation \"%s\" does not exist", name),
					 errhint("Pass the relation as an argument, put its schema on search_path, "
							 "or load a data set with load_movielens().")));
	}

	found = get_rel_name(relation);
	if (found == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relation),
				 errhint("Pass an existing relation as \"%s\".", name)));
	if (!is_readable_kind(get_rel_relkind(relation)))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" cannot be read as \"%s\"", found, name),
				 errhint("Pass a table, a view, a materialized view or a foreign table.")));
	return relation;
}

Oid
relation_argument(FunctionCallInfo fcinfo, int argno, const char *name, bool missing_ok)
{
	Oid			given = PG_ARGISNULL(argno) ? InvalidOid : PG_GETARG_OID(argno);

	return relation_resolve(given, name, missing_ok);
}

char *
relation_quoted(Oid relation)
{
	char	   *name = get_rel_name(relation);
	char	   *schema = get_namespace_name(get_rel_namespace(relation));

	if (name == NULL || schema == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relation)));
	return quote_qualified_identifier(schema, name);
}

bool
relation_is_temporary(Oid relation)
{
	return OidIsValid(relation) && isAnyTempNamespace(get_rel_namespace(relation));
}

/*
 * relation_is_restricted: a view that reads as its invoker counts as restricted,
 * since the tables that it reads may be.
 */
bool
relation_is_restricted(Oid relation)
{
#if PG_VERSION_NUM >= 150000
	if (get_rel_relkind(relation) == RELKIND_VIEW)
	{
		Relation	view = table_open(relation, AccessShareLock);
		bool		as_invoker = RelationHasSecurityInvoker(view);

		table_close(view, AccessShareLock);
		return as_invoker;
	}
#endif
	return check_enable_rls(relation, InvalidOid, true) == RLS_ENABLED;
}

/*
 * relation_may_hide: what a view leaves out, or a server elsewhere, may depend on
 * who asks.
 */
bool
relation_may_hide(Oid relation)
{
	char		kind = get_rel_relkind(relation);

	return kind == RELKIND_VIEW || kind == RELKIND_FOREIGN_TABLE ||
		relation_is_restricted(relation);
}

Oid
extension_schema(void)
{
	Oid			extension = get_extension_oid(EXTENSION_NAME, false);
	Oid			schema = InvalidOid;
	Relation	catalog;
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_extension_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(extension));
	catalog = table_open(ExtensionRelationId, AccessShareLock);
	scan = systable_beginscan(catalog, ExtensionOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		schema = ((Form_pg_extension) GETSTRUCT(tuple))->extnamespace;
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);

	if (!OidIsValid(schema))
		elog(ERROR, "extension \"%s\" has no schema", EXTENSION_NAME);
	return schema;
}

char *
extension_object_quoted(const char *name)
{
	return quote_qualified_identifier(get_namespace_name(extension_schema()), name);
}
