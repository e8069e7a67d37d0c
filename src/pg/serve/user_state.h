/*
 * user_state.h: what is known of a user at this moment.
 */
#ifndef MLREC_SERVE_USER_STATE_H
#define MLREC_SERVE_USER_STATE_H

#include "pg/catalogue/catalogue.h"
#include "pg/serve/clock.h"
#include "pg/store/cache.h"

/* A movie that the user has rated */
typedef struct SeenMovie
{
	int64		movie_id;
	int32		movie;			/* index among the model's movies, -1: not one */
	float		rating;			/* NaN: rated with NULL; of events the weight, NaN
								 * where that is none */
	int64		time;			/* CLOCK_UNKNOWN: no time, or NULL */
	uint64		tie_order;		/* among those of one time, see rating_table.h */
} SeenMovie;

typedef struct UserState
{
	int64		user_id;
	bool		events;			/* the model's ratings are, and add up */
	Clock		clock;
	UserInput	input;			/* history in the order of rating_table.h, the movies
								 * unknown to the model too */
	int32		needed;			/* of n_seen, for what was learned of the user */
	int32		n_seen;
	SeenMovie  *seen;			/* ascending by movie */
	int32		n_other;
	SeenMovie  *other;			/* rated movies unknown to the model, ascending by id */

	MemoryContext context;		/* of all the arrays */
	int32		seen_capacity;
	int32		other_capacity;
} UserState;

/*
 * Reads the user's ratings and attributes as the caller's snapshot has them.  The
 * clock is that of the relation of ratings.
 * The caller is connected to SPI; the result lives in `context`.
 */
extern UserState *user_state_read(const CachedModel *model, const StoreRelations *relations,
								  Clock clock, int64 user_id, MemoryContext context);

/* Sets skip[movie] of the movies that the user has rated. */
extern void user_state_mark_seen(const UserState *state, const Catalogue *catalogue, uint8 *skip);

/* Takes a movie out of the history, as if the user had not rated it. */
extern void user_state_forget(UserState *state, int64 movie_id);

/* The same step by step, for readers that see many users' rows. */
extern UserState *user_state_create(MemoryContext context);
extern void user_state_begin(UserState *state, const CachedModel *model,
							 const StoreRelations *relations, Clock clock, int64 user_id);
extern void user_state_add(UserState *state, const CachedModel *model, int64 movie_id,
						   double rating, int64 time);
extern void user_state_finish(UserState *state);

/*
 * How a query has to select what was thought of a movie: the rating, or the weight
 * of an event.
 */
extern char *user_state_rating(Oid ratings);
extern char *user_state_weight(Oid ratings);

/* The code of an attribute's value; name may be NULL. */
extern uint8 user_state_attribute(const CachedModel *model, int attribute, const char *name);

/* ", gender::pg_catalog.text, ..." for those that the relation has, else NULLs */
extern char *user_state_attribute_list(Oid users, const char *expression);

#endif							/* MLREC_SERVE_USER_STATE_H */
