/*
 * forget_user.c: forget_user().
 *
 * A model keeps of a user: the id, an embedding of it, the vector of its training
 * and the number of ratings behind it, all in the model file; and beside it perhaps who
 * gave the last training rating.  Both are rewritten without the user, in the
 * caller's transaction.  Caches and replicas follow as they follow any change of
 * mlrec_model.  (To blank the user's rows in place was considered: ids must
 * stay in order, and an id that is not there leaves a gap that tells of it.)
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "num/model/erase.h"
#include "pg/store/load.h"
#include "pg/store/store.h"

PG_FUNCTION_INFO_V1(mlrec_forget_user);

/*
 * Erases the user from one model; whether there was anything to erase.
 */
static bool
forget_in_model(int32 model_id, int64 user_id)
{
	StoreEntry	before;
	StoreEntry	entry;
	void	   *file;
	int32		user;
	bool		found;

	PushActiveSnapshot(GetLatestSnapshot());
	found = store_read(model_id, GetActiveSnapshot(), &before);
	file = found ? load_copy(&before, GetActiveSnapshot()) : NULL;
	PopActiveSnapshot();
	if (!found)
		return false;
	entry = before;
	user = id_find(model_file_section(file, MODEL_FILE_USER_IDS),
				   ((ModelFileHeader *) file)->n_users, user_id);
	if (user < 0 && before.boundary_user != user_id)
		return false;
	if (user >= 0)
		erase_users(file, user, 1);
	if (before.boundary_user == user_id)
		store_hide_boundary(&entry);
	model_file_finalize(file);
	store_replace(&before, &entry, file);
	return true;
}

/*
 * forget_user(user_id bigint) RETURNS integer: in how many models the user was.
 * Models that are stored meanwhile are waited for.
 */
Datum
mlrec_forget_user(PG_FUNCTION_ARGS)
{
	int64		user_id = PG_GETARG_INT64(0);
	int32		n = 0;
	List	   *ids;
	ListCell   *cell;

	PreventCommandIfReadOnly("forget_user()");
	LockRelationOid(store_table(), ShareRowExclusiveLock);
	PushActiveSnapshot(GetLatestSnapshot());
	ids = store_model_ids(GetActiveSnapshot());
	PopActiveSnapshot();
	foreach(cell, ids)
	{
		MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "forget_user",
													  ALLOCSET_DEFAULT_SIZES);
		MemoryContext caller = MemoryContextSwitchTo(context);

		CHECK_FOR_INTERRUPTS();
		n += forget_in_model(lfirst_int(cell), user_id);
		MemoryContextSwitchTo(caller);
		MemoryContextDelete(context);
	}
	PG_RETURN_INT32(n);
}
