/*
 * radix.h: what radix sorts have in common.
 */
#ifndef MLREC_BASE_RADIX_H
#define MLREC_BASE_RADIX_H

#include <stdint.h>
#include <string.h>

/*
 * The bits of a float as a signed integer of the same order, and the inverse.  -0
 * comes below 0: add 0.0f first where they must be equal.  Not for NaN.
 */
static inline int32_t
float_to_ordered(float x)
{
	int32_t		bits;

	memcpy(&bits, &x, sizeof(bits));
	return bits ^ (bits < 0 ? INT32_MAX : 0);
}

static inline float
float_from_ordered(int32_t ordered)
{
	float		x;

	ordered ^= ordered < 0 ? INT32_MAX : 0;
	memcpy(&x, &ordered, sizeof(x));
	return x;
}

/* Turns the sizes of n buckets into the positions where they start. */
static inline void
radix_starts(int64_t *buckets, int n)
{
	int64_t		sum = 0;

	for (int i = 0; i < n; i++)
	{
		int64_t		count = buckets[i];

		buckets[i] = sum;
		sum += count;
	}
}

#endif							/* MLREC_BASE_RADIX_H */
