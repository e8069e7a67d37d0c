/*
 * The evaluation against asking a small model for everything one by one.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "num/base/arena.h"
#include "num/eval/evaluate.h"
#include "num/eval/metrics.h"
#include "random_model.h"

#define N_USERS 37
#define N_MOVIES 90
#define MAX_ROWS (N_USERS * N_MOVIES)
#define N_FEATURES 3			/* two genres and the year */
#define TOP_K 60
#define TOP_N 10
#define TOLERANCE 1e-5
#define AUC_TOLERANCE 5e-4		/* two unknown users alike tie or not by the last bit */

/* ------------------------------------------------------------------------
 * Data: users with 0 to 30 training rows and 0 to 30 test rows, some with
 * tied times, a few unlisted movies.
 */

typedef struct Data
{
	int64_t		user_ids[N_USERS];
	int64_t		movie_ids[N_MOVIES];
	int64_t		start[N_USERS + 1];
	int32_t		n_trainval[N_USERS];
	int32_t		movie[MAX_ROWS];
	float		rating[MAX_ROWS];
	int32_t		prefix[MAX_ROWS];
	uint8_t		attribute[N_USERS * N_ATTRIBUTES];
	float		features[N_MOVIES * N_FEATURES];
	uint8_t		listed[N_MOVIES];
	Ratings		ratings;
} Data;

static Data data;

/* A user's movies: a walk through the catalogue, so that none comes twice. */
static int64_t
make_user(int user, int64_t row)
{
	int			n_trainval = user % 4 == 0 ? user % 5 : rng_below(1, user, 31);
	int			n = n_trainval + (user % 9 == 8 ? 0 : 1 + rng_below(2, user, 30));
	int			first = rng_below(3, user, N_MOVIES);

	if (n == 0)
		n = n_trainval = 1;
	data.start[user] = row;
	data.n_trainval[user] = n_trainval;
	for (int i = 0; i < n; i++)
	{
		data.movie[row + i] = (first + i * 7) % N_MOVIES;
		data.rating[row + i] = 1 + rng_below(4, row + i, 5);
		data.prefix[row + i] = i % 3 == 1 && i != n_trainval ? i - 1 : i;
	}
	return row + n;
}

static void
make_data(void)
{
	int64_t		row = 0;

	for (int user = 0; user < N_USERS; user++)
	{
		data.user_ids[user] = 100 + 3 * user;
		for (int a = 0; a < N_ATTRIBUTES; a++)
			data.attribute[user * N_ATTRIBUTES + a] = rng_below(5 + a, user, 3);
		row = make_user(user, row);
	}
	data.start[N_USERS] = row;
	for (int movie = 0; movie < N_MOVIES; movie++)
	{
		data.movie_ids[movie] = 7 * movie + 1;
		data.listed[movie] = movie % 20 != 13;
		for (int f = 0; f < N_FEATURES; f++)
			data.features[movie * N_FEATURES + f] = f < 2 ? rng_below(8, movie * 2 + f, 2) :
															rng_uniform(9, movie);
	}
	data.ratings = (Ratings)
	{
		.n_users = N_USERS, .n_movies = N_MOVIES, .n_genres = N_FEATURES - 1,
		.n_values = {2, 2, 2}, .n_rows = row,
		.user_ids = data.user_ids, .movie_ids = data.movie_ids, .start = data.start,
		.n_train = data.n_trainval, .n_trainval = data.n_trainval, .movie = data.movie,
		.rating = data.rating, .prefix = data.prefix, .attribute = data.attribute,
		.movie_features = data.features, .movie_listed = data.listed
	};
	for (int user = 0; user < N_USERS; user++)
		data.ratings.n_trainval_rows += data.n_trainval[user];
	data.ratings.n_train_rows = data.ratings.n_trainval_rows;
}

/* ------------------------------------------------------------------------
 * The plain way.  A Known is a model together with its vectors of the data's
 * movies.
 */

