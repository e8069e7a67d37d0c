/*
 * share.h: how much of what the networks add to the biases is borne out.
 */
#ifndef MLREC_TRAIN_SHARE_H
#define MLREC_TRAIN_SHARE_H

#include "num/data/ratings.h"

typedef struct Share
{
	float		share;			/* 0 to 1 */
	float		rmse;			/* with it, in deviations; NaN without rows */
	float		base_rmse;		/* of the biases alone */
} Share;

/*
 * The share s, 0 to 1, for which base + s * (predicted - base) is nearest to the
 * actual ratings of the validation rows, less one standard error of it, and damped
 * as if some users had shown nothing: with few ratings, or where the networks do not
 * help, that is little or 0.  Users, not rows, are what is independent, so the error
 * is that of sums over users.  predicted,
 * base, actual: one for each validation row, user by user.  1 without any rows, and
 * 0 where a prediction is no number.
 */
extern Share share_fit(const float *predicted, const float *base, const float *actual,
					   const Ratings *ratings);

#endif							/* MLREC_TRAIN_SHARE_H */
