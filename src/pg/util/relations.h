/*
 * relations.h: finding and naming the relations that mlrec works on.
 */
#ifndef MLREC_UTIL_RELATIONS_H
#define MLREC_UTIL_RELATIONS_H

#include "fmgr.h"

extern Oid	relation_resolve(Oid given, const char *name, bool missing_ok);
extern Oid	relation_argument(FunctionCallInfo fcinfo, int argno, const char *name,
							  bool missing_ok);
extern char *relation_quoted(Oid relation);

/*
 * Whether policies of row security, as far as can be told, decide which rows the
 * current user sees; and whether anything at all may hide some.
 */
extern bool relation_is_restricted(Oid relation);
extern bool relation_may_hide(Oid relation);
/* Whether the relation is a temporary one, of whatever session; InvalidOid is not. */
extern bool relation_is_temporary(Oid relation);

extern Oid	extension_schema(void);
extern char *extension_object_quoted(const char *name);

#endif							/* MLREC_UTIL_RELATIONS_H */