typedef struct Known
{
	Model	   *model;
	const ModelFileHeader *header;
	int32_t		own[N_MOVIES];
	float		cosine_vector[N_MOVIES][VECTOR_DIMS];
	float		rank_vector[N_MOVIES][VECTOR_DIMS];
} Known;

static void
know_movies(Known *known, Model *model)
{
	const ModelFileHeader *header = model_header(model);
	const int64_t *ids = model_file_section(header, MODEL_FILE_MOVIE_IDS);
	const float *vectors = model_file_section(header, MODEL_FILE_MOVIE_VECTORS);
	const float *rank_vectors = model_file_section(header, MODEL_FILE_MOVIE_RANK_VECTORS);
	float	   *scratch = malloc(model_movies_scratch(model, 1) * sizeof(float));

	known->model = model;
	known->header = header;
	for (int movie = 0; movie < N_MOVIES; movie++)
	{
		int32_t		own = id_find(ids, header->n_movies, data.movie_ids[movie]);

		known->own[movie] = own;
		if (own < 0)
			model_movies(model, data.features + movie * N_FEATURES, 1, known->cosine_vector[movie],
						 known->rank_vector[movie], scratch);
		else
		{
			memcpy(known->cosine_vector[movie], vectors + own * VECTOR_DIMS,
				   sizeof(known->cosine_vector[movie]));
			memcpy(known->rank_vector[movie], rank_vectors + own * VECTOR_DIMS,
				   sizeof(known->rank_vector[movie]));
		}
	}
	free(scratch);
}

/* Predicted rating and cosine of all movies for a user of whom n rows are known. */
static void
ask(const Known *known, int user, int n, float *predicted, float *cosine, float *temperature)
{
	Model	   *model = known->model;
	int32_t		history[N_MOVIES];
	float		retrieval[VECTOR_DIMS];
	float		ranking[VECTOR_DIMS];
	size_t		size = model_users_scratch(model, 1) + model_rank_scratch(model, N_MOVIES);
	float	   *scratch = malloc(size * sizeof(float));
	UserInput	input = {
		.user = id_find(model_file_section(known->header, MODEL_FILE_USER_IDS),
						known->header->n_users,
						data.user_ids[user]),
		.n_history = n,
		.history_movie = history,
		.history_rating = data.rating + data.start[user]
	};

	for (int i = 0; i < n; i++)
		history[i] = known->own[data.movie[data.start[user] + i]];
	memcpy(input.attribute, data.attribute + user * N_ATTRIBUTES, N_ATTRIBUTES);
	model_users(model, &input, 1, retrieval, temperature, ranking, scratch);
	for (int movie = 0; movie < N_MOVIES; movie++)
	{
		double		dot = 0;

		for (int dim = 0; dim < VECTOR_DIMS; dim++)
			dot += retrieval[dim] * known->cosine_vector[movie][dim];
		cosine[movie] = dot;
	}
	model_rank(model, ranking, 0, known->rank_vector[0], N_MOVIES, predicted, scratch);
	free(scratch);
}

static bool
in_group(int user, EvaluateUsers group)
{
	return group == USERS_ALL || (data.n_trainval[user] >= 5) == (group == USERS_WARM);
}

