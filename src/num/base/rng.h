/*
 * rng.h: random numbers as a function of (key, index).
 *
 * Counter-based: no state, so any process can draw any number of any stream,
 * and what is drawn does not depend on who draws it or in which order.  The
 * mixing functions are bijections with good avalanche: 64 bits by the
 * finaliser of SplitMix64 (Steele, Lea & Flood, OOPSLA 2014), 32 bits by the
 * "lowbias32" constants of C. Wellons (Prospecting for hash functions, 2018).
 */
#ifndef MLREC_BASE_RNG_H
#define MLREC_BASE_RNG_H

#include <stdint.h>

static inline uint64_t
rng_mix64(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ULL;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

static inline uint32_t
rng_mix32(uint32_t x)
{
	x = (x ^ (x >> 16)) * 0x7feb352dU;
	x = (x ^ (x >> 15)) * 0x846ca68bU;
	return x ^ (x >> 16);
}

/* A key for a stream of its own: what it is for, and where in training. */
static inline uint64_t
rng_key(uint64_t seed, uint32_t purpose, uint32_t epoch, uint32_t step)
{
	uint64_t	key = rng_mix64(seed ^ ((uint64_t) purpose << 56));

	return rng_mix64(key ^ ((uint64_t) epoch << 32 | step));
}

static inline uint64_t
rng_u64(uint64_t key, uint64_t index)
{
	return rng_mix64(key ^ rng_mix64(index));
}

/* Uniform in [0, 1). */
static inline float
rng_uniform(uint64_t key, uint64_t index)
{
	return (float) (rng_u64(key, index) >> 40) * 0x1p-24f;
}

/* Uniform in 0 .. n - 1, for n >= 1; the bias is below n / 2^32. */
static inline uint32_t
rng_below(uint64_t key, uint64_t index, uint32_t n)
{
	return (uint32_t) (((rng_u64(key, index) >> 32) * n) >> 32);
}

#endif							/* MLREC_BASE_RNG_H */
