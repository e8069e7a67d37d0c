/*
 * evaluate.c: a model measured on the test part, next to simple baselines.
 *
 * This file has the rating metrics and puts the table together.  Every test
 * row is asked once per protocol: the user as known at that moment, the
 * movie as the model has it.  A user's rows come in the order in which their
 * history grows, so that its pooled features are running sums; users' vectors
 * and predictions are computed many at a time.
 */
#include "num/eval/evaluate.h"

#include <math.h>
#include <string.h>

#include "num/base/simd.h"
#include "num/eval/evaluate_lists.h"
#include "num/eval/evaluator.h"
#include "num/eval/live_lists.h"
#include "num/eval/metrics.h"

/* The test rows, user by user, and room to copy a group's rows to. */
typedef struct TestRows
{
	int64_t		n;
	bool		events;			/* the rows are */
	int32_t    *movie;			/* [n] */
	float	   *actual;			/* [n] */
	uint8_t    *liked;			/* [n] */
	uint8_t    *group;			/* [n], USERS_WARM or USERS_COLD */
	float	   *predicted;		/* [n], what is being measured */
	float	   *cosine;			/* [n] */

	float	   *group_score;	/* [n] */
	float	   *group_actual;	/* [n] */
	uint8_t    *group_liked;	/* [n] */
	uint64_t   *sort;			/* [2 * n] */
} TestRows;

/* Test rows on their way through the model. */
typedef struct Pairs
{
	EvalQuery  *queries;		/* [QUERY_BATCH] */
	int			n_queries;
	int32_t    *query;			/* [QUERY_BATCH], of each pair */
	int32_t    *movie;			/* [QUERY_BATCH], of each pair */
	int			n;
	int64_t		done;			/* rows that have been predicted */

	float	   *retrieval;		/* [QUERY_BATCH * VECTOR_DIMS], per question */
	float	   *temperature;	/* [QUERY_BATCH] */
	float	   *ranking;		/* likewise */
	float	   *pair_users;		/* likewise, per pair */
	float	   *pair_movies;
	float	   *rank_scratch;
} Pairs;

static void
take_rows(TestRows *rows, const Ratings *ratings, Arena *arena)
{
	rows->n = ratings->n_rows - ratings->n_trainval_rows;
	rows->events = ratings->weight != NULL;
	rows->movie = ARENA_ARRAY(arena, int32_t, rows->n);
	rows->actual = ARENA_ARRAY(arena, float, rows->n);
	rows->liked = ARENA_ARRAY(arena, uint8_t, rows->n);
	rows->group = ARENA_ARRAY(arena, uint8_t, rows->n);
	rows->predicted = ARENA_ARRAY(arena, float, rows->n);
	rows->cosine = ARENA_ARRAY(arena, float, rows->n);
	rows->group_score = ARENA_ARRAY(arena, float, rows->n);
	rows->group_actual = ARENA_ARRAY(arena, float, rows->n);
	rows->group_liked = ARENA_ARRAY(arena, uint8_t, rows->n);
	rows->sort = ARENA_ARRAY(arena, uint64_t, 2 * rows->n);
}

static void
fill_rows(TestRows *rows, const Evaluator *evaluator)
{
	const Ratings *ratings = evaluator->ratings;
	int64_t		i = 0;

	for (int32_t user = 0; user < ratings->n_users; user++)
		for (int64_t row = user_first_test(ratings, user); row < user_end(ratings, user);
			 row++, i++)
		{
			rows->movie[i] = ratings->movie[row];
			rows->actual[i] = ratings->rating[row];
			rows->liked[i] = is_liked(evaluator, row);
			rows->group[i] = user_group(ratings, user);
		}
}

static void
take_pairs(Pairs *pairs, const Model *model, Arena *arena)
{
	memset(pairs, 0, sizeof(*pairs));
	pairs->queries = ARENA_ARRAY(arena, EvalQuery, QUERY_BATCH);
	pairs->query = ARENA_ARRAY(arena, int32_t, QUERY_BATCH);
	pairs->movie = ARENA_ARRAY(arena, int32_t, QUERY_BATCH);
	pairs->retrieval = ARENA_ARRAY(arena, float, QUERY_BATCH * VECTOR_DIMS);
	pairs->temperature = ARENA_ARRAY(arena, float, QUERY_BATCH);
	pairs->ranking = ARENA_ARRAY(arena, float, QUERY_BATCH * VECTOR_DIMS);
	pairs->pair_users = ARENA_ARRAY(arena, float, QUERY_BATCH * VECTOR_DIMS);
	pairs->pair_movies = ARENA_ARRAY(arena, float, QUERY_BATCH * VECTOR_DIMS);
	pairs->rank_scratch = ARENA_ARRAY(arena, float, model_rank_scratch(model, QUERY_BATCH));
}