static void
check_ratings(const Known *known, const double *value, EvaluateProtocol protocol,
			  EvaluateUsers group)
{
	static float predicted[MAX_ROWS];
	static float cosine[MAX_ROWS];
	static float actual[MAX_ROWS];
	static uint8_t liked[MAX_ROWS];
	static uint64_t scratch[2 * MAX_ROWS];
	float		all_predicted[N_MOVIES];
	float		all_cosines[N_MOVIES];
	float		temperature;
	int64_t		n = 0;

	for (int user = 0; user < N_USERS; user++)
		for (int64_t row = data.start[user] + data.n_trainval[user]; row < data.start[user +
			 1]; row++)
		{
			if (!in_group(user, group))
				continue;
			ask(known, user, protocol == PROTOCOL_LIVE ? data.prefix[row] : data.n_trainval[user],
				all_predicted, all_cosines, &temperature);
			predicted[n] = model_rating(known->header, all_predicted[data.movie[row]]);
			cosine[n] = all_cosines[data.movie[row]];
			actual[n] = data.rating[row];
			liked[n++] = data.rating[row] >= 4;
		}
	CHECK(value[METRIC_TEST_RATINGS] == n);
	CHECK_NEAR(value[METRIC_RMSE], metrics_rmse(predicted, actual, n), TOLERANCE);
	CHECK_NEAR(value[METRIC_MAE], metrics_mae(predicted, actual, n), TOLERANCE);
	CHECK_NEAR(value[METRIC_AUC_RATING], metrics_auc(predicted, liked, n, scratch), AUC_TOLERANCE);
	CHECK_NEAR(value[METRIC_AUC_RETRIEVAL], metrics_auc(cosine, liked, n, scratch), AUC_TOLERANCE);
}

/* The best of the movies in allowed by score, ties by index: a list of up to k. */
static int
best(int *list, int k, const float *score, const bool *allowed)
{
	bool		left[N_MOVIES];
	int			n = 0;

	memcpy(left, allowed, sizeof(left));
	for (; n < k; n++)
	{
		int			top = -1;

		for (int movie = 0; movie < N_MOVIES; movie++)
			if (left[movie] && (top < 0 || score[movie] > score[top]))
				top = movie;
		if (top < 0)
			break;
		left[top] = false;
		list[n] = top;
	}
	return n;
}

/* Sums of the list metrics of one order over the questions of one group. */
typedef struct Sums
{
	double		n;
	double		recall_k;
	double		recall_50;
	double		ndcg;
	double		hit;
	double		mrr;
	double		rated;
	double		rating;
	bool		shown[N_MOVIES];
} Sums;

static void
add_list(Sums *sums, const int *list, int n, const bool *relevant, int n_relevant,
		 const float *future)
{
	double		ideal = 0;
	double		gain = 0;
	int			first = 0;
	int			found = 0;
	int			found_50 = 0;
	int			found_n = 0;

	for (int i = 0; i < n; i++)
	{
		bool		good = relevant[list[i]];

		found += good;
		found_50 += good && i < 50;
		found_n += good && i < TOP_N;
		if (good && i < TOP_N)
			gain += 1 / log2(i + 2);
		if (good && first == 0)
			first = i + 1;
		if (i < TOP_N)
			sums->shown[list[i]] = true;
		if (i < TOP_N && future[list[i]] > 0)
		{
			sums->rated++;
			sums->rating += future[list[i]];
		}
	}
	for (int i = 0; i < TOP_N && i < n_relevant; i++)
		ideal += 1 / log2(i + 2);
	sums->n++;
	sums->recall_k += (double) found / n_relevant;
	sums->recall_50 += (double) found_50 / n_relevant;
	sums->ndcg += gain / ideal;
	sums->hit += found_n > 0;
	sums->mrr += first > 0 ? 1.0 / first : 0;
}

/* Lists: two pairs of candidates and their order, and a baseline. */
enum
{
	COSINE,
	RATING,
	LIKELY,
	RELEVANCE,
	POPULARITY,
	N_LISTS
};

/*
 * What a list is judged by: movies that the user does not know, what they rate them
 * later, and which of these the list should have.
 */
typedef struct Question
{
	bool		allowed[N_MOVIES];
	bool		relevant[N_MOVIES];
	float		future[N_MOVIES];
	int			n_relevant;
} Question;

