/*
 * encode.c: ids, movies and users as numbers.
 *
 * Ids get codes in order of arrival while rows stream in, and an index in the
 * ascending list of ids once all are known; "code" and "index" keep these two
 * apart.  Which genres and which values of an attribute there are, the data
 * tells: the movies in movies, and the users who have training rows.  A value
 * that only occurs in the test part is unknown, as it will be to the model.
 */
#include "postgres.h"

#include "fmgr.h"
#include "storage/shmem.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "num/data/movie_features.h"
#include "pg/data/encode.h"
#include "pg/util/compat.h"
#include "pg/util/relations.h"
#include "pg/util/title.h"

static const InputColumn movie_columns[N_MOVIE_COLUMNS] = {
	{"movie_id", INPUT_ID, false, InvalidOid},
	{"title", INPUT_TEXT, false, InvalidOid},
	{"genres", INPUT_TEXT, false, InvalidOid},
	{"year", INPUT_NUMBER, true, InvalidOid}
};

static const InputColumn user_columns[N_USER_COLUMNS] = {
	{"user_id", INPUT_ID, false, InvalidOid},
	{"gender", INPUT_ANY, true, InvalidOid},
	{"age", INPUT_ANY, true, InvalidOid},
	{"occupation", INPUT_ANY, true, InvalidOid}
};

/* ---------------------------------------------------------------------- ids */

void *
palloc0_huge_array(Size n, Size size)
{
	return MemoryContextAllocExtended(CurrentMemoryContext, mul_size(Max(n, 1), size),
									  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

void
encode_init_ids(IdMap *ids)
{
	uint64		n_slots = 1024;

	idmap_init(ids, palloc(n_slots * sizeof(IdSlot)), n_slots);
}

int32
encode_id(IdMap *ids, int64 id)
{
	if (unlikely(idmap_is_full(ids)))
	{
		IdSlot	   *old = ids->slots;
		uint64		n_slots = ids->n_slots * 2;

		if (n_slots > PG_UINT32_MAX)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("more than %d different ids", ids->n)));
		idmap_move(ids,
				   MemoryContextAllocHuge(GetMemoryChunkContext(old), n_slots * sizeof(IdSlot)),
				   n_slots);
		pfree(old);
	}
	return idmap_put(ids, id);
}

static void
refuse_null_key(Oid relation, const char *column)
{
	ereport(ERROR,
			(errcode(ERRCODE_NOT_NULL_VIOLATION),
			 errmsg("null value in column \"%s\" of relation %s", column,
					relation_quoted(relation)),
			 errhint("Correct the row, or leave it out by a view.")));
}

static void
refuse_second_row(Oid relation, const char *column, int64 id)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNIQUE_VIOLATION),
			 errmsg("relation %s has more than one row with %s %lld", relation_quoted(relation),
					column, (long long) id),
			 errhint("Remove the duplicates, or leave them out by a view.")));
}

/* -------------------------------------------------------------------- movies */

MovieList *
movies_open(Oid relation)
{
	MovieList  *list = palloc0(sizeof(MovieList));

	list->relation = relation;
	memcpy(list->column, movie_columns, sizeof(movie_columns));
	if (OidIsValid(relation))
		input_check(relation, list->column, N_MOVIE_COLUMNS, 0);

	encode_init_ids(&list->ids);
	list->genres = vocabulary_create();
	list->year_capacity = 1024;
	list->year = palloc(list->year_capacity * sizeof(int16));
	list->genre_capacity = 4096;
	list->genre = palloc(list->genre_capacity * sizeof(MovieGenre));
	return list;
}

/* A movie's year by its column, else by its title; 0 when neither tells. */
static int16
movie_year(const Datum *value, const bool *isnull)
{
	if (!isnull[3])
	{
		double		year = DatumGetFloat8(value[3]);

		if (year >= 1 && year <= MAX_YEAR)
			return (int16) year;
	}
	if (!isnull[1])
	{
		text	   *title = DatumGetTextPP(value[1]);

		return (int16) title_year(VARDATA_ANY(title), VARSIZE_ANY_EXHDR(title));
	}
	return 0;
}

static void
add_genres(MovieList *list, int32 movie, text *genres)
{
	const char *cursor = VARDATA_ANY(genres);
	const char *end = cursor + VARSIZE_ANY_EXHDR(genres);
	const char *genre;
	size_t		length;

	while (next_genre(&cursor, end, &genre, &length))
	{
		MovieGenre *added;

		if (list->n_movie_genres == list->genre_capacity)
		{
			list->genre_capacity *= 2;
			list->genre = repalloc_huge(list->genre, list->genre_capacity * sizeof(MovieGenre));
		}
		added = &list->genre[list->n_movie_genres++];
		added->movie = movie;
		added->genre = vocabulary_add(list->genres, pnstrdup(genre, length), 1);
	}
}

