/*
 * views.c: models as relations: their vectors, their state of health.
 *
 * The vectors are in the file of each model; movie_embeddings and
 * user_embeddings are views over the functions below, not second copies.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#include "pg/catalogue/cached_query.h"
#include "pg/catalogue/search.h"
#include "pg/data/input.h"
#include "pg/data/latest_ratings.h"
#include "pg/embedding/embedding.h"
#include "pg/serve/serve.h"
#include "pg/util/compat.h"
#include "pg/util/query.h"
#include "pg/util/relations.h"

PG_FUNCTION_INFO_V1(mlrec_model_movie_vectors);
PG_FUNCTION_INFO_V1(mlrec_model_user_vectors);
PG_FUNCTION_INFO_V1(mlrec_recommender_stats);
PG_FUNCTION_INFO_V1(mlrec_recommender_health);

/* ---------------------------------------------------------------------------
 * Vectors
 * ------------------------------------------------------------------------- */

/*
 * The vectors were made of the rows of a relation; who may not read these may
 * not read them.
 */
static void
check_readable(Oid relation)
{
	AclResult	result = pg_class_aclcheck(relation, GetUserId(), ACL_SELECT);

	if (result != ACLCHECK_OK)
		aclcheck_error(result, get_relkind_objtype(get_rel_relkind(relation)),
					   get_rel_name(relation));
}

/*
 * Rows of an id and a vector, from two sections of a model file; hidden[i] is not 0 for
 * those left out.  NULL: none.
 */
