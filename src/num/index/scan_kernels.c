/*
 * scan_kernels.c: see scan_kernels.h.
 *
 * What the compiler makes of loops over bytes is far from what the processor can
 * do, so these are written with intrinsics for AVX2 and for AVX-512 with VNNI, and
 * chosen at run time.  Functions carry the instruction set that they need as an
 * attribute; nothing else in the module may use it.  Other machines use plain C.
 *
 * The estimate from codes is an integer and the same in all of them; scores from
 * vectors are summed in another order in each.
 */
#include "num/index/scan_kernels.h"

#include <string.h>

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define SCAN_X86
#include <immintrin.h>
#define TARGET_AVX2 __attribute__((target("avx2,fma")))
#define TARGET_AVX512 __attribute__((target("avx2,fma,avx512f,avx512bw,avx512vl,avx512vnni")))
#endif

/* Bytes of four dimensions of a block */
#define GROUP_BYTES (CODE_BLOCK * 4)
#define N_GROUPS (VECTOR_DIMS / 4)

/* ---------------------------------------------------------------------------
 * Plain C
 * ------------------------------------------------------------------------- */

/* Sums kept side by side, so that the loops over them make vectors. */
#define LANES 8

static void
score_group_plain(float *scores, const float *const *vectors, const float *query)
{
	for (int i = 0; i < SCAN_GROUP; i++)
	{
		const float *vector = vectors[i];
		float		sum[LANES] = {0};

		for (int d = 0; d < VECTOR_DIMS; d += LANES)
		{
			for (int j = 0; j < LANES; j++)
				sum[j] += vector[d + j] * query[d + j];
		}
		scores[i] = ((sum[0] + sum[4]) + (sum[2] + sum[6])) +
			((sum[1] + sum[5]) + (sum[3] + sum[7]));
	}
}

/*
 * Appends those positions of a block whose upper bound reaches the threshold.
 */
static inline void
keep_block(Survivors *survivors, int32_t first, const int32_t *dots, float scale, float error_bound,
		   float threshold)
{
	int			n = survivors->n;

	for (int i = 0; i < CODE_BLOCK; i++)
	{
		float		bound = scale * (float) dots[i] + error_bound;

		/* written in any case, kept if it counts: no branch */
		survivors->position[n] = first + i;
		survivors->bound[n] = bound;
		n += bound >= threshold;
	}
	survivors->n = n;
}

static void
select_blocks_plain(Survivors *survivors, const Codes *codes, const int32_t *blocks,
					const float *centroid, int32_t n, const ScanQuery *query, bool biased,
					float threshold)
{
	for (int32_t at = 0; at < n; at++)
	{
		int32_t		b = blocks[at];
		const CodeBlock *block = &codes->blocks[b];
		const uint8_t *code = codes->codes + (int64_t) b * CODE_BLOCK_BYTES;
		float		bias = biased ? block->bias : 0;
		int32_t		dots[CODE_BLOCK];

		for (int i = 0; i < CODE_BLOCK; i++)
			dots[i] = query->zero_point;
		for (int g = 0; g < N_GROUPS; g++)
		{
			for (int i = 0; i < CODE_BLOCK; i++)
			{
				for (int j = 0; j < 4; j++)
					dots[i] += code[g * GROUP_BYTES + i * 4 + j] * query->code[g * 4 + j];
			}
		}
		keep_block(survivors, b * CODE_BLOCK, dots, block->scale * query->scale,
				   scan_error_bound(block, query, bias) + bias + centroid[at], threshold);
	}
}

#ifdef SCAN_X86

/* ---------------------------------------------------------------------------
 * AVX2
 * ------------------------------------------------------------------------- */

/* Four of the query's codes, as one number. */
static inline int32_t
four_codes(const ScanQuery *query, int group)
{
	int32_t		four;

	memcpy(&four, query->code + group * 4, sizeof(four));
	return four;
}

/* Which of eight upper bounds, scale * dot + error bound, reach the threshold. */
TARGET_AVX2 static inline __m256
above_avx2(__m256i dots, float scale, float error_bound, __m256 thresholds)
{
	__m256		bound = _mm256_mul_ps(_mm256_cvtepi32_ps(dots), _mm256_set1_ps(scale));

	return _mm256_cmp_ps(_mm256_add_ps(bound, _mm256_set1_ps(error_bound)), thresholds, _CMP_GE_OQ);
}

/* The sums of four registers, each in the same order. */
TARGET_AVX2 static inline __m128
four_sums(__m256 a, __m256 b, __m256 c, __m256 d)
{
	__m256		pairs = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));

	return _mm_add_ps(_mm256_castps256_ps128(pairs), _mm256_extractf128_ps(pairs, 1));
}

TARGET_AVX2 static void
score_group_avx2(float *scores, const float *const *vectors, const float *query)
{
	__m256		sum[SCAN_GROUP];

	for (int i = 0; i < SCAN_GROUP; i++)
		sum[i] = _mm256_setzero_ps();
	for (int d = 0; d < VECTOR_DIMS; d += 8)
	{
		__m256		q = _mm256_loadu_ps(query + d);

		for (int i = 0; i < SCAN_GROUP; i++)
			sum[i] = _mm256_fmadd_ps(_mm256_loadu_ps(vectors[i] + d), q, sum[i]);
	}
	_mm_storeu_ps(scores, four_sums(sum[0], sum[1], sum[2], sum[3]));
}

