/*
 * latest_ratings.c: the ratings that count.
 *
 * Where a user has rated a movie more than once, training and serving take the
 * latest rating, and of several at that time, or without times, the highest.
 * What looks at the data must count the same, so it reads ratings through the
 * subquery made here.  An event without a rating counts as a rating of 1.  It
 * costs a sort, and is left out where a unique index says that there is at most
 * one rating of a user and a movie, as after load_movielens.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "pg/data/input.h"
#include "pg/data/latest_ratings.h"
#include "pg/util/relations.h"

/* Whether the index lets a user and a movie have one rating at most. */
static bool
is_key(Relation index, AttrNumber user, AttrNumber movie)
{
	Form_pg_index form = index->rd_index;

	if (!form->indisunique || !form->indisvalid || !form->indimmediate ||
		RelationGetIndexExpressions(index) != NIL || RelationGetIndexPredicate(index) != NIL)
		return false;
	for (int i = 0; i < form->indnkeyatts; i++)
		if (form->indkey.values[i] != user && form->indkey.values[i] != movie)
			return false;
	return true;
}

static bool
has_key(Oid ratings)
{
	Relation	relation = relation_open(ratings, AccessShareLock);
	char		kind = relation->rd_rel->relkind;
	AttrNumber	user = get_attnum(ratings, "user_id");
	AttrNumber	movie = get_attnum(ratings, "movie_id");
	bool		found = false;
	ListCell   *cell;

	/* an index of a parent says nothing of its children's rows */
	if (kind == RELKIND_PARTITIONED_TABLE || kind == RELKIND_MATVIEW ||
		(kind == RELKIND_RELATION && !relation->rd_rel->relhassubclass))
	{
		foreach(cell, RelationGetIndexList(relation))
		{
			Relation	index = index_open(lfirst_oid(cell), AccessShareLock);

			found = found || is_key(index, user, movie);
			index_close(index, AccessShareLock);
		}
	}
	relation_close(relation, AccessShareLock);
	return found;
}

char *
latest_ratings(Oid ratings)
{
	/* without these there is no telling which rating came last */
	static const InputColumn needed[] = {
		{"user_id", INPUT_ID}, {"movie_id", INPUT_ID}, {"rating", INPUT_NUMBER, true},
		{"rated_at", INPUT_TIME, true}
	};
	bool		has_rating = get_attnum(ratings, "rating") != InvalidAttrNumber;
	char	   *time = input_time_order(ratings);
	bool		can_tell = true;

	for (int i = 0; i < lengthof(needed); i++)
		can_tell = can_tell && input_accepts(ratings, &needed[i]);
	if (can_tell && !has_rating)
		return psprintf("(SELECT DISTINCT user_id, movie_id, 1::pg_catalog.float4 AS rating "
						"FROM %s) AS latest", relation_quoted(ratings));
	if (!can_tell || has_key(ratings))
		return psprintf("%s AS latest", relation_quoted(ratings));
	return psprintf("(SELECT DISTINCT ON (user_id, movie_id) user_id, movie_id, rating FROM %s"
					" ORDER BY user_id, movie_id,%s rating DESC NULLS LAST) AS latest",
					relation_quoted(ratings),
					time == NULL ? "" : psprintf(" %s DESC NULLS LAST,", time));
}

/* A value of the first row that a query has found, short enough for a message. */
static char *
value_text(int column)
{
	char	   *text = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column);

	if (text == NULL)
		return "null";
	return strlen(text) <= 40 ? text : psprintf("%.30s... (%zu digits)", text, strlen(text));
}

void
latest_ratings_check(Oid ratings, const char *condition, ParamListInfo params)
{
	AttrNumber	rating = get_attnum(ratings, "rating");
	Oid			type = rating == InvalidAttrNumber ? InvalidOid :
		getBaseType(get_atttype(ratings, rating));
	const char *name = type == NUMERICOID ? "pg_catalog.numeric" : "pg_catalog.float8";
	bool		has_keys = get_attnum(ratings, "user_id") > 0 &&
		get_attnum(ratings, "movie_id") > 0;
	SPIExecuteOptions options = {0};

	if (type != NUMERICOID && type != FLOAT8OID)
		return;					/* cannot be */
	options.params = params;
	options.read_only = true;
	options.tcount = 1;
	SPI_connect();
	SPI_execute_extended(
		psprintf("SELECT rating::pg_catalog.text, %s FROM %s WHERE %s"
				 " AND (rating OPERATOR(pg_catalog.>) '3.4028235e38'::%s"
				 "  AND rating OPERATOR(pg_catalog.<) 'Infinity'::%s"
				 "  OR rating OPERATOR(pg_catalog.<) '-3.4028235e38'::%s"
				 "  AND rating OPERATOR(pg_catalog.>) '-Infinity'::%s) LIMIT 1",
				 has_keys ? "user_id::pg_catalog.text, movie_id::pg_catalog.text" : "NULL, NULL",
				 relation_quoted(ratings), condition != NULL ? condition : "true",
				 name, name, name, name), &options);
	if (SPI_processed > 0)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("column \"rating\" of relation %s has a value beyond the range of type "
						"real", relation_quoted(ratings)),
				 errdetail("The row has user_id %s, movie_id %s, rating %s.", value_text(2),
						   value_text(3), value_text(1)),
				 errhint("Correct the row, or leave it out by a view.")));
	SPI_finish();
}
