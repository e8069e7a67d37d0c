/*
 * live_lists.c: see live_lists.h.
 *
 * One question per test row: the user at that moment, known by all rows of strictly
 * earlier time, and all movies that they do not know.  Only the rank of the movie
 * rated next matters, so there are ranks here and no lists.
 */
#include "num/eval/live_lists.h"

#include <math.h>
#include <string.h>

#include "num/base/rng.h"
#include "num/base/topk.h"
#include "num/eval/metrics.h"
#include "num/eval/recent.h"
#include "num/net/dense.h"

#define BATCH 64
#define MAX_FLOATS (4 << 20)	/* scores held at a time, unless one user has more */
#define SAMPLE_KEY 1

/* What a movie is ranked by. */
typedef enum RankedBy
{
	BY_RELEVANCE,
	BY_RATING,
	BY_POPULARITY,
	BY_POPULARITY_7,
	BY_POPULARITY_30,
	N_RANKED_BY
} RankedBy;

static const int window_days[N_RANKED_BY] = {[BY_POPULARITY_7] = 7, [BY_POPULARITY_30] = 30};

typedef struct RankSums
{
	int64_t		n;
	double		hit;
	double		ndcg;
	double		reciprocal_rank;
} RankSums;

typedef struct LiveQuestion
{
	int64_t		row;
	int32_t		user;
} LiveQuestion;

typedef struct LiveLists
{
	Evaluator  *evaluator;
	int32_t		k;				/* candidates, at most the catalogue */
	int32_t		batch;
	LiveQuestion *asked;		/* [n_asked] */
	int64_t		n_asked;
	RecentLikes recent;
	float	   *count;			/* [n_movies] */
	RankSums	sums[N_RANKED_BY][N_USER_GROUPS];

	EvalQuery  *queries;		/* [batch] */
	float	   *retrieval;		/* [batch * VECTOR_DIMS] */
	float	   *temperature;	/* [batch] */
	float	   *ranking;		/* [batch * VECTOR_DIMS] */
	float	   *scores;			/* [batch * n_movies] */
	uint8_t    *skip;			/* [n_movies] */
	TopkEntry  *candidates;		/* [k] */
	float	   *movies;			/* [k * VECTOR_DIMS] */
	float	   *predicted;		/* [k] */
	float	   *rank_scratch;
} LiveLists;

static int64_t
questions(const Evaluator *evaluator)
{
	const Ratings *ratings = evaluator->ratings;
	int64_t		n = ratings->n_rows - ratings->n_trainval_rows;

	return n < evaluator->options->live_questions ? n : evaluator->options->live_questions;
}

static void
take(LiveLists *lists, Evaluator *evaluator, Arena *arena)
{
	const Ratings *ratings = evaluator->ratings;
	int64_t		n_movies = ratings->n_movies;
	int64_t		batch = MAX_FLOATS / (n_movies + 1);

	memset(lists, 0, sizeof(*lists));
	lists->evaluator = evaluator;
	lists->k = evaluator->options->top_k < n_movies ? evaluator->options->top_k : n_movies;
	lists->batch = batch > BATCH ? BATCH : batch < 1 ? 1 : batch;
	lists->n_asked = questions(evaluator);
	lists->asked = ARENA_ARRAY(arena, LiveQuestion, lists->n_asked);
	recent_open(&lists->recent, ratings, evaluator->header->like_threshold, arena);
	lists->count = ARENA_ARRAY(arena, float, n_movies);
	lists->queries = ARENA_ARRAY(arena, EvalQuery, lists->batch);
	lists->retrieval = ARENA_ARRAY(arena, float, lists->batch * VECTOR_DIMS);
	lists->temperature = ARENA_ARRAY(arena, float, lists->batch);
	lists->ranking = ARENA_ARRAY(arena, float, lists->batch * VECTOR_DIMS);
	lists->scores = ARENA_ARRAY(arena, float, lists->batch * n_movies);
	lists->skip = ARENA_ARRAY(arena, uint8_t, n_movies);
	lists->candidates = ARENA_ARRAY(arena, TopkEntry, lists->k);
	lists->movies = ARENA_ARRAY(arena, float, lists->k * VECTOR_DIMS);
	lists->predicted = ARENA_ARRAY(arena, float, lists->k);
	lists->rank_scratch = ARENA_ARRAY(arena, float, model_rank_scratch(evaluator->model, lists->k));
}

