/*
 * asked_user.h: of whom a question is: a user as of a moment, or a session without one.
 */
#ifndef MLREC_SERVE_ASKED_USER_H
#define MLREC_SERVE_ASKED_USER_H

#include "pg/serve/serve.h"

typedef struct AskedUser
{
	bool		session;		/* no user, but a history */
	int64		user_id;
	TimestampTz moment;
	bool		past;			/* the moment is before now */
	ArrayType  *history;		/* bigint[], in order */
	ArrayType  *ratings;		/* real[], of the same length; NULL: not rated */
} AskedUser;

/*
 * Reads the arguments user_id, which is the first, and as_of timestamptz, history
 * bigint[] and history_ratings real[], of which as_of has the number argno.  Raises
 * an error unless there is a user or a history, not both.
 */
extern AskedUser asked_user(FunctionCallInfo fcinfo, int argno);

/* What is known of them; lives in serving->context. */
extern UserState *asked_user_state(Serving *serving, const AskedUser *asked);

#endif							/* MLREC_SERVE_ASKED_USER_H */
