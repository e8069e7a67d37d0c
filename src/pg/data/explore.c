/*
 * explore.c: functions that look at the data.
 *
 * Each is one query over the ratings, movies and users relations, given as
 * optional regclass arguments.  NULL is the relation of that name on the
 * caller's search path; user_profile and movie_details, which go with
 * recommend, prefer those of the active model.  "ratings" in their results
 * counts the rows with a rating that is not NULL; of several of one user and
 * movie the latest counts, as it does for training and serving.
 *
 * The relations may have any types that training accepts, so everything is
 * cast on its way out, and sums are taken in double precision.  The queries
 * name all functions and operators in full, so that no search_path can put
 * others in their place; and they do without NULLIF, IN, BETWEEN, IS DISTINCT
 * FROM, simple CASE and JOIN USING, whose operators cannot be named.
 */
#include "postgres.h"

#include "access/attnum.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "num/data/movie_features.h"
#include "pg/data/input.h"
#include "pg/data/latest_ratings.h"
#include "pg/store/store.h"
#include "pg/util/query.h"
#include "pg/util/relations.h"

/* A user's favorite genres: so many, each as if rated averagely so often more. */
#define FAVOURITE_GENRES "3"
#define FAVOURITE_DAMPING "5"

/* The genres of a movie m, each once, as g(genre); %s is the name of genre_list. */
#define GENRES_OF_MOVIE \
	" CROSS JOIN LATERAL pg_catalog.unnest(%s(m.genres::pg_catalog.text)) AS g (genre)"

/* The mean rating of a group by the n and total of its members c. */
#define GROUP_MEAN \
	" CASE WHEN pg_catalog.sum(c.n) OPERATOR(pg_catalog.>) 0 THEN" \
	"  (pg_catalog.sum(c.total) OPERATOR(pg_catalog./)" \
	"   pg_catalog.sum(c.n)::pg_catalog.float8)::pg_catalog.float4 END"

/* Columns that the relations must have, those first that every query reads. */
static const InputColumn rating_columns[] = {
	{"rating", INPUT_NUMBER, true}, {"movie_id", INPUT_ID}, {"user_id", INPUT_ID}
};
static const InputColumn user_rating_columns[] = {
	{"rating", INPUT_NUMBER, true}, {"user_id", INPUT_ID}
};
static const InputColumn movie_columns[] = {
	{"movie_id", INPUT_ID}, {"title", INPUT_TEXT}, {"genres", INPUT_TEXT},
	{"year", INPUT_NUMBER, true}
};
static const InputColumn user_columns[] = {{"user_id", INPUT_ID}};

PG_FUNCTION_INFO_V1(mlrec_rating_distribution);
PG_FUNCTION_INFO_V1(mlrec_most_rated_movies);
PG_FUNCTION_INFO_V1(mlrec_top_rated_movies);
PG_FUNCTION_INFO_V1(mlrec_lowest_rated_movies);
PG_FUNCTION_INFO_V1(mlrec_genre_summary);
PG_FUNCTION_INFO_V1(mlrec_user_demographics);
PG_FUNCTION_INFO_V1(mlrec_user_profile);
PG_FUNCTION_INFO_V1(mlrec_movie_details);

static bool
has_column(Oid relation, const char *column)
{
	return get_attnum(relation, column) > 0;
}

/* Raises an error unless the relation has the first n of the columns. */
static void
require(Oid relation, const InputColumn *columns, int n)
{
	InputColumn found[lengthof(movie_columns)];

	Assert(n <= lengthof(found));
	memcpy(found, columns, sizeof(InputColumn) * n);
	input_check(relation, found, n, 0);
}

/*
 * The FROM item of the ratings, which must have the first n of the columns and
 * only numbers that fit into the results.
 */
static char *
ratings_source(Oid ratings, const InputColumn *columns, int n)
{
	require(ratings, columns, n);
	latest_ratings_check(ratings, NULL, NULL);
	return latest_ratings(ratings);
}

