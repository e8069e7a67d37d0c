/*
 * explain.c: which of a user's ratings speak for a movie.
 *
 * The contribution of a rating is what it changes: the movie's relevance to the
 * user (the score of order_by => 'relevance') less what the relevance would be
 * had the user not given that rating.  This is computed by leaving the rating
 * out of the history and running the networks again, not read off from
 * similarities, so it says what the model does and not what looks plausible.
 * Contributions do not add up to the whole: ratings overlap in what they tell.
 * Of a long history only those ratings are left out in turn that an estimate, by
 * the gradient, has among the strongest.
 *
 * A last row without a movie is the part of the relevance that the movie's
 * popularity has on its own, for whatever user.
 */
#include "postgres.h"

#include <math.h>

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "num/base/topk.h"
#include "num/model/influence.h"
#include "pg/serve/asked_user.h"
#include "pg/util/compat.h"

/* Histories run through the networks at a time */
#define BATCH 64

/*
 * For each reason asked for so many ratings are left out in turn, but never fewer
 * than MIN_EXACT: those that a first estimate has at the top.  All of them would
 * take a user of 20,000 ratings ten times as long as a recommendation.
 */
#define EXACT_PER_REASON 4
#define MIN_EXACT 40

#define EXPLAIN_COLUMNS 5

/* Where the arguments of asked_user.h begin */
#define ARG_AS_OF 3

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

/* The latest ratings first, as influence_without would have them. */
static int
compare_chosen(const void *a, const void *b)
{
	int32		x = *(const int32 *) a;
	int32		y = *(const int32 *) b;

	return x > y ? -1 : x < y;
}

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
 * Relevance of one movie to a user with each of n pairs of vectors.
 */
static void
relevances(float *out, const Serving *serving, const float *retrieval, const float *temperature,
		   const float *ranking, int n, int32 movie)
{
	const Model *model = serving->model->model;
	const float *vector = catalogue_vector(serving->catalogue, movie);
	const float *rank_vector = catalogue_rank_vector(serving->catalogue, movie);
	float	   *movies = palloc(sizeof(float) * n * VECTOR_DIMS);
	float	   *predictions = palloc0(sizeof(float) * n);
	float	   *scratch = palloc(sizeof(float) * model_rank_scratch(model, n));

	for (int i = 0; i < n; i++)
		memcpy(movies + i * VECTOR_DIMS, rank_vector, sizeof(float) * VECTOR_DIMS);
	if (serving->model->header->relevance_rating != 0)
		model_rank(model, ranking, VECTOR_DIMS, movies, n, predictions, scratch);
	for (int i = 0; i < n; i++)
		out[i] = serve_relevance(serving, movie, temperature[i],
								 serve_cosine(retrieval + i * VECTOR_DIMS, vector), predictions[i]);
	pfree(scratch);
	pfree(predictions);
	pfree(movies);
}

/*
 * Writes the numbers of the ratings that are worth asking about to chosen [k];
 * returns how many there are.  The estimate is by the gradient at the whole
 * history, from which a history without one of many ratings is not far away.
 */
static int32
choose_ratings(int32 *chosen, int32 k, const Serving *serving, const Influence *influence,
			   int32 movie)
{
	const ModelFileHeader *header = serving->model->header;
	InfluenceTarget target = {
		.vector = catalogue_vector(serving->catalogue, movie),
		.rank_vector = catalogue_rank_vector(serving->catalogue, movie),
		.rating_weight = header->relevance_rating,
	};
	int32		n = influence->input->n_history;
	float	   *estimate;
	Topk		topk;

	if (k >= n)
	{
		for (int32 i = 0; i < n; i++)
			chosen[i] = i;
		return n;
	}
	estimate = palloc_extended(sizeof(float) * n, MCXT_ALLOC_HUGE);
	influence_estimate(estimate, influence, &target,
					   palloc(sizeof(float) * model_users_scratch(serving->model->model, 1)));
	topk_init(&topk, palloc_extended(sizeof(TopkEntry) * k, MCXT_ALLOC_HUGE), k);
	topk_push_all(&topk, estimate, n, NULL);
	for (int32 i = 0; i < topk.n; i++)
		chosen[i] = topk.entry[i].index;
	return topk.n;
}

/*
 * Fills in the contributions of the n ratings that are chosen.
 */
