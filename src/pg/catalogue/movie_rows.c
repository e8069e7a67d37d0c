/*
 * movie_rows.c: what the rows of movies say.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "num/data/movie_features.h"
#include "num/model/model.h"
#include "pg/catalogue/movie_rows.h"
#include "pg/data/input.h"
#include "pg/util/relations.h"
#include "pg/util/title.h"

/*
 * Up to so many movies are looked up by their ids, more by a scan: where an
 * index cannot be used, an array is gone through for each row.
 */
#define MAX_LOOKED_UP 1000

/* ---------------------------------------------------------------------------
 * Queries
 * ------------------------------------------------------------------------- */

static char *
ids_text(Oid movies)
{
	return psprintf("SELECT movie_id::pg_catalog.int8 FROM %s", relation_quoted(movies));
}

static char *
all_movies_text(Oid movies)
{
	return psprintf("SELECT movie_id::pg_catalog.int8, title::pg_catalog.text, "
					"genres::pg_catalog.text, %s FROM %s",
					relation_has_column(movies, "year") ? input_number(movies, "year") :
					"NULL::pg_catalog.float8",
					relation_quoted(movies));
}

static char *
movies_text(Oid movies)
{
	return psprintf("%s WHERE movie_id OPERATOR(pg_catalog.=) ANY ($1)", all_movies_text(movies));
}

static CachedQuery ids_query = {ids_text, 0, {0}};
static CachedQuery all_movies_query = {all_movies_text, 0, {0}};
static CachedQuery movies_query = {movies_text, 1, {INT8ARRAYOID}};

int
catalogue_movie_year(TupleTableSlot *slot)
{
	bool		isnull;
	double		year = slot_double(slot, 4, &isnull);
	Datum		value;
	text	   *title;

	if (!isnull && year >= 1 && year <= MAX_YEAR)
		return (int) year;
	value = slot_getattr(slot, 2, &isnull);
	if (isnull)
		return 0;
	title = DatumGetTextPP(value);
	return title_year(VARDATA_ANY(title), VARSIZE_ANY_EXHDR(title));
}

Datum
catalogue_id_array(const int64 *ids, int32 n)
{
	Datum	   *elements = palloc_extended(sizeof(Datum) * Max(n, 1), MCXT_ALLOC_HUGE);

	for (int32 i = 0; i < n; i++)
		elements[i] = Int64GetDatum(ids[i]);
	return PointerGetDatum(construct_array(elements, n, INT8OID, sizeof(int64),
										   FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

bool
catalogue_read_ids(Oid movies, RowCallback row, void *arg)
{
	return cached_query_scan(&ids_query, movies, row, arg);
}

void
catalogue_read_movies(Oid movies, const int64 *ids, int32 n, RowCallback row, void *arg)
{
	Datum		values[1];

	if (n > MAX_LOOKED_UP)
	{
		cached_query_run(&all_movies_query, movies, NULL, NULL, row, arg);
		return;
	}
	values[0] = catalogue_id_array(ids, n);
	cached_query_run(&movies_query, movies, values, NULL, row, arg);
}

/* ---------------------------------------------------------------------------
 * Titles
 * ------------------------------------------------------------------------- */

typedef struct Describing
{
	MovieText **texts;			/* [n] ascending by id */
	int64	   *ids;			/* [n] */
	int32		n;
	MemoryContext context;
} Describing;

static int
compare_movies(const void *a, const void *b)
{
	int64		x = (*(MovieText *const *) a)->movie_id;
	int64		y = (*(MovieText *const *) b)->movie_id;

	return x < y ? -1 : x > y;
}

static void
receive_movie(void *arg, TupleTableSlot *slot)
{
	Describing *describing = arg;
	bool		isnull;
	int64		id = slot_int64(slot, 1, &isnull);
	int32		index = isnull ? -1 : id_find(describing->ids, describing->n, id);
	MemoryContext caller;

	if (index < 0)
		return;
	caller = MemoryContextSwitchTo(describing->context);
	for (; index < describing->n && describing->ids[index] == id; index++)
	{
		describing->texts[index]->title = slot_text(slot, 2);
		describing->texts[index]->genres = slot_text(slot, 3);
		describing->texts[index]->year = catalogue_movie_year(slot);
	}
	MemoryContextSwitchTo(caller);
}

/*
 * catalogue_describe: see catalogue.h.
 */
void
catalogue_describe(Oid movies, MovieText *texts, int32 n, MemoryContext context)
{
	Describing	describing = {.n = n, .context = context};
	int64	   *distinct;
	int32		n_distinct = 0;

	if (n == 0 || !OidIsValid(movies))
		return;
	describing.texts = palloc_extended(sizeof(MovieText *) * n, MCXT_ALLOC_HUGE);
	describing.ids = palloc_extended(sizeof(int64) * n, MCXT_ALLOC_HUGE);
	distinct = palloc_extended(sizeof(int64) * n, MCXT_ALLOC_HUGE);
	for (int32 i = 0; i < n; i++)
		describing.texts[i] = &texts[i];
	qsort(describing.texts, n, sizeof(MovieText *), compare_movies);
	for (int32 i = 0; i < n; i++)
	{
		describing.ids[i] = describing.texts[i]->movie_id;
		if (i == 0 || describing.ids[i] != describing.ids[i - 1])
			distinct[n_distinct++] = describing.ids[i];
	}
	catalogue_read_movies(movies, distinct, n_distinct, receive_movie, &describing);
}

void
catalogue_movie_columns(const MovieText *text, Datum *values, bool *nulls)
{
	values[0] = Int64GetDatum(text->movie_id);
	nulls[0] = false;
	nulls[1] = text->title == NULL;
	if (!nulls[1])
		values[1] = CStringGetTextDatum(text->title);
	nulls[2] = text->genres == NULL;
	if (!nulls[2])
		values[2] = CStringGetTextDatum(text->genres);
	nulls[3] = text->year == 0;
	values[3] = Int32GetDatum(text->year);
}
