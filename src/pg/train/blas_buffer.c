/*
 * blas_buffer.c: makes OpenBLAS's first product happen where it cannot hang.
 *
 * At its first product OpenBLAS maps a buffer, which it keeps as long as the
 * process lives.  If the system refuses (a limit on the address space, strict
 * overcommit), OpenBLAS asks again for ever, where nothing can interrupt it.  So
 * the same is asked for beforehand, given back, and taken by a product at once.
 */
#include "postgres.h"

#include <errno.h>
#include <sys/mman.h>

#include "num/net/layers.h"
#include "pg/train/blas_buffer.h"

/*
 * BUFFER_SIZE of OpenBLAS's common_x86_64.h and common_arm64.h, the largest
 * there is of a build that chooses its kernels at run time.
 */
#define BLAS_BUFFER ((Size) 128 * 1024 * 1024)

/* Products of up to a million multiplications may do without the buffer. */
#define SIDE 128

void
blas_buffer_take(void)
{
	static bool taken = false;
	void	   *map;
	float	   *square;
	float	   *out;

	if (taken)
		return;
	square = palloc0(sizeof(float) * SIDE * SIDE);
	out = palloc(sizeof(float) * SIDE * SIDE);
	map = mmap(NULL, BLAS_BUFFER, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory"),
				 errdetail("Each process that trains reserves %zu MB of address space for matrix "
						   "products, which the system refuses: %m.", BLAS_BUFFER >> 20),
				 errhint("Raise the limit on the server's address space (ulimit -v, or LimitAS of "
						 "its service) or vm.overcommit_ratio, or train with fewer workers.")));
	munmap(map, BLAS_BUFFER);
	matmul(out, square, square, layer_size(SIDE, SIDE, SIDE), false);
	taken = true;
	pfree(out);
	pfree(square);
}
