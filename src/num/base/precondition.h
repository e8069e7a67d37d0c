/*
 * precondition.h: preconditions that headers state.
 *
 * NUM_ASSERT is checked where NUM_ASSERTIONS is defined: in the unit tests and in
 * a server that was built with assertions.  A release build has none of it; its
 * condition must have no effects.
 */
#ifndef MLREC_BASE_PRECONDITION_H
#define MLREC_BASE_PRECONDITION_H

#ifdef NUM_ASSERTIONS
#include <assert.h>
#define NUM_ASSERT(condition) assert(condition)
#else
#define NUM_ASSERT(condition) ((void) 0)
#endif

#endif							/* MLREC_BASE_PRECONDITION_H */
