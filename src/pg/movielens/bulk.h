/*
 * bulk.h: filling a new table quickly.
 */
#ifndef MLREC_MOVIELENS_BULK_H
#define MLREC_MOVIELENS_BULK_H

#include "access/heapam.h"
#include "executor/tuptable.h"
#include "utils/relcache.h"

/* Rows written to the table at once. */
#define BULK_BATCH 1000

typedef struct BulkWriter
{
	Relation	relation;
	BulkInsertState state;
	CommandId	command;
	MemoryContext batch_context;	/* values of the rows not yet written */
	TupleTableSlot *slots[BULK_BATCH];
	int			nslots;			/* rows not yet written */
	uint64		rows;			/* rows put so far */
} BulkWriter;

extern BulkWriter *bulk_open(Oid relation);
extern TupleTableSlot *bulk_next(BulkWriter *writer);
extern void bulk_put(BulkWriter *writer);
extern uint64 bulk_close(BulkWriter *writer);

#endif							/* MLREC_MOVIELENS_BULK_H */
