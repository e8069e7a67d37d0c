/*
 * compat.h: what differs between the PostgreSQL versions, and nowhere else.
 */
#ifndef MLREC_UTIL_COMPAT_H
#define MLREC_UTIL_COMPAT_H

#if PG_VERSION_NUM < 140000
#error "mlrec needs PostgreSQL 14 or later"
#endif

#include "funcapi.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/tuplestore.h"

/* VARDATA_ANY() and the like have left postgres.h. */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#if PG_VERSION_NUM < 150000
/*
 * Set the result of an SQL function up as a tuplestore, whose rows have the
 * columns that the function declares.
 */
static inline void
InitMaterializedSRF(FunctionCallInfo fcinfo, int flags)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext caller;
	TupleDesc	columns;

	if (result == NULL || !IsA(result, ReturnSetInfo) ||
		(result->allowedModes & SFRM_Materialize) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("set-valued function called in context that cannot accept a set")));

	caller = MemoryContextSwitchTo(result->econtext->ecxt_per_query_memory);
	if (get_call_result_type(fcinfo, NULL, &columns) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	result->returnMode = SFRM_Materialize;
	result->setResult = tuplestore_begin_heap((result->allowedModes & SFRM_Materialize_Random) != 0,
											  false, work_mem);
	result->setDesc = BlessTupleDesc(columns);
	MemoryContextSwitchTo(caller);
}
#endif

/* Of libpq/libpq.h, which needs the headers of Kerberos where the server has it. */
extern bool pq_check_connection(void);

/* Whether somebody is there to hear how a statement goes. */
static inline bool
client_is_connected(void)
{
	if (MyProcPort == NULL)
		return true;			/* a background worker has no client */
#if PG_VERSION_NUM >= 150000
	if (!WaitEventSetCanReportClosed())
		return true;
#endif
	return pq_check_connection();
}

/* Before 15 settings of an unknown name were warned of, not refused. */
#if PG_VERSION_NUM < 150000
#define MarkGUCPrefixReserved(prefix) EmitWarningsOnPlaceholders(prefix)
#endif

/* In front of a declaration, since 18. */
#ifndef pg_noreturn
#define pg_noreturn __attribute__((noreturn))
#endif

/*
 * Input functions report bad values softly since 16 (pg_input_is_valid, COPY ...
 * ON_ERROR); before, every error is thrown.
 */
#if PG_VERSION_NUM >= 160000
#include "nodes/miscnodes.h"
#else
#define errsave(context, ...) \
	do { \
		(void) (context); \
		ereport(ERROR, __VA_ARGS__); \
	} while (0)
#define ereturn(context, dummy_value, ...) \
	do { \
		(void) (context); \
		ereport(ERROR, __VA_ARGS__); \
	} while (0)
#endif

#endif							/* MLREC_UTIL_COMPAT_H */
