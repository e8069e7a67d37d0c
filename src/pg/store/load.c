/*
 * load.c: models from the extension's tables into memory.
 *
 * Model files of at least mlrec.share_models_above are shared between backends
 * (shared_file.c); only small ones are copied into private memory.
 */
#include "postgres.h"

#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "pg/store/load.h"
#include "pg/store/shared_file.h"
#include "pg/util/encoding.h"
#include "pg/util/huge_alloc.h"

/* Lock space of our own among advisory locks; SQL uses 1 and 2. */
#define MAKING_MODEL_FILE 0x6d6c

/* A model with what holds its model file */
typedef struct Loaded
{
	CachedModel cached;			/* must be first */
	SharedFile	file;
	MemoryContextCallback release;
} Loaded;

static int	share_models_above = 1024;	/* kilobytes */

void
load_define_settings(void)
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
index_is_sound(const ModelFileHeader *header)
{
	const void *codes = model_file_section(header, MODEL_FILE_MOVIE_CODES);

	if (header->length[MODEL_FILE_MOVIE_CODES] == 0)
		return header->length[MODEL_FILE_INDEX] == 0;
	return codes_are_sound(codes, header->length[MODEL_FILE_MOVIE_CODES], header->n_movies) &&
		(header->length[MODEL_FILE_INDEX] == 0 ||
		 ivf_is_sound(model_file_section(header, MODEL_FILE_INDEX),
					  header->length[MODEL_FILE_INDEX], codes));
}

static void
check_model_file(const StoreEntry *entry, const void *file, bool verify_checksum)
{
	ModelFileStatus status = model_file_check(file, entry->size, verify_checksum);

	if (status != MODEL_FILE_OK)
		damaged(entry, model_file_status_text(status));
	if (verify_checksum && !index_is_sound(file))
		damaged(entry, model_file_status_text(MODEL_FILE_CORRUPT));
	if (((const ModelFileHeader *) file)->checksum != entry->checksum)
		damaged(entry, "not the one that was stored under this number");
}

/* Where store_load puts a model file */
typedef struct Sink
{
	SharedFile *file;			/* either */
	char	   *memory;			/* or */
	bool		refused;		/* by the file system */
} Sink;

static bool
sink_write(void *arg, const char *data, Size length)
{
	Sink	   *sink = arg;

	if (sink->file != NULL)
	{
		sink->refused = !shared_file_write(sink->file, data, length);
		return !sink->refused;
	}
	memcpy(sink->memory, data, length);
	sink->memory += length;
	return true;
}

/* Whether a shared file has a model; databases other than this one keep theirs. */
static bool
model_exists(Oid database, int32 model_id, uint64 checksum, void *arg)
{
	StoreEntry	entry;

	if (database != MyDatabaseId)
		return get_database_name(database) != NULL;
	return store_read(model_id, arg, &entry) && entry.checksum == checksum;
}

/*
 * Reads the model file from the tables into a file for all; false if the system
 * refuses.
 */
static bool
make_file(Loaded *loaded, const StoreEntry *entry, Snapshot snapshot)
{
	Sink		sink = {.file = &loaded->file};

	shared_file_sweep(model_exists, snapshot);
	if (!shared_file_begin(&loaded->file))
		return false;
	if (store_load(entry, snapshot, sink_write, &sink) != entry->size && !sink.refused)
		damaged(entry, model_file_status_text(MODEL_FILE_TRUNCATED));
	if (sink.refused || !shared_file_finish(&loaded->file))
		return false;
	check_model_file(entry, loaded->file.map, true);
	shared_file_publish(&loaded->file);
	/* who has dropped the model meanwhile has found no file to remove */
	if (store_is_leaving(entry->model_id, entry->checksum))
		shared_file_remove(loaded->file.path);
	return true;
}

/*
 * Maps the model file that another backend has made, or makes it.  A lock lets one
 * backend make it while others that need it wait.
 */
