/*
 * query.h: queries whose rows are the result of an SQL function.
 */
#ifndef MLREC_UTIL_QUERY_H
#define MLREC_UTIL_QUERY_H

#include "fmgr.h"
#include "nodes/params.h"

/* Room for the parameters $1 to $count of a query. */
extern ParamListInfo query_params(int count);

/* Sets the value of $number. */
extern void query_set_param(ParamListInfo params, int number, Oid type, Datum value, bool isnull);

/*
 * Runs the query; its rows become the result of the SQL function that was called
 * with fcinfo, whose columns they must have.  params may be NULL.
 */
extern void query_return(FunctionCallInfo fcinfo, const char *query, ParamListInfo params);

#endif							/* MLREC_UTIL_QUERY_H */
