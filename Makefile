# mlrec: a two-stage recommender inside PostgreSQL
#
#   make setup                install what building needs (Debian and Ubuntu)
#   make                      build
#   make install              install into the server that PG_CONFIG=... names
#   make installcheck         test what is installed, on the server that runs
#
#   make demo                 set up, build, load MovieLens 1M, train and recommend, on
#                             a throw-away server; SAMPLE=1: with a small generated sample
#   make web                  the same in the browser; DATABASE_URL=... make web serves a
#                             database of yours, make web-install prepares it
#   make check                set up, build and run all tests; ONLY="unit regress/x": these
#   make check-all            the tests on Debian 12 and 13 (PostgreSQL 15 and 17) as well
#   make fresh                from a machine that has nothing yet to a server with mlrec
#   make bench                measure
#   make lint, make format    what the source must look like
#   make help                 this
#
# ML1M=dir names a directory with MovieLens 1M; data/ml-1m is taken if it is there.
# PG_CONFIG=path chooses among several servers, CC=clang another compiler.

# These do their own set-up, the server's headers included, and so must work
# on a machine that has nothing yet: they do not read PGXS.
DEV_TARGETS = setup demo check check-all fresh web web-install bench lint format help
ifneq ($(filter $(DEV_TARGETS),$(MAKECMDGOALS)),)

.PHONY: $(MAKECMDGOALS)
.NOTPARALLEL:
export ML1M PG_CONFIG SAMPLE DATABASE_URL
ifneq ($(origin CC),default)
export CC
endif

setup:
	@server=$$(test/setup) && echo "make and make install will find what they need, for the server of $$server"
demo lint:
	@test/$@
web web-install:
	@src/web/run $@
check:
	@test/check $(ONLY)
check-all:
	@test/check
	@test/fresh --full --suite bookworm --suite trixie
fresh:
	@test/fresh
bench:
	@test/bench/run
format:
	@test/lint --fix
help:
	@sed -n '/^#/!q; s/^# \{0,1\}//; p' $(firstword $(MAKEFILE_LIST))
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
# The tests' databases, whatever the template of the server has.
ENCODING     = UTF8
NO_LOCALE    = 1

include src/num/num.mk

PG_CONFIG  ?= pg_config
PG_CPPFLAGS = -Isrc $(NUM_CPPFLAGS) $(ASSERTIONS) -MMD -MP
# The assertions of src/num go with the server's.
ASSERTIONS := $(if $(findstring --enable-cassert,$(shell $(PG_CONFIG) --configure 2>/dev/null)),-DNUM_ASSERTIONS)
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

# What stands in the way is said in one line, not found out by the compiler.
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifeq ($(and $(PGXS),$(wildcard $(shell $(PG_CONFIG) --includedir-server)/postgres.h)),)
$(error $(PG_CONFIG) leads to no server headers (postgres.h). make setup installs what is missing; PG_CONFIG=path names another)
endif
ifneq ($(filter-out clean,$(or $(MAKECMDGOALS),all)),)
ifeq ($(wildcard $(BLAS_DIR)/libopenblas.a),)
$(error There is no $(BLAS_DIR)/libopenblas.a. make setup installs what is missing; BLAS_DIR and BLAS_INC name another)
endif
# A tree that is built can be installed from without being written to.
CLOSED := $(shell test -e mlrec.so && test -z "$$(find src sql -newer mlrec.so)" || \
            find . -path ./.git -prune -o -path ./data -prune -o -type d ! -writable -print -quit)
ifneq ($(CLOSED),)
$(error $(abspath $(CLOSED)) may not be written: take it over (chown -R), or build in a copy of your own)
endif
endif

include $(PGXS)

mlrec.so: src/exports.map

$(KERNELS:%=src/num/%.o): override CFLAGS += $(KERNEL_CFLAGS)
$(EXACT:%=src/num/%.o): override CFLAGS += $(EXACT_CFLAGS)

# Objects made for another server are of no use, nor by another compiler than is
# asked for.
MADE_FOR = $(VERSION)$(if $(findstring command,$(origin CC)), $(CC))
$(OBJS): build/made-for
build/made-for: made-for
	@mkdir -p $(@D)
	@case "$$(cat $@ 2>/dev/null)" in '$(MADE_FOR)'*) ;; *) echo '$(MADE_FOR)' >$@ ;; esac
.PHONY: made-for
made-for:

# For tests on a server that the extension is installed in; the server must be
# able to read this directory.
installcheck: export MLREC_SAMPLE = $(CURDIR)/build/sample
installcheck: export MLREC_ML1M = $(if $(ML1M),$(shell cd "$(ML1M:~/%=$(HOME)/%)" && pwd))

build/sample/ratings.dat: test/sample/generate
	mkdir -p $(@D)
	perl $< $(@D)

-include $(OBJS:.o=.d)

endif
