/*
 * moments.c: see moments.h.
 *
 * Static lists of few users do not tell whether an order is better: a user has one.  At
 * the moment of each row a user has another, and what was rated just before moves it far.
 * Of 200 users of MovieLens 1M eleven have validation rows, 1,478 of them.
 */
#include "num/eval/moments.h"

#include <math.h>
#include <string.h>

#include "num/base/rng.h"
#include "num/eval/metrics.h"
#include "num/net/dense.h"

#define MAX_ROWS 5000
#define MAX_SCORES (1 << 28)	/* of all rows: fewer rows where there are many movies */
#define SAMPLE_SEED 2

/* What movies are in order of: the logit with what is known of the moment, and without. */
enum
{
	LIVE,
	STILL,
	POPULARITY,
	N_ORDERS
};

void
moments_take(Moments *moments, const ModelFileHeader *header, const Ratings *ratings, Arena *arena)
{
	int64_t		most = 0;

	for (int32_t user = 0; user < ratings->n_users; user++)
		most = ratings->n_trainval[user] > most ? ratings->n_trainval[user] : most;
	moments->header = header;
	moments->ratings = ratings;
	moments->decay = ARENA_ARRAY(arena, float, most);
	moments->scores = ARENA_ARRAY(arena, float, 2 * (int64_t) header->n_movies);
	moments->skip = ARENA_ARRAY(arena, uint8_t, header->n_movies);
}

/* Whether a validation row is of the sample. */
static bool
is_asked(const Moments *moments, int64_t row)
{
	const Ratings *ratings = moments->ratings;
	double		n = ratings->n_trainval_rows - ratings->n_train_rows;
	double		wanted = fmin(MAX_ROWS, (double) MAX_SCORES / moments->header->n_movies);

	return ratings->movie[row] >= 0 && rng_uniform(SAMPLE_SEED, row) * n < wanted;
}

/* 1 / log2(2 + rank) of a movie among those not known. */
static double
gain_of(const Moments *moments, const float *score, int32_t movie)
{
	return 1 / log2(2 + metrics_rank(score, moments->skip, moments->header->n_movies, movie));
}

/* Marks the movies of a user's first n rows, or unmarks them. */
static void
mark_known(Moments *moments, int32_t user, int32_t n, uint8_t mark)
{
	const int32_t *movie = moments->ratings->movie + moments->ratings->start[user];

	for (int32_t i = 0; i < n; i++)
		if (movie[i] >= 0)
			moments->skip[movie[i]] = mark;
}

/* The logits of all movies for a user at the moment of a row, and for the same one still. */
static void
score(Moments *moments, const Model *model, const UserInput *known, int64_t row, int32_t user,
	  float *users_scratch)
{
	const ModelFileHeader *header = moments->header;
	const float *popularity = model_file_section(header, MODEL_FILE_MOVIE_POPULARITY);
	UserInput	inputs[2] = {[LIVE] = *known, [STILL] = *known};
	float		retrieval[2][VECTOR_DIMS];
	float		ranking[2][VECTOR_DIMS];
	float		temperature[2];

	inputs[LIVE].history_decay = moments->decay;
	inputs[LIVE].left = recents_left(moments->ratings, user, known->n_history, row);
	model_users(model, inputs, 2, retrieval[0], temperature, ranking[0], users_scratch);
	dense_scores(moments->scores, header->n_movies, retrieval[0], 2,
				 model_file_section(header, MODEL_FILE_MOVIE_VECTORS), header->n_movies);
	for (int order = LIVE; order <= STILL; order++)
	{
		float	   *scores = moments->scores + (int64_t) order * header->n_movies;

		for (int32_t movie = 0; movie < header->n_movies; movie++)
			scores[movie] = temperature[order] * scores[movie] + popularity[movie];
	}
}

/* Adds to the gains [N_ORDERS] those of a row. */
static void
ask(Moments *moments, const Model *model, int32_t user, int64_t row, double *gain,
	float *users_scratch)
{
	const Ratings *ratings = moments->ratings;
	const ModelFileHeader *header = moments->header;
	int32_t		movie = ratings->movie[row];
	UserInput	known = model_user_input(header, ratings, user, ratings->prefix[row]);

	score(moments, model, &known, row, user, users_scratch);
	mark_known(moments, user, known.n_history, 1);
	gain[LIVE] += gain_of(moments, moments->scores, movie);
	gain[STILL] += gain_of(moments, moments->scores + header->n_movies, movie);
	gain[POPULARITY] += gain_of(moments, model_file_section(header, MODEL_FILE_MOVIE_POPULARITY),
								movie);
	mark_known(moments, user, known.n_history, 0);
}

/* Adds a user to the judges, by the rows that are asked. */
static void
judge(Moments *moments, const Model *model, int32_t user, void (*check_interrupts) (void),
	  float *users_scratch)
{
	const Ratings *ratings = moments->ratings;
	int64_t		first = ratings->start[user] + ratings->n_train[user];
	int64_t		end = ratings->start[user] + ratings->n_trainval[user];
	double		gain[N_ORDERS] = {0};
	double		n = 0;

	if (first < end)
		recents_user_decays(moments->decay, ratings, user, ratings->n_trainval[user]);
	for (int64_t row = first; row < end; row++)
		if (is_asked(moments, row))
		{
			ask(moments, model, user, row, gain, users_scratch);
			check_interrupts();
			n++;
		}
	if (n == 0)
		return;
	judges_add(&moments->still, gain[LIVE] / sqrt(n), gain[STILL] / sqrt(n));
	judges_add(&moments->popularity, gain[LIVE] / sqrt(n), gain[POPULARITY] / sqrt(n));
}

bool
moments_agree(Moments *moments, const Model *model, void (*check_interrupts) (void),
			  float *users_scratch)
{
	moments->still = moments->popularity = (Judges) {0};
	if (!moments->header->in_order)
		return false;
	memset(moments->skip, 0, moments->header->n_movies);
	for (int32_t user = 0; user < moments->ratings->n_users; user++)
		judge(moments, model, user, check_interrupts, users_scratch);
	return judges_agree(&moments->still, 1) && judges_agree(&moments->popularity, 1);
}