static Question
question(int user, int n_known, int64_t asked)
{
	Question	question = {.n_relevant = 0};

	for (int movie = 0; movie < N_MOVIES; movie++)
		question.allowed[movie] = data.listed[movie];
	for (int64_t row = data.start[user]; row < data.start[user + 1]; row++)
		if (row < data.start[user] + n_known)
			question.allowed[data.movie[row]] = false;
		else
		{
			question.future[data.movie[row]] = data.rating[row];
			if (data.rating[row] >= 4 && (asked < 0 || row == asked))
			{
				question.relevant[data.movie[row]] = true;
				question.n_relevant++;
			}
		}
	return question;
}

/* Adds the best by a score, which may be the candidates of another list: their number. */
static int
add_best(Sums *sums, int *list, const Question *asked, const float *score, const bool *candidate)
{
	int			n = best(list, TOP_K, score, candidate);

	add_list(sums, list, n, asked->relevant, asked->n_relevant, asked->future);
	return n;
}

/* The best by one score, and these in the order of another. */
static void
add_two_stages(Sums *first, Sums *second, const Question *asked, const float *retrieved_by,
			   const float *ordered_by)
{
	bool		candidate[N_MOVIES] = {false};
	int			list[TOP_K];
	int			n = add_best(first, list, asked, retrieved_by, asked->allowed);

	for (int i = 0; i < n; i++)
		candidate[list[i]] = true;
	add_best(second, list, asked, ordered_by, candidate);
}

static void
answer(const Known *known, Sums sums[N_LISTS], int user, int n_known, int64_t row,
	   const float *likes)
{
	const float *model_popularity = model_file_section(known->header, MODEL_FILE_MOVIE_POPULARITY);
	float		predicted[N_MOVIES];
	float		cosine[N_MOVIES];
	float		temperature;
	float		likely[N_MOVIES];
	float		relevance[N_MOVIES];
	int			list[TOP_K];
	Question	asked = question(user, n_known, row);

	if (asked.n_relevant == 0)
		return;
	ask(known, user, n_known, predicted, cosine, &temperature);
	for (int movie = 0; movie < N_MOVIES; movie++)
	{
		float		popularity = known->own[movie] < 0 ? 0 : model_popularity[known->own[movie]];

		likely[movie] = temperature * cosine[movie] + popularity;
		relevance[movie] = temperature * cosine[movie] +
			known->header->relevance_rating * predicted[movie] +
			popularity;
	}
	add_two_stages(&sums[COSINE], &sums[RATING], &asked, cosine, predicted);
	add_two_stages(&sums[LIKELY], &sums[RELEVANCE], &asked, likely, relevance);
	add_best(&sums[POPULARITY], list, &asked, likes, asked.allowed);
}

/* The live questions: the middles of ten stretches of the liked test rows. */
static void
answer_live(const Known *known, Sums sums[N_LISTS], int user, const float *likes)
{
	int64_t		liked[N_MOVIES];
	int			n = 0;

	for (int64_t row = data.start[user] + data.n_trainval[user]; row < data.start[user + 1]; row++)
		if (data.rating[row] >= 4)
			liked[n++] = row;
	for (int i = 0; i < (n < 10 ? n : 10); i++)
	{
		int64_t		row = liked[n < 10 ? i : (int) floor((i + 0.5) * n / 10)];

		answer(known, sums, user, data.prefix[row], row, likes);
	}
}

static void
check_places(const double *value, EvaluateMetric first, const Sums *sums)
{
	int			shown = 0;
	int			listed = 0;

	for (int movie = 0; movie < N_MOVIES; movie++)
	{
		shown += sums->shown[movie];
		listed += data.listed[movie];
	}
	value += first - METRIC_NDCG;
	CHECK_NEAR(value[METRIC_NDCG], sums->ndcg / sums->n, TOLERANCE);
	CHECK_NEAR(value[METRIC_HIT], sums->hit / sums->n, TOLERANCE);
	CHECK_NEAR(value[METRIC_MRR], sums->mrr / sums->n, TOLERANCE);
	CHECK_NEAR(value[METRIC_COVERAGE], (double) shown / listed, TOLERANCE);
	CHECK_NEAR(value[METRIC_HIT_RATING], sums->rating / sums->rated, TOLERANCE);
}

