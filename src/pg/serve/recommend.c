/*
 * recommend.c: recommend, and what all that recommend have in common.
 *
 * Two stages.  Retrieval scores every movie that may be recommended to the user
 * by the cosine of two vectors, for the order by relevance with the movie's
 * popularity added, and keeps the best few hundred in a bounded heap.  Ranking
 * runs these candidates through the ranking network as one matrix and orders
 * them by the predicted rating, or by relevance.
 *
 * What may not be recommended (seen, excluded, not among the candidates asked
 * for, gone from movies) is masked before retrieval.  So there are always as
 * many rows as were asked for, if that many movies are eligible.
 *
 * Diversity is maximal marginal relevance (Carbonell & Goldstein, SIGIR 1998):
 * movies are chosen one by one, each the one with the largest
 *
 *		(1 - diversity) * score - diversity * similarity
 *
 * where score is what rows are ordered by, scaled so that the candidates range
 * from 0 to 1, and similarity is the largest cosine with a movie chosen before.
 */
#include "postgres.h"

#include <math.h>

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "pg/catalogue/search.h"
#include "pg/serve/recommend.h"
#include "pg/util/compat.h"

/* So many rows are picked out one by one; more are worth a sort of all. */
#define FEW_RECOMMENDATIONS 32

PG_FUNCTION_INFO_V1(mlrec_recommend);

/* ---------------------------------------------------------------------------
 * Which movies
 * ------------------------------------------------------------------------- */

/*
 * The movies that must not be recommended to the user, palloc'd.
 */
static uint8 *
mask_movies(const Serving *serving, const RecommendRequest *request, const UserState *state)
{
	const Catalogue *catalogue = serving->catalogue;
	uint8	   *skip = catalogue_hidden(catalogue);
	int64		id;

	if (request->exclude_seen)
		user_state_mark_seen(state, catalogue, skip);
	FOR_EACH_ID(id, request->exclude)
	{
		int32		movie = catalogue_find(catalogue, id);

		if (movie >= 0)
			skip[movie] = 1;
	}
	return skip;
}

/*
 * Retrieval: the best movies of all, or of the candidates asked for.
 */
static void
retrieve(RankWorkspace *workspace, const Serving *serving, const RecommendRequest *request,
		 uint8 *skip, const UserVectors *user)
{
	const Catalogue *catalogue = serving->catalogue;
	int64		id;

	if (request->candidates == NULL)
	{
		if (request->by_relevance)
			search_by_logit(catalogue, user->retrieval, user->temperature, search_recall(), skip,
							&workspace->topk);
		else
			search_by_cosine(catalogue, user->retrieval, search_recall(), skip, &workspace->topk);
		return;
	}
	FOR_EACH_ID(id, request->candidates)
	{
		int32		movie = catalogue_find(catalogue, id);
		float		score;

		if (movie < 0 || skip[movie])
			continue;
		skip[movie] = 1;		/* once is enough */
		score = serve_cosine(user->retrieval, catalogue_vector(catalogue, movie));
		if (request->by_relevance)
			score = user->temperature * score + catalogue_popularity(catalogue, movie);
		topk_push(&workspace->topk, score, movie);
	}
}

/* ---------------------------------------------------------------------------
 * In which order
 * ------------------------------------------------------------------------- */

void
recommend_settle_order(RecommendRequest *request, const Serving *serving)
{
	if (serving->model->header->events)
		request->by_relevance = true;
}

int32
recommend_candidates(const Serving *serving, const RecommendRequest *request)
{
	/* movies wanted in the end must be retrieved first */
	int32		k = request->n == 0 ? 0 : Max(request->retrieve, request->n);

	return Min(k, serving->catalogue->n_movies);
}

void
recommend_open_workspace(RankWorkspace *workspace, const Serving *serving,
						 const RecommendRequest *request)
{
	int32		k = recommend_candidates(serving, request);

	topk_init(&workspace->topk, palloc_extended(sizeof(TopkEntry) * Max(k, 1), MCXT_ALLOC_HUGE), k);
	workspace->items = palloc_extended(sizeof(Recommendation) * Max(k, 1), MCXT_ALLOC_HUGE);
	workspace->rank_vectors = palloc_extended(sizeof(float) * VECTOR_DIMS * Max(k, 1),
											  MCXT_ALLOC_HUGE);
	workspace->predictions = palloc_extended(sizeof(float) * Max(k, 1), MCXT_ALLOC_HUGE);
	workspace->scratch = palloc_extended(sizeof(float) *
										 model_rank_scratch(serving->model->model, Max(k, 1)),
										 MCXT_ALLOC_HUGE);
}

