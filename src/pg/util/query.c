/*
 * query.c: queries whose rows are the result of an SQL function.
 *
 * A query over relations that are arguments cannot be the body of an SQL
 * function, so it is put together at run time.  It runs as the invoker and
 * under the snapshot of the statement that calls the function, as an SQL
 * function's body would.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "executor/tstoreReceiver.h"
#include "funcapi.h"
#include "nodes/execnodes.h"

#include "pg/util/compat.h"
#include "pg/util/query.h"

ParamListInfo
query_params(int count)
{
	return makeParamList(count);
}

void
query_set_param(ParamListInfo params, int number, Oid type, Datum value, bool isnull)
{
	ParamExternData *param = &params->params[number - 1];

	param->value = value;
	param->isnull = isnull;
	param->pflags = PARAM_FLAG_CONST;
	param->ptype = type;
}

void
query_return(FunctionCallInfo fcinfo, const char *query, ParamListInfo params)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	SPIExecuteOptions options = {0};
	int			code;

	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	options.params = params;
	options.read_only = true;
	options.dest = CreateDestReceiver(DestTuplestore);
	SetTuplestoreDestReceiverParams(options.dest, result->setResult,
									result->econtext->ecxt_per_query_memory, false, result->setDesc,
									gettext_noop(
										"query does not give the columns of the function"));
	code = SPI_execute_extended(query, &options);
	if (code != SPI_OK_SELECT)
		elog(ERROR, "could not execute \"%s\": %s", query, SPI_result_code_string(code));
	SPI_finish();
}
