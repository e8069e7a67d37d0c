/*
 * cache.c: models ready to serve, kept by each backend.
 *
 * A backend keeps the models that it served from last.  Which model is the
 * active one, and whether a model still exists, is looked up again only after
 * a change of mlrec_model: its triggers send a relcache
 * invalidation, which each lookup asks for and our callback counts.  What we
 * know carries the count from before it was read, so a change that arrives
 * during the reading is not lost.
 *
 * The callback only counts.  It may come at any moment, inside a load or while
 * a model is in use, and must not touch catalogs, allocate or throw.
 *
 * The table is read under the latest snapshot, not the transaction's.  Under
 * REPEATABLE READ the invalidation of another session's COMMIT arrives while
 * our transaction still sees the old row; reading that, we would hold the old
 * model for the newest, past the end of the transaction and for ever.  In
 * parallel mode no new snapshot may be taken; then the active one is used and
 * what was read is not remembered as current.
 *
 * A model file never changes under its id, so a lookup that finds the model known
 * costs one read of a few rows, no load.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/inval.h"
#include "utils/snapmgr.h"

#include "pg/store/cache.h"
#include "pg/store/shared_file.h"

/* Models kept besides those in use; A/B tests alternate between two. */
#define MAX_MODELS 4

static bool registered = false;
static uint64 relations_generation = 1;
static uint64 model_generation = 1;
static Oid	model_table = InvalidOid;

static CachedModel *models = NULL;	/* most recently used first */
static int32 active_id = 0;
static uint64 active_checked = 0;

/* ---------------------------------------------------------------------------
 * Being told of changes
 * ------------------------------------------------------------------------- */

static void
count_invalidation(Datum arg, Oid relation)
{
	relations_generation++;
	if (!OidIsValid(relation) || !OidIsValid(model_table) || relation == model_table)
		model_generation++;
}

static void
register_callbacks(void)
{
	if (registered)
		return;
	CacheRegisterRelcacheCallback(count_invalidation, (Datum) 0);
	registered = true;
}

uint64
cache_relations_generation(void)
{
	register_callbacks();
	return relations_generation;
}

/* ---------------------------------------------------------------------------
 * Looking up
 * ------------------------------------------------------------------------- */

static bool
same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool
is_model(const CachedModel *model, const StoreEntry *entry)
{
	const StoreEntry *known = &model->entry;

	return known->model_id == entry->model_id && known->checksum == entry->checksum &&
		known->size == entry->size && known->created_at == entry->created_at &&
		same_text(known->ratings, entry->ratings) &&
		same_text(known->movies, entry->movies) && same_text(known->users, entry->users) &&
		same_text(known->relevance, entry->relevance);
}

static void
unlink_model(CachedModel *model)
{
	CachedModel **link = &models;

	while (*link != model)
		link = &(*link)->next;
	*link = model->next;
}

static void
push_front(CachedModel *model)
{
	model->next = models;
	models = model;
}

/*
 * Lets the least recently used models go when there are too many.
 */
static void
trim_models(void)
{
	CachedModel **link = &models;

	for (int i = 0; i < MAX_MODELS && *link != NULL; i++)
		link = &(*link)->next;
	while (*link != NULL)
	{
		CachedModel *model = *link;

		*link = model->next;
		ref_release(&model->ref);
	}
}

/*
 * Removes the shared file of a model that is gone, unless it is we who have
 * dropped it, who might yet roll back.  Whoever drops a model removes its file, but
 * on a standby there is nobody who does.
 */
static void
remove_file(const CachedModel *model)
{
	char	   *path;

	if (!model->shared || IsInParallelMode() || TransactionIdIsValid(GetTopTransactionIdIfAny()))
		return;
	path = shared_file_path(model->entry.model_id, model->entry.checksum);
	shared_file_remove(path);
	pfree(path);
}

/*
 * Lets models go that were dropped, or whose creation was rolled back.
 */
static void
forget_missing(Snapshot snapshot)
{
	CachedModel **link = &models;

	while (*link != NULL)
	{
		CachedModel *model = *link;
		StoreEntry	entry;
		bool		there = store_read(model->entry.model_id, snapshot, &entry);

		if (there && is_model(model, &entry))
			link = &model->next;
		else
		{
			if (!there || entry.checksum != model->entry.checksum)
				remove_file(model);
			*link = model->next;
			ref_release(&model->ref);
		}
	}
}

/*
 * Reads mlrec_model and sees to it that the model described there is
 * loaded.  NULL if there is no such model.
 */
static CachedModel *
refresh(int32 model_id, Snapshot snapshot)
{
	StoreEntry	entry;
	CachedModel *model;

	forget_missing(snapshot);
	if (!(model_id == 0 ? store_read_active(snapshot, &entry) :
		  store_read(model_id, snapshot, &entry)))
		return NULL;
	for (model = models; model != NULL; model = model->next)
	{
		if (is_model(model, &entry))
			return model;
	}
	model = load_model(&entry, snapshot);
	push_front(model);
	trim_models();
	return model;
}

/*
 * The model if it is known and nothing has changed since it was looked up.
 */
static CachedModel *
lookup(int32 model_id)
{
	if (model_id == 0)
	{
		if (active_checked != model_generation || active_id == 0)
			return NULL;
		model_id = active_id;
	}
	for (CachedModel *model = models; model != NULL; model = model->next)
	{
		if (model->entry.model_id == model_id)
			return model->checked == model_generation ? model : NULL;
	}
	return NULL;
}

/*
 * cache_find: the model of that id, or with id 0 the active one, held in the
 * current memory context; NULL if there is none.
 */
CachedModel *
cache_find(int32 model_id)
{
	CachedModel *model;
	uint64		generation;
	bool		fresh = !IsInParallelMode();

	register_callbacks();
	AcceptInvalidationMessages();
	model = lookup(model_id);
	if (model == NULL)
	{
		model_table = store_table();
		generation = model_generation;
		PushActiveSnapshot(fresh ? GetLatestSnapshot() : GetActiveSnapshot());
		model = refresh(model_id, GetActiveSnapshot());
		PopActiveSnapshot();
		if (model != NULL && fresh)
		{
			model->checked = generation;
			if (model_id == 0)
			{
				active_id = model->entry.model_id;
				active_checked = generation;
			}
		}
	}
	if (model != NULL && model != models)
	{
		unlink_model(model);
		push_front(model);
	}
	if (model != NULL)
		ref_hold(&model->ref);
	return model;
}

/*
 * cache_get: likewise, but an error if there is none.
 */
CachedModel *
cache_get(int32 model_id)
{
	CachedModel *model = cache_find(model_id);

	if (model == NULL && model_id == 0)
		store_none_active();
	if (model == NULL)
		store_no_model(model_id);
	return model;
}
