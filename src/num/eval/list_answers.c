/*
 * list_answers.c: see list_answers.h.
 *
 * The cosines of a batch of users with the catalogue are one matrix product.  A
 * large catalogue, which has an index, is searched for each of them, exactly,
 * unless it is not the one that the model was trained with; then the batch shrinks
 * as the catalogue grows, to bound the memory.
 */
#include "num/eval/list_answers.h"

#include <math.h>
#include <string.h>

#include "num/index/index_search.h"
#include "num/net/dense.h"

/* Days before a question, of ORDER_RECENT_7 and so on */
static const int recent_days[] = {7, 30};

#define LIST_BATCH 64
#define LIST_FLOATS (4 << 20)	/* scores held at a time, unless one user has more */

void
lists_take(Lists *lists, Evaluator *evaluator, Arena *arena)
{
	int64_t		n_movies = evaluator->ratings->n_movies;
	int64_t		batch = LIST_FLOATS / (n_movies + 1);

	memset(lists, 0, sizeof(*lists));
	lists->evaluator = evaluator;
	lists->k = evaluator->options->top_k < n_movies ? evaluator->options->top_k : n_movies;
	lists->indexed = evaluator->same_movies && evaluator->header->length[MODEL_FILE_INDEX] > 0;
	lists->batch = lists->indexed || batch > LIST_BATCH ? LIST_BATCH : batch < 1 ? 1 : batch;

	for (ListOrder order = 0; order < N_ORDERS; order++)
		for (EvaluateUsers group = 0; group < N_USER_GROUPS; group++)
			lists->sums[order][group].shown = ARENA_ARRAY(arena, uint8_t, n_movies);
	lists->skip = ARENA_ARRAY(arena, uint8_t, n_movies);
	lists->truth.future = ARENA_ARRAY(arena, float, n_movies);
	lists->truth.relevant = ARENA_ARRAY(arena, uint8_t, n_movies);
	lists->queries = ARENA_ARRAY(arena, EvalQuery, lists->batch);
	lists->retrieval = ARENA_ARRAY(arena, float, lists->batch * VECTOR_DIMS);
	lists->temperature = ARENA_ARRAY(arena, float, lists->batch);
	lists->ranking = ARENA_ARRAY(arena, float, lists->batch * VECTOR_DIMS);
	lists->scores = ARENA_ARRAY(arena, float, lists->indexed ? 0 : lists->batch * n_movies);
	lists->search = arena_take(arena, 1, index_search_scratch(evaluator->header));
	for (int i = 0; i < N_BASELINES; i++)
		lists->order[i] = ARENA_ARRAY(arena, int32_t, n_movies);
	recent_open(&lists->recent, evaluator->ratings, evaluator->header->like_threshold, arena);
	for (int i = 0; i < N_RECENT; i++)
	{
		lists->recent_count[i] = ARENA_ARRAY(arena, float, n_movies);
		lists->recent_moment[i] = INT64_MIN;
	}
	lists->candidates = ARENA_ARRAY(arena, TopkEntry, lists->k);
	lists->reordered = ARENA_ARRAY(arena, TopkEntry, n_movies);
	lists->candidate_movies = ARENA_ARRAY(arena, float, lists->k * VECTOR_DIMS);
	lists->predicted = ARENA_ARRAY(arena, float, lists->k);
	lists->rank_scratch = ARENA_ARRAY(arena, float, model_rank_scratch(evaluator->model, lists->k));
	lists->list = ARENA_ARRAY(arena, int32_t, lists->k);
	lists->hits = ARENA_ARRAY(arena, uint8_t, lists->k);
}

/* The catalogue from the best score to the worst, into order [n_movies]. */
static void
order_catalogue(Lists *lists, const float *score, int32_t *order)
{
	int32_t		n_movies = lists->evaluator->ratings->n_movies;
	Topk		topk;

	topk_init(&topk, lists->reordered, n_movies);
	topk_push_all(&topk, score, n_movies, NULL);
	topk_sort(&topk);
	for (int32_t i = 0; i < n_movies; i++)
		order[i] = topk.entry[i].index;
}

/* The latest time of the training part; 0 where days are not known. */
static int64_t
training_end(const Ratings *ratings)
{
	int64_t		end = INT64_MIN;

	if (ratings->day == 0)
		return 0;
	for (int32_t user = 0; user < ratings->n_users; user++)
		for (int32_t i = 0; i < ratings->n_trainval[user]; i++)
		{
			int64_t		time = ratings->time[ratings->start[user] + i];

			end = time > end ? time : end;
		}
	return end;
}

