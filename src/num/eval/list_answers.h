/*
 * list_answers.h: the answers of model and baselines to the questions of an evaluation.
 *
 * A question is a user at a moment.  The movies that the user is known to have rated
 * then are masked, as are movies that serving does not recommend.  The model
 * answers as recommend() does, in both of its orders: the top k by cosine over the
 * whole catalogue, put in order by predicted rating; and the top k by cosine and
 * popularity, by relevance.  A baseline has one order of the catalogue for
 * everybody, and answers with the first k of it that are not masked.
 */
#ifndef MLREC_EVAL_LIST_ANSWERS_H
#define MLREC_EVAL_LIST_ANSWERS_H

#include "num/base/topk.h"
#include "num/eval/evaluator.h"
#include "num/eval/list_sums.h"
#include "num/eval/recent.h"

/* Orders of a list.  The model's come first, then one for each baseline. */
typedef enum ListOrder
{
	ORDER_COSINE,				/* candidates for the order by rating */
	ORDER_RATING,
	ORDER_LIKELY,				/* candidates for the order by relevance */
	ORDER_RELEVANCE,
	ORDER_POPULARITY,
	ORDER_BIAS,
	ORDER_ITEM_MEAN,
	ORDER_RECENT_7,
	ORDER_RECENT_30,
	N_ORDERS
} ListOrder;

#define FIRST_BASELINE ORDER_POPULARITY
#define FIRST_RECENT ORDER_RECENT_7
#define N_BASELINES (N_ORDERS - FIRST_BASELINE)
#define N_RECENT (N_ORDERS - FIRST_RECENT)

typedef struct Lists
{
	Evaluator  *evaluator;
	int32_t		k;				/* ranks in a list, at most the catalogue */
	bool		indexed;		/* the model file's movies are searched, by its index */
	int32_t		batch;			/* questions at a time */
	int32_t		n_eligible;		/* movies that may be shown */
	ListSums	sums[N_ORDERS][N_USER_GROUPS];
	double		mean_rating[N_ORDERS];	/* sums over users ... */
	int64_t		n_mean_rating[N_ORDERS];	/* ... whose lists have rated movies */

	/* the question at hand */
	uint8_t    *skip;			/* [n_movies] */
	ListTruth	truth;

	EvalQuery  *queries;		/* [batch] */
	float	   *retrieval;		/* [batch * VECTOR_DIMS] */
	float	   *temperature;	/* [batch] */
	float	   *ranking;		/* [batch * VECTOR_DIMS] */
	float	   *scores;			/* [batch * n_movies], unless indexed */
	void	   *search;			/* scratch */
	int32_t    *order[N_BASELINES]; /* [n_movies], best first */
	RecentLikes recent;
	float	   *recent_count[N_RECENT]; /* [n_movies], likes before ... */
	int64_t		recent_moment[N_RECENT];	/* ... this moment */
	int64_t		training_end;	/* the latest time of the training part */

	/* one answer */
	TopkEntry  *candidates;		/* [k] */
	TopkEntry  *reordered;		/* [max of k and n_movies] */
	float	   *candidate_movies;	/* [k * VECTOR_DIMS] */
	float	   *predicted;		/* [k] */
	float	   *rank_scratch;
	int32_t    *list;			/* [k] */
	uint8_t    *hits;			/* [k], 1: the movie of this rank is relevant */
} Lists;

/* Carves the arrays of lists from the arena. */
extern void lists_take(Lists *lists, Evaluator *evaluator, Arena *arena);

/* Fills what holds for all questions.  No question has been answered. */
extern void lists_open(Lists *lists);

/*
 * Asks everybody the first n of lists->queries, 1 <= n <= lists->batch, and adds what their
 * answers are worth to the sums.
 */
extern void lists_answer(Lists *lists, int n);

#endif							/* MLREC_EVAL_LIST_ANSWERS_H */
