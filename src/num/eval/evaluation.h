/*
 * evaluation.h: what is measured of a model, and under which rules.
 *
 * Two protocols.  Static: what is known of a user are their training rows.
 * Live: what is known are all their rows of strictly earlier time than the one
 * that is asked for.  The model and the baselines' movie statistics are those
 * of the training part in both.
 *
 * Rating metrics are taken over test rows.  List metrics are taken over
 * questions, exactly: every movie that serving recommends and the user is not
 * known to have rated competes: those that have a row in movies, and those that
 * had none when the model was trained.
 *
 *		static	one question per user with a liked test movie that is not among
 *				their training movies; all such movies are relevant.
 *		live	one question per liked test row whose movie the user is not known to
 *				have rated, at that row's moment; its movie alone is relevant.  At
 *				most EVALUATE_QUERIES per user, evenly spaced in their sequence.
 *
 *		live lists	one question per test row, liked or not, or a seeded sample of
 *				them: whether the movie is near the top at that row's moment.
 *
 * Users with EVALUATE_WARM or more training rows are warm, the others cold.
 */
#ifndef MLREC_EVAL_EVALUATION_H
#define MLREC_EVAL_EVALUATION_H

#include <stdbool.h>
#include <stdint.h>

#define EVALUATE_WARM 5
#define EVALUATE_QUERIES 10

typedef enum EvaluateProtocol
{
	PROTOCOL_STATIC,
	PROTOCOL_LIVE,
	PROTOCOL_LIVE_LISTS,
	N_PROTOCOLS
} EvaluateProtocol;

typedef enum EvaluateSystem
{
	SYSTEM_MLREC,
	SYSTEM_POPULARITY,
	SYSTEM_BIAS,
	SYSTEM_ITEM_MEAN,
	SYSTEM_RECENT_7,			/* the likes of the 7 days before the question */
	SYSTEM_RECENT_30,
	N_SYSTEMS
} EvaluateSystem;

typedef enum EvaluateUsers
{
	USERS_ALL,
	USERS_WARM,
	USERS_COLD,
	N_USER_GROUPS
} EvaluateUsers;

/*
 * k is options->top_k, n is options->top_n.  The model has two orders, each with
 * candidates of its own: by relevance, and by predicted rating (_BY_RATING),
 * whose candidates are the top k by cosine.  A baseline has one order only: bias and
 * item mean by rating, the others by relevance.
 */
typedef enum EvaluateMetric
{
	METRIC_RMSE,
	METRIC_MAE,
	METRIC_AUC_RATING,			/* of the predicted rating */
	METRIC_AUC_RETRIEVAL,		/* of the cosine; popularity: of the count */
	METRIC_RECALL_K,
	METRIC_RECALL_50,			/* if k > 50 */
	METRIC_NDCG,				/* from here to HIT_RATING in the order of the
								 * _BY_RATING ones, see list_sums_metrics */
	METRIC_HIT,
	METRIC_MRR,					/* over all k ranks */
	METRIC_COVERAGE,			/* share of the eligible movies that appear */
	METRIC_HIT_RATING,			/* mean of the test ratings of movies in lists that
								 * the user went on to rate, liked or not */
	METRIC_RECALL_K_BY_RATING,
	METRIC_NDCG_BY_RATING,
	METRIC_HIT_BY_RATING,
	METRIC_MRR_BY_RATING,
	METRIC_COVERAGE_BY_RATING,
	METRIC_HIT_RATING_BY_RATING,
	METRIC_MEAN_RATING_K,		/* mean, over all users with ratings, of the mean
								 * training rating of their top k movies by cosine */
	METRIC_CATALOGUE_MEAN,		/* the same of the whole catalogue (item mean) */
	METRIC_TEST_RATINGS,		/* how many rows the rating metrics are taken over */
	METRIC_QUERIES,				/* how many questions the list metrics */
	N_METRICS
} EvaluateMetric;

typedef struct EvaluateOptions
{
	int32_t		top_k;			/* >= 1 */
	int32_t		top_n;			/* >= 1; at most k ranks are looked at */
	int32_t		list_users;		/* list metrics on at most so many users, evenly
								 * spaced; 0: on all */
	bool		live_ratings;	/* rating metrics, live */
	bool		live_lists;		/* list metrics, live: the expensive part */
	int32_t		live_questions; /* live lists at so many test rows at most, 0: none */
	void (*check_interrupts)(void); /* called every few ms, or NULL; it may
									 * leave by longjmp */
} EvaluateOptions;

/* NaN: not defined */
typedef double GroupValues[N_USER_GROUPS][N_METRICS];

typedef struct Evaluation
{
	int32_t		top_k;
	int32_t		top_n;
	GroupValues value[N_PROTOCOLS][N_SYSTEMS];
} Evaluation;

#endif							/* MLREC_EVAL_EVALUATION_H */
