/*
 * relevance.c: see relevance.h.
 *
 * The options that weights are fitted to are the movies that could be among the first:
 * the candidates, and the most popular movies, so that popularity is seen to compete.
 * Liked movies beyond them are left out: no weights would bring them to the top.
 *
 * The users that count are those who have rated EVALUATE_WARM movies before, the warm ones:
 * of most others the cosine knows attributes alone, and weights fitted to these, who are
 * many among the latest ratings, made too little of everybody's.  Warm users are few, and
 * what they say is pulled to the softmax's own weights.  On the last fifth of the first
 * 80 % of MovieLens 1M that took the static recall@200 of warm users from 0.464 to 0.474
 * and their NDCG@10 from 0.229 to 0.235; without the pull to the softmax there was no gain.
 * The same users judge whether the order is better than that of popularity; newcomers,
 * whether it is for them (judges.h).
 */
#include "num/eval/relevance.h"

#include <math.h>
#include <string.h>

#include "num/base/arena.h"
#include "num/base/rng.h"
#include "num/base/topk.h"
#include "num/eval/choice.h"
#include "num/eval/evaluation.h"
#include "num/eval/judges.h"
#include "num/eval/metrics.h"
#include "num/eval/moments.h"
#include "num/index/index_search.h"
#include "num/net/dense.h"

#define CANDIDATES 200
#define POPULAR 100				/* beside them, as options */
#define MAX_OPTIONS (CANDIDATES + POPULAR)
#define LIST_LENGTH 10
#define MAX_USERS 20000
#define SAMPLE_SEED 1

/* Popularity is worth at least so much of what it is in the softmax. */
#define LEAST_POPULARITY 0.1

/*
 * A temperature at which the cosine decides nothing but ties of popularity, whose steps
 * are ln((n + 1) / n) for n likes.
 */
#define TIE_TEMPERATURE 1e-4f

/* By the first LIST_LENGTH of a list, for the user to see, and by the whole, to decide. */
typedef struct ListJudges
{
	Judges		first;
	Judges		whole;
} ListJudges;

typedef struct ListNdcg
{
	double		first;
	double		whole;
} ListNdcg;

typedef struct Tuning
{
	const Model *model;
	const ModelFileHeader *header;
	const Ratings *ratings;
	void (*check_interrupts) (void);

	/* one user */
	uint8_t    *skip;			/* [n_movies] */
	uint8_t    *liked;			/* [n_movies] */
	int32_t		n_liked;
	int32_t		n;				/* candidates, or options */
	TopkEntry  *options;		/* [MAX_OPTIONS] */
	float	   *movies;			/* [MAX_OPTIONS * VECTOR_DIMS] */
	float	   *predicted;		/* [MAX_OPTIONS] */
	TopkEntry  *list;			/* [CANDIDATES] */
	float		retrieval[VECTOR_DIMS];
	float		temperature;
	float		ranking[VECTOR_DIMS];
	float	   *scratch;
	void	   *search;			/* scratch, too */

	int32_t		n_known;		/* movies rated before; EVALUATE_WARM or more: a warm user */

	ListJudges	warm;
	ListJudges	cold;
	Judges		newcomers;		/* the cold users who have rated nothing before */
	Moments		moments;

	/* what weights are fitted to */
	int64_t    *start;			/* [users + 1] */
	float	   *feature;		/* [users * MAX_OPTIONS][N_CHOICE_FEATURES] */
	uint8_t    *chosen;			/* [users * MAX_OPTIONS] */
	int32_t		n_choosing;
	bool		with_cold;		/* cold users are among them */
} Tuning;

static bool
has_validation(const Ratings *ratings, int32_t user)
{
	return ratings->n_trainval[user] > ratings->n_train[user];
}

static int64_t
count_users(const Ratings *ratings)
{
	int64_t		n = 0;

	for (int32_t user = 0; user < ratings->n_users; user++)
		n += has_validation(ratings, user);
	return n;
}

