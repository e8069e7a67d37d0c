/*
 * clock.h: the times of ratings, and the moment of a question.
 */
#ifndef MLREC_SERVE_CLOCK_H
#define MLREC_SERVE_CLOCK_H

#include "postgres.h"

#include "datatype/timestamp.h"

/* A rating whose time is not known was given before all others. */
#define CLOCK_UNKNOWN PG_INT64_MIN

/* In the units of rated_at: microseconds, or seconds or milliseconds where it is an integer */
typedef struct Clock
{
	int64		second;			/* a second; 0: the ratings have no times */
	int64		moment;			/* of the question */
	bool		past;			/* only what is strictly earlier is known */
} Clock;

/*
 * The clock of a relation of ratings.  second: that of integer times, as the model was
 * trained with.
 */
extern Clock clock_of(Oid ratings, int64 second, TimestampTz moment);

/* How a query has to select the times: as a number to be read by slot_int64. */
extern char *clock_column(Oid ratings);

/* recent_decay() from one time to a later one. */
extern float clock_decay(const Clock *clock, int64 from, int64 to);

#endif							/* MLREC_SERVE_CLOCK_H */