/* Likewise for the ratings that argument argno gives, with the columns rating, movie_id. */
static char *
ratings_argument(FunctionCallInfo fcinfo, int argno, int n)
{
	return ratings_source(relation_argument(fcinfo, argno, "ratings", false), rating_columns, n);
}

/* The FROM item of movies, which may be InvalidOid: then there are none. */
static char *
movies_source(Oid movies)
{
	if (OidIsValid(movies))
		return relation_quoted(movies);
	return "(SELECT NULL::pg_catalog.int8 AS movie_id, NULL::pg_catalog.text AS title,"
		" NULL::pg_catalog.text AS genres LIMIT 0)";
}

/* Likewise of the movies that argument argno gives. */
static char *
movies_argument(FunctionCallInfo fcinfo, int argno, int n)
{
	Oid			movies = relation_argument(fcinfo, argno, "movies", true);

	if (OidIsValid(movies))
		require(movies, movie_columns, n);
	return movies_source(movies);
}

/*
 * rating_distribution(ratings): how many ratings each value has.
 */
Datum
mlrec_rating_distribution(PG_FUNCTION_ARGS)
{
	char	   *ratings = ratings_argument(fcinfo, 0, 1);

	query_return(fcinfo,
				 psprintf("SELECT rating::pg_catalog.float4, n,"
						  " (n OPERATOR(pg_catalog./) pg_catalog.sum(n) OVER ())::pg_catalog.float4"
						  " FROM (SELECT rating, pg_catalog.count(*) AS n FROM %s"
						  "  WHERE rating IS NOT NULL GROUP BY rating) AS counted"
						  " ORDER BY rating",
						  ratings),
				 NULL);
	return (Datum) 0;
}

/*
 * The first n movies, the argument 0, in the given order among those with at
 * least min_ratings; an n of NULL means all.  The movies are counted and cut to
 * n before the titles are looked up.
 */
static void
return_movies(FunctionCallInfo fcinfo, int64 min_ratings, const char *order, const char *ratings,
			  const char *movies)
{
	ParamListInfo params = query_params(2);

	if (!PG_ARGISNULL(0) && PG_GETARG_INT32(0) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("n must not be negative: %d", PG_GETARG_INT32(0)),
				 errhint("Give the number of movies to return, or NULL for all.")));
	query_set_param(params, 1, INT4OID, PG_ARGISNULL(0) ? (Datum) 0 : PG_GETARG_DATUM(0),
					PG_ARGISNULL(0));
	query_set_param(params, 2, INT8OID, Int64GetDatum(min_ratings), false);
	query_return(
		fcinfo,
		psprintf("WITH counted AS (SELECT movie_id, pg_catalog.count(rating) AS n,"
				 "  pg_catalog.avg(rating) AS mean FROM %s GROUP BY movie_id),"
				 " ranked AS (SELECT *, pg_catalog.row_number() OVER (ORDER BY %s) AS rank"
				 "  FROM counted WHERE n OPERATOR(pg_catalog.>=) $2"
				 "  ORDER BY rank LIMIT $1)"
				 " SELECT p.movie_id::pg_catalog.int8, m.title::pg_catalog.text, p.n,"
				 "  p.mean::pg_catalog.float4 FROM ranked AS p"
				 " LEFT JOIN %s AS m ON m.movie_id OPERATOR(pg_catalog.=) p.movie_id"
				 " ORDER BY p.rank",
				 ratings, order, movies),
		params);
}

/*
 * most_rated_movies(n, ratings, movies)
 */
Datum
mlrec_most_rated_movies(PG_FUNCTION_ARGS)
{
	return_movies(fcinfo, 1, "n DESC, movie_id", ratings_argument(fcinfo, 1, 2),
				  movies_argument(fcinfo, 2, 2));
	return (Datum) 0;
}

/*
 * The movies by mean rating, for (n, min_ratings, ratings, movies).
 */