static void
carve(Tuning *tuning, Model **model, Arena *arena)
{
	int64_t		n = tuning->header->n_movies;
	int64_t		n_users = count_users(tuning->ratings);

	n_users = n_users < MAX_USERS ? n_users : MAX_USERS;
	*model = arena_take(arena, 1, model_size());
	tuning->skip = ARENA_ARRAY(arena, uint8_t, n);
	tuning->liked = ARENA_ARRAY(arena, uint8_t, n);
	tuning->options = ARENA_ARRAY(arena, TopkEntry, MAX_OPTIONS);
	tuning->movies = ARENA_ARRAY(arena, float, MAX_OPTIONS * VECTOR_DIMS);
	tuning->predicted = ARENA_ARRAY(arena, float, MAX_OPTIONS);
	tuning->list = ARENA_ARRAY(arena, TopkEntry, CANDIDATES);
	/* far more than the scratch of two users' vectors */
	tuning->scratch = ARENA_ARRAY(arena, float, model_rank_scratch(NULL, MAX_OPTIONS));
	tuning->search = arena_take(arena, 1, index_search_scratch(tuning->header));
	tuning->start = ARENA_ARRAY(arena, int64_t, n_users + 1);
	tuning->feature = ARENA_ARRAY(arena, float, n_users * MAX_OPTIONS * N_CHOICE_FEATURES);
	tuning->chosen = ARENA_ARRAY(arena, uint8_t, n_users * MAX_OPTIONS);
	moments_take(&tuning->moments, tuning->header, tuning->ratings, arena);
}

size_t
relevance_scratch(const ModelFileHeader *header, const Ratings *ratings)
{
	Tuning		tuning = {.header = header, .ratings = ratings};
	Model	   *model;
	Arena		arena = {NULL, 0};

	carve(&tuning, &model, &arena);
	return arena.used;
}

static void
open_tuning(Tuning *tuning, const void *file, const Ratings *ratings,
			void (*check_interrupts) (void), void *scratch)
{
	Arena		arena = {scratch, 0};
	Model	   *model;

	memset(tuning, 0, sizeof(*tuning));
	tuning->header = file;
	tuning->ratings = ratings;
	tuning->check_interrupts = check_interrupts;
	carve(tuning, &model, &arena);
	model_open(model, file);
	tuning->model = model;
	tuning->start[0] = 0;
}

/* ---------------------------------------------------------------------------
 * One user
 * ------------------------------------------------------------------------- */

/* The NDCG of a list against what is liked. */
static ListNdcg
list_ndcg(Tuning *tuning, Topk *topk)
{
	uint8_t		relevant[CANDIDATES];

	topk_sort(topk);
	for (int32_t i = 0; i < topk->n; i++)
		relevant[i] = tuning->liked[topk->entry[i].index];
	return (ListNdcg) {
		metrics_ndcg(relevant, topk->n, LIST_LENGTH, tuning->n_liked),
		metrics_ndcg(relevant, topk->n, CANDIDATES, tuning->n_liked)
	};
}

/* NDCG of the most popular movies of all that are not known to have been seen. */
static ListNdcg
ndcg_by_popularity(Tuning *tuning)
{
	Topk		topk;

	topk_init(&topk, tuning->list, CANDIDATES);
	topk_push_all(&topk, model_file_section(tuning->header, MODEL_FILE_MOVIE_POPULARITY),
				  tuning->header->n_movies, tuning->skip);
	return list_ndcg(tuning, &topk);
}

/* NDCG of the candidates in the order by relevance. */
static ListNdcg
ndcg_by_relevance(Tuning *tuning)
{
	float		weight = model_rating_weight(tuning->header, tuning->temperature);
	Topk		topk;

	topk_init(&topk, tuning->list, CANDIDATES);
	for (int32_t i = 0; i < tuning->n; i++)
		topk_push(&topk, tuning->options[i].score + weight * tuning->predicted[i],
				  tuning->options[i].index);
	return list_ndcg(tuning, &topk);
}

/* Vectors of the user, and what must not be recommended. */
static void
know_user(Tuning *tuning, int32_t user)
{
	const Ratings *ratings = tuning->ratings;
	UserInput	input = model_user_input(tuning->header, ratings, user, ratings->n_train[user]);

	model_users(tuning->model, &input, 1, tuning->retrieval, &tuning->temperature,
				tuning->ranking, tuning->scratch);
	memset(tuning->skip, 0, tuning->header->n_movies);
	for (int32_t i = 0; i < input.n_history; i++)
		if (input.history_movie[i] >= 0)
			tuning->skip[input.history_movie[i]] = 1;
}

/* The candidates, with their logits. */
static void
find_candidates(Tuning *tuning)
{
	Topk		topk;

	topk_init(&topk, tuning->options, CANDIDATES);
	index_search(&topk, tuning->header, tuning->retrieval, tuning->temperature, 1, tuning->skip,
				 tuning->check_interrupts, tuning->search);
	topk_sort(&topk);
	tuning->n = topk.n;
}