void
lists_open(Lists *lists)
{
	const Evaluator *evaluator = lists->evaluator;
	const Ratings *ratings = evaluator->ratings;
	const Baselines *baselines = &evaluator->baselines;

	for (int32_t movie = 0; movie < ratings->n_movies; movie++)
	{
		lists->skip[movie] = !evaluator->eligible[movie];
		lists->n_eligible += evaluator->eligible[movie];
		lists->truth.future[movie] = NAN;
	}
	memset(lists->truth.relevant, 0, ratings->n_movies);
	lists->training_end = training_end(ratings);
	for (ListOrder order = 0; order < N_ORDERS; order++)
		for (EvaluateUsers group = 0; group < N_USER_GROUPS; group++)
			memset(lists->sums[order][group].shown, 0, ratings->n_movies);

	order_catalogue(lists, baselines->likes, lists->order[ORDER_POPULARITY - FIRST_BASELINE]);
	order_catalogue(lists, baselines->biases.movie, lists->order[ORDER_BIAS - FIRST_BASELINE]);
	order_catalogue(lists, baselines->item_mean, lists->order[ORDER_ITEM_MEAN - FIRST_BASELINE]);
}

/* Marks what is known and what is to be found. */
static void
mask_query(Lists *lists, const EvalQuery *query)
{
	const Evaluator *evaluator = lists->evaluator;
	const Ratings *ratings = evaluator->ratings;
	int64_t		row = ratings->start[query->user];
	int64_t		known_end = row + query->known;

	for (; row < known_end; row++)
		lists->skip[ratings->movie[row]] = 1;
	lists->truth.n_relevant = 0;
	for (; row < user_end(ratings, query->user); row++)
	{
		int32_t		movie = ratings->movie[row];
		bool		asked = query->row < 0 || query->row == row;

		lists->truth.future[movie] = ratings->rating[row];
		if (!asked || !is_liked(evaluator, row) || lists->truth.relevant[movie] ||
			(lists->skip[movie] && evaluator->eligible[movie]))
			continue;
		lists->truth.relevant[movie] = 1;
		lists->truth.n_relevant++;
	}
}

static void
unmask_query(Lists *lists, const EvalQuery *query)
{
	const Ratings *ratings = lists->evaluator->ratings;

	for (int64_t row = ratings->start[query->user]; row < user_end(ratings, query->user);
		 row++)
	{
		int32_t		movie = ratings->movie[row];

		lists->skip[movie] = !lists->evaluator->eligible[movie];
		lists->truth.future[movie] = NAN;
		lists->truth.relevant[movie] = 0;
	}
}

/* Adds the mean training rating of lists->list [n] to the order's sum. */
static void
add_mean_rating(Lists *lists, ListOrder order, int32_t n)
{
	const Baselines *baselines = &lists->evaluator->baselines;
	double		sum = 0;
	int32_t		n_rated = 0;

	for (int32_t i = 0; i < n; i++)
		if (baselines->biases.count[lists->list[i]] > 0)
		{
			sum += baselines->raw_mean[lists->list[i]];
			n_rated++;
		}
	if (n_rated > 0)
	{
		lists->mean_rating[order] += sum / n_rated;
		lists->n_mean_rating[order]++;
	}
}

/* What is made of a finished list: every user counts for its mean rating, once. */
static void
close_answer(Lists *lists, const EvalQuery *query, ListOrder order, int32_t n)
{
	const Evaluator *evaluator = lists->evaluator;
	EvaluateUsers group = user_group(evaluator->ratings, query->user);

	if (query->row < 0)
		add_mean_rating(lists, order, n);
	if (lists->truth.n_relevant > 0)
		list_sums_add(&lists->sums[order][group], lists->list, n, &lists->truth, lists->k,
					  evaluator->options->top_n, lists->hits);
}

static void
entries_to_list(Lists *lists, const TopkEntry *entries, int32_t n)
{
	for (int32_t i = 0; i < n; i++)
		lists->list[i] = entries[i].index;
}

/*
 * The candidates, ordered by a score of their own: score [n] as the candidates, in
 * whose order ties are.
 */
static void
answer_reordered(Lists *lists, const EvalQuery *query, ListOrder order, const float *score,
				 int32_t n)
{
	Topk		topk;

	topk_init(&topk, lists->reordered, n);
	for (int32_t i = 0; i < n; i++)
		topk_push(&topk, score[i], i);
	topk_sort(&topk);
	for (int32_t i = 0; i < n; i++)
		lists->list[i] = lists->candidates[topk.entry[i].index].index;
	close_answer(lists, query, order, n);
}

/* Predicted ratings of the candidates, in deviations, into lists->predicted. */
static void
predict_candidates(Lists *lists, const float *ranking, int32_t n)
{
	const Evaluator *evaluator = lists->evaluator;

	model_rank_entries(evaluator->model, ranking, lists->candidates, n,
					   evaluator->movie_rank_vectors, lists->candidate_movies, lists->predicted,
					   lists->rank_scratch);
}

