/*
 * codes.h: the movies' vectors in 8 bits a number.
 *
 * A search through the codes reads a quarter of the bytes of the vectors; scan.h
 * makes its result exact all the same.  Sixteen movies make a block:
 *
 *		codes	uint8 [VECTOR_DIMS / 4][16 movies][4 dims], CODE_ZERO + the code
 *		scale	vector ~ centroid + scale * code, one for the block
 *		error	bound of the distance between the two, for any movie of the block
 *
 * so that one load has four dimensions of sixteen movies, in the form that the
 * processors' dot products of bytes take, and no sum crosses a register.  With
 * the codes movie by movie, adding up took longer than reading memory.
 *
 * The centroid is the mean of the list (ivf.h) that the block belongs to.  What is
 * coded is the residual, the vector less the centroid.  Residuals are short, so
 * the codes are fine, and the length of a residual bounds how far a movie's score
 * can be from the centroid's.
 *
 * Codes are in an order of their own.  A position in it may be empty (NO_MOVIE),
 * where a list ends within a block.
 */
#ifndef MLREC_INDEX_CODES_H
#define MLREC_INDEX_CODES_H

#include <stdbool.h>
#include <stdint.h>

#include "num/net/tensors.h"

#define CODE_BLOCK 16			/* movies */
#define CODE_BLOCK_BYTES (CODE_BLOCK * VECTOR_DIMS)
#define CODE_ZERO 128			/* what a code of 0 is stored as */
#define NO_MOVIE (-1)			/* at an empty position */

/* At the start of the section; CODE_BLOCK_BYTES for each block follow. */
typedef struct CodesHeader
{
	int32_t		n_blocks;
	int32_t		unused[15];
} CodesHeader;

/* Scale and bounds of a block; these follow the codes. */
typedef struct CodeBlock
{
	float		scale;
	float		error;			/* at least |residual - scale * code|, plus what
								 * rounding does to the centroid's score */
	float		norm;			/* at least |residual| and |scale * code| */
	float		bias;			/* at least the bias of each movie, see scan.h */
} CodeBlock;

/* A view of the section */
typedef struct Codes
{
	int32_t		n_blocks;
	const uint8_t *codes;		/* [n_blocks * CODE_BLOCK_BYTES], 64-byte aligned */
	const CodeBlock *blocks;	/* [n_blocks] */
	const int32_t *movies;		/* [n_blocks * CODE_BLOCK], or NO_MOVIE */
} Codes;

/* The number of blocks that n movies fill. */
static inline int32_t
code_blocks(int32_t n)
{
	return n / CODE_BLOCK + (n % CODE_BLOCK > 0);
}

/* Bytes of a section of n_blocks. */
extern uint64_t codes_size(int32_t n_blocks);

/* Makes a view of a section, which is 64-byte aligned. */
extern void codes_open(Codes *codes, const void *section);

/*
 * Begins a section of n_blocks, codes_size(n_blocks) bytes.  order [n_blocks *
 * CODE_BLOCK]: the movie of each position, or NO_MOVIE.
 */
extern void codes_begin(void *section, const int32_t *order, int32_t n_blocks);

/*
 * Encodes blocks from .. to - 1.  vectors [n * VECTOR_DIMS] and centroid
 * [VECTOR_DIMS], finite and no longer than 1e15; bias [n], not negative.
 */
extern void codes_fill(void *section, const float *vectors, const float *bias,
					   const float *centroid, int32_t from, int32_t to);

/* Widens the bounds `all` so that they hold for the block too. */
extern void codes_widen(CodeBlock *all, const CodeBlock *block);

/*
 * Whether `size` bytes are codes of n movies that a search can read safely: counts
 * and indices are checked, not the codes.
 */
extern bool codes_are_sound(const void *section, uint64_t size, int32_t n);

#endif							/* MLREC_INDEX_CODES_H */
