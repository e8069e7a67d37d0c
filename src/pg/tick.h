/*
 * tick.h: what long work in src/num calls now and then, so that it can be
 * cancelled: the call does not return then.
 */
#ifndef TICK_H
#define TICK_H

#include "miscadmin.h"

static inline void
tick(void)
{
	CHECK_FOR_INTERRUPTS();
}

#endif							/* TICK_H */
