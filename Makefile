# mlrec: a two-stage recommender inside PostgreSQL
EXTENSION   = mlrec
EXTVERSION  = $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" mlrec.control)
MODULE_big  = mlrec
DATA        = $(wildcard sql/mlrec--*.sql)
NUM_SRCS    = $(sort $(wildcard src/num/*.c))
PG_SRCS     = $(sort $(wildcard src/pg/*.c))
OBJS        = $(NUM_SRCS:.c=.o) $(PG_SRCS:.c=.o)
REGRESS     = $(sort $(patsubst test/sql/%.sql,%,$(wildcard test/sql/*.sql)))
REGRESS_OPTS = --inputdir=test

PG_CONFIG  ?= pg_config
BLAS_DIR   ?= /usr/lib/$(shell gcc -print-multiarch)/openblas-serial
BLAS_INC   ?= /usr/include/$(shell gcc -print-multiarch)/openblas-serial

PG_CPPFLAGS = -Isrc/num -I$(BLAS_INC)
PG_CFLAGS   = -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers -O3
SHLIB_LINK  = $(BLAS_DIR)/libopenblas.a -Wl,--exclude-libs,ALL -lm

override with_llvm := no
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# Reassociation only where sums may be reordered freely: the kernels.  Never
# -ffast-math: linked into a shared object it changes the whole backend.
src/num/simd.o: override CFLAGS += -fassociative-math -fno-signed-zeros -fno-trapping-math -ffp-contract=fast
