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

/* Starts to fill the table, which nobody else can see yet. */
extern BulkWriter *bulk_open(Oid relation);

/*
 * An empty row to fill in: tts_values and tts_isnull, all NULL.  What the values
 * point to must live until the row is written, as it does in batch_context.
 */
extern TupleTableSlot *bulk_next(BulkWriter *writer);

/* Adds the row that bulk_next returned. */
extern void bulk_put(BulkWriter *writer);

/*
 * Writes the remaining rows, makes all of them visible to the commands that follow,
 * and returns their number.
 */
extern uint64 bulk_close(BulkWriter *writer);

#endif							/* MLREC_MOVIELENS_BULK_H */
