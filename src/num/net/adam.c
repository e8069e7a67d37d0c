/*
 * adam.c: see adam.h.
 */
#include "num/net/adam.h"

#include <math.h>

#include "num/base/cpu.h"

#define BETA1 0.9f
#define BETA2 0.999f
#define EPSILON 1e-7f

/*
 * The textbook divides m by (1 - beta1^t) and v by (1 - beta2^t).  The same
 * step with the corrections taken out of the loop:
 *
 *		m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps)
 *		= root / (1 - b1^t) * m / (sqrt(v) + eps * root),  root = sqrt(1 - b2^t)
 */
AdamStep
adam_step(float learning_rate, float decay, int64_t step)
{
	double		root = sqrt(1.0 - pow(BETA2, (double) step));
	AdamStep	result;

	result.rate = (float) (learning_rate * root / (1.0 - pow(BETA1, (double) step)));
	result.epsilon = (float) (EPSILON * root);
	result.decay = decay;
	return result;
}

static inline void
adam_one(float *param, float *m, float *v, float g, AdamStep step)
{
	g += step.decay * *param;
	*m += (1.0f - BETA1) * (g - *m);
	*v += (1.0f - BETA2) * (g * g - *v);
	*param -= step.rate * *m / (sqrtf(*v) + step.epsilon);
}

MULTIVERSION void
adam_update(float *restrict param, float *restrict m, float *restrict v,
			const float *restrict gradient, int n_parts, int64_t stride, int64_t n, AdamStep step)
{
	for (int64_t i = 0; i < n; i++)
	{
		float		g = gradient[i];

		for (int part = 1; part < n_parts; part++)
			g += gradient[part * stride + i];
		adam_one(param + i, m + i, v + i, g, step);
	}
}

MULTIVERSION void
adam_update_clear(float *param, float *m, float *v, float *gradient, int64_t n, AdamStep step)
{
	for (int64_t i = 0; i < n; i++)
	{
		adam_one(param + i, m + i, v + i, gradient[i], step);
		gradient[i] = 0;
	}
}
