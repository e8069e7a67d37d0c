/*
 * query.h: queries whose rows are the result of an SQL function.
 */
#ifndef MLREC_UTIL_QUERY_H
#define MLREC_UTIL_QUERY_H

#include "fmgr.h"
#include "nodes/params.h"

extern ParamListInfo query_params(int count);
extern void query_set_param(ParamListInfo params, int number, Oid type, Datum value, bool isnull);
extern void query_return(FunctionCallInfo fcinfo, const char *query, ParamListInfo params);

#endif							/* MLREC_UTIL_QUERY_H */
