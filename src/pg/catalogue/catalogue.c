/*
 * catalogue.c: the movies that can be recommended at this moment.
 *
 * Between trainings movies come and go.  A movie whose row has been deleted is
 * not recommended any more; one that the model does not know, a fresh movie, is
 * encoded from its genres and year and takes part like any other.  Both must
 * hold from COMMIT on, and within the transaction that makes the change before
 * that.  (Movies that had ratings but no row when the model was trained stay
 * eligible without one, unless row security may hide what is known of them.)
 *
 * Only reading movies tells what is there.  For a few thousand movies that takes
 * under a millisecond, but that is as long as the rest of a recommendation.  So
 * the result is kept together with a key, and as long as the key stays the same
 * nothing is read (catalogue_version.c).  A key tells of the rows of one heap, so the
 * result is kept only if the plan of the query was a bare scan of just that.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "num/data/movie_features.h"
#include "pg/catalogue/catalogue.h"

/* Fresh movies encoded at a time */
#define ENCODE_BATCH 256

/* ---------------------------------------------------------------------------
 * Which movies there are
 * ------------------------------------------------------------------------- */

typedef struct Listing
{
	Catalogue  *catalogue;
	const int64 *ids;			/* of the model */
	int32		expected;		/* the movie that an ordered table has next */
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

static int
compare_ids(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	return x < y ? -1 : x > y;
}

/*
 * Marks the movies that are gone and collects the fresh ones.  Returns whether the
 * relation was read by a bare scan, or there is none.
 */
static bool
list_movies(Catalogue *catalogue, Oid movies)
{
	const ModelFileHeader *header = catalogue->model->header;
	const uint8 *flags = model_file_section(header, MODEL_FILE_MOVIE_FLAGS);
	Listing		listing = {
		.catalogue = catalogue,
		.ids = model_file_section(header, MODEL_FILE_MOVIE_IDS),
		.fresh_capacity = 16
	};
	int32		n = 0;
	bool		bare;

	catalogue->n_known = header->n_movies;
	catalogue->hidden = palloc_extended(Max(catalogue->n_known, 1), MCXT_ALLOC_HUGE);
	for (int32 i = 0; i < catalogue->n_known; i++)
		catalogue->hidden[i] = catalogue->listed_only || (flags[i] & MOVIE_LISTED) ? 1 : 0;
	catalogue->fresh_ids = palloc(sizeof(int64) * listing.fresh_capacity);
	bare = !OidIsValid(movies) || catalogue_read_ids(movies, receive_id, &listing);

	qsort(catalogue->fresh_ids, catalogue->n_fresh, sizeof(int64), compare_ids);
	for (int32 i = 0; i < catalogue->n_fresh; i++)
	{
		if (i == 0 || catalogue->fresh_ids[i] != catalogue->fresh_ids[i - 1])
			catalogue->fresh_ids[n++] = catalogue->fresh_ids[i];
	}
	catalogue->n_fresh = n;
	catalogue->n_movies = catalogue->n_known + n;
	return bare;
}

/* ---------------------------------------------------------------------------
 * Fresh movies
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
	const ModelFileHeader *header = model->header;
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
	features[header->n_genres] = year_feature(&scale, catalogue_movie_year(slot));
}

/*
 * Encodes the fresh movies from genres and year, those that the model knows.
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
	catalogue_read_movies(movies, catalogue->fresh_ids, n, receive_features, &listing);

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

/*
 * The movies of now; sets *lasting to whether they are those of any other moment
 * that has the same key.
 */
static Catalogue *
build_catalogue(const CachedModel *model, const StoreRelations *relations,
				MemoryContext parent, bool *lasting)
{
	MemoryContext context = AllocSetContextCreate(parent, "mlrec catalogue",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	Catalogue  *catalogue = palloc0(sizeof(Catalogue));

	catalogue->ref.context = context;
	catalogue->model = model;
	catalogue->listed_only = relations->is_restricted;
	*lasting = list_movies(catalogue, relations->movies);
	if (catalogue->n_fresh > 0)
	{
		catalogue->hidden = repalloc_huge(catalogue->hidden, catalogue->n_movies);
		memset(catalogue->hidden + catalogue->n_known, 0, catalogue->n_fresh);
	}
	encode_fresh(catalogue, relations->movies);
	MemoryContextSwitchTo(caller);
	return catalogue;
}

/*
 * catalogue_now: see catalogue.h.
 */
const Catalogue *
catalogue_now(CachedModel *model, const StoreRelations *relations)
{
	Oid			movies = relations->movies;
	CatalogueVersion *key = catalogue_version_now(movies);
	Catalogue  *catalogue = model->catalogue;
	bool		lasting;

	if (catalogue != NULL && catalogue->listed_only == relations->is_restricted &&
		catalogue_version_holds(catalogue->key, key))
	{
		ref_hold(&catalogue->ref);
		return catalogue;
	}

	catalogue = build_catalogue(model, relations, CurrentMemoryContext, &lasting);
	if (!lasting)
		return catalogue;
	catalogue->key = catalogue_version_copy(key, catalogue->ref.context);
	MemoryContextSetParent(catalogue->ref.context, model->ref.context);
	ref_hold(&catalogue->ref);
	if (model->catalogue != NULL)
		ref_release(&model->catalogue->ref);
	model->catalogue = catalogue;
	return catalogue;
}

uint8 *
catalogue_hidden(const Catalogue *catalogue)
{
	uint8	   *hidden = palloc_extended(Max(catalogue->n_movies, 1), MCXT_ALLOC_HUGE);

	memcpy(hidden, catalogue->hidden, catalogue->n_movies);
	return hidden;
}

int32
catalogue_find(const Catalogue *catalogue, int64 movie_id)
{
	const int64 *ids = model_file_section(catalogue->model->header, MODEL_FILE_MOVIE_IDS);
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
	const int64 *ids = model_file_section(catalogue->model->header, MODEL_FILE_MOVIE_IDS);

	if (movie >= catalogue->n_known)
		return catalogue->fresh_ids[movie - catalogue->n_known];
	return ids[movie];
}

const float *
catalogue_vector(const Catalogue *catalogue, int32 movie)
{
	const float *vectors = model_file_section(catalogue->model->header, MODEL_FILE_MOVIE_VECTORS);

	if (movie >= catalogue->n_known)
		return catalogue->fresh_vectors + (Size) (movie - catalogue->n_known) * VECTOR_DIMS;
	return vectors + (Size) movie * VECTOR_DIMS;
}

const float *
catalogue_rank_vector(const Catalogue *catalogue, int32 movie)
{
	const float *vectors = model_file_section(catalogue->model->header,
											  MODEL_FILE_MOVIE_RANK_VECTORS);

	if (movie >= catalogue->n_known)
		return catalogue->fresh_rank_vectors + (Size) (movie - catalogue->n_known) * VECTOR_DIMS;
	return vectors + (Size) movie * VECTOR_DIMS;
}

float
catalogue_popularity(const Catalogue *catalogue, int32 movie)
{
	const float *popularity = model_file_section(catalogue->model->header,
												 MODEL_FILE_MOVIE_POPULARITY);

	return movie < catalogue->n_known ? popularity[movie] : 0;
}
