/*
 * recommend_json.c: recommend_json.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/json.h"

#include "pg/catalogue/cached_query.h"
#include "pg/serve/recommend.h"
#include "pg/util/relations.h"

PG_FUNCTION_INFO_V1(mlrec_recommend_json);

static char *
attributes_text(Oid users)
{
	return psprintf("SELECT %s FROM %s WHERE user_id OPERATOR(pg_catalog.=) $1",
					user_state_attribute_list(users, "pg_catalog.to_json(%s)::pg_catalog.text"),
					relation_quoted(users));
}

static CachedQuery attributes_query = {attributes_text, 1, {INT8OID}};

static void
receive_attributes(void *arg, TupleTableSlot *slot)
{
	char	  **attribute = arg;
	MemoryContext caller;

	caller = MemoryContextSwitchTo(GetMemoryChunkContext(attribute));
	for (int a = 0; a < N_ATTRIBUTES; a++)
		attribute[a] = slot_text(slot, a + 1);
	MemoryContextSwitchTo(caller);
}

static void
append_text(StringInfo json, const char *key, const char *value)
{
	appendStringInfo(json, ", \"%s\": ", key);
	if (value == NULL)
		appendStringInfoString(json, "null");
	else
		escape_json(json, value);
}

static void
append_float(StringInfo json, const char *key, float value)
{
	appendStringInfo(json, ", \"%s\": %s", key,
					 DatumGetCString(DirectFunctionCall1(float4out, Float4GetDatum(value))));
}

static void
append_user(StringInfo json, const Serving *serving, const AskedUser *asked)
{
	char	  **attribute = palloc0(sizeof(char *) * N_ATTRIBUTES);
	static const char *const names[N_ATTRIBUTES] = {"gender", "age", "occupation"};
	Datum		values[] = {Int64GetDatum(asked->user_id)};

	if (OidIsValid(serving->relations.users) && !asked->session)
		cached_query_run(&attributes_query, serving->relations.users, values, NULL,
						 receive_attributes, attribute);
	if (asked->session)
		appendStringInfoString(json, "\"user_id\": null");
	else
		appendStringInfo(json, "\"user_id\": " INT64_FORMAT, asked->user_id);
	for (int a = 0; a < N_ATTRIBUTES; a++)
		appendStringInfo(json, ", \"%s\": %s", names[a],
						 attribute[a] != NULL ? attribute[a] : "null");
}

static void
append_recommendation(StringInfo json, const Recommendation *item, const MovieText *text,
					  int32 rank)
{
	appendStringInfo(json, "%s{\"rank\": %d, \"movie_id\": " INT64_FORMAT, rank > 1 ? ", " : "",
					 rank, text->movie_id);
	append_text(json, "title", text->title);
	append_text(json, "genres", text->genres);
	if (text->year == 0)
		appendStringInfoString(json, ", \"year\": null");
	else
		appendStringInfo(json, ", \"year\": %d", text->year);
	append_float(json, "ranking_score", item->ranking);
	append_float(json, "retrieval_score", item->retrieval);
	appendStringInfoChar(json, '}');
}

/*
 * recommend_json(arguments of recommend_read_request) RETURNS json
 */
Datum
mlrec_recommend_json(PG_FUNCTION_ARGS)
{
	AskedUser	asked = asked_user(fcinfo, RECOMMEND_ARG_AS_OF);
	RecommendRequest request = {0};
	StringInfoData json;
	Serving		serving;
	RankWorkspace workspace;
	MovieText  *texts;
	text	   *answer;
	int32		n;

	recommend_read_request(fcinfo, &request);
	serve_begin(&serving, fcinfo, store_model_argument(fcinfo, 3));
	n = recommend_one(&workspace, &serving, &request, &asked);
	texts = recommend_describe(&serving, workspace.items, n, serving.context);

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	append_user(&json, &serving, &asked);
	appendStringInfoString(&json, ", \"recommendations\": [");
	for (int32 i = 0; i < n; i++)
		append_recommendation(&json, &workspace.items[i], &texts[i], i + 1);
	appendStringInfoString(&json, "]}");

	MemoryContextSwitchTo(serving.caller);
	answer = cstring_to_text_with_len(json.data, json.len);
	serve_end(&serving);
	PG_RETURN_TEXT_P(answer);
}
