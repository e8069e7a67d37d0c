/*
 * clock.c: see clock.h.
 *
 * Serving does without the times of ratings where there are none: then the history has
 * no order.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "num/net/recents.h"
#include "pg/data/input.h"
#include "pg/serve/clock.h"

static const InputColumn rated_at = {"rated_at", INPUT_TIME, false, InvalidOid};

char *
clock_column(Oid ratings)
{
	return input_accepts(ratings, &rated_at) ? input_time_order(ratings) :
		"NULL::pg_catalog.int8";
}

/* Days and text are read as timestamps without a time zone. */
Clock
clock_of(Oid ratings, int64 second, TimestampTz moment)
{
	Oid			type;

	if (!input_accepts(ratings, &rated_at))
		return (Clock) {0};
	type = getBaseType(get_atttype(ratings, get_attnum(ratings, rated_at.name)));
	switch (type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
			return (Clock) {.second = second,
				.moment = (int64) timestamptz_to_time_t(moment) * second};
		case TIMESTAMPTZOID:
			return (Clock) {.second = USECS_PER_SEC, .moment = moment};
		default:
			return (Clock) {.second = USECS_PER_SEC, .moment =
				DatumGetTimestamp(DirectFunctionCall1(timestamptz_timestamp,
													  TimestampTzGetDatum(moment)))};
	}
}

float
clock_decay(const Clock *clock, int64 from, int64 to)
{
	return recent_decay(((double) to - (double) from) / (double) clock->second);
}