/* Predicts the pairs that are waiting. */
static void
flush_pairs(Pairs *pairs, Evaluator *evaluator, TestRows *rows)
{
	const size_t length = VECTOR_DIMS * sizeof(float);

	evaluator_users(evaluator, pairs->queries, pairs->n_queries, pairs->retrieval,
					pairs->temperature, pairs->ranking);
	for (int i = 0; i < pairs->n; i++)
	{
		int64_t		user = (int64_t) pairs->query[i] * VECTOR_DIMS;
		int64_t		movie = (int64_t) pairs->movie[i] * VECTOR_DIMS;

		rows->cosine[pairs->done + i] = simd_dot(pairs->retrieval + user,
												 evaluator->movie_vectors + movie, VECTOR_DIMS);
		memcpy(pairs->pair_users + i * VECTOR_DIMS, pairs->ranking + user, length);
		memcpy(pairs->pair_movies + i * VECTOR_DIMS, evaluator->movie_rank_vectors + movie, length);
	}
	model_rank(evaluator->model, pairs->pair_users, VECTOR_DIMS, pairs->pair_movies, pairs->n,
			   rows->predicted + pairs->done, pairs->rank_scratch);
	for (int i = 0; i < pairs->n; i++)
		rows->predicted[pairs->done + i] = model_rating(evaluator->header,
														rows->predicted[pairs->done + i]);

	pairs->done += pairs->n;
	pairs->n = 0;
	pairs->n_queries = 0;
	evaluator_check_interrupts(evaluator);
}

/* Adds one row: to the last question if that asks the same, else to a new one. */
static void
add_pair(Pairs *pairs, Evaluator *evaluator, TestRows *rows, EvalQuery query, int32_t movie)
{
	int			last;

	if (pairs->n == QUERY_BATCH)
		flush_pairs(pairs, evaluator, rows);
	last = pairs->n_queries - 1;
	/* as many known rows of strictly earlier time: the same moment */
	if (last < 0 || pairs->queries[last].user != query.user ||
		pairs->queries[last].known != query.known)
		pairs->queries[++last] = query;
	pairs->n_queries = last + 1;
	pairs->query[pairs->n] = last;
	pairs->movie[pairs->n++] = movie;
}

/* The model's predictions and cosines of all test rows. */
static void
predict_rows(Pairs *pairs, Evaluator *evaluator, EvaluateProtocol protocol, TestRows *rows)
{
	const Ratings *ratings = evaluator->ratings;

	pairs->done = 0;
	for (int32_t user = 0; user < ratings->n_users; user++)
		for (int64_t row = user_first_test(ratings, user); row < user_end(ratings, user); row++)
			add_pair(pairs, evaluator, rows, protocol == PROTOCOL_LIVE ?
					 evaluator_live_query(evaluator, user, row) :
					 evaluator_static_query(evaluator, user), ratings->movie[row]);
	if (pairs->n > 0)
		flush_pairs(pairs, evaluator, rows);
}

/* Copies out the rows of a group of users; returns their number. */
static int64_t
select_group(TestRows *rows, EvaluateUsers group, const float *score)
{
	int64_t		n = 0;

	for (int64_t i = 0; i < rows->n; i++)
		if (group == USERS_ALL || rows->group[i] == group)
		{
			rows->group_score[n] = score[i];
			rows->group_actual[n] = rows->actual[i];
			rows->group_liked[n++] = rows->liked[i];
		}
	return n;
}

/* Error and AUC of predicted ratings; events have no ratings to be predicted. */
static void
measure_ratings(GroupValues value, TestRows *rows, const float *predicted)
{
	if (rows->events)
		return;
	for (EvaluateUsers group = USERS_ALL; group < N_USER_GROUPS; group++)
	{
		int64_t		n = select_group(rows, group, predicted);

		value[group][METRIC_TEST_RATINGS] = n;
		value[group][METRIC_RMSE] = metrics_rmse(rows->group_score, rows->group_actual, n);
		value[group][METRIC_MAE] = metrics_mae(rows->group_score, rows->group_actual, n);
		value[group][METRIC_AUC_RATING] = metrics_auc(rows->group_score, rows->group_liked, n,
													  rows->sort);
	}
}

/* AUC of a score that is not a rating. */
static void
measure_retrieval(GroupValues value, TestRows *rows, const float *score)
{
	for (EvaluateUsers group = USERS_ALL; group < N_USER_GROUPS; group++)
	{
		int64_t		n = select_group(rows, group, score);

		value[group][METRIC_TEST_RATINGS] = n;
		value[group][METRIC_AUC_RETRIEVAL] = metrics_auc(rows->group_score, rows->group_liked, n,
														 rows->sort);
	}
}

