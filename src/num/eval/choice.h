/*
 * choice.h: weights that say which of many movies a user watches next.
 *
 * Of a user's options, some of which were chosen, the chance of a chosen one is its
 * part in a softmax of weight . features over itself and all that were not chosen:
 * the conditional logit (McFadden 1974).  The weights maximize the logarithm, which
 * is concave, so they move smoothly with the data.  Each user counts alike, whatever
 * the number of movies chosen.
 *
 * The weights are pulled to what they are before, as if by some users: where there are
 * few to learn from, that is what remains.
 */
#ifndef MLREC_EVAL_CHOICE_H
#define MLREC_EVAL_CHOICE_H

#include <stdint.h>

/* Features of an option, and their weights. */
typedef enum ChoiceFeature
{
	CHOICE_COSINE,				/* temperature * cosine */
	CHOICE_RATING,				/* predicted rating, in deviations */
	CHOICE_POPULARITY,
	N_CHOICE_FEATURES
} ChoiceFeature;

typedef struct Choices
{
	int32_t		n_users;
	const int64_t *start;		/* [n_users + 1] each user's first option */
	const float *feature;		/* [options][N_CHOICE_FEATURES] */
	const uint8_t *chosen;		/* [options] 0 or 1 */
} Choices;

/*
 * Fits weight [N_CHOICE_FEATURES], pulled to what it is.  Features are finite.
 * check_interrupts is called for each user, and may not return.
 */
extern void choice_fit(double *weight, const Choices *choices, void (*check_interrupts) (void));

/*
 * The chance that an option is among the chosen ones, by its score weight . features:
 * 1 / (1 + exp(-line[0] - line[1] * score)), by maximum likelihood over all options
 * (Platt 1999).  The slope is pulled to 1 as if by a few options.
 */
extern void choice_calibrate(double *line, const double *weight, const Choices *choices,
							 void (*check_interrupts) (void));

#endif							/* MLREC_EVAL_CHOICE_H */
