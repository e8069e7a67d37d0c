/*
 * recommend.h: from a user's vectors to the films recommended.
 */
#ifndef MLREC_SERVE_RECOMMEND_H
#define MLREC_SERVE_RECOMMEND_H

#include "num/base/topk.h"
#include "pg/serve/serve.h"

/* What is asked for */
typedef struct Wish
{
	int32		retrieve;		/* candidates by the retrieval score */
	int32		n;				/* rows wanted */
	bool		by_relevance;	/* else by the predicted rating */
	float		diversity;		/* 0 to 1 */
	bool		exclude_seen;
	ArrayType  *candidates;		/* bigint[]; NULL: all films */
	ArrayType  *exclude;		/* bigint[]; NULL: none */
} Wish;

/* A recommended film */
typedef struct Pick
{
	int32		movie;			/* index in the catalogue */
	int64		movie_id;
	float		retrieval;		/* cosine */
	float		ranking;		/* predicted rating */
	float		order;			/* what rows are ordered by, larger first */
} Pick;

/* Room to work in, for any number of users one after the other */
typedef struct Desk
{
	Topk		topk;			/* the candidates */
	Pick	   *picks;			/* [topk.k] */
	float	   *rank_vectors;	/* [topk.k * VECTOR_DIMS] */
	float	   *ratings;		/* [topk.k] */
	float	   *scratch;
} Desk;

/* How many candidates there can be. */
extern int32 recommend_candidates(const Serving *serving, const Wish *wish);

/* In the current memory context. */
extern void recommend_open_desk(Desk *desk, const Serving *serving, const Wish *wish);

/*
 * From the candidates in desk->topk to the films recommended, in
 * desk->picks[0 ..]; returns their number, at most wish->n.
 */
extern int32 recommend_rank(Desk *desk, const Serving *serving, const Wish *wish,
							const float *user_vector, const float *user_rank_vector);

/* The same with the candidates' predicted ratings already in desk->ratings. */
extern int32 recommend_order(Desk *desk, const Serving *serving, const Wish *wish,
							 const float *user_vector);

/* Titles and the like of n picks, palloc'd; their strings are in `context`. */
extern MovieText *recommend_describe(const Serving *serving, const Pick *picks, int32 n,
									 MemoryContext context);

/* Columns rank to retrieval_score of a pick. */
#define PICK_COLUMNS 7
extern void recommend_columns(const Pick *pick, const MovieText *film, int32 rank,
							  Datum *values, bool *nulls);

#endif							/* MLREC_SERVE_RECOMMEND_H */
