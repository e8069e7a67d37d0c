/*
 * mlrec.c: module start.  Checks that BLAS is the serial build and defines the
 * settings.
 */
#include "postgres.h"

#include <cblas.h>

#include "fmgr.h"
#include "utils/guc.h"

#include "pg/catalogue/search.h"
#include "pg/store/load.h"
#include "pg/train/train.h"
#include "pg/util/compat.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

void
_PG_init(void)
{
	if (openblas_get_parallel() != OPENBLAS_SEQUENTIAL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("mlrec must be linked with the serial OpenBLAS"),
				 errhint("Install libopenblas-serial-dev and build mlrec again.")));
	load_define_settings();
	search_define_settings();
	train_define_settings();
	MarkGUCPrefixReserved("mlrec");
}
