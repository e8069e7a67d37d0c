/*
 * cache.c: models ready to serve, kept by each backend.
 *
 * A backend keeps the models that it served from last.  Which model is the
 * active one, and whether a model still exists, is looked up again only after
 * a change of recommender_model: its statement trigger sends a relcache
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
 * An image never changes under its id, so a lookup that finds the model known
 * costs one read of a few rows, no load.  Images of at least
 * mlrec.share_models_above are shared between backends (shared_image.c); only
 * small ones are copied into private memory.
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "aligned.h"
#include "cache.h"
#include "shared_image.h"

/* Models kept besides those in use; A/B tests alternate between two. */
#define MAX_MODELS 4

/* Lock space of our own among advisory locks; SQL uses 1 and 2. */
#define MAKING_IMAGE 0x6d6c

/* A model with what holds its image */
typedef struct Slot
{
	CachedModel cached;			/* must be first */
	SharedImage file;
	MemoryContextCallback release;
	uint64		checked;		/* model_generation as of which it exists */
} Slot;

static int	share_models_above = 1024;	/* kilobytes */

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

/*
 * cache_define_settings: the settings of this file, once per backend.
 */
void
cache_define_settings(void)
{
	DefineCustomIntVariable("mlrec.share_models_above",
							"Size from which models are shared between sessions.",
							"Sessions map larger models from one file in base/pgsql_tmp; "
							"smaller ones are copied into each session's memory. "
							"-1 never shares.",
							&share_models_above,
							share_models_above, -1, INT_MAX,
							PGC_USERSET, GUC_UNIT_KB,
							NULL, NULL, NULL);
}

/* ---------------------------------------------------------------------------
 * Loading
 * ------------------------------------------------------------------------- */

static void
damaged(const StoreEntry *entry, const char *how)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("recommender model %d cannot be used: it is %s", entry->model_id, how),
			 errhint("Train a new model, or activate another one.")));
}

/* Whether what large catalogues are searched by is what a search relies on. */
static bool
index_is_sound(const ImageHeader *header)
{
	const void *codes = image_section(header, IMAGE_MOVIE_CODES);

	if (header->length[IMAGE_MOVIE_CODES] == 0)
		return header->length[IMAGE_INDEX] == 0;
	return codes_are_sound(codes, header->length[IMAGE_MOVIE_CODES], header->n_movies) &&
		(header->length[IMAGE_INDEX] == 0 ||
		 ivf_is_sound(image_section(header, IMAGE_INDEX), header->length[IMAGE_INDEX], codes));
}

static void
check_image(const StoreEntry *entry, const void *image, bool verify_checksum)
{
	ImageStatus status = image_check(image, entry->size, verify_checksum);

	if (status != IMAGE_OK)
		damaged(entry, image_status_text(status));
	if (verify_checksum && !index_is_sound(image))
		damaged(entry, image_status_text(IMAGE_CORRUPT));
	if (((const ImageHeader *) image)->checksum != entry->checksum)
		damaged(entry, "not the one that was stored under this number");
}

/* Where store_load puts an image */
typedef struct Destination
{
	SharedImage *file;			/* either */
	char	   *memory;			/* or */
	bool		refused;		/* by the file system */
} Destination;

static bool
put(void *arg, const char *data, Size length)
{
	Destination *destination = arg;

	if (destination->file != NULL)
	{
		destination->refused = !shared_image_write(destination->file, data, length);
		return !destination->refused;
	}
	memcpy(destination->memory, data, length);
	destination->memory += length;
	return true;
}

/* Whether a shared file has a model; databases other than this one keep theirs. */
static bool
model_exists(Oid database, int32 model_id, void *arg)
{
	StoreEntry	entry;

	if (database != MyDatabaseId)
		return get_database_name(database) != NULL;
	return store_read(model_id, arg, &entry);
}

/*
 * Reads the image from the tables into a file for all; false if the system
 * refuses.
 */
static bool
make_file(Slot *slot, const StoreEntry *entry, Snapshot snapshot)
{
	Destination destination = {.file = &slot->file};

	shared_image_sweep(model_exists, snapshot);
	if (!shared_image_begin(&slot->file))
		return false;
	if (store_load(entry, snapshot, put, &destination) != entry->size && !destination.refused)
		damaged(entry, image_status_text(IMAGE_TRUNCATED));
	if (destination.refused || !shared_image_finish(&slot->file))
		return false;
	check_image(entry, slot->file.map, true);
	shared_image_publish(&slot->file);
	return true;
}

