# What src/num needs to be compiled and linked, wherever that happens: in the
# extension, in the unit tests and in the benchmarks.

# The serial OpenBLAS, as a static archive: the threaded build starts a thread
# in every backend that loads it, and the server's signal handlers may then run
# in that thread.
MULTIARCH   := $(shell { $(CC) -print-multiarch || $(CC) -dumpmachine | sed s/-pc-/-/; } 2>/dev/null)
BLAS_DIR    ?= /usr/lib/$(MULTIARCH)/openblas-serial
BLAS_INC    ?= /usr/include/$(MULTIARCH)/openblas-serial
NUM_CPPFLAGS = -I$(BLAS_INC)
NUM_LIBS     = $(BLAS_DIR)/libopenblas.a -lm

# Reassociation only where sums may be reordered freely: the kernels.  Never
# -ffast-math: linked into a shared object it changes the whole backend.
KERNELS       = base/simd net/layers net/adam net/ranker
KERNEL_CFLAGS = -fassociative-math -fno-signed-zeros -fno-trapping-math -fno-math-errno -ffp-contract=fast

# The contrary: what serving computes has the same bits whatever the compiler
# makes of a loop, so it must neither reorder sums nor fuse operations.  Clang
# unrolls the tiles of net/dense.c only if told that they may be so large.
EXACT         = net/dense net/history net/rank_pairs net/recents
EXACT_CFLAGS  = -ffp-contract=off $(if $(findstring clang,$(CC)),-mllvm -unroll-threshold=4000)
