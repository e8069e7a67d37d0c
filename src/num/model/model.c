/*
 * model.c: see model.h.
 */
#include "num/model/model.h"

#include <math.h>
#include <string.h>

#include "num/net/dense.h"
#include "num/net/history.h"
#include "num/net/ranker.h"
#include "num/net/recents.h"
#include "num/net/tensors.h"
#include "num/net/tower.h"

/* How many deviations are computed at a time. */
#define HISTORY_BLOCK 256

struct Model
{
	const ModelFileHeader *header;
	const uint8_t *movie_flags;
	const float *movie_bias;
	const float *params[N_STAGES];
	StageShape	shape[N_STAGES];
	FoldedRanker ranker;
	float		gate[RECENT_LEVELS * RECENT_DIMS];
};

size_t
model_size(void)
{
	return sizeof(Model);
}

void
model_open(Model *model, const void *file)
{
	const ModelFileHeader *header = file;
	const float *params = model_file_section(file, MODEL_FILE_PARAMETERS);

	model->header = header;
	model->movie_flags = model_file_section(file, MODEL_FILE_MOVIE_FLAGS);
	model->movie_bias = model_file_section(file, MODEL_FILE_MOVIE_BIAS);
	for (int stage = 0; stage < N_STAGES; stage++)
	{
		stage_shape(&model->shape[stage], stage, header->n_users, header->n_movies,
					header->n_genres, header->n_values, header->history);
		model->params[stage] = params;
		params += stage_size(&model->shape[stage]);
	}
	if (model->shape[STAGE_RETRIEVAL].recents > 0)
		recents_gates(model->gate,
					  tensor(model->params[STAGE_RETRIEVAL], &model->shape[STAGE_RETRIEVAL],
							 TENSOR_RECENT_SLOPE),
					  tensor(model->params[STAGE_RETRIEVAL], &model->shape[STAGE_RETRIEVAL],
							 TENSOR_RECENT_OFFSET));
	ranker_fold(&model->ranker, model->params[STAGE_RANKING], &model->shape[STAGE_RANKING],
				header->share);
}

const ModelFileHeader *
model_header(const Model *model)
{
	return model->header;
}

const StageShape *
model_shape(const Model *model, Stage stage)
{
	return &model->shape[stage];
}

const float *
model_params(const Model *model, Stage stage)
{
	return model->params[stage];
}

const FoldedRanker *
model_ranker(const Model *model)
{
	return &model->ranker;
}

const float *
model_gates(const Model *model)
{
	return model->gate;
}

int32_t
model_known_movie(const Model *model, const UserInput *input, int32_t i)
{
	int32_t		movie = input->history_movie[i];

	return movie >= 0 && (model->movie_flags[movie] & MOVIE_TRAINED) ? movie : -1;
}

UserInput
model_user_input(const ModelFileHeader *header, const Ratings *ratings, int32_t user,
				 int32_t known)
{
	UserInput	input = {
		.user = id_find(model_file_section(header, MODEL_FILE_USER_IDS), header->n_users,
						ratings->user_ids[user]),
		.n_history = known,
		.history_movie = ratings->movie + ratings->start[user],
		.history_rating = row_values(ratings) + ratings->start[user]
	};

	memcpy(input.attribute, ratings->attribute + (int64_t) user * N_ATTRIBUTES, N_ATTRIBUTES);
	return input;
}

int32_t
model_history_movie(const Model *model, const UserInput *input, int32_t i, float *deviation)
{
	const ModelFileHeader *header = model->header;
	int32_t		movie = model_known_movie(model, input, i);

	*deviation = standardise(input->history_rating[i], header->mean_rating, header->deviation);
	if (movie >= 0)
		*deviation -= model->movie_bias[movie];
	return movie;
}

/* Adds the movies of the input's history from `from` on. */
static void
add_history(const Model *model, History *history, const UserInput *input, int from)
{
	int32_t		movie[HISTORY_BLOCK];
	float		deviation[HISTORY_BLOCK];

	for (int at = from; at < input->n_history; at += HISTORY_BLOCK)
	{
		int			left = input->n_history - at;
		int			n = left < HISTORY_BLOCK ? left : HISTORY_BLOCK;

		for (int i = 0; i < n; i++)
			movie[i] = model_history_movie(model, input, at + i, &deviation[i]);
		history_add(history, movie, deviation, n);
	}
}

bool
model_in_order(const Model *model, const UserInput *input)
{
	return model->header->in_order && input->history_decay != NULL && input->left > 0;
}

/* Whether nothing is in the history of a user whose input is x. */
static bool
is_newcomer(const StageShape *shape, const float *x)
{
	return shape->history > 0 &&
		x[user_input_history(shape) + 2 * shape->history + HISTORY_LOG_COUNT] == 0;
}

