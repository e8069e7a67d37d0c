/*
 * evaluate_lists.c: the list metrics of an evaluation: which questions are asked, and
 * what is reported of the answers, which are list_answers.c's.
 */
#include "num/eval/evaluate_lists.h"

#include <math.h>

#include "num/eval/list_answers.h"

/* Puts a question; n are waiting already.  Returns how many are then. */
static int
add_query(Lists *lists, int n, EvalQuery query)
{
	lists->queries[n++] = query;
	if (n < lists->batch)
		return n;
	lists_answer(lists, n);
	return 0;
}

/*
 * The live questions of one user: one per liked test row, or, if there are more
 * than EVALUATE_QUERIES, the rows in the middle of as many equal stretches.
 */
static int
add_live_queries(Lists *lists, int n, int32_t user)
{
	const Evaluator *evaluator = lists->evaluator;
	const Ratings *ratings = evaluator->ratings;
	int64_t		n_liked = 0;
	int64_t		liked = 0;
	int64_t		asked = 0;
	int64_t		wanted;

	for (int64_t row = user_first_test(ratings, user); row < user_end(ratings, user); row++)
		n_liked += is_liked(evaluator, row);
	wanted = n_liked < EVALUATE_QUERIES ? n_liked : EVALUATE_QUERIES;

	for (int64_t row = user_first_test(ratings, user); asked < wanted; row++)
	{
		if (!is_liked(evaluator, row))
			continue;
		if (liked++ == (2 * asked + 1) * n_liked / (2 * wanted))
		{
			n = add_query(lists, n, evaluator_live_query(evaluator, user, row));
			asked++;
		}
	}
	return n;
}

static void
add_queries(Lists *lists, EvaluateProtocol protocol)
{
	const Ratings *ratings = lists->evaluator->ratings;
	int64_t		n_users = ratings->n_users;
	int64_t		n_asked = lists->evaluator->options->list_users;
	int			n = 0;

	if (n_asked <= 0 || n_asked > n_users)
		n_asked = n_users;
	for (int64_t i = 0; i < n_asked; i++)
	{
		int32_t		user = i * n_users / n_asked;

		if (protocol == PROTOCOL_LIVE)
			n = add_live_queries(lists, n, user);
		else
			n = add_query(lists, n, evaluator_static_query(lists->evaluator, user));
	}
	if (n > 0)
		lists_answer(lists, n);
}

/* The mean of the movies' mean training ratings. */
static double
catalogue_mean(const Lists *lists)
{
	const Evaluator *evaluator = lists->evaluator;
	double		sum = 0;
	int64_t		n = 0;

	for (int32_t movie = 0; movie < evaluator->ratings->n_movies; movie++)
		if (evaluator->baselines.biases.count[movie] > 0 && evaluator->eligible[movie])
		{
			sum += evaluator->baselines.raw_mean[movie];
			n++;
		}
	return n > 0 ? sum / n : NAN;
}

static const ListOrder list_order[N_SYSTEMS] = {
	[SYSTEM_MLREC] = ORDER_RELEVANCE,
	[SYSTEM_POPULARITY] = ORDER_POPULARITY,
	[SYSTEM_BIAS] = ORDER_BIAS,
	[SYSTEM_ITEM_MEAN] = ORDER_ITEM_MEAN,
	[SYSTEM_RECENT_7] = ORDER_RECENT_7,
	[SYSTEM_RECENT_30] = ORDER_RECENT_30,
};

/* Whether a baseline orders by rating: it is no order by relevance. */
static bool
orders_by_rating(EvaluateSystem system)
{
	return system == SYSTEM_BIAS || system == SYSTEM_ITEM_MEAN;
}

/* The metrics of lists by rating: candidates, and their order. */
static void
report_by_rating(Lists *lists, ListOrder candidates, ListOrder order, GroupValues value)
{
	for (EvaluateUsers group = 0; group < N_USER_GROUPS; group++)
	{
		const ListSums *sums = &lists->sums[candidates][group];

		value[group][METRIC_QUERIES] = sums->n;
		value[group][METRIC_RECALL_K_BY_RATING] = sums->n > 0 ? sums->recall_k / sums->n : NAN;
		list_sums_metrics(&lists->sums[order][group], value[group], METRIC_NDCG_BY_RATING,
						 lists->evaluator->ratings->n_movies, lists->n_eligible);
	}
}

/*
 * The metrics of one system; the model's recall is that of its candidates.  What
 * orders by rating says nothing of events.
 */
static void
report_system(Lists *lists, EvaluateSystem system, GroupValues value)
{
	const Ratings *ratings = lists->evaluator->ratings;
	ListOrder	order = list_order[system];
	ListOrder	retrieval = system == SYSTEM_MLREC ? ORDER_LIKELY : order;
	ListOrder	retrieved = system == SYSTEM_MLREC ? ORDER_COSINE : order;

	if (ratings->weight == NULL && system == SYSTEM_MLREC)
		report_by_rating(lists, ORDER_COSINE, ORDER_RATING, value);
	if (ratings->weight == NULL && orders_by_rating(system))
		report_by_rating(lists, order, order, value);
	for (EvaluateUsers group = 0; group < N_USER_GROUPS && !orders_by_rating(system); group++)
	{
		list_sums_recall(&lists->sums[retrieval][group], value[group],
						 lists->evaluator->options->top_k);
		list_sums_metrics(&lists->sums[order][group], value[group], METRIC_NDCG, ratings->n_movies,
						 lists->n_eligible);
	}
	if (lists->n_mean_rating[retrieved] > 0)
		value[USERS_ALL][METRIC_MEAN_RATING_K] = lists->mean_rating[retrieved] /
			lists->n_mean_rating[retrieved];
}

static void
report_lists(Lists *lists, EvaluateProtocol protocol, Evaluation *evaluation)
{
	int32_t		n_movies = lists->evaluator->ratings->n_movies;

	for (ListOrder order = 0; order < N_ORDERS; order++)
		for (EvaluateUsers group = USERS_WARM; group <= USERS_COLD; group++)
			list_sums_merge(&lists->sums[order][USERS_ALL], &lists->sums[order][group], n_movies);
	for (EvaluateSystem system = 0; system < N_SYSTEMS; system++)
		report_system(lists, system, evaluation->value[protocol][system]);
	if (protocol == PROTOCOL_STATIC)
		evaluation->value[protocol][SYSTEM_ITEM_MEAN][USERS_ALL][METRIC_CATALOGUE_MEAN] =
			catalogue_mean(lists);
}

void
evaluate_lists(Evaluator *evaluator, EvaluateProtocol protocol, Evaluation *evaluation,
			   Arena *arena)
{
	Lists		lists;

	lists_take(&lists, evaluator, arena);
	if (arena->base == NULL)
		return;
	lists_open(&lists);
	add_queries(&lists, protocol);
	report_lists(&lists, protocol, evaluation);
}