/* ---------------------------------------------------------------------------
 * Which rows
 * ------------------------------------------------------------------------- */

/*
 * The rows asked about: all test rows, or one from each of as many equal stretches
 * of them, at a seeded row.
 */
static void
choose_rows(LiveLists *lists)
{
	const Ratings *ratings = lists->evaluator->ratings;
	int64_t		n_test = ratings->n_rows - ratings->n_trainval_rows;
	int64_t		test = 0;
	int64_t		n = 0;

	for (int32_t user = 0; user < ratings->n_users; user++)
		for (int64_t row = user_first_test(ratings, user); row < user_end(ratings, user);
			 row++, test++)
		{
			int64_t		from = n_test * n / lists->n_asked;
			int64_t		length = n < lists->n_asked ? n_test * (n + 1) / lists->n_asked - from : 0;

			if (length > 0 && test == from + rng_below(SAMPLE_KEY, n, (uint32_t) length))
				lists->asked[n++] = (LiveQuestion) {row, user};
		}
	lists->n_asked = n;
}

/* ---------------------------------------------------------------------------
 * Ranks
 * ------------------------------------------------------------------------- */

static int32_t
rank_among_all(const LiveLists *lists, const float *score, int32_t movie)
{
	return metrics_rank(score, lists->skip, lists->evaluator->ratings->n_movies, movie);
}

/* Adds a rank to the sums, -1 for none. */
static void
add_rank(LiveLists *lists, RankedBy by, int32_t user, int32_t rank)
{
	const EvaluateOptions *options = lists->evaluator->options;
	EvaluateUsers groups[] = {USERS_ALL, user_group(lists->evaluator->ratings, user)};

	for (int g = 0; g < 2; g++)
	{
		RankSums   *sums = &lists->sums[by][groups[g]];

		sums->n++;
		if (rank >= 0 && rank < options->top_n)
		{
			sums->hit++;
			sums->ndcg += 1 / log2(rank + 2);
		}
		if (rank >= 0 && rank < options->top_k)
			sums->reciprocal_rank += 1.0 / (rank + 1);
	}
}

/* Predicted ratings, in deviations, of n candidates. */
static void
predict(LiveLists *lists, const float *ranking, int32_t n)
{
	const Evaluator *evaluator = lists->evaluator;

	model_rank_entries(evaluator->model, ranking, lists->candidates, n,
					   evaluator->movie_rank_vectors, lists->movies, lists->predicted,
					   lists->rank_scratch);
}

/*
 * The rank of a movie among the k best by the scores of the query at `at`, put in order by
 * rating or by relevance; -1 if it is not among them.
 */
static int32_t
rank_among_candidates(LiveLists *lists, int at, int32_t movie, bool by_relevance)
{
	const Evaluator *evaluator = lists->evaluator;
	int32_t		n_movies = evaluator->ratings->n_movies;
	float		weight = model_rating_weight(evaluator->header, lists->temperature[at]);
	int32_t		index = -1;
	int32_t		rank = 0;
	Topk		topk;

	topk_init(&topk, lists->candidates, lists->k);
	topk_push_all(&topk, lists->scores + (int64_t) at * n_movies, n_movies, lists->skip);
	topk_sort(&topk);
	for (int32_t i = 0; i < topk.n && index < 0; i++)
		index = topk.entry[i].index == movie ? i : -1;
	if (index < 0)
		return -1;
	predict(lists, lists->ranking + (int64_t) at * VECTOR_DIMS, topk.n);
	for (int32_t i = 0; i < topk.n && by_relevance; i++)
		lists->predicted[i] = topk.entry[i].score + weight * lists->predicted[i];
	for (int32_t i = 0; i < topk.n; i++)
		rank += lists->predicted[i] > lists->predicted[index] ||
			(i < index && lists->predicted[i] == lists->predicted[index]);
	return rank;
}

static void
rank_by_model(LiveLists *lists, int at, int32_t movie)
{
	const Evaluator *evaluator = lists->evaluator;
	int32_t		n_movies = evaluator->ratings->n_movies;
	int32_t		user = lists->queries[at].user;
	float	   *scores = lists->scores + (int64_t) at * n_movies;

	add_rank(lists, BY_RATING, user, rank_among_candidates(lists, at, movie, false));
	for (int32_t other = 0; other < n_movies; other++)
		scores[other] = lists->temperature[at] * scores[other] + evaluator->popularity[other];
	add_rank(lists, BY_RELEVANCE, user, rank_among_candidates(lists, at, movie, true));
}

