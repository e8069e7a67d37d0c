/*
 * dense.c: matrix products for inference, with one order of summation.
 *
 * One template, dense_kernels.h, makes the kernels for each instruction set.
 * Functions carry the instruction set that they need as an attribute; nothing
 * else in the module may use it.
 *
 * The compiler must not reorder sums here, nor fuse a multiplication and an
 * addition that are written apart, as it might in one tile and not in another:
 * see num.mk.
 *
 * Rejected: one function that the compiler makes for several processors
 * (cpu.h).  A tile that fills the registers of AVX-512 does not fit
 * those of AVX2, and the compiler then keeps the sums in memory.
 */
#include "num/net/dense.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "num/net/layers.h"
#include "num/net/tensors.h"

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define DENSE_X86
#include <immintrin.h>
#endif

/* The most panels of a tile, for arrays. */
#define MAX_PANELS 4

/* Clang unrolls what is constant by itself, and would unroll what is not if it were told to. */
#if defined(__GNUC__) && !defined(__clang__)
#define UNROLL _Pragma("GCC unroll 16")
#else
#define UNROLL
#endif

/* ---------------------------------------------------------------------------
 * Plain C
 * ------------------------------------------------------------------------- */

/* A register that every processor has; the compiler may make two of it. */
typedef float Four __attribute__((vector_size(16)));
typedef int32_t FourBits __attribute__((vector_size(16)));