static int
compare_recommendations(const void *a, const void *b)
{
	const Recommendation *x = a;
	const Recommendation *y = b;

	if (x->order != y->order)
		return x->order > y->order ? -1 : 1;
	if (x->tie != y->tie)
		return x->tie > y->tie ? -1 : 1;
	return x->movie_id < y->movie_id ? -1 : x->movie_id > y->movie_id;
}

/*
 * Puts the best n of the recommendations to the front, in order.  Where they are few, most
 * of the others are turned away by a look at the worst of them.
 */
static void
sort_recommendations(Recommendation *items, int32 n_items, int32 n)
{
	int32		kept = 0;

	if (n > FEW_RECOMMENDATIONS)
	{
		qsort(items, n_items, sizeof(Recommendation), compare_recommendations);
		return;
	}
	for (int32 i = 0; i < n_items && n > 0; i++)
	{
		Recommendation item = items[i];
		int32		at;

		if (kept == n && compare_recommendations(&item, &items[n - 1]) >= 0)
			continue;
		kept = Min(kept + 1, n);
		for (at = kept - 1; at > 0 && compare_recommendations(&item, &items[at - 1]) < 0; at--)
			items[at] = items[at - 1];
		items[at] = item;
	}
}

/*
 * Moves n of the recommendations, which come in their order, to the front so that they
 * are good and differ.
 */
static void
diversify(Recommendation *items, int32 n_items, int32 n, float diversity,
		  const Catalogue *catalogue)
{
	float		best = items[0].order;
	float		range = best - items[n_items - 1].order;
	float	   *similarity = palloc_extended(sizeof(float) * n_items, MCXT_ALLOC_HUGE);

	for (int32 i = 0; i < n_items; i++)
		similarity[i] = -1;
	for (int32 chosen = 1; chosen < n; chosen++)
	{
		const float *last = catalogue_vector(catalogue, items[chosen - 1].movie);
		int32		next = chosen;
		float		next_value = -INFINITY;
		Recommendation item;
		float		recommendation_similarity;

		CHECK_FOR_INTERRUPTS();
		for (int32 i = chosen; i < n_items; i++)
		{
			float		score = range > 0 ? 1 - (best - items[i].order) / range : 1;
			float		cosine = serve_cosine(last, catalogue_vector(catalogue, items[i].movie));
			float		value;

			similarity[i] = Max(similarity[i], cosine);
			value = (1 - diversity) * score - diversity * similarity[i];
			if (value > next_value)
			{
				next_value = value;
				next = i;
			}
		}

		/* those passed over keep their order */
		item = items[next];
		recommendation_similarity = similarity[next];
		memmove(items + chosen + 1, items + chosen, sizeof(Recommendation) * (next - chosen));
		memmove(similarity + chosen + 1, similarity + chosen, sizeof(float) * (next - chosen));
		items[chosen] = item;
		similarity[chosen] = recommendation_similarity;
	}
	pfree(similarity);
}

int32
recommend_rank(RankWorkspace *workspace, const Serving *serving, const RecommendRequest *request,
			   const UserVectors *user)
{
	const Catalogue *catalogue = serving->catalogue;
	int32		n = workspace->topk.n;

	for (int32 i = 0; i < n; i++)
		memcpy(workspace->rank_vectors + (Size) i * VECTOR_DIMS,
			   catalogue_rank_vector(catalogue, workspace->topk.entry[i].index),
			   sizeof(float) * VECTOR_DIMS);
	if (n > 0)
		model_rank(serving->model->model, user->ranking, 0, workspace->rank_vectors, n,
				   workspace->predictions, workspace->scratch);
	return recommend_order(workspace, serving, request, user->retrieval, user->temperature);
}