static void
answer(LiveLists *lists, int at)
{
	const Evaluator *evaluator = lists->evaluator;
	const Ratings *ratings = evaluator->ratings;
	const EvalQuery *query = &lists->queries[at];
	const int32_t *known = ratings->movie + ratings->start[query->user];
	int32_t		movie = ratings->movie[query->row];

	for (int32_t i = 0; i < query->known; i++)
		lists->skip[known[i]] = 1;
	if (lists->skip[movie])
		for (RankedBy by = 0; by < N_RANKED_BY; by++)
			add_rank(lists, by, query->user, -1);
	else
	{
		rank_by_model(lists, at, movie);
		add_rank(lists, BY_POPULARITY, query->user,
				 rank_among_all(lists, evaluator->baselines.likes, movie));
	}
	for (RankedBy by = 0; by < N_RANKED_BY && !lists->skip[movie]; by++)
		if (window_days[by] > 0 && lists->recent.n_days > 0)
		{
			recent_count(&lists->recent, ratings->time[query->row], window_days[by], false,
						 lists->count, ratings->n_movies);
			add_rank(lists, by, query->user, rank_among_all(lists, lists->count, movie));
		}
	for (int32_t i = 0; i < query->known; i++)
		lists->skip[known[i]] = !evaluator->eligible[known[i]];
}

static void
answer_all(LiveLists *lists)
{
	Evaluator  *evaluator = lists->evaluator;
	int32_t		n_movies = evaluator->ratings->n_movies;

	for (int64_t from = 0; from < lists->n_asked; from += lists->batch)
	{
		int			n = lists->n_asked - from < lists->batch ? lists->n_asked - from : lists->batch;

		for (int i = 0; i < n; i++)
			lists->queries[i] = evaluator_live_query(evaluator, lists->asked[from + i].user,
													 lists->asked[from + i].row);
		evaluator_users(evaluator, lists->queries, n, lists->retrieval, lists->temperature,
						lists->ranking);
		dense_scores(lists->scores, n_movies, lists->retrieval, n, evaluator->movie_vectors,
					 n_movies);
		for (int i = 0; i < n; i++)
		{
			answer(lists, i);
			evaluator_check_interrupts(evaluator);
		}
	}
}

/* ---------------------------------------------------------------------------
 * Report
 * ------------------------------------------------------------------------- */

static void
report(const LiveLists *lists, RankedBy by, GroupValues value)
{
	bool		by_rating = by == BY_RATING;

	for (EvaluateUsers group = 0; group < N_USER_GROUPS; group++)
	{
		const RankSums *sums = &lists->sums[by][group];

		value[group][METRIC_QUERIES] = sums->n;
		if (sums->n == 0)
			continue;
		value[group][by_rating ? METRIC_HIT_BY_RATING : METRIC_HIT] = sums->hit / sums->n;
		value[group][by_rating ? METRIC_NDCG_BY_RATING : METRIC_NDCG] = sums->ndcg / sums->n;
		value[group][by_rating ? METRIC_MRR_BY_RATING : METRIC_MRR] =
			sums->reciprocal_rank / sums->n;
	}
}

void
live_lists(Evaluator *evaluator, Evaluation *evaluation, Arena *arena)
{
	LiveLists	lists;

	take(&lists, evaluator, arena);
	if (arena->base == NULL)
		return;
	for (int32_t movie = 0; movie < evaluator->ratings->n_movies; movie++)
		lists.skip[movie] = !evaluator->eligible[movie];
	choose_rows(&lists);
	answer_all(&lists);
	for (RankedBy by = 0; by < N_RANKED_BY; by++)
	{
		static const EvaluateSystem system[N_RANKED_BY] = {
			[BY_RELEVANCE] = SYSTEM_MLREC, [BY_RATING] = SYSTEM_MLREC,
			[BY_POPULARITY] = SYSTEM_POPULARITY, [BY_POPULARITY_7] = SYSTEM_RECENT_7,
			[BY_POPULARITY_30] = SYSTEM_RECENT_30
		};

		report(&lists, by, evaluation->value[PROTOCOL_LIVE_LISTS][system[by]]);
	}
}