static void
find_contributions(Reason *reasons, const Serving *serving, const Influence *influence,
				   const int32 *chosen, int32 n, int32 movie)
{
	const Model *model = serving->model->model;
	float	   *retrieval = palloc(sizeof(float) * BATCH * VECTOR_DIMS);
	float		temperature[BATCH];
	float	   *ranking = palloc(sizeof(float) * BATCH * VECTOR_DIMS);
	float	   *scratch = palloc(sizeof(float) * model_users_scratch(model, BATCH));
	float		relevance[BATCH];
	float		whole;

	model_users(model, influence->input, 1, retrieval, temperature, ranking, scratch);
	relevances(&whole, serving, retrieval, temperature, ranking, 1, movie);
	for (int32 at = 0; at < n; at += BATCH)
	{
		int			count = Min(BATCH, n - at);

		CHECK_FOR_INTERRUPTS();
		influence_without(influence, chosen + at, count, retrieval, temperature, ranking,
						  scratch);
		relevances(relevance, serving, retrieval, temperature, ranking, count, movie);
		for (int i = 0; i < count; i++)
			reasons[at + i].contribution = whole - relevance[i];
	}
}

/*
 * Lists the ratings that speak for the movie, the strongest first, *wanted of
 * them if there are so many; returns them and sets their number.
 */
static Reason *
find_reasons(int32 *wanted, const Serving *serving, const UserInput *user, int32 movie)
{
	int64		enough = Max((int64) EXACT_PER_REASON * *wanted, MIN_EXACT);
	int32		k = (int32) Min(user->n_history, enough);
	int32	   *chosen = palloc_extended(sizeof(int32) * Max(k, 1), MCXT_ALLOC_HUGE);
	Reason	   *reasons = palloc_extended(sizeof(Reason) * Max(k, 1), MCXT_ALLOC_HUGE);
	Influence	influence;
	int32		n = 0;

	influence_begin(&influence, serving->model->model, user);
	k = choose_ratings(chosen, k, serving, &influence, movie);
	qsort(chosen, k, sizeof(int32), compare_chosen);
	find_contributions(reasons, serving, &influence, chosen, k, movie);
	for (int32 i = 0; i < k; i++)
	{
		Reason		reason = reasons[i];

		reason.movie = user->history_movie[chosen[i]];
		/* of a movie unknown to the model there is nothing to show but its id */
		if (!(reason.contribution > 0) || reason.movie < 0)
			continue;
		reason.movie_id = catalogue_id(serving->catalogue, reason.movie);
		reason.rating = user->history_rating[chosen[i]];
		reason.similarity = serve_cosine(catalogue_vector(serving->catalogue, reason.movie),
										 catalogue_vector(serving->catalogue, movie));
		reasons[n++] = reason;
	}
	qsort(reasons, n, sizeof(Reason), compare_reasons);
	*wanted = Min(*wanted, n);
	return reasons;
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
	float		popularity = catalogue_popularity(serving->catalogue, movie);
	Datum		values[EXPLAIN_COLUMNS] = {0};
	bool		nulls[EXPLAIN_COLUMNS] = {true, false, true, true, false};

	values[1] = CStringGetTextDatum("popularity");
	values[4] = Float4GetDatum(popularity);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * explain_recommendation(user_id bigint, movie_id bigint, n int, arguments of asked_user.h) ->
 * because_movie_id, title, your_rating, similarity, contribution.  The user's
 * own rating of the movie, if there is one, is left out of the history.
 */
Datum
mlrec_explain_recommendation(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	AskedUser	asked = asked_user(fcinfo, ARG_AS_OF);
	int64		movie_id = serve_id(fcinfo, 1, "movie_id");
	int32		n = serve_count(fcinfo, 2, "n", 0);
	Serving		serving;
	UserState  *state;
	Reason	   *reasons;
	int32		movie;

	InitMaterializedSRF(fcinfo, 0);
	serve_begin(&serving, fcinfo, 0);
	movie = serve_find_movie(&serving, movie_id);
	state = asked_user_state(&serving, &asked);
	user_state_forget(state, movie_id);
	reasons = find_reasons(&n, &serving, &state->input, movie);
	put_reasons(result, &serving, reasons, n);
	put_popularity(result, &serving, movie);
	serve_end(&serving);
	return (Datum) 0;
}