static void
return_movies_by_mean(FunctionCallInfo fcinfo, const char *order)
{
	int64		min_ratings = PG_ARGISNULL(1) ? 1 : Max(PG_GETARG_INT32(1), 1);

	return_movies(fcinfo, min_ratings, order, ratings_argument(fcinfo, 2, 2),
				  movies_argument(fcinfo, 3, 2));
}

/*
 * top_rated_movies(n, min_ratings, ratings, movies)
 */
Datum
mlrec_top_rated_movies(PG_FUNCTION_ARGS)
{
	return_movies_by_mean(fcinfo, "mean DESC, n DESC, movie_id");
	return (Datum) 0;
}

/*
 * lowest_rated_movies(n, min_ratings, ratings, movies)
 */
Datum
mlrec_lowest_rated_movies(PG_FUNCTION_ARGS)
{
	return_movies_by_mean(fcinfo, "mean, n DESC, movie_id");
	return (Datum) 0;
}

/*
 * genre_summary(ratings, movies): a movie counts for each of its genres.
 */
Datum
mlrec_genre_summary(PG_FUNCTION_ARGS)
{
	char	   *ratings = ratings_argument(fcinfo, 0, 2);
	char	   *movies = movies_argument(fcinfo, 1, 3);

	query_return(
		fcinfo,
		psprintf("WITH counted AS (SELECT movie_id, pg_catalog.count(rating) AS n,"
				 "  pg_catalog.sum(rating::pg_catalog.float8) AS total FROM %s"
				 "  GROUP BY movie_id)"
				 " SELECT g.genre, pg_catalog.count(*),"
				 "  coalesce(pg_catalog.sum(c.n), 0)::pg_catalog.int8 AS ratings," GROUP_MEAN
				 " FROM %s AS m" GENRES_OF_MOVIE
				 " LEFT JOIN counted AS c ON c.movie_id OPERATOR(pg_catalog.=) m.movie_id"
				 " GROUP BY g.genre ORDER BY ratings DESC, g.genre",
				 ratings, movies, extension_object_quoted("genre_list")),
		NULL);
	return (Datum) 0;
}

/*
 * An attribute of a user u as it is grouped and ordered: as what it is, or else,
 * if its type has no order, such as json, as text.
 */
static char *
group_value(Oid users, const char *attribute)
{
	Oid			type = get_atttype(users, get_attnum(users, attribute));
	TypeCacheEntry *entry = lookup_type_cache(getBaseType(type),
											  TYPECACHE_EQ_OPR | TYPECACHE_LT_OPR);

	if (OidIsValid(entry->eq_opr) && OidIsValid(entry->lt_opr))
		return psprintf("u.%s", attribute);
	return psprintf("u.%s::pg_catalog.text AS %s", attribute, attribute);
}

/*
 * Append the part of user_demographics' query for one attribute: its rows in
 * the order of the attribute's own type.
 */
static void
append_attribute(StringInfo query, const char *attribute, int number)
{
	appendStringInfo(query,
					 "%s SELECT %d AS number, pg_catalog.row_number() OVER (ORDER BY value) AS row,"
					 "  '%s'::pg_catalog.text AS attribute, value::pg_catalog.text,"
					 "  users, ratings, mean"
					 " FROM (SELECT %s AS value, pg_catalog.count(*) AS users,"
					 "  coalesce(pg_catalog.sum(c.n), 0)::pg_catalog.int8 AS ratings," GROUP_MEAN
					 "   AS mean FROM known AS c GROUP BY %s) AS grouped",
					 number > 0 ? " UNION ALL" : "", number, attribute, attribute, attribute);
}

/*
 * user_demographics(ratings, users): an attribute that the users do not have
 * is left out.
 */
