/*
 * row_receiver.c: see row_receiver.h.
 */
#include "postgres.h"

#include "pg/util/row_receiver.h"

static void
receive_startup(DestReceiver *self, int operation, TupleDesc columns)
{
}

static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	RowReceiver *receiver = (RowReceiver *) self;

	slot_getallattrs(slot);
	receiver->row(receiver->arg, slot);
	return true;
}

static void
receive_nothing(DestReceiver *self)
{
}

RowReceiver
row_receiver(RowCallback row, void *arg)
{
	RowReceiver receiver = {
		/* with DestNone, SPI would say that there was no SELECT */
		{receive_row, receive_startup, receive_nothing, receive_nothing, DestTuplestore}, row, arg
	};

	return receiver;
}