/* Adds the most popular of the other movies. */
static void
add_popular(Tuning *tuning)
{
	Topk		topk;

	for (int32_t i = 0; i < tuning->n; i++)
		tuning->skip[tuning->options[i].index] = 1;
	topk_init(&topk, tuning->options + tuning->n, POPULAR);
	topk_push_all(&topk, model_file_section(tuning->header, MODEL_FILE_MOVIE_POPULARITY),
				  tuning->header->n_movies, tuning->skip);
	tuning->n += topk.n;
}

static void
predict(Tuning *tuning)
{
	const float *vectors = model_file_section(tuning->header, MODEL_FILE_MOVIE_RANK_VECTORS);

	model_rank_entries(tuning->model, tuning->ranking, tuning->options, tuning->n, vectors,
					   tuning->movies, tuning->predicted, tuning->scratch);
}

/* Keeps the options of a user for the fit. */
static void
collect(Tuning *tuning)
{
	const float *vectors = model_file_section(tuning->header, MODEL_FILE_MOVIE_VECTORS);
	const float *popularity = model_file_section(tuning->header, MODEL_FILE_MOVIE_POPULARITY);
	int64_t		first = tuning->start[tuning->n_choosing];

	add_popular(tuning);
	predict(tuning);
	for (int32_t i = 0; i < tuning->n; i++)
	{
		int64_t		movie = tuning->options[i].index;
		float	   *feature = tuning->feature + (first + i) * N_CHOICE_FEATURES;

		feature[CHOICE_COSINE] = tuning->temperature *
			dense_dot(tuning->retrieval, vectors + movie * VECTOR_DIMS);
		feature[CHOICE_RATING] = tuning->predicted[i];
		feature[CHOICE_POPULARITY] = popularity[movie];
		tuning->chosen[first + i] = tuning->liked[movie];
	}
	tuning->start[++tuning->n_choosing] = first + tuning->n;
}

/* Adds a user to the judges. */
static void
measure(Tuning *tuning)
{
	ListJudges *judges = tuning->n_known >= EVALUATE_WARM ? &tuning->warm : &tuning->cold;
	ListNdcg	ndcg;
	ListNdcg	base;

	predict(tuning);
	ndcg = ndcg_by_relevance(tuning);
	base = ndcg_by_popularity(tuning);
	judges_add(&judges->first, ndcg.first, base.first);
	judges_add(&judges->whole, ndcg.whole, base.whole);
	if (tuning->n_known == 0)
		judges_add(&tuning->newcomers, ndcg.first, base.first);
}

/* Marks the liked validation rows. */
static void
mark_liked(Tuning *tuning, int32_t user)
{
	const Ratings *ratings = tuning->ratings;

	tuning->n_liked = 0;
	memset(tuning->liked, 0, tuning->header->n_movies);
	for (int32_t i = ratings->n_train[user]; i < ratings->n_trainval[user]; i++)
	{
		int64_t		row = ratings->start[user] + i;

		if (!(ratings->rating[row] >= tuning->header->like_threshold))
			continue;
		if (ratings->movie[row] >= 0)
			tuning->liked[ratings->movie[row]] = 1;
		tuning->n_liked++;
	}
}

/* Calls visit for the users of the sample that have liked validation rows, cold ones or not. */
static void
visit_users(Tuning *tuning, bool with_cold, void (*visit) (Tuning *tuning))
{
	const Ratings *ratings = tuning->ratings;
	int64_t		n_left = count_users(ratings);
	int64_t		n_wanted = n_left < MAX_USERS ? n_left : MAX_USERS;

	for (int32_t user = 0; user < ratings->n_users && n_wanted > 0; user++)
	{
		if (!has_validation(ratings, user))
			continue;
		/* each of those left is as likely as the others to be one of those wanted */
		if (rng_uniform(SAMPLE_SEED, user) * n_left-- >= n_wanted)
			continue;
		n_wanted--;
		mark_liked(tuning, user);
		tuning->n_known = ratings->n_train[user];
		if (tuning->n_liked == 0 || (!with_cold && tuning->n_known < EVALUATE_WARM))
			continue;
		know_user(tuning, user);
		find_candidates(tuning);
		visit(tuning);
		tuning->check_interrupts();
	}
}

/* ---------------------------------------------------------------------------
 * All users
 * ------------------------------------------------------------------------- */

/* Keeps the options of the users of the sample. */
static void
collect_options(Tuning *tuning, bool with_cold)
{
	tuning->with_cold = with_cold;
	tuning->n_choosing = 0;
	visit_users(tuning, with_cold, collect);
}

/*
 * Fits the weights; popularity's is 1 in the end.  With cold users, who are many, they are
 * pulled to popularity alone.
 */