/*
 * The validation ratings have said how much a temperature counts long after the last
 * rating: header->temperature against what training has found.  What is known of the
 * moment counts in full.
 */
float
model_temperature(const Model *model, const float *x, const float *hidden)
{
	const StageShape *shape = &model->shape[STAGE_RETRIEVAL];
	const float *params = model->params[STAGE_RETRIEVAL];
	const ModelFileHeader *header = model->header;
	float		counts = header->temperature /
		expf(tensor(params, shape, TENSOR_HEAD)[HEAD_LOG_TEMPERATURE]);
	float		known = shape->recents > 0 ? x[shape->user_inputs - 1] : 0;

	if (header->newcomers_popular && is_newcomer(shape, x))
		return NO_TEMPERATURE;
	return user_temperature(hidden, params, shape, NULL) * (counts + (1 - counts) * known);
}

int32_t
model_recent_movie(const Model *model, const UserInput *input, int32_t i, uint8_t *level)
{
	const ModelFileHeader *header = model->header;

	*level = recent_level(standardise(input->history_rating[i], header->mean_rating,
									  header->deviation));
	return model_known_movie(model, input, i);
}

void
model_add_recents(const Model *model, Recents *recents, const UserInput *input, int32_t from)
{
	int32_t		movie[HISTORY_BLOCK];
	uint8_t		level[HISTORY_BLOCK];

	for (int32_t at = from; at < input->n_history; at += HISTORY_BLOCK)
	{
		RecentRows	rows = {movie, level, input->history_decay + at};
		int32_t		left = input->n_history - at;
		int32_t		n = left < HISTORY_BLOCK ? left : HISTORY_BLOCK;

		for (int32_t i = 0; i < n; i++)
			movie[i] = model_recent_movie(model, input, at + i, &level[i]);
		recents_add(recents, &rows, 0, n);
	}
}

/* What the inputs of users who follow each other share. */
typedef struct Gathering
{
	float		sum[2 * VECTOR_DIMS];
	History		history;
	Recents		recents;
	int32_t		known;			/* how many ratings are in the history */
	int32_t		known_recents;	/* and in the history in order */
} Gathering;

static void
begin_gathering(Gathering *gathering, const Model *model, Stage stage)
{
	const StageShape *shape = &model->shape[stage];
	const float *params = model->params[stage];

	history_begin(&gathering->history, tensor(params, shape, TENSOR_HISTORY), shape->history,
				  shape->history_gain, gathering->sum);
	if (shape->recents > 0)
		recents_begin(&gathering->recents, tensor(params, shape, TENSOR_RECENTS), model->gate);
	gathering->known = 0;
	gathering->known_recents = 0;
}

/* The part of an input that its history makes. */
static void
gather_histories(float *x, Gathering *gathering, const Model *model, Stage stage,
				 const UserInput *input)
{
	const StageShape *shape = &model->shape[stage];

	add_history(model, &gathering->history, input, gathering->known);
	gathering->known = input->n_history;
	if (shape->history > 0)
		history_features(x + user_input_history(shape), &gathering->history, -1, 0);
	if (shape->recents == 0)
		return;
	if (!model_in_order(model, input))
	{
		memset(x + user_input_recents(shape), 0, sizeof(float) * RECENT_INPUTS);
		return;
	}
	model_add_recents(model, &gathering->recents, input, gathering->known_recents);
	gathering->known_recents = input->n_history;
	recents_features(x + user_input_recents(shape), NULL, &gathering->recents, input->left);
}

/*
 * The inputs of one stage's user tower: x [n][user_inputs], and the users' biases
 * [n].  An input that extends the history of the one before it costs only what it
 * adds.
 */
static void
gather_users(float *x, float *bias, const Model *model, Stage stage, const UserInput *inputs,
			 int n)
{
	const StageShape *shape = &model->shape[stage];
	Gathering	gathering;

	for (int i = 0; i < n; i++, x += shape->user_inputs)
	{
		const UserInput *input = inputs + i;
		bool		extends = i > 0 && input->history_movie == inputs[i - 1].history_movie &&
			input->history_rating == inputs[i - 1].history_rating &&
			input->history_decay == inputs[i - 1].history_decay &&
			input->n_history >= inputs[i - 1].n_history;

		user_input(x, model->params[stage], shape, input->user + 1, input->attribute);
		if (!extends)
			begin_gathering(&gathering, model, stage);
		gather_histories(x, &gathering, model, stage, input);
		bias[i] = history_bias(&gathering.history);
	}
}

size_t
model_users_scratch(const Model *model, int n)
{
	return users_scratch(&model->shape[STAGE_RETRIEVAL], n);
}

