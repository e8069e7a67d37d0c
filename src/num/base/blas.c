/*
 * blas.c: picks the BLAS kernels before the library chooses for itself.
 *
 * OpenBLAS chooses its kernels in a constructor, by CPU model number, and
 * takes the slowest ones for a model newer than itself (seen: SSE3 kernels,
 * a quarter of the speed, on a CPU with AVX-512).  Feature bits do not age,
 * so this constructor, which runs first because of its priority, names the
 * kernels by features unless the administrator has named them.
 */
#include <stdlib.h>

__attribute__((constructor(101)))
static void
choose_blas_kernels(void)
{
#if defined(__x86_64__)
	__builtin_cpu_init();
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
		__builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
		setenv("OPENBLAS_CORETYPE", "SkylakeX", 0);
	else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
		setenv("OPENBLAS_CORETYPE", "Haswell", 0);
#endif
}
