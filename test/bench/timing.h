/*
 * timing.h: what the programs of the benchmark share.
 */
#ifndef TIMING_H
#define TIMING_H

#include <stddef.h>

/* Seconds of a clock that never goes back. */
extern double now(void);

/* Sorts the n times and returns the one in the middle. */
extern double median(double *times, int n);

/* `size` bytes, zeroed, aligned as src/num wants them; ends the program if there are none. */
extern void *room(size_t size);

/* A whole file, aligned likewise. */
extern void *read_whole(const char *path, size_t *size);

/* Ends the program with a message. */
extern void fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* An argument as a number; ends the program if it is none. */
extern long number(const char *argument);

#endif							/* TIMING_H */