static inline Four
load_four(const float *p)
{
	Four		v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline void
store_four(float *p, Four v)
{
	memcpy(p, &v, sizeof(v));
}

static inline Four
positive_four(Four v)
{
	return (Four) ((FourBits) v & (v > (Four) {0, 0, 0, 0}));
}

#define KERNEL(name) name##_plain
#define TARGET
#define Lanes Four
#define LANES 4
#define ZERO ((Four) {0, 0, 0, 0})
#define SPREAD(x) ((Four) {(x), (x), (x), (x)})
#define LOAD(p) load_four(p)
#define STORE(p, v) store_four(p, v)
#define ADD(a, b) ((a) + (b))
#define POSITIVE(v) positive_four(v)
#define MULADD(a, b, c) ((a) * (b) + (c))
#define MANY_ROWS 3
#define MANY_PANELS 1
#define FEW_ROWS 1
#define FEW_PANELS 2
#define ONE_PANELS 2
#include "num/net/dense_kernels.h"

#ifdef DENSE_X86

/* ---------------------------------------------------------------------------
 * AVX2
 * ------------------------------------------------------------------------- */

#define KERNEL(name) name##_avx2
#define TARGET __attribute__((target("avx2,fma")))
#define Lanes __m256
#define LANES 8
#define ZERO _mm256_setzero_ps()
#define SPREAD(x) _mm256_set1_ps(x)
#define LOAD(p) _mm256_loadu_ps(p)
#define STORE(p, v) _mm256_storeu_ps(p, v)
#define ADD(a, b) _mm256_add_ps(a, b)
#define POSITIVE(v) _mm256_max_ps(v, _mm256_setzero_ps())
#define MULADD(a, b, c) _mm256_fmadd_ps(a, b, c)
#define MANY_ROWS 6
#define MANY_PANELS 1
#define FEW_ROWS 2
#define FEW_PANELS 2
#define ONE_PANELS 4
#include "num/net/dense_kernels.h"

/* ---------------------------------------------------------------------------
 * AVX-512
 * ------------------------------------------------------------------------- */

#define KERNEL(name) name##_avx512
#define TARGET __attribute__((target("avx2,fma,avx512f")))
#define Lanes __m512
#define LANES 16
#define ZERO _mm512_setzero_ps()
#define SPREAD(x) _mm512_set1_ps(x)
#define LOAD(p) _mm512_loadu_ps(p)
#define STORE(p, v) _mm512_storeu_ps(p, v)
#define ADD(a, b) _mm512_add_ps(a, b)
#define POSITIVE(v) _mm512_max_ps(v, _mm512_setzero_ps())
#define MULADD(a, b, c) _mm512_fmadd_ps(a, b, c)
#define MANY_ROWS 12
#define MANY_PANELS 2
#define FEW_ROWS 4
#define FEW_PANELS 4
#define ONE_PANELS 4
#include "num/net/dense_kernels.h"

const DenseKernels dense_kernels[N_DENSE_LEVELS] = {
	{forward_plain, dot2_plain},
	{forward_avx2, dot2_avx2},
	{forward_avx512, dot2_avx512}
};

#else							/* not DENSE_X86 */

const DenseKernels dense_kernels[N_DENSE_LEVELS] = {
	{forward_plain, dot2_plain},
	{forward_plain, dot2_plain},
	{forward_plain, dot2_plain}
};

#endif							/* DENSE_X86 */

/* ---------------------------------------------------------------------------
 * What they are used for
 * ------------------------------------------------------------------------- */

DenseLevel
dense_level(void)
{
#ifdef DENSE_X86
	if (__builtin_cpu_supports("avx512f"))
		return DENSE_AVX512;
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
		return DENSE_AVX2;
#endif
	return DENSE_PLAIN;
}

void
dense_pack(float *packed, const float *weight, int fan_in, int fan_out)
{
	for (int i = 0; i < fan_in; i++)
		for (int column = 0; column < fan_out; column += DENSE_PANEL)
			memcpy(packed + dense_packed_index(fan_in, i, column), weight + i * fan_out + column,
				   sizeof(float) * DENSE_PANEL);
}

void
dense_forward(float *out, int out_stride, const float *in, const DenseLayer *layer, int rows)
{
	dense_kernels[dense_level()].forward(out, out_stride, in, layer, rows);
}

/* Vectors as packed weights, one a column; columns from n on are 0. */
static void
pack_vectors(float *packed, const float *vectors, int n)
{
	for (int column = 0; column < DENSE_COLUMNS; column++)
		for (int i = 0; i < VECTOR_DIMS; i++)
			packed[dense_packed_index(VECTOR_DIMS, i, column)] =
				column < n ? vectors[column * VECTOR_DIMS + i] : 0;
}

void
dense_scores(float *out, int out_stride, const float *queries, int rows, const float *vectors,
			 int n)
{
	enum {SOME_ROWS = 12};
	float		packed[VECTOR_DIMS * DENSE_COLUMNS] __attribute__((aligned(64)));
	float		some[SOME_ROWS * DENSE_COLUMNS];
	DenseLayer	layer = dense_packed_layer(packed, NULL, VECTOR_DIMS, DENSE_COLUMNS, false);

	for (int at = 0; at < n; at += DENSE_COLUMNS, vectors += DENSE_COLUMNS * VECTOR_DIMS)
	{
		int			columns = n - at < DENSE_COLUMNS ? n - at : DENSE_COLUMNS;

		pack_vectors(packed, vectors, columns);
		if (columns == DENSE_COLUMNS)
		{
			dense_forward(out + at, out_stride, queries, &layer, rows);
			continue;
		}
		for (int row = 0; row < rows; row += SOME_ROWS)
		{
			int			n_rows = rows - row < SOME_ROWS ? rows - row : SOME_ROWS;

			dense_forward(some, DENSE_COLUMNS, queries + (int64_t) row * VECTOR_DIMS, &layer,
						  n_rows);
			for (int i = 0; i < n_rows; i++)
				memcpy(out + (int64_t) (row + i) * out_stride + at, some + i * DENSE_COLUMNS,
					   sizeof(float) * columns);
		}
	}
}

float
dense_dot2(const float *a, const float *b, const float *c, const float *d)
{
	return dense_kernels[dense_level()].dot2(a, b, c, d);
}

float
dense_dot(const float *a, const float *b)
{
	return dense_kernels[dense_level()].dot2(a, b, NULL, NULL);
}

void
dense_unit(float *vectors, int rows)
{
	for (int row = 0; row < rows; row++, vectors += VECTOR_DIMS)
	{
		float		norm = sqrtf(dense_dot(vectors, vectors));
		float		inverse = 1.0f / (norm > UNIT_EPSILON ? norm : UNIT_EPSILON);

		for (int i = 0; i < VECTOR_DIMS; i++)
			vectors[i] *= inverse;
	}
}
