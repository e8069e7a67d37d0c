/*
 * recents.h: the history in order: what a user has rated last.
 *
 * Of the movies rated so far, each kept sum forgets at a pace of its own:
 *
 *		h[k] <- h[k] * 2^(-1 / half-life k) * decay + E[movie] * gate(rating)
 *		c[k] <- c[k] * 2^(-1 / half-life k) * decay + 1
 *
 * with half-lives of 1, 2, 5, 15 and 50 ratings; decay = exp(-days since the rating
 * before), so that what is left of a sitting a few days later is next to nothing,
 * whatever its length.  gate = 1 + tanh(slope * z + offset), for each number of a row
 * of its own, where z is the rating as so many standard deviations from the mean.
 * It is taken at RECENT_LEVELS values of z only, and tabulated.
 *
 * At the moment of a question both sums have decayed further, since the last
 * rating: what is left is a factor `left`, 0 for long after.  The features are
 *
 *		RECENT_GAIN * h[k] / sqrt(c[k] + 1),  c[k] / (c[k] + 1)
 *
 * all 0 where nothing is left, as where the order of the ratings is not known.
 *
 * It is a linear recurrence with fixed factors: one multiplication and addition for
 * each rating, like the recurrent units of LRURec (Yue et al., WSDM 2024), and its
 * gradient is the same recurrence backwards.  Layer normalization of the sums was
 * tried: better lists a minute after the last rating, far worse ones a month after.
 */
#ifndef MLREC_NET_RECENTS_H
#define MLREC_NET_RECENTS_H

#include <stdint.h>

#include "num/data/ratings.h"
#include "num/net/tensors.h"

/* Values of z that are told apart: eighths, from -4 to 4. */
#define RECENT_LEVELS 65

#define RECENT_GAIN 6.0f

/* A user's ratings in order; arrays as long as whoever gets them says. */
typedef struct RecentRows
{
	const int32_t *movie;		/* catalogue index; negative ones are passed over */
	const uint8_t *level;		/* recent_level() of the rating */
	const float *decay;			/* recent_decay() since the row before, of any movie */
} RecentRows;

typedef struct Recents
{
	const float *table;			/* [n_movies + 1][RECENT_DIMS] */
	const float *gate;			/* [RECENT_LEVELS][RECENT_DIMS] */
	float		sum[RECENT_SUMS][RECENT_DIMS];
	float		count[RECENT_SUMS];
} Recents;

/* The level of a rating's z. */
extern uint8_t recent_level(float z);

/* What is left after so many seconds; 1 for less than none. */
extern float recent_decay(double seconds);

/*
 * Of ratings in order: decay [n_rows] of each row since the one before it of the same
 * user, or decay [n] of a user's first n rows; and what is left at the moment of a row of
 * the sums over a user's first `known` rows, 0 of none.
 */
extern void recents_decays(float *decay, const Ratings *ratings);
extern void recents_user_decays(float *decay, const Ratings *ratings, int32_t user, int64_t n);
extern float recents_left(const Ratings *ratings, int32_t user, int32_t known, int64_t row);

/* gate [RECENT_LEVELS][RECENT_DIMS], from slope and offset [RECENT_DIMS]. */
extern void recents_gates(float *gate, const float *slope, const float *offset);

/*
 * The way back from dgate [RECENT_LEVELS][RECENT_DIMS], the gradient by the gates:
 * dslope and doffset [RECENT_DIMS] are set.
 */
extern void recents_gates_backward(float *dslope, float *doffset, const float *dgate,
								   const float *gate);

/* Nothing rated so far. */
extern void recents_begin(Recents *recents, const float *table, const float *gate);

/* Adds rows from .. to - 1. */
extern void recents_add(Recents *recents, const RecentRows *rows, int64_t from, int64_t to);

/*
 * The features: out [RECENT_INPUTS].  scale [RECENT_SUMS], or NULL, gets what each
 * sum is multiplied by.
 */
extern void recents_features(float *out, float *scale, const Recents *recents, float left);

/*
 * A history in order from its end: what the rows behind a place have added to the sums,
 * and what is left in them of the sums at that place.
 */
typedef struct RecentsTail
{
	float		sum[RECENT_SUMS][RECENT_DIMS];
	float		count[RECENT_SUMS];
	float		left[RECENT_SUMS];
} RecentsTail;

/* No rows yet. */
extern void recents_tail_begin(RecentsTail *tail);

/* Goes back over rows to - 1 .. from of a history whose table and gates are whole's. */
extern void recents_tail_add(RecentsTail *tail, const Recents *whole, const RecentRows *rows,
							 int64_t from, int64_t to);

/* Whether of what was before the tail too little is left for a float to tell. */
extern bool recents_tail_is_all(const RecentsTail *tail);

/* out: the whole history without one row, which has a movie, and before the tail is next. */
extern void recents_without(Recents *out, const Recents *whole, const RecentsTail *tail,
							const RecentRows *rows, int64_t row);

/*
 * The way back over rows to - 1 .. from.  dsum [RECENT_SUMS * RECENT_DIMS] is the
 * gradient by the sums behind row to - 1, and becomes that before row `from`;
 * drow [to - from][RECENT_DIMS] gets the gradients of what the rows have added.
 */
extern void recents_backward(float *dsum, float *drow, const RecentRows *rows, int64_t from,
							 int64_t to);

#endif							/* MLREC_NET_RECENTS_H */
