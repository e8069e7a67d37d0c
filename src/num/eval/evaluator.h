/*
 * evaluator.h: what the measurements of evaluate.c and evaluate_lists.c share.
 */
#ifndef MLREC_EVAL_EVALUATOR_H
#define MLREC_EVAL_EVALUATOR_H

#include "num/base/arena.h"
#include "num/eval/baselines.h"
#include "num/eval/evaluation.h"
#include "num/model/model.h"

/* What is asked: a user, of whom the first `known` rows are known. */
typedef struct EvalQuery
{
	int32_t		user;
	int32_t		known;
	float		left;			/* of their history in order, see UserInput */
	int64_t		row;			/* lists: the row looked for, -1 for all liked
								 * rows that are not known */
} EvalQuery;

#define QUERY_BATCH 1024		/* most questions of one evaluator_users */

typedef struct Evaluator
{
	const Ratings *ratings;
	const Model *model;
	const ModelFileHeader *header;
	const EvaluateOptions *options;
	Baselines	baselines;

	/* The model's view of the data's movies, in the data's order */
	bool		same_movies;	/* both catalogues are equal: nothing is copied */
	int32_t    *model_movie;	/* [n_movies], catalogue index or -1 */
	const int32_t *history_movie;	/* [n_rows], the same per row */
	float	   *history_decay;	/* [n_rows], or NULL; see UserInput */
	const float *movie_vectors; /* [n_movies * VECTOR_DIMS] */
	const float *movie_rank_vectors;	/* [n_movies * VECTOR_DIMS] */
	float	   *popularity;		/* [n_movies], ln(1 + likes) as the model counts */
	uint8_t    *eligible;		/* [n_movies], 1: serving recommends the movie: it has
								 * a row in movies, or had none at the training */

	/* Work space of evaluator_users */
	UserInput  *inputs;			/* [QUERY_BATCH] */
	float	   *users_scratch;
	float	   *movies_scratch;
} Evaluator;

/* Takes its arrays from the arena and, unless that only measures, fills them. */
extern void evaluator_open(Evaluator *evaluator, const Ratings *ratings, const Model *model,
						   const EvaluateOptions *options, Arena *arena);

/* The vectors and temperatures of the users of n questions, n <= QUERY_BATCH. */
extern void evaluator_users(Evaluator *evaluator, const EvalQuery *queries, int n,
							float *retrieval, float *temperature, float *ranking);

/* The question of a user long after the last training row, and at a row. */
extern EvalQuery evaluator_static_query(const Evaluator *evaluator, int32_t user);
extern EvalQuery evaluator_live_query(const Evaluator *evaluator, int32_t user, int64_t row);

/* To be called once every few milliseconds: lets the caller end a long evaluation. */
extern void evaluator_check_interrupts(const Evaluator *evaluator);

/* The row at which a user's rows end. */
static inline int64_t
user_end(const Ratings *ratings, int32_t user)
{
	return ratings->start[user + 1];
}

/* The user's first test row. */
static inline int64_t
user_first_test(const Ratings *ratings, int32_t user)
{
	return ratings->start[user] + ratings->n_trainval[user];
}

static inline bool
is_liked(const Evaluator *evaluator, int64_t row)
{
	return evaluator->ratings->rating[row] >= evaluator->header->like_threshold;
}

static inline EvaluateUsers
user_group(const Ratings *ratings, int32_t user)
{
	return ratings->n_trainval[user] >= EVALUATE_WARM ? USERS_WARM : USERS_COLD;
}

#endif							/* MLREC_EVAL_EVALUATOR_H */