/*
 * Maps the image that another backend has made, or makes it.  A lock lets one
 * backend make it while others that need it wait.
 */
static const void *
share_image(Slot *slot, const StoreEntry *entry, Snapshot snapshot)
{
	LOCKTAG		tag;
	bool		done;

	shared_image_init(&slot->file, entry->model_id, entry->checksum, entry->size);
	done = shared_image_open(&slot->file);
	if (!done)
	{
		SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, 0, (uint32) entry->model_id, MAKING_IMAGE);
		(void) LockAcquire(&tag, ExclusiveLock, false, false);
		done = shared_image_open(&slot->file) || make_file(slot, entry, snapshot);
		LockRelease(&tag, ExclusiveLock, false);
	}
	if (!done)
	{
		shared_image_close(&slot->file);
		return NULL;
	}
	check_image(entry, slot->file.map, false);
	slot->cached.shared = true;
	return slot->file.map;
}

/* Likewise into private memory. */
static const void *
copy_image(const StoreEntry *entry, Snapshot snapshot)
{
	char	   *image = alloc_aligned(entry->size, 0);
	Destination destination = {.memory = image};

	if (store_load(entry, snapshot, put, &destination) != entry->size)
		damaged(entry, image_status_text(IMAGE_TRUNCATED));
	check_image(entry, image, true);
	return image;
}

static void
release_image(void *arg)
{
	shared_image_close(&((Slot *) arg)->file);
}

/*
 * Finds the names of genres and attribute values in the image.
 */
static void
index_names(CachedModel *cached)
{
	const ImageHeader *header = cached->header;
	const char *name = image_section(header, IMAGE_NAMES);

	cached->genres = palloc(sizeof(char *) * header->n_genres);
	for (int i = 0; i < header->n_genres; i++, name += strlen(name) + 1)
		cached->genres[i] = name;
	for (int a = 0; a < N_ATTRIBUTES; a++)
	{
		cached->values[a] = palloc(sizeof(char *) * header->n_values[a]);
		for (int i = 0; i < header->n_values[a]; i++, name += strlen(name) + 1)
			cached->values[a][i] = name;
	}
}

static void
copy_entry(StoreEntry *to, const StoreEntry *from)
{
	*to = *from;
	to->ratings = pstrdup(from->ratings);
	to->movies = pstrdup(from->movies);
	to->users = from->users == NULL ? NULL : pstrdup(from->users);
	to->options = NULL;
	to->metrics = NULL;
	to->comment = NULL;
}

/*
 * Loads a model into a memory context of its own, which belongs to the caller's
 * until everything has gone well.  Deleting it lets go of the file.
 */
static Slot *
load_slot(const StoreEntry *entry, Snapshot snapshot)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "mlrec model",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	Slot	   *slot = palloc0(sizeof(Slot));
	CachedModel *cached = &slot->cached;
	bool		share = share_models_above >= 0 &&
		entry->size >= (uint64) share_models_above * 1024;
	const void *image = NULL;
	Model	   *model;

	if (entry->size < sizeof(ImageHeader) || entry->size > MaxAllocHugeSize / 2)
		damaged(entry, image_status_text(IMAGE_NOT_A_MODEL));
	cached->pinned.context = context;
	copy_entry(&cached->entry, entry);
	slot->file.draft = -1;
	slot->release.func = release_image;
	slot->release.arg = slot;
	MemoryContextRegisterResetCallback(context, &slot->release);

	if (share)
		image = share_image(slot, entry, snapshot);
	if (image == NULL)
		image = copy_image(entry, snapshot);

	cached->header = image;
	model = alloc_aligned(model_size(), 0);
	model_open(model, image);
	cached->model = model;
	index_names(cached);

	MemoryContextSwitchTo(caller);
	MemoryContextSetParent(context, CacheMemoryContext);
	return slot;
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
		same_text(known->movies, entry->movies) && same_text(known->users, entry->users);
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
		pinned_retire(&model->pinned);
	}
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

		if (store_read(model->entry.model_id, snapshot, &entry) && is_model(model, &entry))
			link = &model->next;
		else
		{
			*link = model->next;
			pinned_retire(&model->pinned);
		}
	}
}

/*
 * Reads recommender_model and sees to it that the model described there is
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
	model = &load_slot(&entry, snapshot)->cached;
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
			return ((Slot *) model)->checked == model_generation ? model : NULL;
	}
	return NULL;
}

/*
 * cache_find: the model of that id, or with id 0 the active one, pinned in the
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
			((Slot *) model)->checked = generation;
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
		pin(&model->pinned);
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
