/*
 * codes.h: the movies' vectors once more, a byte for each number.
 *
 * A search that reads these reads a quarter of the bytes, and scan.h makes the
 * result exact all the same.  Sixteen movies make a block:
 *
 *		codes	uint8 [VECTOR_DIMS / 4][16 movies][4 dims], CODE_ZERO + the code
 *		step	vector ~ origin + step * code, one for the block
 *		error	how far off that is for any movie of the block
 *
 * so that one load brings four dimensions of sixteen movies, in the form that
 * the processors' dot products of bytes want, and no sum crosses a register.
 * Row by row, adding up took longer than reading memory.
 *
 * The origin is the mean of the list (ivf.h) that the block belongs to.  What is
 * left of the vectors is short, so the codes are fine, and how long it is tells
 * how far from the origin's score a movie's can be.
 *
 * Movies stand in an order of their own, with gaps where a list of the index
 * (ivf.h) ends within a block.
 */
#ifndef MLREC_INDEX_CODES_H
#define MLREC_INDEX_CODES_H

#include <stdbool.h>
#include <stdint.h>

#include "num/net/tensors.h"

#define CODE_BLOCK 16			/* movies */
#define CODE_BLOCK_BYTES (CODE_BLOCK * VECTOR_DIMS)
#define CODE_ZERO 128			/* what a code of 0 is stored as */
#define NO_MOVIE (-1)			/* a gap */

/* At the start of the section; CODE_BLOCK_BYTES for each block follow. */
typedef struct CodesHeader
{
	int32_t		n_blocks;
	int32_t		unused[15];
} CodesHeader;

/* What a block's codes mean; these follow the codes. */
typedef struct CodeBlock
{
	float		scale;
	float		error;			/* at least |vector - origin - step * code|, and what
								 * rounding does to the origin's score */
	float		norm;			/* at least |vector - origin| and |step * code| */
	float		bias;			/* at least the movies' bias, see scan.h */
} CodeBlock;

/* A view of the section */
typedef struct Codes
{
	int32_t		n_blocks;
	const uint8_t *codes;		/* [n_blocks * CODE_BLOCK_BYTES], 64-byte aligned */
	const CodeBlock *blocks;	/* [n_blocks] */
	const int32_t *movies;		/* [n_blocks * CODE_BLOCK], or NO_MOVIE */
} Codes;

/* Blocks that n movies fill. */
static inline int32_t
code_blocks(int32_t n)
{
	return n / CODE_BLOCK + (n % CODE_BLOCK > 0);
}

/* Bytes of so many blocks. */
extern uint64_t codes_size(int32_t n_blocks);

/* `section` is 64-byte aligned. */
extern void codes_open(Codes *codes, const void *section);

/*
 * Begins a section of n_blocks, codes_size(n_blocks) bytes.  order [n_blocks *
 * CODE_BLOCK] says which movie goes where, or NO_MOVIE.
 */
extern void codes_begin(void *section, const int32_t *order, int32_t n_blocks);

/*
 * Encodes blocks from .. to - 1.  rows [n * VECTOR_DIMS] and origin [VECTOR_DIMS],
 * finite and no longer than 1e15; bias [n], not negative.
 */
extern void codes_fill(void *section, const float *rows, const float *bias, const float *centroid,
					   int32_t from, int32_t to);

/* Makes the bounds of `all` hold for a block, too. */
extern void codes_widen(CodeBlock *all, const CodeBlock *block);

/* Whether `size` bytes are codes of n movies, as far as a search relies on it. */
extern bool codes_are_sound(const void *section, uint64_t size, int32_t n);

#endif							/* MLREC_INDEX_CODES_H */