static void
fit_weights(Tuning *tuning, ModelFileHeader *header)
{
	Choices		choices = {tuning->n_choosing, tuning->start, tuning->feature, tuning->chosen};
	double		weight[N_CHOICE_FEATURES] = {
		[CHOICE_COSINE] = !tuning->with_cold, [CHOICE_POPULARITY] = 1
	};
	double		popularity;

	choice_fit(weight, &choices, tuning->check_interrupts);
	popularity = fmax(weight[CHOICE_POPULARITY], LEAST_POPULARITY);
	header->temperature = fmaxf((float) (header->temperature * weight[CHOICE_COSINE] / popularity),
								TIE_TEMPERATURE);
	header->relevance_rating = (float) (weight[CHOICE_RATING] / popularity);
}

/* Events: what chance a relevance is, by the options of the same users. */
static void
fit_chance(Tuning *tuning, ModelFileHeader *header)
{
	const double weight[N_CHOICE_FEATURES] = {
		[CHOICE_COSINE] = 1, [CHOICE_RATING] = header->relevance_rating, [CHOICE_POPULARITY] = 1
	};
	Choices		choices;
	double		line[2];

	collect_options(tuning, true);
	choices = (Choices) {tuning->n_choosing, tuning->start, tuning->feature, tuning->chosen};
	choice_calibrate(line, weight, &choices, tuning->check_interrupts);
	header->chance_intercept = (float) line[0];
	header->chance_slope = (float) line[1];
}

/* Measures the lists by the order that the header has now; returns whose first ones count. */
static Judges
judge(Tuning *tuning)
{
	tuning->warm = tuning->cold = (ListJudges) {0};
	tuning->newcomers = (Judges) {0};
	visit_users(tuning, true, measure);
	return judges_counting(&tuning->warm.first, &tuning->cold.first);
}

/* Whether those who count find that order better than popularity's. */
static bool
is_preferred(const Tuning *tuning)
{
	Judges		judges = judges_counting(&tuning->warm.whole, &tuning->cold.whole);

	return judges_agree(&judges, JUDGES_CLEAR);
}

/*
 * Weights by the validation rows; returns the judges of the order that is left.  Where few
 * have liked anything, ties are most of popularity's order, so the cosine has to earn
 * these as well.
 */
static Judges
choose_order(Tuning *tuning, ModelFileHeader *header)
{
	Judges		judges;

	fit_weights(tuning, header);
	header->in_order = moments_agree(&tuning->moments, tuning->model, tuning->check_interrupts,
									 tuning->scratch);
	judges = judge(tuning);
	if (is_preferred(tuning))
	{
		/* without a history the model cannot tell newcomers */
		header->newcomers_popular = header->history > 0 &&
			judges_newcomers_lose(&tuning->warm.first, &tuning->newcomers);
		return judges;
	}
	header->temperature = TIE_TEMPERATURE;
	header->relevance_rating = 0;
	header->in_order = moments_agree(&tuning->moments, tuning->model, tuning->check_interrupts,
									 tuning->scratch);
	judges = judge(tuning);
	if (!is_preferred(tuning))
		header->temperature = NO_TEMPERATURE;
	judges.ndcg = judges.base_ndcg;
	return judges;
}

double
relevance_tune(void *file, const Ratings *ratings, double *popularity_ndcg,
			   void (*check_interrupts) (void), void *scratch)
{
	ModelFileHeader *header = file;
	Tuning		tuning;
	Judges		judges;

	*popularity_ndcg = NAN;
	open_tuning(&tuning, file, ratings, check_interrupts, scratch);
	collect_options(&tuning, false);
	if (tuning.n_choosing < JUDGES_ENOUGH)
		collect_options(&tuning, true);
	if (tuning.n_choosing == 0)
		return NAN;
	judges = choose_order(&tuning, header);
	*popularity_ndcg = judges.base_ndcg / judges.n;
	if (header->events)
		fit_chance(&tuning, header);
	return judges.ndcg / judges.n;
}

bool
relevance_is_popularity(const ModelFileHeader *header)
{
	return header->temperature <= TIE_TEMPERATURE && header->relevance_rating == 0;
}

double
relevance_ndcg(const void *file, const Ratings *ratings,
			   void (*check_interrupts) (void), void *scratch)
{
	Tuning		tuning;
	Judges		judges;

	open_tuning(&tuning, file, ratings, check_interrupts, scratch);
	judges = judge(&tuning);
	return judges.n > 0 ? judges.ndcg / judges.n : NAN;
}