TARGET_AVX2 static void
select_blocks_avx2(Survivors *survivors, const Codes *codes, const int32_t *blocks,
				   const float *centroid, int32_t n, const ScanQuery *query, bool biased,
				   float threshold)
{
	const __m256i ones = _mm256_set1_epi16(1);
	const __m256 thresholds = _mm256_set1_ps(threshold);

	for (int32_t at = 0; at < n; at++)
	{
		int32_t		b = blocks[at];
		const CodeBlock *block = &codes->blocks[b];
		const __m256i *code = (const __m256i *) (codes->codes + (int64_t) b * CODE_BLOCK_BYTES);
		float		bias = biased ? block->bias : 0;
		float		scale = block->scale * query->scale;
		float		error_bound = scan_error_bound(block, query, bias) + bias + centroid[at];
		__m256i		low = _mm256_set1_epi32(query->zero_point);
		__m256i		high = low;
		__m256		reached;
		int32_t		dots[CODE_BLOCK];

		for (int g = 0; g < N_GROUPS; g++)
		{
			__m256i		q = _mm256_set1_epi32(four_codes(query, g));
			__m256i		first = _mm256_maddubs_epi16(_mm256_load_si256(code + 2 * g), q);
			__m256i		second = _mm256_maddubs_epi16(_mm256_load_si256(code + 2 * g + 1), q);

			low = _mm256_add_epi32(low, _mm256_madd_epi16(first, ones));
			high = _mm256_add_epi32(high, _mm256_madd_epi16(second, ones));
		}
		reached = _mm256_or_ps(above_avx2(low, scale, error_bound, thresholds),
							   above_avx2(high, scale, error_bound, thresholds));
		if (_mm256_movemask_ps(reached) == 0)
			continue;
		_mm256_storeu_si256((__m256i *) dots, low);
		_mm256_storeu_si256((__m256i *) (dots + CODE_BLOCK / 2), high);
		keep_block(survivors, b * CODE_BLOCK, dots, scale, error_bound, threshold);
	}
}

/* ---------------------------------------------------------------------------
 * AVX-512
 * ------------------------------------------------------------------------- */

TARGET_AVX512 static void
score_group_avx512(float *scores, const float *const *vectors, const float *query)
{
	__m512		sum[SCAN_GROUP];
	__m256		half[SCAN_GROUP];

	for (int i = 0; i < SCAN_GROUP; i++)
		sum[i] = _mm512_setzero_ps();
	for (int d = 0; d < VECTOR_DIMS; d += 16)
	{
		__m512		q = _mm512_loadu_ps(query + d);

		for (int i = 0; i < SCAN_GROUP; i++)
			sum[i] = _mm512_fmadd_ps(_mm512_loadu_ps(vectors[i] + d), q, sum[i]);
	}
	for (int i = 0; i < SCAN_GROUP; i++)
	{
		__m512d		both = _mm512_castps_pd(sum[i]);

		half[i] = _mm256_add_ps(_mm512_castps512_ps256(sum[i]),
								_mm256_castpd_ps(_mm512_extractf64x4_pd(both, 1)));
	}
	_mm_storeu_ps(scores, four_sums(half[0], half[1], half[2], half[3]));
}

TARGET_AVX512 static void
select_blocks_avx512(Survivors *survivors, const Codes *codes, const int32_t *blocks,
					 const float *centroid, int32_t n, const ScanQuery *query, bool biased,
					 float threshold)
{
	const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
	const __m512 thresholds = _mm512_set1_ps(threshold);
	__m512i		q[N_GROUPS];

	for (int g = 0; g < N_GROUPS; g++)
		q[g] = _mm512_set1_epi32(four_codes(query, g));
	for (int32_t at = 0; at < n; at++)
	{
		int32_t		b = blocks[at];
		const CodeBlock *block = &codes->blocks[b];
		const uint8_t *code = codes->codes + (int64_t) b * CODE_BLOCK_BYTES;
		float		bias = biased ? block->bias : 0;
		float		error_bound = scan_error_bound(block, query, bias) + bias + centroid[at];
		__m512i		even = _mm512_set1_epi32(query->zero_point);
		__m512i		odd = _mm512_setzero_si512();
		__m512		bound;
		__mmask16	reached;

		for (int g = 0; g < N_GROUPS; g += 2)
		{
			even = _mm512_dpbusd_epi32(even, _mm512_load_si512(code + g * GROUP_BYTES), q[g]);
			odd = _mm512_dpbusd_epi32(odd, _mm512_load_si512(code + (g + 1) * GROUP_BYTES),
									  q[g + 1]);
		}
		bound = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_add_epi32(even, odd)),
							  _mm512_set1_ps(block->scale * query->scale));
		bound = _mm512_add_ps(bound, _mm512_set1_ps(error_bound));
		reached = _mm512_cmp_ps_mask(bound, thresholds, _CMP_GE_OQ);
		if (reached != 0)
		{
			__m512i		position = _mm512_add_epi32(lane, _mm512_set1_epi32(b * CODE_BLOCK));

			_mm512_mask_compressstoreu_epi32(survivors->position + survivors->n, reached, position);
			_mm512_mask_compressstoreu_ps(survivors->bound + survivors->n, reached, bound);
			survivors->n += __builtin_popcount(reached);
		}
	}
}

const ScanKernels scan_kernels[N_SCAN_LEVELS] = {
	{score_group_plain, select_blocks_plain},
	{score_group_avx2, select_blocks_avx2},
	{score_group_avx512, select_blocks_avx512}
};

#else							/* not SCAN_X86 */

const ScanKernels scan_kernels[N_SCAN_LEVELS] = {
	{score_group_plain, select_blocks_plain},
	{score_group_plain, select_blocks_plain},
	{score_group_plain, select_blocks_plain}
};

#endif							/* SCAN_X86 */