/* Each test row's movie's score. */
static void
score_by_movie(TestRows *rows, const float *movie_score, float *out)
{
	for (int64_t i = 0; i < rows->n; i++)
		out[i] = movie_score[rows->movie[i]];
}

static void
score_by_bias(const Evaluator *evaluator, EvaluateProtocol protocol, float *out)
{
	const Ratings *ratings = evaluator->ratings;

	for (int32_t user = 0; user < ratings->n_users; user++)
	{
		if (protocol == PROTOCOL_LIVE)
			baselines_bias_live(&evaluator->baselines, ratings, user, out);
		else
			baselines_bias_static(&evaluator->baselines, ratings, user, out);
		out += user_end(ratings, user) - user_first_test(ratings, user);
	}
}

/* Baselines are held to the data's scale, as the model's predictions are. */
static void
clamp_ratings(const ModelFileHeader *header, float *rating, int64_t n)
{
	for (int64_t i = 0; i < n; i++)
		rating[i] = fminf(fmaxf(rating[i], header->min_rating), header->max_rating);
}

/* The rating metrics of all systems under one protocol. */
static void
evaluate_ratings(Evaluator *evaluator, EvaluateProtocol protocol, Evaluation *evaluation,
				 Pairs *pairs, TestRows *rows)
{
	GroupValues *value = evaluation->value[protocol];
	const Baselines *baselines = &evaluator->baselines;

	predict_rows(pairs, evaluator, protocol, rows);
	measure_ratings(value[SYSTEM_MLREC], rows, rows->predicted);
	measure_retrieval(value[SYSTEM_MLREC], rows, rows->cosine);

	score_by_movie(rows, baselines->likes, rows->predicted);
	measure_retrieval(value[SYSTEM_POPULARITY], rows, rows->predicted);
	evaluator_check_interrupts(evaluator);

	score_by_bias(evaluator, protocol, rows->predicted);
	clamp_ratings(evaluator->header, rows->predicted, rows->n);
	measure_ratings(value[SYSTEM_BIAS], rows, rows->predicted);
	evaluator_check_interrupts(evaluator);

	score_by_movie(rows, baselines->item_mean, rows->predicted);
	clamp_ratings(evaluator->header, rows->predicted, rows->n);
	measure_ratings(value[SYSTEM_ITEM_MEAN], rows, rows->predicted);
	evaluator_check_interrupts(evaluator);
}

static size_t
largest(size_t a, size_t b)
{
	return a > b ? a : b;
}

/*
 * The whole evaluation, or, while the arena measures and evaluation is NULL,
 * what it takes from the arena.  Ratings and lists use the same memory, one
 * after the other.
 */
static size_t
evaluate(Evaluation *evaluation, const Ratings *ratings, const Model *model,
		 const EvaluateOptions *options, Arena arena)
{
	Evaluator	evaluator;
	TestRows	rows;
	Pairs		pairs;
	Arena		ratings_arena;
	Arena		lists_arena;
	Arena		live_arena = {NULL, 0};

	evaluator_open(&evaluator, ratings, model, options, &arena);

	ratings_arena = arena;
	take_rows(&rows, ratings, &ratings_arena);
	take_pairs(&pairs, model, &ratings_arena);
	if (evaluation != NULL)
	{
		fill_rows(&rows, &evaluator);
		evaluate_ratings(&evaluator, PROTOCOL_STATIC, evaluation, &pairs, &rows);
		if (options->live_ratings && !ratings->leave_one_out)
			evaluate_ratings(&evaluator, PROTOCOL_LIVE, evaluation, &pairs, &rows);
	}

	lists_arena = arena;
	evaluate_lists(&evaluator, PROTOCOL_STATIC, evaluation, &lists_arena);
	if (options->live_lists && !ratings->leave_one_out && evaluation != NULL)
	{
		lists_arena = arena;
		evaluate_lists(&evaluator, PROTOCOL_LIVE, evaluation, &lists_arena);
	}
	if (options->live_questions > 0 && ratings_in_order(ratings))
	{
		live_arena = arena;
		live_lists(&evaluator, evaluation, &live_arena);
	}
	return largest(ratings_arena.used, largest(lists_arena.used, live_arena.used));
}

size_t
evaluate_scratch(const Ratings *ratings, const Model *model, const EvaluateOptions *options)
{
	return evaluate(NULL, ratings, model, options, (Arena) {NULL, 0});
}

void
evaluate_run(Evaluation *evaluation, const Ratings *ratings, const Model *model,
			 const EvaluateOptions *options, void *scratch)
{
	double	   *value = &evaluation->value[0][0][0][0];

	evaluation->top_k = options->top_k;
	evaluation->top_n = options->top_n;
	for (size_t i = 0; i < sizeof(evaluation->value) / sizeof(double); i++)
		value[i] = NAN;
	evaluate(evaluation, ratings, model, options, (Arena) {scratch, 0});
}