static void
check_lists(const Known *known, const Evaluation *evaluation, EvaluateProtocol protocol,
			EvaluateUsers group)
{
	const double *mlrec = evaluation->value[protocol][SYSTEM_MLREC][group];
	const double *popularity = evaluation->value[protocol][SYSTEM_POPULARITY][group];
	Sums		sums[N_LISTS] = {0};
	float		likes[N_MOVIES] = {0};

	for (int user = 0; user < N_USERS; user++)
		for (int i = 0; i < data.n_trainval[user]; i++)
			likes[data.movie[data.start[user] + i]] += data.rating[data.start[user] + i] >= 4;
	for (int user = 0; user < N_USERS; user++)
		if (in_group(user, group) && protocol == PROTOCOL_LIVE)
			answer_live(known, sums, user, likes);
		else if (in_group(user, group))
			answer(known, sums, user, data.n_trainval[user], -1, likes);

	CHECK(sums[COSINE].n > 5);
	CHECK(mlrec[METRIC_QUERIES] == sums[COSINE].n);
	CHECK_NEAR(mlrec[METRIC_RECALL_K], sums[LIKELY].recall_k / sums[LIKELY].n, TOLERANCE);
	CHECK_NEAR(mlrec[METRIC_RECALL_50], sums[LIKELY].recall_50 / sums[LIKELY].n, TOLERANCE);
	CHECK_NEAR(mlrec[METRIC_RECALL_K_BY_RATING], sums[COSINE].recall_k / sums[COSINE].n,
			   TOLERANCE);
	check_places(mlrec, METRIC_NDCG, &sums[RELEVANCE]);
	check_places(mlrec, METRIC_NDCG_BY_RATING, &sums[RATING]);
	CHECK(popularity[METRIC_QUERIES] == sums[COSINE].n);
	CHECK_NEAR(popularity[METRIC_RECALL_K], sums[POPULARITY].recall_k / sums[POPULARITY].n,
			   TOLERANCE);
	check_places(popularity, METRIC_NDCG, &sums[POPULARITY]);
}

/* ------------------------------------------------------------------------ */

static int	checks;

static void
count_check(void)
{
	checks++;
}

static void
run(Evaluation *evaluation, const Ratings *ratings, const Model *model, bool live)
{
	EvaluateOptions options = {.top_k = TOP_K,
							   .top_n = TOP_N,
							   .live_ratings = live,
							   .live_lists = live,
							   .check_interrupts = count_check};
	size_t		size = evaluate_scratch(ratings, model, &options);
	void	   *scratch = aligned_alloc(ARENA_ALIGN, size);

	memset(scratch, 0x7f, size);
	evaluate_run(evaluation, ratings, model, &options, scratch);
	free(scratch);
}

/* Everything, with a model that knows these users and movies. */
static void
check_model(const int64_t *user_ids, int n_users, const int64_t *movie_ids, int n_movies)
{
	void	   *file = random_model_file(&data.ratings, user_ids, n_users,
										 movie_ids, n_movies, 5);
	Model	   *model = random_model_open(file);
	Known	   *known = malloc(sizeof(Known));
	static Evaluation evaluation;
	static Evaluation again;

	know_movies(known, model);
	checks = 0;
	run(&evaluation, &data.ratings, model, true);
	CHECK(checks > N_USERS);
	for (EvaluateProtocol protocol = 0; protocol <= PROTOCOL_LIVE; protocol++)
		for (EvaluateUsers group = 0; group < N_USER_GROUPS; group++)
		{
			check_ratings(known, evaluation.value[protocol][SYSTEM_MLREC][group], protocol, group);
			check_lists(known, &evaluation, protocol, group);
		}
	run(&again, &data.ratings, model, true);
	CHECK(memcmp(&again, &evaluation, sizeof(again)) == 0);
	free(known);
	free(model);
	free(file);
}

