/*
 * codes.c: see codes.h.
 *
 * A code is the nearest multiple of the block's scale, which is the largest
 * magnitude in the block over 127.  One scale for all movies would be simpler, and
 * as coarse as the most extreme movie makes it; one for each movie would be a
 * little finer and cost four more bytes a movie.
 */
#include "num/index/codes.h"

#include <math.h>
#include <string.h>

/* Makes an upper bound of a sum in double precision that is rounded to a float. */
#define ROUND_UP 1.000001

/* Of the centroid's length, as SCAN_ROUNDING of scan_kernels.h */
#define CENTROID_ROUNDING 1e-5

uint64_t
codes_size(int32_t n_blocks)
{
	return sizeof(CodesHeader) + (uint64_t) n_blocks *
		(CODE_BLOCK_BYTES + sizeof(CodeBlock) + CODE_BLOCK * sizeof(int32_t));
}

void
codes_open(Codes *codes, const void *section)
{
	const CodesHeader *header = section;

	codes->n_blocks = header->n_blocks;
	codes->codes = (const uint8_t *) (header + 1);
	codes->blocks = (const CodeBlock *) (codes->codes +
										 (int64_t) header->n_blocks * CODE_BLOCK_BYTES);
	codes->movies = (const int32_t *) (codes->blocks + header->n_blocks);
}

void
codes_widen(CodeBlock *all, const CodeBlock *block)
{
	all->error = block->error > all->error ? block->error : all->error;
	all->norm = block->norm > all->norm ? block->norm : all->norm;
	all->bias = block->bias > all->bias ? block->bias : all->bias;
}

/*
 * The bounds for one movie: its vector, and codes as multiples of the block's scale.
 */
static CodeBlock
bounds_of_vector(const float *vector, const float *centroid, const int *code, float scale,
				 float bias)
{
	double		error = 0;
	double		norm = 0;
	double		coded_norm = 0;
	double		centroid_norm = 0;
	CodeBlock	bounds = {.scale = scale, .bias = bias};

	for (int d = 0; d < VECTOR_DIMS; d++)
	{
		double		residual = (double) vector[d] - centroid[d];
		double		coded = (double) scale * code[d];

		error += (residual - coded) * (residual - coded);
		norm += residual * residual;
		coded_norm += coded * coded;
		centroid_norm += (double) centroid[d] * centroid[d];
	}
	bounds.error = (float) ((sqrt(error) + CENTROID_ROUNDING * sqrt(centroid_norm)) * ROUND_UP);
	bounds.norm = (float) (sqrt(norm > coded_norm ? norm : coded_norm) * ROUND_UP);
	return bounds;
}

/*
 * x as the nearest multiple of the scale, from -127 to 127.
 */
static int
encode(float x, float scale)
{
	/* a scale too small to divide by is 0, or makes too large a code */
	float		code = scale > 0 ? rintf(x / scale) : 0;

	return code > 127 ? 127 : code < -127 ? -127 : (int) code;
}

/*
 * Encodes the block of these movies.
 */
static void
fill_block(CodeBlock *block, uint8_t *codes, const int32_t *movies, const float *vectors,
		   const float *bias, const float *centroid)
{
	float		largest = 0;

	memset(block, 0, sizeof(CodeBlock));
	memset(codes, CODE_ZERO, CODE_BLOCK_BYTES);
	for (int i = 0; i < CODE_BLOCK; i++)
	{
		const float *vector;

		if (movies[i] == NO_MOVIE)
			continue;
		vector = vectors + (int64_t) movies[i] * VECTOR_DIMS;
		for (int d = 0; d < VECTOR_DIMS; d++)
			largest = fmaxf(largest, fabsf(vector[d] - centroid[d]));
	}
	block->scale = largest / 127;
	for (int i = 0; i < CODE_BLOCK; i++)
	{
		const float *vector;
		int			code[VECTOR_DIMS];
		CodeBlock	bounds;

		if (movies[i] == NO_MOVIE)
			continue;
		vector = vectors + (int64_t) movies[i] * VECTOR_DIMS;
		for (int d = 0; d < VECTOR_DIMS; d++)
		{
			code[d] = encode(vector[d] - centroid[d], block->scale);
			codes[d / 4 * CODE_BLOCK * 4 + i * 4 + d % 4] = (uint8_t) (CODE_ZERO + code[d]);
		}
		bounds = bounds_of_vector(vector, centroid, code, block->scale, bias[movies[i]]);
		codes_widen(block, &bounds);
	}
}

void
codes_begin(void *section, const int32_t *order, int32_t n_blocks)
{
	CodesHeader *header = section;
	Codes		codes;

	memset(header, 0, sizeof(CodesHeader));
	header->n_blocks = n_blocks;
	codes_open(&codes, section);
	memcpy((int32_t *) codes.movies, order, sizeof(int32_t) * CODE_BLOCK * n_blocks);
}

void
codes_fill(void *section, const float *vectors, const float *bias, const float *centroid,
		   int32_t from, int32_t to)
{
	Codes		codes;

	codes_open(&codes, section);
	for (int64_t b = from; b < to; b++)
		fill_block((CodeBlock *) codes.blocks + b, (uint8_t *) codes.codes + b * CODE_BLOCK_BYTES,
				   codes.movies + b * CODE_BLOCK, vectors, bias, centroid);
}

bool
codes_are_sound(const void *section, uint64_t size, int32_t n)
{
	const CodesHeader *header = section;
	Codes		codes;

	if (size < sizeof(CodesHeader) || header->n_blocks < 0 ||
		header->n_blocks > INT32_MAX / CODE_BLOCK || codes_size(header->n_blocks) > size)
		return false;
	codes_open(&codes, section);
	for (int64_t i = 0; i < (int64_t) codes.n_blocks * CODE_BLOCK; i++)
	{
		if (codes.movies[i] < NO_MOVIE || codes.movies[i] >= n)
			return false;
	}
	return true;
}
