/*
 * relations.h: finding and naming the relations that mlrec works on.
 */
#ifndef MLREC_UTIL_RELATIONS_H
#define MLREC_UTIL_RELATIONS_H

#include "fmgr.h"

/*
 * The relation "given", or, when that is InvalidOid, the one called "name" on the
 * caller's search path.
 *
 * A relation that does not exist raises ERRCODE_UNDEFINED_TABLE; with missing_ok, a
 * name that is not found gives InvalidOid instead (a given relation must always
 * exist).  Something that holds no rows to select, such as an index, raises
 * ERRCODE_WRONG_OBJECT_TYPE.
 */
extern Oid	relation_resolve(Oid given, const char *name, bool missing_ok);

/*
 * relation_resolve() for the regclass argument number argno of an SQL function, where
 * NULL means "the one called name".
 */
extern Oid	relation_argument(FunctionCallInfo fcinfo, int argno, const char *name,
							  bool missing_ok);

/*
 * The relation's schema-qualified name, quoted as an SQL statement needs it,
 * palloc'd.
 */
extern char *relation_quoted(Oid relation);

/*
 * Whether policies of row security, as far as can be told, decide which rows the
 * current user sees; and whether anything at all may hide some.
 */
extern bool relation_is_restricted(Oid relation);
extern bool relation_may_hide(Oid relation);
/* Whether the relation is a temporary one, of whatever session; InvalidOid is not. */
extern bool relation_is_temporary(Oid relation);

/* The schema that CREATE EXTENSION put mlrec into. */
extern Oid	extension_schema(void);

/*
 * The full, quoted name of one of the extension's own tables, views, types or
 * functions, palloc'd.
 */
extern char *extension_object_quoted(const char *name);

#endif							/* MLREC_UTIL_RELATIONS_H */
