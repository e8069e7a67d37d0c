/*
 * model.h: a trained model at work: vectors of users and movies, predictions.
 *
 * A Model is a view of a model file plus the ranker folded for inference.  All
 * functions are pure: they read the model, write the caller's arrays and use
 * the caller's scratch.
 */
#ifndef MLREC_MODEL_MODEL_H
#define MLREC_MODEL_MODEL_H

#include <stddef.h>

#include "num/base/topk.h"
#include "num/data/bias.h"
#include "num/model/model_file.h"
#include "num/net/rank_pairs.h"
#include "num/net/recents.h"
#include "num/net/tower.h"

typedef struct Model Model;

/* What is known of a user at the moment of the question. */
typedef struct UserInput
{
	int32_t		user;			/* index into MODEL_FILE_USER_IDS, -1 unknown */
	uint8_t		attribute[N_ATTRIBUTES];	/* 0 unknown, else 1 + index of the value */
	int32_t		n_history;		/* movies rated so far (those unknown to the model
								 * as -1: they count for the user's bias) */
	const int32_t *history_movie;	/* [n_history], catalogue index or -1 */
	const float *history_rating;	/* [n_history] */
	const float *history_decay; /* [n_history], ratings in order of time: recent_decay()
								 * since the one before; NULL: the order is not known */
	float		left;			/* recent_decay() of the time since the last one; 0: it was
								 * long ago */
} UserInput;

/*
 * A user of ratings by their first `known` rows, long after them.  The ratings' movies are
 * indices into the model file's catalogue.
 */
extern UserInput model_user_input(const ModelFileHeader *header, const Ratings *ratings,
								  int32_t user, int32_t known);

/*
 * Rating number i of the input's history as the history takes it: the movie, -1 if
 * the model has no ratings of it, and what its bias leaves of the rating.
 */
extern int32_t model_history_movie(const Model *model, const UserInput *input, int32_t i,
								   float *deviation);

/* Bytes of memory that model_open needs at `model`. */
extern size_t model_size(void);

/*
 * Makes `model` (model_size() bytes, 64-byte aligned) a view of a checked
 * model file, which must stay where it is for as long as the model is used.
 */
extern void model_open(Model *model, const void *file);

/* The header of the model file that the model is a view of. */
extern const ModelFileHeader *model_header(const Model *model);

/* What it is made of, for those who take it apart. */
extern const StageShape *model_shape(const Model *model, Stage stage);
extern const float *model_params(const Model *model, Stage stage);
extern const FoldedRanker *model_ranker(const Model *model);
extern const float *model_gates(const Model *model);	/* see recents.h */

/*
 * Vectors of n users.
 * retrieval [n * VECTOR_DIMS]: unit length.  temperature [n]: what a user's cosines are
 * multiplied by where popularity is added.  ranking [n * VECTOR_DIMS]: the first number
 * is the user's bias.  scratch: model_users_scratch(n) floats.
 */
extern size_t model_users_scratch(const Model *model, int n);
extern void model_users(const Model *model, const UserInput *inputs, int n,
						float *retrieval, float *temperature, float *ranking, float *scratch);

/* The same before there is a model, of the shape of its retrieval stage, the wider one. */
static inline size_t
users_scratch(const StageShape *retrieval, int n)
{
	return (size_t) n * (retrieval->user_inputs + retrieval->user_hidden + 1);
}

/*
 * For those who gather the inputs of a stage's user tower themselves: from pass->x to
 * the vectors of model_users in pass->out, with the users' biases [rows] in ranking and
 * temperature [rows] in retrieval.
 */
extern void model_user_tower(const Model *model, Stage stage, const TowerPass *pass,
							 const float *bias, float *temperature);

/*
 * Vectors of n movies that the model has not seen, from their features alone.
 * features [n * (n_genres + 1)]: as Ratings.movie_features.
 * retrieval [n * VECTOR_DIMS]: unit length.  ranking [n * VECTOR_DIMS].
 * scratch: model_movies_scratch(n) floats.
 */
extern size_t model_movies_scratch(const Model *model, int n);
extern void model_movies(const Model *model, const float *features, int n,
						 float *retrieval, float *ranking, float *scratch);

/*
 * Predicted ratings of n (user, movie) pairs, in deviations from the mean: what
 * orders movies.
 * users: the ranking vectors, row i for pair i; with user_stride 0 one user for
 * all (which saves the user's half of the first layer), else VECTOR_DIMS.
 * movies [n * VECTOR_DIMS]: ranking vectors.  out [n].
 * scratch: model_rank_scratch(n) floats.
 */
extern size_t model_rank_scratch(const Model *model, int n);
extern void model_rank(const Model *model, const float *users, int user_stride,
					   const float *movies, int n, float *out, float *scratch);

/*
 * model_rank of one user with n movies, by their indices among vectors
 * [][VECTOR_DIMS].  movies [n * VECTOR_DIMS] is room for their vectors.
 */
extern void model_rank_entries(const Model *model, const float *user, const TopkEntry *entries,
							   int n, const float *vectors, float *movies, float *out,
							   float *scratch);

/*
 * The same for pairs of several users and movies, whose halves of the ranker's
 * first layer are known; see rank_pairs.h.  out [n]; scratch: pairs_scratch(n) floats.
 */
extern void model_user_halves(const Model *model, const float *users, int n, float *halves);
extern void model_movie_halves(const Model *model, const float *movies, int n, float *halves);
extern void model_rank_pairs(const Model *model, const RankPair *pairs, int n, float *out,
							 float *scratch);

/* What is shown of a prediction: on the data's scale, and clamped to it. */
extern float model_rating(const ModelFileHeader *header, float prediction);

/*
 * For those who pool a history themselves: the movie of a rating, -1 if the model has no
 * train ratings of it, so that it says nothing; the same with the level of recents.h; and
 * the ratings from `from` on added to the history in order.
 */
extern int32_t model_known_movie(const Model *model, const UserInput *input, int32_t i);
extern int32_t model_recent_movie(const Model *model, const UserInput *input, int32_t i,
								  uint8_t *level);
extern void model_add_recents(const Model *model, Recents *recents, const UserInput *input,
							  int32_t from);

/*
 * The temperature of a user whose input to the retrieval stage is x [user_inputs], and
 * hidden units hidden [user_hidden].
 */
extern float model_temperature(const Model *model, const float *x, const float *hidden);

/* What a predicted rating adds to the relevance of a movie for a user of that temperature. */
static inline float
model_rating_weight(const ModelFileHeader *header, float temperature)
{
	return temperature == NO_TEMPERATURE ? 0 : header->relevance_rating;
}

/* Whether the model looks at the order of histories, and anything is left of this one. */
extern bool model_in_order(const Model *model, const UserInput *input);

/* Of events: the chance that a movie of this relevance is among the user's next. */
extern float model_chance(const ModelFileHeader *header, float relevance);

/* Index of an id in an ascending array, or -1. */
extern int32_t id_find(const int64_t *ids, int32_t n, int64_t id);

#endif							/* MLREC_MODEL_MODEL_H */
