/*
 * explain.c: which of a user's ratings speak for a movie.
 *
 * The contribution of a rating is what it changes: the movie's relevance to the
 * user (the score of order_by => 'relevance') less what the relevance would be
 * had the user not given that rating.  This is computed by leaving each rating
 * out of the history in turn and running the networks again, not read off from
 * similarities, so it says what the model does and not what looks plausible.
 * Contributions do not add up to the whole: ratings overlap in what they tell.
 *
 * A last row without a movie is the part of the relevance that the movie's
 * popularity has on its own, for whatever user.
 */
#include "postgres.h"

#include <math.h>

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "pg/serve/serve.h"
#include "pg/util/compat.h"

/* Histories run through the networks at a time */
#define BATCH 64

#define EXPLAIN_COLUMNS 5

PG_FUNCTION_INFO_V1(mlrec_explain_recommendation);

/* A rating of the user's, and what it does for the movie */
typedef struct Reason
{
	int32		movie;
	int64		movie_id;
	float		rating;
	float		similarity;
	float		contribution;
} Reason;

static int
compare_reasons(const void *a, const void *b)
{
	const Reason *x = a;
	const Reason *y = b;

	if (x->contribution != y->contribution)
		return x->contribution > y->contribution ? -1 : 1;
	return x->movie_id < y->movie_id ? -1 : x->movie_id > y->movie_id;
}

/*
 * Relevance of one movie under each of n inputs.
 */
static void
relevances(float *out, const Serving *serving, const UserInput *inputs, int n, int32 movie)
{
	const Model *model = serving->model->model;
	const float *vector = catalogue_vector(serving->catalogue, movie);
	const float *rank_vector = catalogue_rank_vector(serving->catalogue, movie);
	float	   *retrieval = palloc(sizeof(float) * n * VECTOR_DIMS);
	float	   *ranking = palloc(sizeof(float) * n * VECTOR_DIMS);
	float	   *movies = palloc(sizeof(float) * n * VECTOR_DIMS);
	float	   *ratings = palloc(sizeof(float) * n);
	Size		scratch_size = Max(model_users_scratch(model, n), model_rank_scratch(model, n));
	float	   *scratch = palloc(sizeof(float) * scratch_size);

	model_users(model, inputs, n, retrieval, ranking, scratch);
	for (int i = 0; i < n; i++)
		memcpy(movies + i * VECTOR_DIMS, rank_vector, sizeof(float) * VECTOR_DIMS);
	model_rank(model, ranking, VECTOR_DIMS, movies, n, ratings, scratch);
	for (int i = 0; i < n; i++)
		out[i] = serve_relevance(serving, movie,
								 serve_cosine(retrieval + i * VECTOR_DIMS, vector), ratings[i]);
}

/*
 * The user as he would be without the rating number `without`; their history is
 * written to movies and ratings.
 */
static UserInput
leave_out(const UserInput *user, int32 without, int32 *movies, float *ratings)
{
	UserInput	input = *user;
	int32		behind = user->n_history - without - 1;

	memcpy(movies, user->history_movie, sizeof(int32) * without);
	memcpy(movies + without, user->history_movie + without + 1, sizeof(int32) * behind);
	memcpy(ratings, user->history_rating, sizeof(float) * without);
	memcpy(ratings + without, user->history_rating + without + 1, sizeof(float) * behind);
	input.n_history--;
	input.history_movie = movies;
	input.history_rating = ratings;
	return input;
}

/*
 * Fills in the contribution of each of the user's ratings.
 */
static void
find_contributions(Reason *reasons, const Serving *serving, const UserInput *user, int32 movie)
{
	int32		n = user->n_history;
	int32	   *movies = palloc_extended(sizeof(int32) * BATCH * n, MCXT_ALLOC_HUGE);
	float	   *ratings = palloc_extended(sizeof(float) * BATCH * n, MCXT_ALLOC_HUGE);
	UserInput	inputs[BATCH];
	float		without[BATCH];
	float		whole;

	relevances(&whole, serving, user, 1, movie);
	for (int32 at = 0; at < n; at += BATCH)
	{
		int			count = Min(BATCH, n - at);

		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < count; i++)
			inputs[i] = leave_out(user, at + i, movies + (Size) i * n, ratings + (Size) i * n);
		relevances(without, serving, inputs, count, movie);
		for (int i = 0; i < count; i++)
			reasons[at + i].contribution = whole - without[i];
	}
}

