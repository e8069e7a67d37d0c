/*
 * cached_query.h: prepared queries over the relations of a model.
 */
#ifndef MLREC_CATALOGUE_CACHED_QUERY_H
#define MLREC_CATALOGUE_CACHED_QUERY_H

#include "postgres.h"

#include "executor/spi.h"

#include "pg/util/row_receiver.h"

/* Makes the text of a query over a relation, in the current memory context. */
typedef char *(*QueryBuilder) (Oid relation);

/* A query as it is declared: static, zero but for the first three. */
typedef struct CachedQuery
{
	QueryBuilder text;
	int			n_parameters;
	Oid			types[4];

	struct CachedQueryPlan *kept;	/* of cached_query.c */
} CachedQuery;

/*
 * Runs the query under the active snapshot as the invoker, who is connected to
 * SPI, and calls row() for each row.  nulls as in SPI_execute_plan.
 */
extern void cached_query_run(CachedQuery *query, Oid relation, const Datum *values,
							 const char *nulls,
					  RowCallback row, void *arg);

/*
 * Likewise, without parameters; returns whether this was a bare scan: whether the
 * plan reads the relation itself, a heap, and nothing else, and leaves out no row.
 * Then the rows depend on nothing but the snapshot.
 */
extern bool cached_query_scan(CachedQuery *query, Oid relation, RowCallback row, void *arg);

/*
 * Like cached_query_run, but to be read through a cursor; cached_query_fetch reads up to n rows
 * and returns how many it has read.  SPI_cursor_close ends it.  row() must not
 * run queries.
 */
extern Portal cached_query_open(CachedQuery *query, Oid relation, const Datum *values,
								const char *nulls);
extern uint64 cached_query_fetch(Portal portal, int n, RowCallback row, void *arg);

/* Whether the relation has a column of that name. */
extern bool relation_has_column(Oid relation, const char *name);

/* Columns of a row; *isnull may not be NULL. */
/* slot_double: of what input_number() selects. */
extern int64 slot_int64(TupleTableSlot *slot, int column, bool *isnull);
extern double slot_double(TupleTableSlot *slot, int column, bool *isnull);
extern char *slot_text(TupleTableSlot *slot, int column);	/* NULL for null */

#endif							/* MLREC_CATALOGUE_CACHED_QUERY_H */