/* Offers all movies, or those of the index that may be among the best. */
static void
push_movies(Lists *lists, Topk *topk, ListOrder order, int at)
{
	const Evaluator *evaluator = lists->evaluator;
	int32_t		n_movies = evaluator->ratings->n_movies;
	float	   *scores = lists->scores + (int64_t) at * n_movies;

	if (lists->indexed)
	{
		index_search(topk, evaluator->header, lists->retrieval + at * VECTOR_DIMS,
					 order == ORDER_LIKELY ? lists->temperature[at] : 0, 1, lists->skip, NULL,
					 lists->search);
		return;
	}
	/* the cosines have been asked for before, and are not needed any more */
	for (int32_t movie = 0; order == ORDER_LIKELY && movie < n_movies; movie++)
		scores[movie] = lists->temperature[at] * scores[movie] +
			evaluator->popularity[movie];
	topk_push_all(topk, scores, n_movies, lists->skip);
}

/*
 * The candidates for question number `at` of the batch, as an answer of their own.
 * Returns how many there are to be put in order: none where there is nothing to
 * find.
 */
static int32_t
answer_candidates(Lists *lists, int at, ListOrder order)
{
	const EvalQuery *query = &lists->queries[at];
	Topk		topk;

	topk_init(&topk, lists->candidates, lists->k);
	push_movies(lists, &topk, order, at);
	topk_sort(&topk);
	entries_to_list(lists, lists->candidates, topk.n);
	close_answer(lists, query, order, topk.n);
	return lists->truth.n_relevant > 0 ? topk.n : 0;
}

/* The model's answers to question number `at` of the batch. */
static void
answer_by_model(Lists *lists, int at)
{
	const Evaluator *evaluator = lists->evaluator;
	const ModelFileHeader *header = evaluator->header;
	const EvalQuery *query = &lists->queries[at];
	const float *ranking = lists->ranking + at * VECTOR_DIMS;
	int32_t		n = answer_candidates(lists, at, ORDER_COSINE);

	if (n > 0)
	{
		predict_candidates(lists, ranking, n);
		answer_reordered(lists, query, ORDER_RATING, lists->predicted, n);
	}

	if (lists->truth.n_relevant == 0)
		return;
	n = answer_candidates(lists, at, ORDER_LIKELY);
	if (n > 0)
	{
		float		weight = model_rating_weight(header, lists->temperature[at]);

		predict_candidates(lists, ranking, n);
		for (int32_t i = 0; i < n; i++)
			lists->predicted[i] = lists->candidates[i].score + weight * lists->predicted[i];
		answer_reordered(lists, query, ORDER_RELEVANCE, lists->predicted, n);
	}
}

static void
answer_by_baseline(Lists *lists, const EvalQuery *query, ListOrder order)
{
	int32_t		n_movies = lists->evaluator->ratings->n_movies;
	const int32_t *catalogue = lists->order[order - FIRST_BASELINE];
	int32_t		n = 0;

	for (int32_t i = 0; i < n_movies && n < lists->k; i++)
		if (!lists->skip[catalogue[i]])
			lists->list[n++] = catalogue[i];
	close_answer(lists, query, order, n);
}

/*
 * The movies that were liked most in the days before the question: the moment of
 * its row, or without one the end of the training part, of which alone they are.
 */
static void
answer_by_recent(Lists *lists, const EvalQuery *query, ListOrder order)
{
	const Ratings *ratings = lists->evaluator->ratings;
	int			i = order - FIRST_RECENT;
	float	   *count = lists->recent_count[i];
	bool		is_static = query->row < 0;
	int64_t		moment;
	Topk		topk;

	if (lists->recent.n_days == 0 || ratings->leave_one_out || lists->truth.n_relevant == 0)
		return;
	moment = is_static ? lists->training_end + 1 : ratings->time[query->row];
	if (moment != lists->recent_moment[i])
		recent_count(&lists->recent, moment, recent_days[i], is_static, count, ratings->n_movies);
	lists->recent_moment[i] = moment;
	topk_init(&topk, lists->candidates, lists->k);
	topk_push_all(&topk, count, ratings->n_movies, lists->skip);
	topk_sort(&topk);
	entries_to_list(lists, lists->candidates, topk.n);
	close_answer(lists, query, order, topk.n);
}

void
lists_answer(Lists *lists, int n)
{
	Evaluator  *evaluator = lists->evaluator;
	int32_t		n_movies = evaluator->ratings->n_movies;

	evaluator_users(evaluator, lists->queries, n, lists->retrieval, lists->temperature,
					lists->ranking);
	if (!lists->indexed)
		dense_scores(lists->scores, n_movies, lists->retrieval, n, evaluator->movie_vectors,
					 n_movies);
	for (int i = 0; i < n; i++)
	{
		const EvalQuery *query = &lists->queries[i];

		mask_query(lists, query);
		answer_by_model(lists, i);
		for (ListOrder order = FIRST_BASELINE; order < FIRST_RECENT; order++)
			answer_by_baseline(lists, query, order);
		for (ListOrder order = FIRST_RECENT; order < N_ORDERS; order++)
			answer_by_recent(lists, query, order);
		unmask_query(lists, query);
		evaluator_check_interrupts(evaluator);
	}
}
