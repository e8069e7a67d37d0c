# mlrec: a two-stage recommender inside PostgreSQL
#
#   make, make install        build and install (PG_CONFIG=... chooses the server)
#   make installcheck         test what is installed, on the server that runs
#   make check [ML1M=dir]     everything from set-up to the last test
#   make demo  [ML1M=dir]     load, train and recommend on a throw-away server
#   make web   [ML1M=dir]     the same in the browser; DATABASE_URL=... make web
#                             serves a database of yours, make web-install prepares it
#   make bench [ML1M=dir]     measure
#   make lint, make format    what the source must look like
#
# ML1M is a directory with MovieLens 1M; data/ml-1m is taken if it is there.

# These do their own set-up, the server's headers included, and so must work
# on a machine that has nothing yet: they do not read PGXS.
DEV_TARGETS = check demo web web-install bench lint format
ifneq ($(filter $(DEV_TARGETS),$(MAKECMDGOALS)),)

.PHONY: $(MAKECMDGOALS)
export ML1M PG_CONFIG CC DATABASE_URL

check demo lint:
	@test/$@
web web-install:
	@src/web/run $@
bench:
	@test/bench/run
format:
	@test/lint --fix
$(filter-out $(DEV_TARGETS),$(MAKECMDGOALS)):
	@$(MAKE) --no-print-directory $@

else

EXTENSION    = mlrec
MODULE_big   = mlrec
DATA         = $(wildcard sql/mlrec--*.sql)
OBJS         = $(patsubst %.c,%.o,$(sort $(wildcard src/num/*.c src/num/*/*.c)) $(sort $(wildcard src/pg/*.c src/pg/*/*.c)))
EXTRA_CLEAN  = $(OBJS:.o=.d) build
TESTS        = $(sort $(patsubst test/sql/%.sql,%,$(wildcard test/sql/*.sql)))
REGRESS      = $(if $(ML1M),$(TESTS),$(filter-out ml1m_%,$(TESTS)))
REGRESS_OPTS = --inputdir=test
ISOLATION    = $(sort $(patsubst test/specs/%.spec,%,$(wildcard test/specs/*.spec)))
ISOLATION_OPTS = --inputdir=test --outputdir=.
REGRESS_PREP = build/sample/ratings.dat

include src/num/num.mk

PG_CONFIG  ?= pg_config
PG_CPPFLAGS = -Isrc $(NUM_CPPFLAGS) -MMD -MP
PG_CFLAGS   = -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers -O3 \
              $(CLANG_CFLAGS)
# The server's headers and flags are those of the gcc that built it.
CLANG_CFLAGS = $(if $(findstring clang,$(CC)),-Wno-ignored-attributes -Wno-unknown-warning-option \
              -Wno-ignored-optimization-argument)
# The server loads modules into one name space, where a function of the same name
# as one of the server's or of another module's would be taken for it: nothing is
# exported but what has to be.
SHLIB_LINK  = $(NUM_LIBS) -Wl,--exclude-libs,ALL -Wl,--version-script=src/exports.map

# No bitcode: there is nothing here that the server's JIT could inline.
override with_llvm := no
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

mlrec.so: src/exports.map

$(KERNELS:%=src/num/%.o): override CFLAGS += $(KERNEL_CFLAGS)
$(EXACT:%=src/num/%.o): override CFLAGS += $(EXACT_CFLAGS)

# For tests on a server that the extension is installed in; the server must be
# able to read this directory.
installcheck: export MLREC_SAMPLE = $(CURDIR)/build/sample
installcheck: export MLREC_ML1M = $(if $(ML1M),$(abspath $(ML1M)))

build/sample/ratings.dat: test/sample/generate
	mkdir -p $(@D)
	perl $< $(@D)

-include $(OBJS:.o=.d)

endif