static void
count_separators(GenreSeparators *found, text *genres)
{
	const char *list = VARDATA_ANY(genres);
	Size		length = VARSIZE_ANY_EXHDR(genres);

	found->lists += length > 0;
	found->bar += memchr(list, '|', length) != NULL;
	for (int i = 0; i < lengthof(found->other); i++)
		found->other[i] += memchr(list, OTHER_SEPARATORS[i], length) != NULL;
}

static void
receive_movie(void *arg, const Datum *value, const bool *isnull)
{
	MovieList  *list = arg;
	int32		code;

	if (isnull[0])
		refuse_null_key(list->relation, "movie_id");
	code = encode_id(&list->ids, DatumGetInt64(value[0]));
	if (code < list->n_listed)
		refuse_second_row(list->relation, "movie_id", DatumGetInt64(value[0]));
	list->n_listed++;

	if (code == list->year_capacity)
	{
		list->year_capacity *= 2;
		list->year = repalloc_huge(list->year, (Size) list->year_capacity * sizeof(int16));
	}
	list->year[code] = movie_year(value, isnull);
	if (!isnull[2])
	{
		text	   *genres = DatumGetTextPP(value[2]);

		count_separators(&list->separators, genres);
		add_genres(list, code, genres);
	}
}

void
movies_read(MovieList *list)
{
	if (OidIsValid(list->relation))
		input_read(list->relation, list->column, N_MOVIE_COLUMNS, receive_movie, list);
	list->n_genres_found = vocabulary_finish(list->genres, MAX_VALUES);
}

void
movies_encode(const MovieList *list, const int32 *index, float *features,
			  int16 *year, uint8 *listed)
{
	Size		width = (Size) vocabulary_size(list->genres) + 1;

	for (int32 code = 0; code < list->n_listed; code++)
	{
		year[index[code]] = list->year[code];
		listed[index[code]] = 1;
	}
	for (int64 i = 0; i < list->n_movie_genres; i++)
	{
		int32		flag = vocabulary_index(list->genres, list->genre[i].genre);

		if (flag >= 0)
			features[index[list->genre[i].movie] * width + flag] = 1;
	}
}

/* -------------------------------------------------------------------- users */

UserList *
users_open(Oid relation)
{
	UserList   *list = palloc0(sizeof(UserList));

	list->relation = relation;
	memcpy(list->column, user_columns, sizeof(user_columns));
	if (OidIsValid(relation))
		input_check(relation, list->column, N_USER_COLUMNS, 0);
	for (int a = 0; a < N_ATTRIBUTES; a++)
		list->values[a] = vocabulary_create();
	return list;
}

static void
receive_user(void *arg, const Datum *value, const bool *isnull)
{
	UserList   *list = arg;
	int32		code;
	int32		user;

	if (isnull[0])
		refuse_null_key(list->relation, "user_id");
	code = idmap_find(list->ids, DatumGetInt64(value[0]));
	if (code < 0)
		return;					/* without ratings */
	user = list->index[code];
	if (list->listed[user])
		refuse_second_row(list->relation, "user_id", DatumGetInt64(value[0]));
	list->listed[user] = 1;

	for (int a = 0; a < N_ATTRIBUTES; a++)
	{
		char	   *name = isnull[1 + a] ? "" : TextDatumGetCString(value[1 + a]);

		if (*name != '\0')
			list->value[(Size) user * N_ATTRIBUTES + a] =
				vocabulary_add(list->values[a], name, list->n_trainval[user] > 0 ? 1 : 0);
	}
}

void
users_read(UserList *list, const IdMap *ids, const int32 *index,
		   int32 n_users, const int32 *n_trainval)
{
	list->ids = ids;
	list->index = index;
	list->n_trainval = n_trainval;
	list->listed = palloc0_huge_array(n_users, sizeof(uint8));
	list->value = palloc0_huge_array(n_users, N_ATTRIBUTES * sizeof(int32));
	memset(list->value, -1, (Size) n_users * N_ATTRIBUTES * sizeof(int32));

	if (OidIsValid(list->relation))
		input_read(list->relation, list->column, N_USER_COLUMNS, receive_user, list);
	for (int a = 0; a < N_ATTRIBUTES; a++)
		list->n_values_found[a] = vocabulary_finish(list->values[a], MAX_VALUES);
}

void
users_encode(const UserList *list, int32 n_users, uint8 *attribute)
{
	for (Size i = 0; i < (Size) n_users * N_ATTRIBUTES; i++)
	{
		int32		code = list->value[i];

		attribute[i] = code < 0 ? 0 :
			(uint8) (1 + vocabulary_index(list->values[i % N_ATTRIBUTES], code));
	}
}
