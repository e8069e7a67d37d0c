/*
 * catalogue.c: the films that can be recommended at this moment.
 *
 * Between trainings films come and go.  A film whose row has been deleted is
 * not recommended any more; one that the model does not know, a fresh film, is
 * encoded from its genres and year and takes part like any other.  Both must
 * hold from COMMIT on, and within the transaction that makes the change before
 * that.  (Films that had ratings but no row when the model was trained stay
 * eligible without one.)
 *
 * Only reading movies tells what is there.  For a few thousand films that takes
 * under a millisecond, but that is as long as the rest of a recommendation.  So
 * the result is kept together with a key, and as long as the key stays the same
 * nothing is read.  The key must change whenever the rows that we would read
 * might:
 *
 *	- The snapshot: xmin, xmax, the transactions in progress, the command id.
 *	  Whether a snapshot sees a row version depends on these and on the final
 *	  state of transactions which, by the snapshot, have ended; that state does
 *	  not change.  So equal snapshots see the same rows of a table ...
 *	- ... but for the current transaction's own: a later transaction may have
 *	  the same snapshot and not the same self.  So its id, if it has one, is
 *	  part of the key.
 *	- Rolling back to a savepoint takes rows away while under REPEATABLE READ
 *	  the snapshot stays: such rollbacks are counted.
 *	- DDL is not bound to snapshots (TRUNCATE, a policy, a relation that takes
 *	  the name of another): any relcache invalidation changes the key.
 *	- Who asks.
 *
 * All that holds for a plain table whose rows are filtered by nothing.  A view
 * or a policy may depend on the time of day or on a setting, a foreign table on
 * the rest of the world.  Such relations are read in every call.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"

#include "../num/film.h"
#include "catalogue.h"
#include "prepared.h"
#include "relations.h"
#include "title.h"

/*
 * Up to so many films are looked up by their ids, more by a scan: where an
 * index cannot be used, an array is gone through for each row.
 */
#define MAX_LOOKED_UP 1000

/* Fresh films encoded at a time */
#define ENCODE_BATCH 256

/* As of what a catalogue holds */
typedef struct CatalogueKey
{
	Oid			movies;
	Oid			role;
	uint64		relations;		/* cache_relations_generation() */
	uint64		rollbacks;
	TransactionId self;
	CommandId	command;
	TransactionId xmin;
	TransactionId xmax;
	bool		in_recovery;
	bool		overflowed;
	uint32		n_running;		/* top transactions and subtransactions together */
	TransactionId running[FLEXIBLE_ARRAY_MEMBER];
} CatalogueKey;

static uint64 rollbacks = 0;

/* ---------------------------------------------------------------------------
 * Queries
 * ------------------------------------------------------------------------- */

static char *
ids_text(Oid movies)
{
	return psprintf("SELECT movie_id::pg_catalog.int8 FROM %s", relation_quoted(movies));
}

static char *
all_films_text(Oid movies)
{
	return psprintf("SELECT movie_id::pg_catalog.int8, title::pg_catalog.text, "
					"genres::pg_catalog.text, %s FROM %s",
					relation_has_column(movies, "year") ? "year::pg_catalog.float8" :
					"NULL::pg_catalog.float8",
					relation_quoted(movies));
}

static char *
films_text(Oid movies)
{
	return psprintf("%s WHERE movie_id OPERATOR(pg_catalog.=) ANY ($1)", all_films_text(movies));
}

static Prepared ids_query = {ids_text, 0, {0}};
static Prepared all_films_query = {all_films_text, 0, {0}};
static Prepared films_query = {films_text, 1, {INT8ARRAYOID}};

static int
compare_ids(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	return x < y ? -1 : x > y;
}

/* A film's year by its column, else by its title; 0 when neither tells. */
static int
film_year(TupleTableSlot *slot)
{
	bool		isnull;
	Datum		value = slot_getattr(slot, 4, &isnull);
	text	   *title;

	if (!isnull && DatumGetFloat8(value) >= 1 && DatumGetFloat8(value) <= MAX_YEAR)
		return (int) DatumGetFloat8(value);
	value = slot_getattr(slot, 2, &isnull);
	if (isnull)
		return 0;
	title = DatumGetTextPP(value);
	return title_year(VARDATA_ANY(title), VARSIZE_ANY_EXHDR(title));
}

