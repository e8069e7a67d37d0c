/*
 * recommend.h: from a user's vectors to the movies recommended.
 */
#ifndef MLREC_SERVE_RECOMMEND_H
#define MLREC_SERVE_RECOMMEND_H

#include "num/base/topk.h"
#include "pg/serve/asked_user.h"
#include "pg/serve/serve.h"

/* What is asked for */
typedef struct RecommendRequest
{
	int32		retrieve;		/* candidates by the retrieval score */
	int32		n;				/* rows wanted */
	bool		by_relevance;	/* else by the predicted rating */
	float		diversity;		/* 0 to 1 */
	bool		exclude_seen;
	ArrayType  *candidates;		/* bigint[]; NULL: all movies */
	ArrayType  *exclude;		/* bigint[]; NULL: none */
} RecommendRequest;

/* A recommended movie */
typedef struct Recommendation
{
	int32		movie;			/* index in the catalogue */
	int64		movie_id;
	float		retrieval;		/* cosine */
	float		ranking;		/* predicted rating, as it is shown */
	float		order;			/* what rows are ordered by, larger first */
	float		tie;			/* and those where it is equal, before their ids */
} Recommendation;

/* Room to work in, for any number of users one after the other */
typedef struct RankWorkspace
{
	Topk		topk;			/* the candidates */
	Recommendation *items;		/* [topk.k] */
	float	   *rank_vectors;	/* [topk.k * VECTOR_DIMS] */
	float	   *predictions;	/* [topk.k], as model_rank has them */
	float	   *scratch;
} RankWorkspace;

/* Where the arguments of asked_user.h begin in recommend and recommend_json. */
#define RECOMMEND_ARG_AS_OF 9

/*
 * Read the arguments of recommend and recommend_json into *request: (user_id
 * bigint, top_k_retrieve int, top_n_final int, model_id int, candidates
 * bigint[], exclude bigint[], exclude_seen boolean, order_by text, diversity
 * real, and from RECOMMEND_ARG_AS_OF on those of asked_user.h).  The user and the
 * model are left to the caller.
 */
extern void recommend_read_request(FunctionCallInfo fcinfo, RecommendRequest *request);

/*
 * Answers for one user, with a workspace that this opens; returns the number of movies
 * in workspace->items.
 */
extern int32 recommend_one(RankWorkspace *workspace, Serving *serving, RecommendRequest *request,
						   const AskedUser *asked);

/* Events have no rating: their order is by relevance, whatever is asked for. */
extern void recommend_settle_order(RecommendRequest *request, const Serving *serving);

/* How many candidates there can be. */
extern int32 recommend_candidates(const Serving *serving, const RecommendRequest *request);

/* In the current memory context. */
extern void recommend_open_workspace(RankWorkspace *workspace, const Serving *serving,
									 const RecommendRequest *request);

/*
 * From the candidates in workspace->topk to the movies recommended, in
 * workspace->items[0 ..]; returns their number, at most request->n.
 */
extern int32 recommend_rank(RankWorkspace *workspace, const Serving *serving,
							const RecommendRequest *request, const UserVectors *user);

/* The same with the candidates' predictions already in workspace->predictions. */
extern int32 recommend_order(RankWorkspace *workspace, const Serving *serving,
							 const RecommendRequest *request,
							 const float *user_vector, float temperature);

/* Titles and the like of n recommendations, palloc'd; their strings are in `context`. */
extern MovieText *recommend_describe(const Serving *serving, const Recommendation *items, int32 n,
									 MemoryContext context);

/*
 * Fills in the columns rank to retrieval_score of a recommendation, each
 * [RECOMMENDATION_COLUMNS]; rank is from 1.
 */
#define RECOMMENDATION_COLUMNS 7
extern void recommend_columns(const Recommendation *item, const MovieText *text, int32 rank,
							  Datum *values, bool *nulls);

#endif							/* MLREC_SERVE_RECOMMEND_H */