/*
 * Lists the user's ratings that speak for the movie, the strongest first;
 * returns their number.
 */
static int32
find_reasons(Reason *reasons, const Serving *serving, const UserInput *user, int32 movie)
{
	int32		n = 0;

	if (user->n_history == 0)
		return 0;
	find_contributions(reasons, serving, user, movie);
	for (int32 i = 0; i < user->n_history; i++)
	{
		Reason		reason = reasons[i];

		if (!(reason.contribution > 0))
			continue;
		reason.movie = user->history_movie[i];
		reason.movie_id = catalogue_id(serving->catalogue, reason.movie);
		reason.rating = user->history_rating[i];
		reason.similarity = serve_cosine(catalogue_vector(serving->catalogue, reason.movie),
										 catalogue_vector(serving->catalogue, movie));
		reasons[n++] = reason;
	}
	qsort(reasons, n, sizeof(Reason), compare_reasons);
	return n;
}

static void
put_reasons(ReturnSetInfo *result, const Serving *serving, const Reason *reasons, int32 n)
{
	MovieText  *texts = palloc0(sizeof(MovieText) * Max(n, 1));

	for (int32 i = 0; i < n; i++)
		texts[i].movie_id = reasons[i].movie_id;
	catalogue_describe(serving->relations.movies, texts, n, serving->context);
	for (int32 i = 0; i < n; i++)
	{
		Datum		values[EXPLAIN_COLUMNS];
		bool		nulls[EXPLAIN_COLUMNS] = {false};

		values[0] = Int64GetDatum(reasons[i].movie_id);
		nulls[1] = texts[i].title == NULL;
		if (!nulls[1])
			values[1] = CStringGetTextDatum(texts[i].title);
		values[2] = Float4GetDatum(reasons[i].rating);
		values[3] = Float4GetDatum(reasons[i].similarity);
		values[4] = Float4GetDatum(reasons[i].contribution);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

static void
put_popularity(ReturnSetInfo *result, const Serving *serving, int32 movie)
{
	float		popularity = serving->model->header->relevance_popularity *
		catalogue_popularity(serving->catalogue, movie);
	Datum		values[EXPLAIN_COLUMNS] = {0};
	bool		nulls[EXPLAIN_COLUMNS] = {true, false, true, true, false};

	values[1] = CStringGetTextDatum("popularity");
	values[4] = Float4GetDatum(popularity);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * explain_recommendation(user_id bigint, movie_id bigint, n int) ->
 * because_movie_id, title, your_rating, similarity, contribution.  The user's
 * own rating of the movie, if there is one, is left out of the history.
 */
Datum
mlrec_explain_recommendation(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	int64		user_id = serve_id(fcinfo, 0, "user_id");
	int64		movie_id = serve_id(fcinfo, 1, "movie_id");
	int32		n = serve_count(fcinfo, 2, "n", 0);
	Serving		serving;
	UserState  *state;
	Reason	   *reasons;
	int32		movie;

	InitMaterializedSRF(fcinfo, 0);
	serve_begin(&serving, fcinfo, 0);
	movie = serve_find_movie(&serving, movie_id);
	state = user_state_read(serving.model, &serving.relations, user_id, serving.context);
	user_state_forget(state, movie);
	reasons = palloc_extended(sizeof(Reason) * Max(state->input.n_history, 1), MCXT_ALLOC_HUGE);
	n = Min(n, find_reasons(reasons, &serving, &state->input, movie));
	put_reasons(result, &serving, reasons, n);
	put_popularity(result, &serving, movie);
	serve_end(&serving);
	return (Datum) 0;
}
