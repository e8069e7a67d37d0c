/*
 * serve.h: what the serving functions share.
 */
#ifndef MLREC_SERVE_SERVE_H
#define MLREC_SERVE_SERVE_H

#include "postgres.h"

#include "fmgr.h"
#include "utils/array.h"

#include "pg/catalogue/catalogue.h"
#include "pg/serve/user_state.h"
#include "pg/store/cache.h"

/* A call being answered: connected to SPI, with a memory context of its own */
typedef struct Serving
{
	CachedModel *model;
	StoreRelations relations;
	const Catalogue *catalogue;
	Clock		clock;			/* at the start of the transaction */
	MemoryContext context;		/* of everything that the call allocates */
	MemoryContext caller;
} Serving;

/*
 * Raises an error unless the relations of the model have the columns that it
 * reads, of types that it can read.
 */
extern void serve_check_columns(CachedModel *model, const StoreRelations *relations);

/*
 * Begin and end of an answer.  In between the current memory context is
 * serving->context.  After an error nothing needs to be ended.
 */
extern void serve_begin(Serving *serving, FunctionCallInfo fcinfo, int32 model_id);
extern void serve_end(Serving *serving);

/* Arguments that must not be null, and not below min. */
extern void serve_refuse_null(FunctionCallInfo fcinfo, int argno, const char *name);
extern int64 serve_id(FunctionCallInfo fcinfo, int argno, const char *name);
extern int32 serve_count(FunctionCallInfo fcinfo, int argno, const char *name, int32 min);
extern float serve_fraction(FunctionCallInfo fcinfo, int argno, const char *name);

/*
 * A loop over the elements of a bigint[] that are not null.  The array may be
 * NULL, which has none.
 */
#define FOR_EACH_ID(id, array) \
	for (ArrayIterator it_ = (array) ? array_create_iterator(array, 0, NULL) : NULL; \
		 it_ != NULL && serve_next_id(it_, &(id));)

/* The next element that is not null; false at the end. */
extern bool serve_next_id(ArrayIterator iterator, int64 *id);

/*
 * The index of a movie, or an error that it is unknown, as one is that is hidden
 * from the current user.  One whose row has been deleted may be asked about.
 */
extern int32 serve_find_movie(const Serving *serving, int64 movie_id);

/* What the networks say of one user. */
typedef struct UserVectors
{
	float		retrieval[VECTOR_DIMS]; /* of unit length */
	float		temperature;
	float		ranking[VECTOR_DIMS];
} UserVectors;

/* The vectors of a user whose state was read, and the temperature of their logits. */
extern void serve_user_vectors(const Serving *serving, const UserState *state,
							   UserVectors *vectors);

/* The cosine of two vectors of unit length. */
extern float serve_cosine(const float *a, const float *b);

/* The ranking score: the predicted rating, or of events the chance, see model.h. */
extern float serve_score(const Serving *serving, int32 movie, float temperature, float cosine,
						 float prediction);

/*
 * What order_by => 'relevance' orders by; the temperature is the user's, the prediction
 * as model_rank has it.
 */
extern float serve_relevance(const Serving *serving, int32 movie, float temperature,
							 float cosine, float prediction);

#endif							/* MLREC_SERVE_SERVE_H */
