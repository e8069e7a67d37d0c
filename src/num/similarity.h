/*
 * similarity.h: distances between vectors of any finite floats, safe against
 * the overflow and underflow of their squares.
 */
#ifndef MLREC_SIMILARITY_H
#define MLREC_SIMILARITY_H

#include <stdbool.h>

#pragma GCC visibility push(hidden)

/* The results are finite, whatever the finite inputs; n may be zero. */
extern double similarity_dot(const float *a, const float *b, int n);
extern double similarity_l2(const float *a, const float *b, int n);
extern double similarity_norm(const float *a, int n);

/*
 * The cosine of a and b, within [-1, 1] and exactly 1 for a == b, into *cosine.
 * False, and nothing stored, if a or b is zero: then there is no angle.
 */
extern bool similarity_cosine(double *cosine, const float *a, const float *b, int n);

#pragma GCC visibility pop

#endif							/* MLREC_SIMILARITY_H */