int32
recommend_order(RankWorkspace *workspace, const Serving *serving, const RecommendRequest *request,
				const float *user_vector, float temperature)
{
	const Catalogue *catalogue = serving->catalogue;
	bool		diverse = request->diversity > 0;
	int32		n = workspace->topk.n;
	int32		n_wanted = Min(n, request->n);

	for (int32 i = 0; i < n; i++)
	{
		Recommendation *item = &workspace->items[i];
		float		prediction = workspace->predictions[i];

		item->movie = workspace->topk.entry[i].index;
		item->movie_id = catalogue_id(catalogue, item->movie);
		item->retrieval = serve_cosine(user_vector, catalogue_vector(catalogue, item->movie));
		item->ranking = serve_score(serving, item->movie, temperature, item->retrieval, prediction);
		item->order = !request->by_relevance ? prediction :
			serve_relevance(serving, item->movie, temperature, item->retrieval, prediction);
		/* relevance has as much of the cosine as is good for it */
		item->tie = request->by_relevance ? 0 : item->retrieval;
	}
	sort_recommendations(workspace->items, n, diverse ? n : n_wanted);
	if (diverse && n > 1)
		diversify(workspace->items, n, n_wanted, request->diversity, catalogue);
	return n_wanted;
}

int32
recommend_one(RankWorkspace *workspace, Serving *serving, RecommendRequest *request,
			  const AskedUser *asked)
{
	UserState  *state = asked_user_state(serving, asked);
	UserVectors user;

	recommend_settle_order(request, serving);
	recommend_open_workspace(workspace, serving, request);
	serve_user_vectors(serving, state, &user);
	retrieve(workspace, serving, request, mask_movies(serving, request, state), &user);
	return recommend_rank(workspace, serving, request, &user);
}

/* ---------------------------------------------------------------------------
 * SQL functions
 * ------------------------------------------------------------------------- */

MovieText *
recommend_describe(const Serving *serving, const Recommendation *items, int32 n,
				   MemoryContext context)
{
	MovieText  *texts = palloc_extended(sizeof(MovieText) * Max(n, 1),
										MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	for (int32 i = 0; i < n; i++)
		texts[i].movie_id = items[i].movie_id;
	catalogue_describe(serving->relations.movies, texts, n, context);
	return texts;
}

void
recommend_columns(const Recommendation *item, const MovieText *text, int32 rank, Datum *values,
				  bool *nulls)
{
	values[0] = Int32GetDatum(rank);
	nulls[0] = false;
	catalogue_movie_columns(text, values + 1, nulls + 1);
	values[5] = Float4GetDatum(item->ranking);
	nulls[5] = false;
	values[6] = Float4GetDatum(item->retrieval);
	nulls[6] = false;
}

/* Whether rows are to be ordered by relevance; argument `argno`. */
static bool
order_argument(FunctionCallInfo fcinfo, int argno)
{
	char	   *order = text_to_cstring(PG_GETARG_TEXT_PP(argno));

	if (strcmp(order, "relevance") == 0)
		return true;
	if (strcmp(order, "rating") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"order_by\" is \"%s\"", order),
				 errhint("It may be \"rating\" or \"relevance\".")));
	return false;
}

void
recommend_read_request(FunctionCallInfo fcinfo, RecommendRequest *request)
{
	request->retrieve = serve_count(fcinfo, 1, "top_k_retrieve", 1);
	request->n = serve_count(fcinfo, 2, "top_n_final", 0);
	request->candidates = PG_ARGISNULL(4) ? NULL : PG_GETARG_ARRAYTYPE_P(4);
	request->exclude = PG_ARGISNULL(5) ? NULL : PG_GETARG_ARRAYTYPE_P(5);
	serve_refuse_null(fcinfo, 6, "exclude_seen");
	request->exclude_seen = PG_GETARG_BOOL(6);
	request->by_relevance = !PG_ARGISNULL(7) && order_argument(fcinfo, 7);
	request->diversity = serve_fraction(fcinfo, 8, "diversity");
}

/*
 * recommend(arguments of recommend_read_request) -> rank, movie_id, title, genres, year,
 * ranking_score, retrieval_score
 */
Datum
mlrec_recommend(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	AskedUser	asked = asked_user(fcinfo, RECOMMEND_ARG_AS_OF);
	RecommendRequest request = {0};
	Serving		serving;
	RankWorkspace workspace;
	MovieText  *texts;
	int32		n;

	recommend_read_request(fcinfo, &request);
	InitMaterializedSRF(fcinfo, 0);
	serve_begin(&serving, fcinfo, store_model_argument(fcinfo, 3));
	n = recommend_one(&workspace, &serving, &request, &asked);
	texts = recommend_describe(&serving, workspace.items, n, serving.context);
	for (int32 i = 0; i < n; i++)
	{
		Datum		values[RECOMMENDATION_COLUMNS];
		bool		nulls[RECOMMENDATION_COLUMNS];

		recommend_columns(&workspace.items[i], &texts[i], i + 1, values, nulls);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	serve_end(&serving);
	return (Datum) 0;
}