Datum
mlrec_user_demographics(PG_FUNCTION_ARGS)
{
	static const char *const attributes[] = {"gender", "age", "occupation"};
	Oid			ratings = relation_argument(fcinfo, 0, "ratings", false);
	Oid			users = relation_argument(fcinfo, 1, "users", false);
	int			found = 0;
	StringInfoData columns;
	StringInfoData parts;

	initStringInfo(&columns);
	initStringInfo(&parts);
	for (int i = 0; i < lengthof(attributes); i++)
	{
		if (!has_column(users, attributes[i]))
			continue;
		appendStringInfo(&columns, "%s, ", group_value(users, attributes[i]));
		append_attribute(&parts, attributes[i], found++);
	}
	if (found == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("relation %s has none of the columns gender, age and occupation",
						relation_quoted(users)),
				 errhint("Pass a view of the users that has one of them.")));

	require(users, user_columns, lengthof(user_columns));
	query_return(fcinfo,
				 psprintf("WITH known AS (SELECT %s c.n, c.total FROM %s AS u LEFT JOIN"
						  " (SELECT user_id, pg_catalog.count(rating) AS n,"
						  "  pg_catalog.sum(rating::pg_catalog.float8) AS total FROM %s"
						  "  GROUP BY user_id) AS c ON c.user_id OPERATOR(pg_catalog.=) u.user_id)"
						  " SELECT attribute, value, users, ratings, mean"
						  " FROM (%s) AS listed ORDER BY number, row",
						  columns.data, relation_quoted(users),
						  ratings_source(ratings, user_rating_columns,
										 lengthof(user_rating_columns)), parts.data),
				 NULL);
	return (Datum) 0;
}

/*
 * The relations for user_profile and movie_details, by their arguments from
 * number 1 on: ratings, movies and, if the function has it, users.  One that
 * is not given is the active model's, if there is a model.
 */
static void
find_serving_relations(FunctionCallInfo fcinfo, StoreRelations *found)
{
	StoreRelations active;
	bool		has_users = PG_NARGS() > 3;
	bool		all_given = !PG_ARGISNULL(1) && !PG_ARGISNULL(2) && !(has_users && PG_ARGISNULL(3));
	bool		has_active = !all_given && store_active_relations(&active);

	found->users = InvalidOid;
	if (has_active)
		*found = active;
	if (!has_active || !PG_ARGISNULL(1))
		found->ratings = relation_argument(fcinfo, 1, "ratings", false);
	if (!has_active || !PG_ARGISNULL(2))
		found->movies = relation_argument(fcinfo, 2, "movies", true);
	if (has_users && (!has_active || !PG_ARGISNULL(3)))
		found->users = relation_argument(fcinfo, 3, "users", true);
	require(found->ratings, rating_columns, has_users ? 3 : 2);
	if (OidIsValid(found->movies))
		require(found->movies, movie_columns, lengthof(movie_columns));
	if (OidIsValid(found->users))
		require(found->users, user_columns, lengthof(user_columns));
}

/*
 * Parameters with $1 set to the id that is argument 0.
 */
static ParamListInfo
id_param(FunctionCallInfo fcinfo)
{
	ParamListInfo params = query_params(1);
	bool		isnull = PG_ARGISNULL(0);

	query_set_param(params, 1, INT8OID, isnull ? (Datum) 0 : PG_GETARG_DATUM(0), isnull);
	return params;
}

/*
 * The expression of a user's attribute as text, NULL where there is none.
 */
static char *
user_attribute(Oid users, const char *attribute)
{
	if (!OidIsValid(users) || !has_column(users, attribute))
		return "NULL::pg_catalog.text";
	return psprintf("u.%s::pg_catalog.text", attribute);
}

/*
 * user_profile(user_id, ratings, movies, users): no row for a user who is in
 * neither of the relations.  Favorite genres are those whose movies the user
 * rates highest against their or her own mean, damped for genres rated seldom.
 */
