/*
 * interrupts.h: what long work in src/num calls now and then, so that it can be
 * cancelled: the call does not return then.
 */
#ifndef MLREC_UTIL_INTERRUPTS_H
#define MLREC_UTIL_INTERRUPTS_H

#include "miscadmin.h"

static inline void
check_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}

#endif							/* MLREC_UTIL_INTERRUPTS_H */
