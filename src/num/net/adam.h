/*
 * adam.h: Adam (Kingma & Ba, ICLR 2015), with beta1 0.9, beta2 0.999,
 * epsilon 1e-7 outside the root.
 */
#ifndef MLREC_NET_ADAM_H
#define MLREC_NET_ADAM_H

#include <stdint.h>

typedef struct AdamStep
{
	float		rate;			/* learning rate with both bias corrections in it */
	float		epsilon;		/* likewise corrected */
	float		decay;			/* L2 penalty: gradient += decay * parameter */
} AdamStep;

/* The step number counts from 1. */
extern AdamStep adam_step(float learning_rate, float decay, int64_t step);

/*
 * One step for n parameters.  The gradient is the sum over n_parts parts, part
 * p at gradient + p * stride, added in that order; it is left as it is.
 */
extern void adam_update(float *param, float *m, float *v, const float *gradient,
						int n_parts, int64_t stride, int64_t n, AdamStep step);

/* The same for one part, which is set to zero behind it. */
extern void adam_update_clear(float *param, float *m, float *v, float *gradient,
							  int64_t n, AdamStep step);

#endif							/* MLREC_NET_ADAM_H */