static void
test_same_catalogue(void)
{
	check_model(data.user_ids, N_USERS, data.movie_ids, N_MOVIES);
}

/* A model of two thirds of the users and movies, and of some that are gone. */
static void
test_other_catalogue(void)
{
	int64_t		user_ids[N_USERS + 1];
	int64_t		movie_ids[N_MOVIES + 1];
	int			n_users = 0;
	int			n_movies = 0;

	user_ids[n_users++] = 2;
	movie_ids[n_movies++] = -5;
	for (int user = 0; user < N_USERS; user++)
		if (user % 3 > 0)
			user_ids[n_users++] = data.user_ids[user];
	for (int movie = 0; movie < N_MOVIES; movie++)
		if (movie % 3 > 0)
			movie_ids[n_movies++] = data.movie_ids[movie];
	check_model(user_ids, n_users, movie_ids, n_movies);
}

/* Only what is asked for and what makes sense is there. */
static void
test_left_out(void)
{
	void	   *file = random_model_file(&data.ratings, data.user_ids, N_USERS, data.movie_ids,
										 N_MOVIES, 5);
	Model	   *model = random_model_open(file);
	Ratings		shuffled = data.ratings;
	static Evaluation evaluation;

	run(&evaluation, &data.ratings, model, false);
	CHECK(isnan(evaluation.value[PROTOCOL_LIVE][SYSTEM_MLREC][USERS_ALL][METRIC_RMSE]));
	CHECK(isnan(evaluation.value[PROTOCOL_LIVE][SYSTEM_MLREC][USERS_ALL][METRIC_NDCG]));
	CHECK(!isnan(evaluation.value[PROTOCOL_STATIC][SYSTEM_MLREC][USERS_ALL][METRIC_NDCG]));
	CHECK(isnan(evaluation.value[PROTOCOL_STATIC][SYSTEM_POPULARITY][USERS_ALL][METRIC_RMSE]));

	/* a random split has no earlier and later */
	shuffled.leave_one_out = true;
	run(&evaluation, &shuffled, model, true);
	CHECK(isnan(evaluation.value[PROTOCOL_LIVE][SYSTEM_MLREC][USERS_ALL][METRIC_RMSE]));
	CHECK(!isnan(evaluation.value[PROTOCOL_STATIC][SYSTEM_MLREC][USERS_ALL][METRIC_RMSE]));
	free(model);
	free(file);
}

/* No test rows: counts of 0, no metric, no crash. */
static void
test_no_test_part(void)
{
	void	   *file = random_model_file(&data.ratings, data.user_ids, N_USERS, data.movie_ids,
										 N_MOVIES, 5);
	Model	   *model = random_model_open(file);
	Ratings		trained = data.ratings;
	int32_t		n_trainval[N_USERS];
	static Evaluation evaluation;
	const double *value = evaluation.value[PROTOCOL_STATIC][SYSTEM_MLREC][USERS_ALL];

	for (int user = 0; user < N_USERS; user++)
		n_trainval[user] = data.start[user + 1] - data.start[user];
	trained.n_trainval = trained.n_train = n_trainval;
	trained.n_trainval_rows = trained.n_train_rows = trained.n_rows;
	run(&evaluation, &trained, model, true);
	CHECK(value[METRIC_TEST_RATINGS] == 0 && value[METRIC_QUERIES] == 0);
	CHECK(isnan(value[METRIC_RMSE]) && isnan(value[METRIC_RECALL_K]));
	CHECK(!isnan(value[METRIC_MEAN_RATING_K]));
	free(model);
	free(file);
}

int
main(void)
{
	make_data();
	test_same_catalogue();
	test_other_catalogue();
	test_left_out();
	test_no_test_part();
	return unit_finish();
}