static void
put_vectors(ReturnSetInfo *result, const ModelFileHeader *header, ModelFileSection ids,
			ModelFileSection vectors, int32 n, const uint8 *hidden)
{
	const int64 *id = model_file_section(header, ids);
	const float *vector = model_file_section(header, vectors);
	Embedding  *embedding = embedding_new(VECTOR_DIMS);

	for (int32 i = 0; i < n; i++, vector += VECTOR_DIMS)
	{
		Datum		values[2] = {Int64GetDatum(id[i]), EmbeddingPGetDatum(embedding)};
		bool		nulls[2] = {false, false};

		CHECK_FOR_INTERRUPTS();
		if (hidden != NULL && hidden[i])
			continue;
		memcpy(embedding->x, vector, sizeof(float) * VECTOR_DIMS);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

static char *
visible_users_text(Oid ratings)
{
	return psprintf("SELECT u FROM pg_catalog.unnest($1) AS u WHERE EXISTS (SELECT FROM %s AS r "
					"WHERE r.user_id OPERATOR(pg_catalog.=) u)", relation_quoted(ratings));
}

static CachedQuery visible_users_query = {visible_users_text, 1, {INT8ARRAYOID}};

typedef struct VisibleUsers
{
	const int64 *ids;			/* [n] ascending */
	int32		n;
	uint8	   *hidden;			/* [n] */
} VisibleUsers;

static void
receive_visible(void *arg, TupleTableSlot *slot)
{
	VisibleUsers *users = arg;
	bool		isnull;
	int64		id = slot_int64(slot, 1, &isnull);

	int32		user = id_find(users->ids, users->n, id);

	if (user >= 0)
		users->hidden[user] = 0;
}

/* Marks the users of whose ratings the caller sees none; in the current context. */
static uint8 *
hidden_users(const ModelFileHeader *header, Oid ratings)
{
	MemoryContext caller = CurrentMemoryContext;	/* SPI changes it */
	VisibleUsers users = {model_file_section(header, MODEL_FILE_USER_IDS), header->n_users};
	Datum		ids[1];

	users.hidden = palloc_extended(Max(users.n, 1), MCXT_ALLOC_HUGE);
	memset(users.hidden, 1, users.n);
	ids[0] = catalogue_id_array(users.ids, users.n);
	SPI_connect();
	MemoryContextSwitchTo(caller);
	cached_query_run(&visible_users_query, ratings, ids, NULL, receive_visible, &users);
	SPI_finish();
	return users.hidden;
}

/*
 * Whether a model's relation of these ids is such that it can be read.  One that
 * has lost it has no rows, so that the views work on for the others.
 */
static bool
has_relation(const StoreEntry *entry, bool of_movies)
{
	static const InputColumn movie_id = {"movie_id", INPUT_ID};
	static const InputColumn user_id = {"user_id", INPUT_ID};
	StoreRelations relations;

	if (!store_relations_exist(entry))
		return false;
	store_find_relations(entry, &relations);
	if (!of_movies)
		return input_accepts(relations.ratings, &user_id);
	return input_accepts(OidIsValid(relations.movies) ? relations.movies : relations.ratings,
						 &movie_id);
}

/*
 * recommender_movie_vectors(model_id int) -> movie_id, embedding: of the movies
 * that the caller sees
 */
Datum
mlrec_model_movie_vectors(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	CachedModel *model = cache_get(store_model_argument(fcinfo, 0));
	StoreRelations relations;
	Serving		serving;

	InitMaterializedSRF(fcinfo, 0);
	if (!has_relation(&model->entry, true))
		return (Datum) 0;
	store_find_relations(&model->entry, &relations);
	check_readable(OidIsValid(relations.movies) ? relations.movies : relations.ratings);
	if (!relations.movies_may_hide)
	{
		put_vectors(result, model->header, MODEL_FILE_MOVIE_IDS, MODEL_FILE_MOVIE_VECTORS,
					model->header->n_movies, NULL);
		return (Datum) 0;
	}
	serve_begin(&serving, fcinfo, model->entry.model_id);
	put_vectors(result, serving.model->header, MODEL_FILE_MOVIE_IDS, MODEL_FILE_MOVIE_VECTORS,
				serving.model->header->n_movies, serving.catalogue->hidden);
	serve_end(&serving);
	return (Datum) 0;
}

/*
 * recommender_user_vectors(model_id int) -> user_id, embedding: of the users
 * with ratings in the training, as of the training, of whom the caller sees some
 */
Datum
mlrec_model_user_vectors(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	CachedModel *model = cache_get(store_model_argument(fcinfo, 0));
	StoreRelations relations;

	InitMaterializedSRF(fcinfo, 0);
	if (!has_relation(&model->entry, false))
		return (Datum) 0;
	store_find_relations(&model->entry, &relations);
	check_readable(relations.ratings);
	put_vectors(result, model->header, MODEL_FILE_USER_IDS, MODEL_FILE_USER_VECTORS,
				model->header->n_users,
				relations.ratings_may_hide ? hidden_users(model->header, relations.ratings) : NULL);
	return (Datum) 0;
}

/* ---------------------------------------------------------------------------
 * Counts
 * ------------------------------------------------------------------------- */

static char *
count_rows(Oid relation)
{
	if (!OidIsValid(relation))
		return "0::pg_catalog.int8";
	return psprintf("(SELECT pg_catalog.count(*) FROM %s)", relation_quoted(relation));
}

/* Of ratings of one user and movie, one counts. */
static char *
count_ratings(Oid ratings)
{
	if (!OidIsValid(ratings))
		return "0::pg_catalog.int8";
	return psprintf("(SELECT pg_catalog.count(*) FROM %s)", latest_ratings(ratings));
}

static char *
count_users(const StoreRelations *from)
{
	if (OidIsValid(from->users))
		return count_rows(from->users);
	if (!OidIsValid(from->ratings))
		return "0::pg_catalog.int8";
	return psprintf("(SELECT pg_catalog.count(DISTINCT user_id) FROM %s)",
					relation_quoted(from->ratings));
}

/* The movies that have a row, and those that are rated without one. */
static char *
count_movies(const StoreRelations *from)
{
	if (!OidIsValid(from->ratings))
		return count_rows(from->movies);
	if (!OidIsValid(from->movies))
		return psprintf("(SELECT pg_catalog.count(DISTINCT movie_id) FROM %s)",
						relation_quoted(from->ratings));
	return psprintf("(SELECT pg_catalog.count(movie_id) FROM "
					"(SELECT movie_id::pg_catalog.int8 FROM %s "
					"UNION SELECT movie_id::pg_catalog.int8 FROM %s) AS known)",
					relation_quoted(from->movies), relation_quoted(from->ratings));
}

static char *
count_genres(Oid movies)
{
	if (!OidIsValid(movies))
		return "0::pg_catalog.int8";
	return psprintf("(SELECT pg_catalog.count(DISTINCT g.genre) FROM %s AS m CROSS JOIN LATERAL "
					"pg_catalog.unnest(%s(m.genres::pg_catalog.text)) AS g (genre))",
					relation_quoted(movies), extension_object_quoted("genre_list"));
}

/* The number at a path of the metrics, which are $3. */
static char *
metric_text(const char *path)
{
	return psprintf("($3 OPERATOR(pg_catalog.#>>) '%s'::pg_catalog.text[])::pg_catalog.float8",
					path);
}

/*
 * recommender_stats() -> total_users, total_movies, total_ratings,
 * total_genres, model_id, trained_at, rmse, recall_at_200, ndcg_at_10, retrieval.
 * Without an active model the relations are those of the customary names on the
 * search path, if any.
 */
Datum
mlrec_recommender_stats(PG_FUNCTION_ARGS)
{
	StoreRelations from;
	StoreEntry	entry;
	bool		active = store_read_active(GetActiveSnapshot(), &entry);
	ParamListInfo params = query_params(4);

	if (active)
		store_find_relations(&entry, &from);
	else
	{
		from.ratings = relation_resolve(InvalidOid, "ratings", true);
		from.movies = relation_resolve(InvalidOid, "movies", true);
		from.users = relation_resolve(InvalidOid, "users", true);
	}
	query_set_param(params, 1, INT4OID, active ? Int32GetDatum(entry.model_id) : (Datum) 0,
					!active);
	query_set_param(params, 2, TIMESTAMPTZOID,
					active ? TimestampTzGetDatum(entry.created_at) : (Datum) 0, !active);
	query_set_param(params, 3, JSONBOID,
					active && entry.metrics != NULL ?
					DirectFunctionCall1(jsonb_in, CStringGetDatum(entry.metrics)) : (Datum) 0,
					!active || entry.metrics == NULL);
	query_set_param(params, 4, TEXTOID,
					active ? CStringGetTextDatum(search_describe(cache_get(0)->header)) :
					(Datum) 0, !active);
	query_return(fcinfo,
				 psprintf("SELECT %s, %s, %s, %s, $1, $2, coalesce(%s, %s), %s, %s, $4",
						  count_users(&from),
						  count_movies(&from), count_ratings(from.ratings),
						  count_genres(from.movies), metric_text("{live,mlrec,all,rmse}"),
						  metric_text("{static,mlrec,all,rmse}"),
						  metric_text("{static,mlrec,warm,recall@200}"),
						  metric_text("{static,mlrec,warm,ndcg@10}")), params);
	return (Datum) 0;
}

/* ---------------------------------------------------------------------------
 * Health
 * ------------------------------------------------------------------------- */

/*
 * Does all that serving does for a user, and tells what it was done with.
 */
static char *
try_serving(FunctionCallInfo fcinfo)
{
	Serving		serving;
	UserState  *state;
	UserVectors vectors;
	char	   *detail;

	serve_begin(&serving, fcinfo, 0);
	state = user_state_read(serving.model, &serving.relations, serving.clock, 0, serving.context);
	serve_user_vectors(&serving, state, &vectors);
	detail = MemoryContextStrdup(serving.caller,
								 psprintf("model %d of %s knows %d users and %d movies; "
										  "%d movies are newer",
										  serving.model->entry.model_id,
										  timestamptz_to_str(serving.model->entry.created_at),
										  serving.model->header->n_users,
										  serving.model->header->n_movies,
										  serving.catalogue->n_fresh));
	serve_end(&serving);
	return detail;
}

static const char *
status_of(int sqlstate)
{
	switch (sqlstate)
	{
		case ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE: return "no model";
		case ERRCODE_UNDEFINED_TABLE: return "missing relation";
		case ERRCODE_UNDEFINED_COLUMN: return "missing column";
		case ERRCODE_INSUFFICIENT_PRIVILEGE: return "not permitted";
		case ERRCODE_DATA_CORRUPTED: return "damaged model";
		default: return "error";
	}
}

/*
 * Tries serving in a subtransaction, which an error undoes; returns the error
 * or NULL.
 */
static ErrorData *
try_safely(FunctionCallInfo fcinfo, char **detail)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		*detail = try_serving(fcinfo);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return error;
}

/*
 * recommender_health() -> status, detail: 'ok', or what keeps recommendations
 * from being served to the one who asks.
 */
Datum
mlrec_recommender_health(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	const char *status = "ok";
	char	   *detail = NULL;
	ErrorData  *error;
	Datum		values[2];
	bool		nulls[2] = {false, false};

	InitMaterializedSRF(fcinfo, 0);
	error = try_safely(fcinfo, &detail);
	if (error != NULL && error->sqlerrcode == ERRCODE_QUERY_CANCELED)
		ReThrowError(error);
	if (error != NULL)
	{
		status = status_of(error->sqlerrcode);
		detail = error->hint == NULL ? error->message :
			psprintf("%s. %s", error->message, error->hint);
	}
	values[0] = CStringGetTextDatum(status);
	values[1] = CStringGetTextDatum(detail);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	return (Datum) 0;
}
