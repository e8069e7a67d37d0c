/*
 * mlrec.c: module start.  Picks the BLAS kernels before the library chooses
 * for itself, checks that it is the serial build, defines the settings.
 */
#include "postgres.h"

#include <cblas.h>

#include "fmgr.h"

#include "cache.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

/*
 * OpenBLAS chooses its kernels in a constructor, by CPU model number, and
 * takes the slowest ones for a model newer than itself (seen: SSE3 kernels,
 * a quarter of the speed, on a CPU with AVX-512).  Feature bits do not age,
 * so this constructor, which runs first because of its priority, names the
 * kernels by features unless the administrator has named them.
 */
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

void
_PG_init(void)
{
	if (openblas_get_parallel() != OPENBLAS_SEQUENTIAL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("mlrec must be linked with the serial OpenBLAS"),
				 errhint("Install libopenblas-serial-dev and build mlrec again.")));
	cache_define_settings();
}
