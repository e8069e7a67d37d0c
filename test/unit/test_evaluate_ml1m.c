/*
 * The evaluation's protocol and baselines on MovieLens 1M, against figures
 * that an independent program found for the same split: the latest fifth of
 * the ratings is the test part.  Needs the directory of the data in MLREC_ML1M.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "num/base/arena.h"
#include "num/eval/evaluate.h"
#include "random_model.h"

#define N_USERS 6040
#define N_MOVIES 3706			/* movies with ratings */
#define N_ROWS 1000209
#define MAX_MOVIE_ID 4000

typedef struct Row
{
	int64_t		time;
	int32_t		user;
	int32_t		movie;
	float		rating;
} Row;

static Row *rows;
static Ratings ratings;

static int
by_time(const void *a, const void *b)
{
	const Row  *x = a;
	const Row  *y = b;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	if (x->user != y->user)
		return x->user < y->user ? -1 : 1;
	return x->movie - y->movie;
}

static int
by_user(const void *a, const void *b)
{
	const Row  *x = a;
	const Row  *y = b;

	return x->user != y->user ? x->user - y->user : by_time(a, b);
}

/* Users are 1 to 6040 without a gap; movies are numbered in order of their ids. */
static bool
read_rows(const char *directory)
{
	char		path[4096];
	FILE	   *file;
	int			user;
	int			movie;
	int			rating;
	long		time;
	int			n = 0;

	snprintf(path, sizeof(path), "%s/ratings.dat", directory);
	file = fopen(path, "r");
	if (file == NULL)
		return false;
	rows = malloc(N_ROWS * sizeof(Row));
	while (n < N_ROWS && fscanf(file, "%d::%d::%d::%ld", &user, &movie, &rating, &time) == 4)
		rows[n++] = (Row) {time, user - 1, movie, rating};
	fclose(file);
	return n == N_ROWS;
}

static void
number_movies(int64_t *ids)
{
	int32_t		number[MAX_MOVIE_ID] = {0};
	int			n = 0;

	for (int i = 0; i < N_ROWS; i++)
		number[rows[i].movie] = 1;
	for (int id = 0; id < MAX_MOVIE_ID; id++)
		if (number[id])
		{
			ids[n] = id;
			number[id] = n++;
		}
	for (int i = 0; i < N_ROWS; i++)
		rows[i].movie = number[rows[i].movie];
	CHECK(n == N_MOVIES);
}

/* Columns of Ratings; the arrays live as long as the program. */
static void
split_rows(void)
{
	static int64_t user_ids[N_USERS];
	static int64_t movie_ids[N_MOVIES];
	static int64_t start[N_USERS + 1];
	static int32_t n_trainval[N_USERS];
	static int32_t movie[N_ROWS];
	static float rating[N_ROWS];
	static int32_t prefix[N_ROWS];
	static uint8_t attribute[N_USERS * N_ATTRIBUTES];
	static float features[N_MOVIES * 2];
	static uint8_t listed[N_MOVIES];
	const int	n_trainval_rows = N_ROWS / 5 * 4;

	number_movies(movie_ids);
	qsort(rows, N_ROWS, sizeof(Row), by_time);
	for (int i = 0; i < n_trainval_rows; i++)
		n_trainval[rows[i].user]++;
	qsort(rows, N_ROWS, sizeof(Row), by_user);
	for (int i = 0; i < N_ROWS; i++)
	{
		int64_t		first = start[rows[i].user];

		movie[i] = rows[i].movie;
		rating[i] = rows[i].rating;
		prefix[i] = i > first && rows[i - 1].time == rows[i].time ? prefix[i - 1] : i - first;
		start[rows[i].user + 1] = i + 1;
	}
	for (int user = 0; user < N_USERS; user++)
		user_ids[user] = user + 1;
	memset(listed, 1, sizeof(listed));
	ratings = (Ratings)
	{
		.n_users = N_USERS, .n_movies = N_MOVIES, .n_genres = 1, .n_values = {1, 1, 1},
		.n_rows = N_ROWS, .n_train_rows = n_trainval_rows, .n_trainval_rows = n_trainval_rows,
		.user_ids = user_ids, .movie_ids = movie_ids, .start = start, .n_train = n_trainval,
		.n_trainval = n_trainval, .movie = movie, .rating = rating, .prefix = prefix,
		.attribute = attribute, .movie_features = features, .movie_listed = listed
	};
}

static void
check_rating(const double *value, double rmse, double mae, double auc)
{
	CHECK_NEAR(value[METRIC_RMSE], rmse, 0.0015);
	CHECK_NEAR(value[METRIC_MAE], mae, 0.0015);
	CHECK_NEAR(value[METRIC_AUC_RATING], auc, 0.0015);
}

static void
check_popularity(const double *value, int queries, double recall, double ndcg)
{
	CHECK(value[METRIC_QUERIES] == queries);
	CHECK_NEAR(value[METRIC_RECALL_K], recall, 0.0015);
	CHECK_NEAR(value[METRIC_NDCG], ndcg, 0.0015);
}

static void
check_evaluation(void)
{
	static Evaluation evaluation;
	void	   *file = random_model_file(&ratings, ratings.user_ids, N_USERS, ratings.movie_ids,
										 N_MOVIES, 1);
	Model	   *model = random_model_open(file);
	EvaluateOptions options = {.top_k = 200, .top_n = 10, .live_ratings = true};
	void	   *scratch = aligned_alloc(ARENA_ALIGN, evaluate_scratch(&ratings, model, &options));
	GroupValues *fixed = evaluation.value[PROTOCOL_STATIC];
	GroupValues *live = evaluation.value[PROTOCOL_LIVE];

	evaluate_run(&evaluation, &ratings, model, &options, scratch);
	check_rating(fixed[SYSTEM_BIAS][USERS_ALL], 0.9483, 0.7482, 0.755);
	check_rating(live[SYSTEM_BIAS][USERS_ALL], 0.905, 0.712, 0.787);
	check_popularity(fixed[SYSTEM_POPULARITY][USERS_WARM], 1113, 0.410, 0.227);
	check_popularity(fixed[SYSTEM_POPULARITY][USERS_COLD], 649, 0.461, 0.405);

	/* the movie's mean as an order of the catalogue */
	CHECK_NEAR(fixed[SYSTEM_ITEM_MEAN][USERS_WARM][METRIC_NDCG_BY_RATING], 0.098, 0.0015);

	/* random vectors know nothing */
	CHECK_NEAR(fixed[SYSTEM_MLREC][USERS_ALL][METRIC_AUC_RETRIEVAL], 0.5, 0.05);
	CHECK_NEAR(fixed[SYSTEM_MLREC][USERS_WARM][METRIC_RECALL_K], 200.0 / N_MOVIES, 0.03);
	free(scratch);
	free(model);
	free(file);
}

int
main(void)
{
	const char *directory = getenv("MLREC_ML1M");

	if (directory == NULL || *directory == '\0')
	{
		printf("0 passed, 0 failed (MLREC_ML1M is not set)\n");
		return 0;
	}
	if (CHECK(read_rows(directory)))
	{
		split_rows();
		check_evaluation();
	}
	free(rows);
	return unit_finish();
}
