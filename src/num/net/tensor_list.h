/*
 * tensor_list.h: all tensors, in the order of the parameters.  To be included where
 * TENSOR is defined, as often as is useful: there is no include guard.
 *
 * TENSOR(name, stage, rows, columns, values)
 *
 *	name	makes TENSOR_<name> of enum Tensor
 *	stage	BOTH, or the one that has it; in the other it has no rows
 *	rows, columns	by a `const StageShape *shape`; without columns it has no floats
 *	values	of a new model: RANDOM, by fan-in and fan-out; EMBEDDING, of an embedding
 *			table; ONES; ZEROS; or HEAD
 */

/* weights */
TENSOR(USER_W1, BOTH, shape->user_inputs, shape->user_hidden, RANDOM)
TENSOR(USER_B1, BOTH, 1, shape->user_hidden, ZEROS)
TENSOR(USER_W2, BOTH, shape->user_hidden, VECTOR_DIMS, RANDOM)
TENSOR(USER_B2, BOTH, 1, VECTOR_DIMS, ZEROS)
TENSOR(MOVIE_W1, BOTH, shape->movie_inputs, movie_width(shape), RANDOM)
TENSOR(MOVIE_B1, RETRIEVAL, 1, shape->movie_hidden, ZEROS)
TENSOR(MOVIE_W2, RETRIEVAL, shape->movie_hidden, VECTOR_DIMS, RANDOM)
TENSOR(MOVIE_B2, RETRIEVAL, 1, VECTOR_DIMS, ZEROS)
TENSOR(GENDER, BOTH, shape->n_values[0] + 1, ATTRIBUTE_DIMS, EMBEDDING)
TENSOR(AGE, BOTH, shape->n_values[1] + 1, ATTRIBUTE_DIMS, EMBEDDING)
TENSOR(OCCUPATION, BOTH, shape->n_values[2] + 1, ATTRIBUTE_DIMS, EMBEDDING)
/* log scale, bias, log temperature */
TENSOR(HEAD, RETRIEVAL, 1, N_HEAD, HEAD)
/* what a user adds to the last one */
TENSOR(TEMPERATURE, RETRIEVAL, 1, shape->user_hidden, ZEROS)
/* see recents.h */
TENSOR(RECENT_SLOPE, RETRIEVAL, 1, shape->recents, ZEROS)
TENSOR(RECENT_OFFSET, RETRIEVAL, 1, shape->recents, ZEROS)
/* see ranker.h */
TENSOR(RANK_W1, RANKING, 2 * VECTOR_DIMS, RANKER_HIDDEN1, RANDOM)
TENSOR(RANK_B1, RANKING, 1, RANKER_HIDDEN1, ZEROS)
TENSOR(RANK_GAMMA1, RANKING, 1, RANKER_HIDDEN1, ONES)
TENSOR(RANK_BETA1, RANKING, 1, RANKER_HIDDEN1, ZEROS)
TENSOR(RANK_W2, RANKING, RANKER_HIDDEN1, RANKER_HIDDEN2, RANDOM)
TENSOR(RANK_B2, RANKING, 1, RANKER_HIDDEN2, ZEROS)
TENSOR(RANK_GAMMA2, RANKING, 1, RANKER_HIDDEN2, ONES)
TENSOR(RANK_BETA2, RANKING, 1, RANKER_HIDDEN2, ZEROS)
TENSOR(RANK_W3, RANKING, RANKER_HIDDEN2, RANKER_HIDDEN3, RANDOM)
TENSOR(RANK_B3, RANKING, 1, RANKER_HIDDEN3, ZEROS)
TENSOR(RANK_W4, RANKING, RANKER_HIDDEN3, 1, RANDOM)
TENSOR(RANK_B4, RANKING, 1, 1, ZEROS)

/* running statistics, from TENSOR_FIRST_STATISTIC on */
TENSOR(RANK_MEAN1, RANKING, 1, RANKER_HIDDEN1, ZEROS)
TENSOR(RANK_VARIANCE1, RANKING, 1, RANKER_HIDDEN1, ONES)
TENSOR(RANK_MEAN2, RANKING, 1, RANKER_HIDDEN2, ZEROS)
TENSOR(RANK_VARIANCE2, RANKING, 1, RANKER_HIDDEN2, ONES)

/* embedding tables, from TENSOR_FIRST_TABLE on; row 0 is the unknown user or movie */
TENSOR(USER_ID, BOTH, table_rows(shape->n_users), shape->user_id, EMBEDDING)
TENSOR(MOVIE_ID, BOTH, table_rows(shape->n_movies), VECTOR_DIMS, EMBEDDING)
/* weighted by the rating's deviation | by 1 */
TENSOR(HISTORY, BOTH, table_rows(shape->n_movies), 2 * shape->history, EMBEDDING)
TENSOR(RECENTS, RETRIEVAL, table_rows(shape->n_movies), shape->recents, EMBEDDING)
