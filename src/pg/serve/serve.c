/*
 * serve.c: what the serving functions share, and the two simplest of them.
 *
 * Every answer follows one pattern.  The model comes from the cache.  Its
 * relations are found by name, and the movies and the user's ratings read from
 * them by prepared queries, as the invoker and under the caller's snapshot.
 * The rest is arithmetic on the model's arrays.  Nothing is written, so serving
 * works in read-only transactions and on a standby.
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "num/base/similarity.h"
#include "num/base/topk.h"
#include "num/net/dense.h"
#include "pg/catalogue/search.h"
#include "pg/data/input.h"
#include "pg/embedding/embedding.h"
#include "pg/serve/asked_user.h"
#include "pg/util/compat.h"

PG_FUNCTION_INFO_V1(mlrec_predict_rating);
PG_FUNCTION_INFO_V1(mlrec_user_temperature);
PG_FUNCTION_INFO_V1(mlrec_similar_movies);
PG_FUNCTION_INFO_V1(mlrec_nearest_movies);

/* The model that a call site used last, so that one statement uses one model */
typedef struct CallSite
{
	int32		model_id;		/* asked for */
	CachedModel *model;
} CallSite;

/* ---------------------------------------------------------------------------
 * Begin and end
 * ------------------------------------------------------------------------- */

/*
 * The model for a call.  A set-returning function that a statement calls many
 * times, for each row of a table, answers from the same model each time, even
 * if another one is activated meanwhile.
 */
static CachedModel *
model_for(FunctionCallInfo fcinfo, int32 model_id)
{
	FmgrInfo   *function = fcinfo->flinfo;
	CallSite   *site = function->fn_extra;
	MemoryContext caller;

	if (!function->fn_retset || (site != NULL && site->model_id != model_id))
		return cache_get(model_id);
	if (site == NULL)
	{
		caller = MemoryContextSwitchTo(function->fn_mcxt);
		site = palloc(sizeof(CallSite));
		site->model_id = model_id;
		site->model = cache_get(model_id);
		function->fn_extra = site;
		MemoryContextSwitchTo(caller);
	}
	return site->model;
}

/*
 * Checked again only after the definition of some relation may have changed, so
 * that an answer pays next to nothing for it.
 */
void
serve_check_columns(CachedModel *model, const StoreRelations *relations)
{
	InputColumn ratings[] = {
		{"user_id", INPUT_ID}, {"movie_id", INPUT_ID},
		{"rating", INPUT_NUMBER, model->header->events}, {"weight", INPUT_NUMBER, true}
	};
	InputColumn movies[] = {
		{"movie_id", INPUT_ID}, {"title", INPUT_TEXT}, {"genres", INPUT_TEXT},
		{"year", INPUT_NUMBER, true}
	};
	InputColumn users[] = {{"user_id", INPUT_ID}};
	uint64		generation = cache_relations_generation();
	int32		model_id = model->entry.model_id;

	if (model->columns_checked == generation)
		return;
	input_check(relations->ratings, ratings, lengthof(ratings) - !model->header->events, model_id);
	if (OidIsValid(relations->movies))
		input_check(relations->movies, movies, lengthof(movies), model_id);
	if (OidIsValid(relations->users))
		input_check(relations->users, users, lengthof(users), model_id);
	model->columns_checked = generation;
}

void
serve_begin(Serving *serving, FunctionCallInfo fcinfo, int32 model_id)
{
	serving->context = AllocSetContextCreate(CurrentMemoryContext, "mlrec serving",
											 ALLOCSET_DEFAULT_SIZES);
	serving->caller = MemoryContextSwitchTo(serving->context);
	serving->model = model_for(fcinfo, model_id);
	store_find_relations(&serving->model->entry, &serving->relations);
	serve_check_columns(serving->model, &serving->relations);
	serving->clock = clock_of(serving->relations.ratings, serving->model->header->second,
							  GetCurrentTransactionStartTimestamp());
	SPI_connect();
	MemoryContextSwitchTo(serving->context);
	serving->catalogue = catalogue_now(serving->model, &serving->relations);
}

void
serve_end(Serving *serving)
{
	SPI_finish();
	MemoryContextSwitchTo(serving->caller);
	MemoryContextDelete(serving->context);
}

/* ---------------------------------------------------------------------------
 * Arguments
 * ------------------------------------------------------------------------- */

void
serve_refuse_null(FunctionCallInfo fcinfo, int argno, const char *name)
{
	if (PG_ARGISNULL(argno))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", name)));
}