void
model_user_tower(const Model *model, Stage stage, const TowerPass *pass, const float *bias,
				 float *temperature)
{
	const StageShape *shape = &model->shape[stage];

	user_tower_predict(pass->out, pass->hidden, pass->x, model->params[stage], shape, pass->rows);
	if (stage == STAGE_RANKING)
	{
		put_biases(pass->out, bias, pass->rows);
		return;
	}
	for (int i = 0; i < pass->rows; i++)
		temperature[i] = model_temperature(model, pass->x + (size_t) i * shape->user_inputs,
										   pass->hidden + (size_t) i * shape->user_hidden);
	dense_unit(pass->out, pass->rows);
}

void
model_users(const Model *model, const UserInput *inputs, int n,
			float *retrieval, float *temperature, float *ranking, float *scratch)
{
	for (int stage = 0; stage < N_STAGES; stage++)
	{
		const StageShape *shape = &model->shape[stage];
		float	   *hidden = scratch + (size_t) n * shape->user_inputs;
		float	   *bias = hidden + (size_t) n * shape->user_hidden;
		TowerPass	pass = {
			scratch, hidden, stage == STAGE_RETRIEVAL ? retrieval : ranking, n, DROPOUT_OFF
		};

		gather_users(pass.x, bias, model, stage, inputs, n);
		model_user_tower(model, stage, &pass, bias, temperature);
	}
}

size_t
model_movies_scratch(const Model *model, int n)
{
	const StageShape *shape = &model->shape[STAGE_RETRIEVAL];

	/* inputs, hidden layer, and the ids */
	return (size_t) n * (shape->movie_inputs + shape->movie_hidden + 1);
}

void
model_movies(const Model *model, const float *features, int n,
			 float *retrieval, float *ranking, float *scratch)
{
	const StageShape *shape = &model->shape[STAGE_RETRIEVAL];
	int32_t    *unknown = (int32_t *) scratch;
	float	   *x = scratch + n;
	float	   *hidden = x + (size_t) n * shape->movie_inputs;

	memset(unknown, 0, sizeof(int32_t) * n);
	movie_tower_predict(ranking, NULL, NULL, unknown, features, model->params[STAGE_RANKING],
						&model->shape[STAGE_RANKING], n);
	clear_biases(ranking, n);	/* no ratings, no bias */
	movie_tower_predict(retrieval, hidden, x, unknown, features, model->params[STAGE_RETRIEVAL],
						shape, n);
	dense_unit(retrieval, n);
}

size_t
model_rank_scratch(const Model *model, int n)
{
	return pairs_scratch(n);
}

float
model_rating(const ModelFileHeader *header, float prediction)
{
	float		rating = (float) (header->mean_rating + header->deviation * prediction);

	return rating < header->min_rating ? header->min_rating :
		rating > header->max_rating ? header->max_rating : rating;
}

float
model_chance(const ModelFileHeader *header, float relevance)
{
	return 1 / (1 + expf(-header->chance_intercept - header->chance_slope * relevance));
}

void
model_rank(const Model *model, const float *users, int user_stride,
		   const float *movies, int n, float *out, float *scratch)
{
	pairs_predict_vectors(out, &model->ranker, users, user_stride, movies, n, scratch);
}

void
model_rank_entries(const Model *model, const float *user, const TopkEntry *entries, int n,
				   const float *vectors, float *movies, float *out, float *scratch)
{
	for (int i = 0; i < n; i++)
		memcpy(movies + (int64_t) i * VECTOR_DIMS,
			   vectors + (int64_t) entries[i].index * VECTOR_DIMS, sizeof(float) * VECTOR_DIMS);
	model_rank(model, user, 0, movies, n, out, scratch);
}

void
model_user_halves(const Model *model, const float *users, int n, float *halves)
{
	pairs_user_halves(halves, &model->ranker, users, n);
}

void
model_movie_halves(const Model *model, const float *movies, int n, float *halves)
{
	pairs_movie_halves(halves, &model->ranker, movies, n);
}

void
model_rank_pairs(const Model *model, const RankPair *pairs, int n, float *out, float *scratch)
{
	pairs_predict(out, &model->ranker, pairs, n, scratch);
}

/*
 * A binary search without a branch on what is compared, which a processor would
 * guess wrong every other time: the id, if it is there, is among the `left` at
 * `first`.
 */
int32_t
id_find(const int64_t *ids, int32_t n, int64_t id)
{
	const int64_t *first = ids;

	for (int32_t left = n; left > 1;)
	{
		int32_t		half = left / 2;

		first += (first[half - 1] < id) * half;
		left -= half;
	}
	return n > 0 && *first == id ? (int32_t) (first - ids) : -1;
}
