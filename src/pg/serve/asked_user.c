/*
 * asked_user.c: see asked_user.h.
 *
 * As of a moment in the past only ratings of strictly earlier time are known, as in
 * evaluation.  As of now all are that the snapshot sees: a rating that this
 * transaction has written may be later than its own now().
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/array.h"

#include "pg/serve/asked_user.h"

static void
check_session(FunctionCallInfo fcinfo, const AskedUser *asked)
{
	int			n = ArrayGetNItems(ARR_NDIM(asked->history), ARR_DIMS(asked->history));
	int			n_ratings;

	if (!PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a user and a history are given"),
				 errhint("Pass NULL for user_id to ask for a session that is not a user's.")));
	if (asked->ratings == NULL)
		return;
	n_ratings = ArrayGetNItems(ARR_NDIM(asked->ratings), ARR_DIMS(asked->ratings));
	if (n_ratings != n)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("history has %d elements, and history_ratings %d", n, n_ratings),
				 errhint("Give each movie of the history its rating, or NULL.")));
}

AskedUser
asked_user(FunctionCallInfo fcinfo, int argno)
{
	TimestampTz now = GetCurrentTransactionStartTimestamp();
	AskedUser	asked = {.moment = PG_ARGISNULL(argno) ? now : PG_GETARG_TIMESTAMPTZ(argno)};

	asked.past = asked.moment < now;
	asked.session = !PG_ARGISNULL(argno + 1);
	if (!asked.session)
	{
		if (!PG_ARGISNULL(argno + 2))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("history_ratings are given without a history")));
		asked.user_id = serve_id(fcinfo, 0, "user_id");
		return asked;
	}
	asked.history = PG_GETARG_ARRAYTYPE_P(argno + 1);
	asked.ratings = PG_ARGISNULL(argno + 2) ? NULL : PG_GETARG_ARRAYTYPE_P(argno + 2);
	check_session(fcinfo, &asked);
	return asked;
}

/* What a movie that was not rated counts as: neither better nor worse than it is. */
static double
middling_rating(const CachedModel *model, int64 movie_id)
{
	const ModelFileHeader *header = model->header;
	const float *bias = model_file_section(header, MODEL_FILE_MOVIE_BIAS);
	int32		movie = id_find(model_file_section(header, MODEL_FILE_MOVIE_IDS),
								header->n_movies, movie_id);

	if (header->events)
		return 1;
	return header->mean_rating + (movie < 0 ? 0 : bias[movie] * header->deviation);
}

/* A session is one sitting, whose movies are apart by their order alone. */
static UserState *
session_state(const Serving *serving, const AskedUser *asked)
{
	UserState  *state = user_state_create(serving->context);
	Clock		clock = {.second = PG_INT64_MAX};
	Datum	   *movie;
	Datum	   *rating = NULL;
	bool	   *no_movie;
	bool	   *no_rating = NULL;
	int			n;

	deconstruct_array(asked->history, INT8OID, sizeof(int64), true, TYPALIGN_DOUBLE, &movie,
					  &no_movie, &n);
	if (asked->ratings != NULL)
		deconstruct_array(asked->ratings, FLOAT4OID, sizeof(float4), true, TYPALIGN_INT, &rating,
						  &no_rating, &n);
	clock.moment = n;
	user_state_begin(state, serving->model, &serving->relations, clock, 0);
	state->input.user = -1;
	for (int i = 0; i < n; i++)
	{
		int64		movie_id = no_movie[i] ? 0 : DatumGetInt64(movie[i]);

		if (no_movie[i])
			continue;
		user_state_add(state, serving->model, movie_id, rating != NULL && !no_rating[i] ?
					   DatumGetFloat4(rating[i]) : middling_rating(serving->model, movie_id), i);
	}
	user_state_finish(state);
	return state;
}

UserState *
asked_user_state(Serving *serving, const AskedUser *asked)
{
	if (asked->session)
		return session_state(serving, asked);
	serving->clock = clock_of(serving->relations.ratings,
							  serving->model->header->second, asked->moment);
	serving->clock.past = asked->past;
	if (asked->past && serving->clock.second == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("relation %s has no times of ratings", serving->model->entry.ratings),
				 errdetail("What was known as of a moment cannot be told."),
				 errhint("Leave as_of out, or give the relation a column rated_at.")));
	return user_state_read(serving->model, &serving->relations, serving->clock, asked->user_id,
						   serving->context);
}