Datum
mlrec_user_profile(PG_FUNCTION_ARGS)
{
	StoreRelations from;
	StringInfoData query;
	ParamListInfo params = id_param(fcinfo);

	find_serving_relations(fcinfo, &from);
	latest_ratings_check(from.ratings, "user_id OPERATOR(pg_catalog.=) $1", params);
	initStringInfo(&query);
	appendStringInfo(
		&query,
		"WITH own AS (SELECT movie_id, rating::pg_catalog.float8 AS rating FROM %s"
		"  WHERE user_id OPERATOR(pg_catalog.=) $1 AND rating IS NOT NULL),"
		" total AS (SELECT pg_catalog.count(*) AS n, pg_catalog.avg(rating) AS mean"
		"  FROM own),"
		" liked AS (SELECT g.genre, pg_catalog.count(*) AS n,"
		"  pg_catalog.sum(o.rating OPERATOR(pg_catalog.-) t.mean)"
		"   OPERATOR(pg_catalog./) (pg_catalog.count(*)"
		"   OPERATOR(pg_catalog.+) " FAVOURITE_DAMPING ")::pg_catalog.float8 AS liking"
		"  FROM own AS o CROSS JOIN total AS t"
		"  JOIN %s AS m ON m.movie_id OPERATOR(pg_catalog.=) o.movie_id" GENRES_OF_MOVIE
		"  GROUP BY g.genre)"
		" SELECT $1, %s, %s, %s, t.n, t.mean::pg_catalog.float4,"
		"  ARRAY(SELECT genre FROM liked ORDER BY liking DESC, n DESC, genre"
		"   LIMIT " FAVOURITE_GENRES ")"
		" FROM total AS t",
		latest_ratings(from.ratings), movies_source(from.movies),
		extension_object_quoted("genre_list"), user_attribute(from.users, "gender"),
		user_attribute(from.users, "age"), user_attribute(from.users, "occupation"));
	if (OidIsValid(from.users))
		appendStringInfo(&query,
						 " LEFT JOIN %s AS u ON u.user_id OPERATOR(pg_catalog.=) $1"
						 " WHERE t.n OPERATOR(pg_catalog.>) 0 OR u.user_id IS NOT NULL",
						 relation_quoted(from.users));
	else
		appendStringInfoString(&query, " WHERE t.n OPERATOR(pg_catalog.>) 0");
	query_return(fcinfo, query.data, params);
	return (Datum) 0;
}

/*
 * The expression of a movie's year by the rule that training has: by the column
 * if it is a year, else by the title.
 */
static char *
movie_year(Oid movies)
{
	char	   *by_title = psprintf("%s(m.title::pg_catalog.text)",
									extension_object_quoted("title_year"));

	if (!OidIsValid(movies) || !has_column(movies, "year"))
		return by_title;
	return psprintf("CASE WHEN m.year OPERATOR(pg_catalog.>=) 1"
					"  AND m.year OPERATOR(pg_catalog.<=) %d"
					" THEN pg_catalog.trunc(m.year)::pg_catalog.int4 ELSE %s END",
					MAX_YEAR, by_title);
}

/*
 * movie_details(movie_id, ratings, movies): no row for a movie that is in
 * neither of the relations.
 */
Datum
mlrec_movie_details(PG_FUNCTION_ARGS)
{
	StoreRelations from;
	ParamListInfo params = id_param(fcinfo);

	find_serving_relations(fcinfo, &from);
	latest_ratings_check(from.ratings, "movie_id OPERATOR(pg_catalog.=) $1", params);
	query_return(fcinfo,
				 psprintf("SELECT $1, m.title::pg_catalog.text, m.genres::pg_catalog.text,"
						  " %s, c.n, c.mean::pg_catalog.float4"
						  " FROM (SELECT pg_catalog.count(rating) AS n,"
						  "  pg_catalog.avg(rating) AS mean FROM %s"
						  "  WHERE movie_id OPERATOR(pg_catalog.=) $1) AS c"
						  " LEFT JOIN %s AS m ON m.movie_id OPERATOR(pg_catalog.=) $1"
						  " WHERE c.n OPERATOR(pg_catalog.>) 0 OR m.movie_id IS NOT NULL",
						  movie_year(from.movies), latest_ratings(from.ratings),
						  movies_source(from.movies)),
				 params);
	return (Datum) 0;
}