static const void *
share_model_file(Loaded *loaded, const StoreEntry *entry, Snapshot snapshot)
{
	LOCKTAG		tag;
	bool		done;

	shared_file_init(&loaded->file, entry->model_id, entry->checksum, entry->size);
	done = shared_file_open(&loaded->file);
	if (!done)
	{
		SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, 0, (uint32) entry->model_id, MAKING_MODEL_FILE);
		(void) LockAcquire(&tag, ExclusiveLock, false, false);
		done = shared_file_open(&loaded->file) || make_file(loaded, entry, snapshot);
		LockRelease(&tag, ExclusiveLock, false);
	}
	if (!done)
	{
		shared_file_close(&loaded->file);
		return NULL;
	}
	check_model_file(entry, loaded->file.map, false);
	loaded->cached.shared = true;
	return loaded->file.map;
}

static void
check_size(const StoreEntry *entry)
{
	if (entry->size < sizeof(ModelFileHeader) || entry->size > MaxAllocHugeSize / 2)
		damaged(entry, model_file_status_text(MODEL_FILE_NOT_A_MODEL));
}

void *
load_copy(const StoreEntry *entry, Snapshot snapshot)
{
	char	   *file;
	Sink		sink = {0};

	check_size(entry);
	file = sink.memory = alloc_aligned(entry->size, 0);
	if (store_load(entry, snapshot, sink_write, &sink) != entry->size)
		damaged(entry, model_file_status_text(MODEL_FILE_TRUNCATED));
	check_model_file(entry, file, true);
	return file;
}

static void
release_model_file(void *arg)
{
	shared_file_close(&((Loaded *) arg)->file);
}

/* n names at *cursor, which moves behind them, as the database spells them. */
static char **
read_names(const char **cursor, int n)
{
	char	  **names = palloc(sizeof(char *) * n);

	for (int i = 0; i < n; i++, *cursor += strlen(*cursor) + 1)
		names[i] = utf8_to_server(*cursor);
	return names;
}

/* Genres and attribute values from the model file. */
static void
take_names(CachedModel *cached)
{
	const ModelFileHeader *header = cached->header;
	const char *cursor = model_file_section(header, MODEL_FILE_NAMES);

	cached->genres = read_names(&cursor, header->n_genres);
	for (int a = 0; a < N_ATTRIBUTES; a++)
		cached->values[a] = read_names(&cursor, header->n_values[a]);
}

static void
copy_entry(StoreEntry *to, const StoreEntry *from)
{
	*to = *from;
	to->ratings = pstrdup(from->ratings);
	to->movies = from->movies == NULL ? NULL : pstrdup(from->movies);
	to->users = from->users == NULL ? NULL : pstrdup(from->users);
	to->relevance = from->relevance == NULL ? NULL : pstrdup(from->relevance);
	to->options = NULL;
	to->metrics = NULL;
	to->comment = NULL;
}

CachedModel *
load_model(const StoreEntry *entry, Snapshot snapshot)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "mlrec model",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	Loaded	   *loaded = palloc0(sizeof(Loaded));
	CachedModel *cached = &loaded->cached;
	bool		share = share_models_above >= 0 &&
		entry->size >= (uint64) share_models_above * 1024;
	const void *file = NULL;
	Model	   *model;

	check_size(entry);
	cached->ref.context = context;
	copy_entry(&cached->entry, entry);
	loaded->file.draft = -1;
	loaded->release.func = release_model_file;
	loaded->release.arg = loaded;
	MemoryContextRegisterResetCallback(context, &loaded->release);

	if (share)
		file = share_model_file(loaded, entry, snapshot);
	if (file == NULL)
		file = load_copy(entry, snapshot);

	cached->header = file;
	model = alloc_aligned(model_size(), 0);
	model_open(model, file);
	cached->model = model;
	take_names(cached);

	MemoryContextSwitchTo(caller);
	MemoryContextSetParent(context, CacheMemoryContext);
	return cached;
}
