/*
 * row_receiver.h: a destination of a query's rows that hands each to a callback
 * as it comes.
 */
#ifndef MLREC_UTIL_ROW_RECEIVER_H
#define MLREC_UTIL_ROW_RECEIVER_H

#include "executor/tuptable.h"
#include "tcop/dest.h"

/* Takes a row, all of whose columns are there.  The slot's values are gone afterwards. */
typedef void (*RowCallback) (void *arg, TupleTableSlot *slot);

typedef struct RowReceiver
{
	DestReceiver receiver;		/* must be first */
	RowCallback row;
	void	   *arg;
} RowReceiver;

/* A receiver that calls row(arg, slot); nothing of it needs to be released. */
extern RowReceiver row_receiver(RowCallback row, void *arg);

#endif							/* MLREC_UTIL_ROW_RECEIVER_H */