int64
serve_id(FunctionCallInfo fcinfo, int argno, const char *name)
{
	serve_refuse_null(fcinfo, argno, name);
	return PG_GETARG_INT64(argno);
}

int32
serve_count(FunctionCallInfo fcinfo, int argno, const char *name, int32 min)
{
	int32		count;

	serve_refuse_null(fcinfo, argno, name);
	count = PG_GETARG_INT32(argno);
	if (count < min)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" is %d, but must be at least %d", name, count, min)));
	return count;
}

float
serve_fraction(FunctionCallInfo fcinfo, int argno, const char *name)
{
	float		fraction;

	serve_refuse_null(fcinfo, argno, name);
	fraction = PG_GETARG_FLOAT4(argno);
	if (!(fraction >= 0 && fraction <= 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" is %g, but must be from 0 to 1", name, fraction)));
	return fraction;
}

bool
serve_next_id(ArrayIterator iterator, int64 *id)
{
	Datum		value;
	bool		isnull;

	while (array_iterate(iterator, &value, &isnull))
	{
		if (isnull)
			continue;
		*id = DatumGetInt64(value);
		return true;
	}
	return false;
}

int32
serve_find_movie(const Serving *serving, int64 movie_id)
{
	int32		movie = catalogue_find(serving->catalogue, movie_id);
	const char *movies = serving->model->entry.movies;

	if (movie < 0 || (serving->relations.movies_may_hide && serving->catalogue->hidden[movie]))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("movie %lld is unknown", (long long) movie_id),
				 movies == NULL ?
				 errdetail("No rating of it was there when the model was trained.") :
				 errdetail("Relation %s has no row of it.", movies),
				 movies == NULL ?
				 errhint("Train a new model.") :
				 errhint("Insert the movie into %s; it needs no new training.", movies)));
	return movie;
}

/* ---------------------------------------------------------------------------
 * Scores
 * ------------------------------------------------------------------------- */

void
serve_user_vectors(const Serving *serving, const UserState *state, UserVectors *vectors)
{
	const Model *model = serving->model->model;
	float	   *scratch = palloc(sizeof(float) * model_users_scratch(model, 1));

	model_users(model, &state->input, 1, vectors->retrieval, &vectors->temperature,
				vectors->ranking, scratch);
	pfree(scratch);
}

float
serve_cosine(const float *a, const float *b)
{
	float		cosine = dense_dot(a, b);

	return Max(-1.0f, Min(1.0f, cosine));
}

float
serve_relevance(const Serving *serving, int32 movie, float temperature, float cosine,
				float prediction)
{
	const ModelFileHeader *header = serving->model->header;

	return temperature * cosine + catalogue_popularity(serving->catalogue, movie) +
		model_rating_weight(header, temperature) * prediction;
}

float
serve_score(const Serving *serving, int32 movie, float temperature, float cosine,
			float prediction)
{
	const ModelFileHeader *header = serving->model->header;

	if (header->events)
		return model_chance(header, serve_relevance(serving, movie, temperature, cosine,
													prediction));
	return model_rating(header, prediction);
}

/*
 * predict_rating(user_id bigint, movie_id bigint, model_id int) RETURNS real: the
 * user's own rating of the movie, if there is one, is not looked at.
 */
Datum
mlrec_predict_rating(PG_FUNCTION_ARGS)
{
	int64		user_id = serve_id(fcinfo, 0, "user_id");
	int64		movie_id = serve_id(fcinfo, 1, "movie_id");
	UserVectors vectors;
	float		prediction;
	float	   *scratch;
	const Model *model;
	Serving		serving;
	UserState  *state;
	int32		movie;

	serve_begin(&serving, fcinfo, store_model_argument(fcinfo, 2));
	model = serving.model->model;
	movie = serve_find_movie(&serving, movie_id);
	state = user_state_read(serving.model, &serving.relations, serving.clock, user_id,
							serving.context);
	user_state_forget(state, movie_id);
	serve_user_vectors(&serving, state, &vectors);
	scratch = palloc(sizeof(float) * model_rank_scratch(model, 1));
	model_rank(model, vectors.ranking, 0, catalogue_rank_vector(serving.catalogue, movie), 1,
			   &prediction, scratch);
	prediction = serve_score(&serving, movie, vectors.temperature,
							 serve_cosine(vectors.retrieval,
										  catalogue_vector(serving.catalogue, movie)),
							 prediction);
	serve_end(&serving);
	PG_RETURN_FLOAT4(prediction);
}

