/*
 * bulk.c: filling a new table quickly.
 *
 * Rows are collected and handed to the table access method in batches, as
 * COPY does.  Neither constraints nor indexes nor triggers are looked at:
 * this is for a table that this transaction has created without any.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "pg/movielens/bulk.h"

BulkWriter *
bulk_open(Oid relation)
{
	BulkWriter *writer = palloc0(sizeof(BulkWriter));

	writer->relation = table_open(relation, RowExclusiveLock);
	writer->state = GetBulkInsertState();
	writer->command = GetCurrentCommandId(true);
	writer->batch_context = AllocSetContextCreate(CurrentMemoryContext, "mlrec bulk rows",
												  ALLOCSET_DEFAULT_SIZES);
	return writer;
}

TupleTableSlot *
bulk_next(BulkWriter *writer)
{
	TupleTableSlot *slot = writer->slots[writer->nslots];

	if (slot == NULL)
	{
		slot = table_slot_create(writer->relation, NULL);
		writer->slots[writer->nslots] = slot;
	}
	ExecClearTuple(slot);
	memset(slot->tts_isnull, true, slot->tts_tupleDescriptor->natts * sizeof(bool));
	return slot;
}

static void
bulk_flush(BulkWriter *writer)
{
	MemoryContext caller = MemoryContextSwitchTo(writer->batch_context);

	table_multi_insert(writer->relation, writer->slots, writer->nslots, writer->command,
					   TABLE_INSERT_SKIP_FSM, writer->state);
	for (int i = 0; i < writer->nslots; i++)
		ExecClearTuple(writer->slots[i]);
	writer->nslots = 0;
	MemoryContextSwitchTo(caller);
	MemoryContextReset(writer->batch_context);
}

void
bulk_put(BulkWriter *writer)
{
	ExecStoreVirtualTuple(writer->slots[writer->nslots]);
	writer->nslots++;
	writer->rows++;
	if (writer->nslots == BULK_BATCH)
		bulk_flush(writer);
}

uint64
bulk_close(BulkWriter *writer)
{
	uint64		rows = writer->rows;

	if (writer->nslots > 0)
		bulk_flush(writer);
	table_finish_bulk_insert(writer->relation, TABLE_INSERT_SKIP_FSM);
	FreeBulkInsertState(writer->state);
	for (int i = 0; i < BULK_BATCH && writer->slots[i] != NULL; i++)
		ExecDropSingleTupleTableSlot(writer->slots[i]);
	MemoryContextDelete(writer->batch_context);
	table_close(writer->relation, NoLock);
	pfree(writer);
	CommandCounterIncrement();
	return rows;
}