static Datum
id_array(const int64 *ids, int32 n)
{
	Datum	   *elements = palloc(sizeof(Datum) * n);

	for (int32 i = 0; i < n; i++)
		elements[i] = Int64GetDatum(ids[i]);
	return PointerGetDatum(construct_array(elements, n, INT8OID, sizeof(int64),
										   FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/* ---------------------------------------------------------------------------
 * The key
 * ------------------------------------------------------------------------- */

static void
count_rollback(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
		rollbacks++;
}

/*
 * Whether only snapshot and transaction decide which rows of the relation
 * there are.
 */
static bool
is_plain_table(Oid movies)
{
	Relation	relation = table_open(movies, AccessShareLock);
	char		kind = relation->rd_rel->relkind;
	bool		plain = kind == RELKIND_MATVIEW ||
		(kind == RELKIND_RELATION && !relation->rd_rel->relhassubclass);

	table_close(relation, AccessShareLock);
	return plain && check_enable_rls(movies, InvalidOid, true) != RLS_ENABLED;
}

/*
 * The key of this moment, palloc'd.
 */
static CatalogueKey *
current_key(Oid movies)
{
	Snapshot	snapshot = GetActiveSnapshot();
	Size		n = snapshot->xcnt + snapshot->subxcnt;
	CatalogueKey *key = palloc0(offsetof(CatalogueKey, running) + sizeof(TransactionId) * n);

	key->movies = movies;
	key->role = GetUserId();
	key->relations = cache_relations_generation();
	key->rollbacks = rollbacks;
	key->self = GetTopTransactionIdIfAny();
	key->command = snapshot->curcid;
	key->xmin = snapshot->xmin;
	key->xmax = snapshot->xmax;
	key->in_recovery = snapshot->takenDuringRecovery;
	key->overflowed = snapshot->suboverflowed;
	key->n_running = n;
	if (snapshot->xcnt > 0)
		memcpy(key->running, snapshot->xip, sizeof(TransactionId) * snapshot->xcnt);
	if (snapshot->subxcnt > 0)
		memcpy(key->running + snapshot->xcnt, snapshot->subxip,
			   sizeof(TransactionId) * snapshot->subxcnt);
	return key;
}

static bool
same_key(const CatalogueKey *a, const CatalogueKey *b)
{
	return a->n_running == b->n_running &&
		memcmp(a, b, offsetof(CatalogueKey, running) + sizeof(TransactionId) * a->n_running) == 0;
}

/* ---------------------------------------------------------------------------
 * Which films there are
 * ------------------------------------------------------------------------- */

typedef struct Listing
{
	Catalogue  *catalogue;
	const int64 *ids;			/* of the model */
	int32		expected;		/* the film that an ordered table has next */
	int32		fresh_capacity;
	float	   *features;		/* [n_fresh][n_genres + 1] */
} Listing;

static void
receive_id(void *arg, TupleTableSlot *slot)
{
	Listing    *listing = arg;
	Catalogue  *catalogue = listing->catalogue;
	bool		isnull;
	int64		id = slot_int64(slot, 1, &isnull);
	int32		movie = listing->expected;

	if (isnull)
		return;
	if (movie >= catalogue->n_known || listing->ids[movie] != id)
		movie = id_find(listing->ids, catalogue->n_known, id);
	if (movie >= 0)
	{
		catalogue->hidden[movie] = 0;
		listing->expected = movie + 1;
		return;
	}
	if (catalogue->n_fresh == listing->fresh_capacity)
	{
		listing->fresh_capacity *= 2;
		catalogue->fresh_ids = repalloc_huge(catalogue->fresh_ids,
											 sizeof(int64) * listing->fresh_capacity);
	}
	catalogue->fresh_ids[catalogue->n_fresh++] = id;
}

/*
 * Marks the films that are gone and collects the fresh ones.
 */
static void
list_films(Catalogue *catalogue, Oid movies)
{
	const ImageHeader *header = catalogue->model->header;
	const uint8 *flags = image_section(header, IMAGE_MOVIE_FLAGS);
	Listing		listing = {
		.catalogue = catalogue,
		.ids = image_section(header, IMAGE_MOVIE_IDS),
		.fresh_capacity = 16
	};
	int32		n = 0;

	catalogue->n_known = header->n_movies;
	catalogue->hidden = palloc_extended(Max(catalogue->n_known, 1), MCXT_ALLOC_HUGE);
	for (int32 i = 0; i < catalogue->n_known; i++)
		catalogue->hidden[i] = (flags[i] & MOVIE_LISTED) ? 1 : 0;
	catalogue->fresh_ids = palloc(sizeof(int64) * listing.fresh_capacity);
	prepared_run(&ids_query, movies, NULL, NULL, receive_id, &listing);

	qsort(catalogue->fresh_ids, catalogue->n_fresh, sizeof(int64), compare_ids);
	for (int32 i = 0; i < catalogue->n_fresh; i++)
	{
		if (i == 0 || catalogue->fresh_ids[i] != catalogue->fresh_ids[i - 1])
			catalogue->fresh_ids[n++] = catalogue->fresh_ids[i];
	}
	catalogue->n_fresh = n;
	catalogue->n_films = catalogue->n_known + n;
}

/* ---------------------------------------------------------------------------
 * Fresh films
 * ------------------------------------------------------------------------- */

static void
set_genres(const CachedModel *model, float *features, text *genres)
{
	const char *cursor = VARDATA_ANY(genres);
	const char *end = cursor + VARSIZE_ANY_EXHDR(genres);
	const char *genre;
	size_t		length;

	while (next_genre(&cursor, end, &genre, &length))
	{
		for (int g = 0; g < model->header->n_genres; g++)
		{
			if (strncmp(model->genres[g], genre, length) == 0 && model->genres[g][length] == '\0')
				features[g] = 1;
		}
	}
}

static void
receive_features(void *arg, TupleTableSlot *slot)
{
	Listing    *listing = arg;
	Catalogue  *catalogue = listing->catalogue;
	const CachedModel *model = catalogue->model;
	const ImageHeader *header = model->header;
	YearScale	scale = {header->min_year, header->max_year, header->median_year};
	bool		isnull;
	int64		id = slot_int64(slot, 1, &isnull);
	int32		fresh = isnull ? -1 : id_find(catalogue->fresh_ids, catalogue->n_fresh, id);
	float	   *features;
	Datum		genres;

	if (fresh < 0)
		return;
	features = listing->features + (Size) fresh * (header->n_genres + 1);
	genres = slot_getattr(slot, 3, &isnull);
	if (!isnull)
		set_genres(model, features, DatumGetTextPP(genres));
	features[header->n_genres] = year_feature(&scale, film_year(slot));
}

/*
 * Encodes the fresh films from genres and year, those that the model knows.
 */
static void
encode_fresh(Catalogue *catalogue, Oid movies)
{
	const CachedModel *model = catalogue->model;
	Size		width = model->header->n_genres + 1;
	Size		n = catalogue->n_fresh;
	Listing		listing = {.catalogue = catalogue};
	float	   *scratch;

	if (n == 0)
		return;
	listing.features = palloc_extended(sizeof(float) * n * width,
									   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	if (n <= MAX_LOOKED_UP)
	{
		Datum		values[] = {id_array(catalogue->fresh_ids, n)};

		prepared_run(&films_query, movies, values, NULL, receive_features, &listing);
	}
	else
		prepared_run(&all_films_query, movies, NULL, NULL, receive_features, &listing);

	catalogue->fresh_vectors = palloc_extended(sizeof(float) * n * VECTOR_DIMS, MCXT_ALLOC_HUGE);
	catalogue->fresh_rank_vectors = palloc_extended(sizeof(float) * n * VECTOR_DIMS,
													MCXT_ALLOC_HUGE);
	scratch = palloc_extended(sizeof(float) * model_movies_scratch(model->model, ENCODE_BATCH),
							  MCXT_ALLOC_HUGE);
	for (Size at = 0; at < n; at += ENCODE_BATCH)
	{
		CHECK_FOR_INTERRUPTS();
		model_movies(model->model, listing.features + at * width, Min(n - at, ENCODE_BATCH),
					 catalogue->fresh_vectors + at * VECTOR_DIMS,
					 catalogue->fresh_rank_vectors + at * VECTOR_DIMS, scratch);
	}
	pfree(scratch);
	pfree(listing.features);
}

/* ---------------------------------------------------------------------------
 * The catalogue
 * ------------------------------------------------------------------------- */

static Catalogue *
build_catalogue(const CachedModel *model, Oid movies, MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(parent, "mlrec catalogue",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	Catalogue  *catalogue = palloc0(sizeof(Catalogue));

	catalogue->pinned.context = context;
	catalogue->model = model;
	list_films(catalogue, movies);
	if (catalogue->n_fresh > 0)
	{
		catalogue->hidden = repalloc_huge(catalogue->hidden, catalogue->n_films);
		memset(catalogue->hidden + catalogue->n_known, 0, catalogue->n_fresh);
	}
	encode_fresh(catalogue, movies);
	MemoryContextSwitchTo(caller);
	return catalogue;
}

/*
 * catalogue_now: see catalogue.h.
 */
const Catalogue *
catalogue_now(CachedModel *model, Oid movies)
{
	static bool registered = false;
	CatalogueKey *key;
	Catalogue  *catalogue;
	Size		length;

	if (!registered)
		RegisterSubXactCallback(count_rollback, NULL);
	registered = true;

	key = current_key(movies);
	catalogue = model->catalogue;
	if (catalogue != NULL && same_key(catalogue->key, key))
	{
		pin(&catalogue->pinned);
		return catalogue;
	}

	catalogue = build_catalogue(model, movies, CurrentMemoryContext);
	if (!is_plain_table(movies))
		return catalogue;

	/* the key from before the reading, so that no change is missed */
	length = offsetof(CatalogueKey, running) + sizeof(TransactionId) * key->n_running;
	catalogue->key = MemoryContextAlloc(catalogue->pinned.context, length);
	memcpy(catalogue->key, key, length);
	MemoryContextSetParent(catalogue->pinned.context, model->pinned.context);
	pin(&catalogue->pinned);
	if (model->catalogue != NULL)
		pinned_retire(&model->catalogue->pinned);
	model->catalogue = catalogue;
	return catalogue;
}

uint8 *
catalogue_hidden(const Catalogue *catalogue)
{
	uint8	   *hidden = palloc_extended(Max(catalogue->n_films, 1), MCXT_ALLOC_HUGE);

	memcpy(hidden, catalogue->hidden, catalogue->n_films);
	return hidden;
}

int32
catalogue_find(const Catalogue *catalogue, int64 movie_id)
{
	const int64 *ids = image_section(catalogue->model->header, IMAGE_MOVIE_IDS);
	int32		movie = id_find(ids, catalogue->n_known, movie_id);

	if (movie < 0 && catalogue->n_fresh > 0)
	{
		movie = id_find(catalogue->fresh_ids, catalogue->n_fresh, movie_id);
		if (movie >= 0)
			movie += catalogue->n_known;
	}
	return movie;
}

int64
catalogue_id(const Catalogue *catalogue, int32 movie)
{
	const int64 *ids = image_section(catalogue->model->header, IMAGE_MOVIE_IDS);

	if (movie >= catalogue->n_known)
		return catalogue->fresh_ids[movie - catalogue->n_known];
	return ids[movie];
}

const float *
catalogue_vector(const Catalogue *catalogue, int32 movie)
{
	const float *vectors = image_section(catalogue->model->header, IMAGE_MOVIE_VECTORS);

	if (movie >= catalogue->n_known)
		return catalogue->fresh_vectors + (Size) (movie - catalogue->n_known) * VECTOR_DIMS;
	return vectors + (Size) movie * VECTOR_DIMS;
}

const float *
catalogue_rank_vector(const Catalogue *catalogue, int32 movie)
{
	const float *vectors = image_section(catalogue->model->header, IMAGE_MOVIE_RANK_VECTORS);

	if (movie >= catalogue->n_known)
		return catalogue->fresh_rank_vectors + (Size) (movie - catalogue->n_known) * VECTOR_DIMS;
	return vectors + (Size) movie * VECTOR_DIMS;
}

float
catalogue_popularity(const Catalogue *catalogue, int32 movie)
{
	const float *popularity = image_section(catalogue->model->header, IMAGE_MOVIE_POPULARITY);

	return movie < catalogue->n_known ? popularity[movie] : 0;
}

/* ---------------------------------------------------------------------------
 * Titles
 * ------------------------------------------------------------------------- */

typedef struct Describing
{
	MovieText **films;			/* [n] ascending by id */
	int64	   *ids;			/* [n] */
	int32		n;
	MemoryContext context;
} Describing;

static int
compare_films(const void *a, const void *b)
{
	return compare_ids(&(*(MovieText *const *) a)->movie_id, &(*(MovieText *const *) b)->movie_id);
}

static void
receive_film(void *arg, TupleTableSlot *slot)
{
	Describing *describing = arg;
	bool		isnull;
	int64		id = slot_int64(slot, 1, &isnull);
	int32		place = isnull ? -1 : id_find(describing->ids, describing->n, id);
	MemoryContext caller;

	if (place < 0)
		return;
	caller = MemoryContextSwitchTo(describing->context);
	for (; place < describing->n && describing->ids[place] == id; place++)
	{
		describing->films[place]->title = slot_text(slot, 2);
		describing->films[place]->genres = slot_text(slot, 3);
		describing->films[place]->year = film_year(slot);
	}
	MemoryContextSwitchTo(caller);
}

/*
 * catalogue_describe: see catalogue.h.
 */
void
catalogue_describe(Oid movies, MovieText *films, int32 n, MemoryContext context)
{
	Describing	describing = {.n = n, .context = context};
	int64	   *distinct;
	int32		n_distinct = 0;
	Datum		values[1];

	if (n == 0)
		return;
	describing.films = palloc_extended(sizeof(MovieText *) * n, MCXT_ALLOC_HUGE);
	describing.ids = palloc_extended(sizeof(int64) * n, MCXT_ALLOC_HUGE);
	distinct = palloc_extended(sizeof(int64) * n, MCXT_ALLOC_HUGE);
	for (int32 i = 0; i < n; i++)
		describing.films[i] = &films[i];
	qsort(describing.films, n, sizeof(MovieText *), compare_films);
	for (int32 i = 0; i < n; i++)
	{
		describing.ids[i] = describing.films[i]->movie_id;
		if (i == 0 || describing.ids[i] != describing.ids[i - 1])
			distinct[n_distinct++] = describing.ids[i];
	}
	if (n_distinct <= MAX_LOOKED_UP)
	{
		values[0] = id_array(distinct, n_distinct);
		prepared_run(&films_query, movies, values, NULL, receive_film, &describing);
	}
	else
		prepared_run(&all_films_query, movies, NULL, NULL, receive_film, &describing);
}

void
catalogue_film_columns(const MovieText *film, Datum *values, bool *nulls)
{
	values[0] = Int64GetDatum(film->movie_id);
	nulls[0] = false;
	nulls[1] = film->title == NULL;
	if (!nulls[1])
		values[1] = CStringGetTextDatum(film->title);
	nulls[2] = film->genres == NULL;
	if (!nulls[2])
		values[2] = CStringGetTextDatum(film->genres);
	nulls[3] = film->year == 0;
	values[3] = Int32GetDatum(film->year);
}