/*
 * user_temperature(user_id bigint, model_id int, arguments of asked_user.h) RETURNS real
 */
Datum
mlrec_user_temperature(PG_FUNCTION_ARGS)
{
	AskedUser	asked = asked_user(fcinfo, 2);
	UserVectors vectors;
	Serving		serving;

	serve_begin(&serving, fcinfo, store_model_argument(fcinfo, 1));
	serve_user_vectors(&serving, asked_user_state(&serving, &asked), &vectors);
	serve_end(&serving);
	PG_RETURN_FLOAT4(vectors.temperature);
}

/*
 * similar_movies(movie_id bigint, n int, model_id int) -> rank, movie_id, title,
 * genres, year, similarity: by the cosine of the movies' retrieval vectors.
 */
Datum
mlrec_similar_movies(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	int64		movie_id = serve_id(fcinfo, 0, "movie_id");
	int32		n = serve_count(fcinfo, 1, "n", 0);
	Serving		serving;
	int32		movie;
	uint8	   *skip;
	Topk		topk;
	MovieText  *texts;

	InitMaterializedSRF(fcinfo, 0);
	serve_begin(&serving, fcinfo, store_model_argument(fcinfo, 2));
	movie = serve_find_movie(&serving, movie_id);
	skip = catalogue_hidden(serving.catalogue);
	skip[movie] = 1;
	n = Min(n, serving.catalogue->n_movies);
	topk_init(&topk, palloc_extended(sizeof(TopkEntry) * Max(n, 1), MCXT_ALLOC_HUGE), n);
	search_by_cosine(serving.catalogue, catalogue_vector(serving.catalogue, movie), 1, skip, &topk);
	topk_sort(&topk);

	texts = palloc_extended(sizeof(MovieText) * Max(topk.n, 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int32 i = 0; i < topk.n; i++)
		texts[i].movie_id = catalogue_id(serving.catalogue, topk.entry[i].index);
	catalogue_describe(serving.relations.movies, texts, topk.n, serving.context);
	for (int32 i = 0; i < topk.n; i++)
	{
		Datum		values[6];
		bool		nulls[6];

		values[0] = Int32GetDatum(i + 1);
		nulls[0] = false;
		catalogue_movie_columns(&texts[i], values + 1, nulls + 1);
		values[5] = Float4GetDatum(Max(-1.0f, Min(1.0f, topk.entry[i].score)));
		nulls[5] = false;
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	serve_end(&serving);
	return (Datum) 0;
}

/*
 * A query vector made unit length.
 */
static void
unit_vector(float *unit, const Embedding *e)
{
	double		norm;

	if (e->dims != VECTOR_DIMS)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("the vector has %d dimensions, those of movies have %d",
						e->dims, VECTOR_DIMS)));
	norm = similarity_norm(e->x, e->dims);
	if (norm == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("no movie is near to a zero vector")));
	for (int i = 0; i < VECTOR_DIMS; i++)
		unit[i] = (float) (e->x[i] / norm);
}

/*
 * nearest_movies(vector embedding, n int, model_id int) -> rank, movie_id,
 * similarity: by the cosine of any vector and the movies', without their titles.
 */
Datum
mlrec_nearest_movies(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	int32		n = serve_count(fcinfo, 1, "n", 0);
	float		vector[VECTOR_DIMS];
	Serving		serving;
	Topk		topk;

	serve_refuse_null(fcinfo, 0, "vector");
	unit_vector(vector, PG_GETARG_EMBEDDING_P(0));
	InitMaterializedSRF(fcinfo, 0);
	serve_begin(&serving, fcinfo, store_model_argument(fcinfo, 2));
	n = Min(n, serving.catalogue->n_movies);
	topk_init(&topk, palloc_extended(sizeof(TopkEntry) * Max(n, 1), MCXT_ALLOC_HUGE), n);
	search_by_cosine(serving.catalogue, vector, search_recall(), serving.catalogue->hidden, &topk);
	topk_sort(&topk);
	for (int32 i = 0; i < topk.n; i++)
	{
		Datum		values[3];
		bool		nulls[3] = {false, false, false};

		values[0] = Int32GetDatum(i + 1);
		values[1] = Int64GetDatum(catalogue_id(serving.catalogue, topk.entry[i].index));
		values[2] = Float4GetDatum(Max(-1.0f, Min(1.0f, topk.entry[i].score)));
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	serve_end(&serving);
	return (Datum) 0;
}
