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
extern Oid	extension_schema(void);
extern char *extension_object_quoted(const char *name);

#endif							/* MLREC_UTIL_RELATIONS_H */
