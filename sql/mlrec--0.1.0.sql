\echo Use "CREATE EXTENSION mlrec" to load this file. \quit

-- ============================================================================
-- 1. The embedding type
-- ============================================================================

CREATE TYPE embedding;

CREATE FUNCTION embedding_in(cstring, oid, integer) RETURNS embedding
    AS 'MODULE_PATHNAME', 'mlrec_embedding_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
CREATE FUNCTION embedding_out(embedding) RETURNS cstring
    AS 'MODULE_PATHNAME', 'mlrec_embedding_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
CREATE FUNCTION embedding_recv(internal, oid, integer) RETURNS embedding
    AS 'MODULE_PATHNAME', 'mlrec_embedding_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
CREATE FUNCTION embedding_send(embedding) RETURNS bytea
    AS 'MODULE_PATHNAME', 'mlrec_embedding_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
CREATE FUNCTION embedding_typmod_in(cstring[]) RETURNS integer
    AS 'MODULE_PATHNAME', 'mlrec_embedding_typmod_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
CREATE FUNCTION embedding_typmod_out(integer) RETURNS cstring
    AS 'MODULE_PATHNAME', 'mlrec_embedding_typmod_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;

-- Floats do not compress: long values are moved out of line as they are.
CREATE TYPE embedding (
    INPUT = embedding_in,
    OUTPUT = embedding_out,
    RECEIVE = embedding_recv,
    SEND = embedding_send,
    TYPMOD_IN = embedding_typmod_in,
    TYPMOD_OUT = embedding_typmod_out,
    STORAGE = external
);

COMMENT ON TYPE embedding IS 'vector of 1 to 16000 finite single-precision numbers, written [0.1,-2,3e-5]';
COMMENT ON FUNCTION embedding_in(cstring, oid, integer) IS 'I/O';
COMMENT ON FUNCTION embedding_out(embedding) IS 'I/O';
COMMENT ON FUNCTION embedding_recv(internal, oid, integer) IS 'I/O';
COMMENT ON FUNCTION embedding_send(embedding) IS 'I/O';
COMMENT ON FUNCTION embedding_typmod_in(cstring[]) IS 'I/O typmod';
COMMENT ON FUNCTION embedding_typmod_out(integer) IS 'I/O typmod';

-- Casts.  That to embedding itself is what checks a value against embedding(dims).

CREATE FUNCTION embedding(embedding, integer, boolean) RETURNS embedding
    AS 'MODULE_PATHNAME', 'mlrec_embedding' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
CREATE FUNCTION array_to_embedding(integer[], integer, boolean) RETURNS embedding
    AS 'MODULE_PATHNAME', 'mlrec_array_to_embedding' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
CREATE FUNCTION array_to_embedding(real[], integer, boolean) RETURNS embedding
    AS 'MODULE_PATHNAME', 'mlrec_array_to_embedding' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
CREATE FUNCTION array_to_embedding(double precision[], integer, boolean) RETURNS embedding
    AS 'MODULE_PATHNAME', 'mlrec_array_to_embedding' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
CREATE FUNCTION array_to_embedding(numeric[], integer, boolean) RETURNS embedding
    AS 'MODULE_PATHNAME', 'mlrec_array_to_embedding' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50;
CREATE FUNCTION embedding_to_real_array(embedding) RETURNS real[]
    AS 'MODULE_PATHNAME', 'mlrec_embedding_to_real_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;

COMMENT ON FUNCTION embedding(embedding, integer, boolean) IS 'check the dimensions against the type modifier';
COMMENT ON FUNCTION array_to_embedding(integer[], integer, boolean) IS 'convert integer[] to embedding';
COMMENT ON FUNCTION array_to_embedding(real[], integer, boolean) IS 'convert real[] to embedding';
COMMENT ON FUNCTION array_to_embedding(double precision[], integer, boolean) IS 'convert double precision[] to embedding';
COMMENT ON FUNCTION array_to_embedding(numeric[], integer, boolean) IS 'convert numeric[] to embedding';
COMMENT ON FUNCTION embedding_to_real_array(embedding) IS 'convert embedding to real[]';

CREATE CAST (embedding AS embedding) WITH FUNCTION embedding(embedding, integer, boolean) AS IMPLICIT;
CREATE CAST (integer[] AS embedding) WITH FUNCTION array_to_embedding(integer[], integer, boolean) AS ASSIGNMENT;
CREATE CAST (real[] AS embedding) WITH FUNCTION array_to_embedding(real[], integer, boolean) AS ASSIGNMENT;
CREATE CAST (double precision[] AS embedding)
	WITH FUNCTION array_to_embedding(double precision[], integer, boolean) AS ASSIGNMENT;
CREATE CAST (numeric[] AS embedding) WITH FUNCTION array_to_embedding(numeric[], integer, boolean) AS ASSIGNMENT;
CREATE CAST (embedding AS real[]) WITH FUNCTION embedding_to_real_array(embedding) AS ASSIGNMENT;

COMMENT ON CAST (embedding AS embedding) IS 'check the dimensions against the type modifier';
COMMENT ON CAST (integer[] AS embedding) IS 'embedding of the elements';
COMMENT ON CAST (real[] AS embedding) IS 'embedding of the elements';
COMMENT ON CAST (double precision[] AS embedding) IS 'embedding of the elements';
COMMENT ON CAST (numeric[] AS embedding) IS 'embedding of the elements';
COMMENT ON CAST (embedding AS real[]) IS 'array of the values';

-- Distances and lengths

CREATE FUNCTION l2_distance(a embedding, b embedding) RETURNS double precision
    AS 'MODULE_PATHNAME', 'mlrec_l2_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
CREATE FUNCTION inner_product(a embedding, b embedding) RETURNS double precision
    AS 'MODULE_PATHNAME', 'mlrec_inner_product' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
CREATE FUNCTION negative_inner_product(a embedding, b embedding) RETURNS double precision
    AS 'MODULE_PATHNAME', 'mlrec_negative_inner_product' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
CREATE FUNCTION cosine_similarity(a embedding, b embedding) RETURNS double precision
    AS 'MODULE_PATHNAME', 'mlrec_cosine_similarity' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
CREATE FUNCTION cosine_distance(a embedding, b embedding) RETURNS double precision
    AS 'MODULE_PATHNAME', 'mlrec_cosine_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
CREATE FUNCTION dims(e embedding) RETURNS integer
    AS 'MODULE_PATHNAME', 'mlrec_dims' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
CREATE FUNCTION norm(e embedding) RETURNS double precision
    AS 'MODULE_PATHNAME', 'mlrec_norm' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;

-- NORMALIZE(x) is grammar: PostgreSQL looks the function up in pg_catalog and
-- nowhere else, so that is where normalize(embedding) has to be.
CREATE FUNCTION pg_catalog.normalize(e embedding) RETURNS embedding
    AS 'MODULE_PATHNAME', 'mlrec_normalize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;

COMMENT ON FUNCTION l2_distance(embedding, embedding) IS 'Euclidean distance';
COMMENT ON FUNCTION inner_product(embedding, embedding) IS 'inner product';
COMMENT ON FUNCTION negative_inner_product(embedding, embedding) IS 'implementation of <#> operator';
COMMENT ON FUNCTION cosine_similarity(embedding, embedding) IS 'cosine of the angle, from -1 to 1; NULL if either is zero';
COMMENT ON FUNCTION cosine_distance(embedding, embedding) IS '1 - cosine of the angle, from 0 to 2; NULL if either is zero';
COMMENT ON FUNCTION dims(embedding) IS 'number of dimensions';
COMMENT ON FUNCTION norm(embedding) IS 'Euclidean length';
COMMENT ON FUNCTION pg_catalog.normalize(embedding) IS 'the same direction with length 1; a zero vector stays as it is';

CREATE OPERATOR <-> (LEFTARG = embedding, RIGHTARG = embedding, FUNCTION = l2_distance, COMMUTATOR = <->);
CREATE OPERATOR <#> (LEFTARG = embedding, RIGHTARG = embedding, FUNCTION = negative_inner_product, COMMUTATOR = <#>);
CREATE OPERATOR <=> (LEFTARG = embedding, RIGHTARG = embedding, FUNCTION = cosine_distance, COMMUTATOR = <=>);

COMMENT ON OPERATOR <-> (embedding, embedding) IS 'Euclidean distance';
COMMENT ON OPERATOR <#> (embedding, embedding) IS 'negative inner product';
COMMENT ON OPERATOR <=> (embedding, embedding) IS 'cosine distance';

-- Arithmetic

CREATE FUNCTION embedding_add(embedding, embedding) RETURNS embedding
    AS 'MODULE_PATHNAME', 'mlrec_embedding_add' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
CREATE FUNCTION embedding_sub(embedding, embedding) RETURNS embedding
    AS 'MODULE_PATHNAME', 'mlrec_embedding_sub' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
CREATE FUNCTION embedding_mul(embedding, embedding) RETURNS embedding
    AS 'MODULE_PATHNAME', 'mlrec_embedding_mul' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;

COMMENT ON FUNCTION embedding_add(embedding, embedding) IS 'implementation of + operator';
COMMENT ON FUNCTION embedding_sub(embedding, embedding) IS 'implementation of - operator';
COMMENT ON FUNCTION embedding_mul(embedding, embedding) IS 'implementation of * operator';

CREATE OPERATOR + (LEFTARG = embedding, RIGHTARG = embedding, FUNCTION = embedding_add, COMMUTATOR = +);
CREATE OPERATOR - (LEFTARG = embedding, RIGHTARG = embedding, FUNCTION = embedding_sub);
CREATE OPERATOR * (LEFTARG = embedding, RIGHTARG = embedding, FUNCTION = embedding_mul, COMMUTATOR = *);

COMMENT ON OPERATOR + (embedding, embedding) IS 'add value by value';
COMMENT ON OPERATOR - (embedding, embedding) IS 'subtract value by value';
COMMENT ON OPERATOR * (embedding, embedding) IS 'multiply value by value';

-- Comparison: value by value, a beginning before its continuations

CREATE FUNCTION embedding_lt(embedding, embedding) RETURNS boolean
    AS 'MODULE_PATHNAME', 'mlrec_embedding_lt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
CREATE FUNCTION embedding_le(embedding, embedding) RETURNS boolean
    AS 'MODULE_PATHNAME', 'mlrec_embedding_le' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
CREATE FUNCTION embedding_eq(embedding, embedding) RETURNS boolean
    AS 'MODULE_PATHNAME', 'mlrec_embedding_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
CREATE FUNCTION embedding_ne(embedding, embedding) RETURNS boolean
    AS 'MODULE_PATHNAME', 'mlrec_embedding_ne' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
CREATE FUNCTION embedding_ge(embedding, embedding) RETURNS boolean
    AS 'MODULE_PATHNAME', 'mlrec_embedding_ge' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
CREATE FUNCTION embedding_gt(embedding, embedding) RETURNS boolean
    AS 'MODULE_PATHNAME', 'mlrec_embedding_gt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
CREATE FUNCTION embedding_cmp(embedding, embedding) RETURNS integer
    AS 'MODULE_PATHNAME', 'mlrec_embedding_cmp' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;

COMMENT ON FUNCTION embedding_lt(embedding, embedding) IS 'implementation of < operator';
COMMENT ON FUNCTION embedding_le(embedding, embedding) IS 'implementation of <= operator';
COMMENT ON FUNCTION embedding_eq(embedding, embedding) IS 'implementation of = operator';
COMMENT ON FUNCTION embedding_ne(embedding, embedding) IS 'implementation of <> operator';
COMMENT ON FUNCTION embedding_ge(embedding, embedding) IS 'implementation of >= operator';
COMMENT ON FUNCTION embedding_gt(embedding, embedding) IS 'implementation of > operator';
COMMENT ON FUNCTION embedding_cmp(embedding, embedding) IS 'less-equal-greater';

CREATE OPERATOR < (LEFTARG = embedding, RIGHTARG = embedding, FUNCTION = embedding_lt,
    COMMUTATOR = >, NEGATOR = >=, RESTRICT = scalarltsel, JOIN = scalarltjoinsel);
CREATE OPERATOR <= (LEFTARG = embedding, RIGHTARG = embedding, FUNCTION = embedding_le,
    COMMUTATOR = >=, NEGATOR = >, RESTRICT = scalarlesel, JOIN = scalarlejoinsel);
CREATE OPERATOR = (LEFTARG = embedding, RIGHTARG = embedding, FUNCTION = embedding_eq,
    COMMUTATOR = =, NEGATOR = <>, RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES);
CREATE OPERATOR <> (LEFTARG = embedding, RIGHTARG = embedding, FUNCTION = embedding_ne,
    COMMUTATOR = <>, NEGATOR = =, RESTRICT = neqsel, JOIN = neqjoinsel);
CREATE OPERATOR >= (LEFTARG = embedding, RIGHTARG = embedding, FUNCTION = embedding_ge,
    COMMUTATOR = <=, NEGATOR = <, RESTRICT = scalargesel, JOIN = scalargejoinsel);
CREATE OPERATOR > (LEFTARG = embedding, RIGHTARG = embedding, FUNCTION = embedding_gt,
    COMMUTATOR = <, NEGATOR = <=, RESTRICT = scalargtsel, JOIN = scalargtjoinsel);

COMMENT ON OPERATOR < (embedding, embedding) IS 'less than';
COMMENT ON OPERATOR <= (embedding, embedding) IS 'less than or equal';
COMMENT ON OPERATOR = (embedding, embedding) IS 'equal';
COMMENT ON OPERATOR <> (embedding, embedding) IS 'not equal';
COMMENT ON OPERATOR >= (embedding, embedding) IS 'greater than or equal';
COMMENT ON OPERATOR > (embedding, embedding) IS 'greater than';

CREATE OPERATOR FAMILY embedding_ops USING btree;
CREATE OPERATOR CLASS embedding_ops DEFAULT FOR TYPE embedding USING btree FAMILY embedding_ops AS
    OPERATOR 1 <,
    OPERATOR 2 <=,
    OPERATOR 3 =,
    OPERATOR 4 >=,
    OPERATOR 5 >,
    FUNCTION 1 embedding_cmp(embedding, embedding);

COMMENT ON OPERATOR FAMILY embedding_ops USING btree IS 'order of embeddings, value by value';
COMMENT ON OPERATOR CLASS embedding_ops USING btree IS 'order of embeddings, value by value';

CREATE FUNCTION embedding_hash(embedding) RETURNS integer
    AS 'MODULE_PATHNAME', 'mlrec_embedding_hash' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
CREATE FUNCTION embedding_hash_extended(embedding, bigint) RETURNS bigint
    AS 'MODULE_PATHNAME', 'mlrec_embedding_hash_extended' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;

COMMENT ON FUNCTION embedding_hash(embedding) IS 'hash';
COMMENT ON FUNCTION embedding_hash_extended(embedding, bigint) IS 'hash with a seed';

CREATE OPERATOR FAMILY embedding_ops USING hash;
CREATE OPERATOR CLASS embedding_ops DEFAULT FOR TYPE embedding USING hash FAMILY embedding_ops AS
    OPERATOR 1 =,
    FUNCTION 1 embedding_hash(embedding),
    FUNCTION 2 embedding_hash_extended(embedding, bigint);

COMMENT ON OPERATOR FAMILY embedding_ops USING hash IS 'hashes of embeddings';
COMMENT ON OPERATOR CLASS embedding_ops USING hash IS 'hashes of embeddings';

-- Aggregates

CREATE FUNCTION embedding_accum(internal, embedding) RETURNS internal
    AS 'MODULE_PATHNAME', 'mlrec_embedding_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 5;
CREATE FUNCTION embedding_combine(internal, internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'mlrec_embedding_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 5;
CREATE FUNCTION embedding_serialize(internal) RETURNS bytea
    AS 'MODULE_PATHNAME', 'mlrec_embedding_serialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
CREATE FUNCTION embedding_deserialize(bytea, internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'mlrec_embedding_deserialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
CREATE FUNCTION embedding_sum(internal) RETURNS embedding
    AS 'MODULE_PATHNAME', 'mlrec_embedding_sum' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 5;
CREATE FUNCTION embedding_avg(internal) RETURNS embedding
    AS 'MODULE_PATHNAME', 'mlrec_embedding_avg' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 5;

CREATE AGGREGATE sum(embedding) (
    SFUNC = embedding_accum,
    STYPE = internal,
    SSPACE = 1024,
    FINALFUNC = embedding_sum,
    COMBINEFUNC = embedding_combine,
    SERIALFUNC = embedding_serialize,
    DESERIALFUNC = embedding_deserialize,
    PARALLEL = SAFE
);
CREATE AGGREGATE avg(embedding) (
    SFUNC = embedding_accum,
    STYPE = internal,
    SSPACE = 1024,
    FINALFUNC = embedding_avg,
    COMBINEFUNC = embedding_combine,
    SERIALFUNC = embedding_serialize,
    DESERIALFUNC = embedding_deserialize,
    PARALLEL = SAFE
);

COMMENT ON FUNCTION embedding_accum(internal, embedding) IS 'aggregate transition function';
COMMENT ON FUNCTION embedding_combine(internal, internal) IS 'aggregate combine function';
COMMENT ON FUNCTION embedding_serialize(internal) IS 'aggregate serial function';
COMMENT ON FUNCTION embedding_deserialize(bytea, internal) IS 'aggregate deserial function';
COMMENT ON FUNCTION embedding_sum(internal) IS 'aggregate final function';
COMMENT ON FUNCTION embedding_avg(internal) IS 'aggregate final function';
COMMENT ON AGGREGATE sum(embedding) IS 'sum as embedding across all input values';
COMMENT ON AGGREGATE avg(embedding) IS 'the average (arithmetic mean) as embedding of all input values';

-- ============================================================================
-- 2. Data in: load_movielens and a look at the data
-- ============================================================================

CREATE FUNCTION @extschema@.title_year(title pg_catalog.text)
RETURNS pg_catalog.int4
AS 'MODULE_PATHNAME', 'mlrec_title_year'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;

COMMENT ON FUNCTION @extschema@.title_year(pg_catalog.text) IS
'year of a movie by the last "(dddd)" in its title, NULL if there is none';

CREATE FUNCTION @extschema@.genre_list(genres pg_catalog.text)
RETURNS pg_catalog.text[]
AS 'MODULE_PATHNAME', 'mlrec_genre_list'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;

COMMENT ON FUNCTION @extschema@.genre_list(pg_catalog.text) IS
'the genres of a list separated by "|" as training takes them: each once, without the spaces around it, "(no genres listed)" and empty ones left out';

CREATE FUNCTION @extschema@.load_movielens(
	directory pg_catalog.text,
	into_schema pg_catalog.name DEFAULT current_schema)
RETURNS TABLE (relation pg_catalog.regclass, rows pg_catalog.int8)
AS 'MODULE_PATHNAME', 'mlrec_load_movielens'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 1000000 ROWS 3;

COMMENT ON FUNCTION @extschema@.load_movielens(pg_catalog.text, pg_catalog.name) IS
'create and fill movies, users and ratings in into_schema from the files of a MovieLens release; returns each relation and its rows.
directory is one of the server''s; the release (ml-1m, ml-10m, ml-100k or CSV) is recognized by its files. CSV releases have no users.
Needs the rights of COPY from a file. Errors: a table that exists, a malformed line (told with file and line); then nothing is left behind.';

-- The rows of the functions below.  These are types and not RETURNS TABLE,
-- because an argument may not have the name of a result column then, and here
-- "ratings" is the relation as well as the number of its rows.

CREATE TYPE @extschema@.mlrec_rating_row AS (
	rating pg_catalog.float4,
	ratings pg_catalog.int8,
	share pg_catalog.float4);
COMMENT ON TYPE @extschema@.mlrec_rating_row IS 'row of rating_distribution';

CREATE TYPE @extschema@.mlrec_movie_row AS (
	movie_id pg_catalog.int8,
	title pg_catalog.text,
	ratings pg_catalog.int8,
	mean_rating pg_catalog.float4);
COMMENT ON TYPE @extschema@.mlrec_movie_row IS 'row of most_rated_movies, top_rated_movies and lowest_rated_movies';

CREATE TYPE @extschema@.mlrec_genre_row AS (
	genre pg_catalog.text,
	movies pg_catalog.int8,
	ratings pg_catalog.int8,
	mean_rating pg_catalog.float4);
COMMENT ON TYPE @extschema@.mlrec_genre_row IS 'row of genre_summary';

CREATE TYPE @extschema@.mlrec_group_row AS (
	attribute pg_catalog.text,
	value pg_catalog.text,
	users pg_catalog.int8,
	ratings pg_catalog.int8,
	mean_rating pg_catalog.float4);
COMMENT ON TYPE @extschema@.mlrec_group_row IS 'row of user_demographics';

CREATE TYPE @extschema@.mlrec_profile_row AS (
	user_id pg_catalog.int8,
	gender pg_catalog.text,
	age pg_catalog.text,
	occupation pg_catalog.text,
	ratings pg_catalog.int8,
	mean_rating pg_catalog.float4,
	favorite_genres pg_catalog.text[]);
COMMENT ON TYPE @extschema@.mlrec_profile_row IS 'row of user_profile';

CREATE TYPE @extschema@.mlrec_details_row AS (
	movie_id pg_catalog.int8,
	title pg_catalog.text,
	genres pg_catalog.text,
	year pg_catalog.int4,
	ratings pg_catalog.int8,
	mean_rating pg_catalog.float4);
COMMENT ON TYPE @extschema@.mlrec_details_row IS 'row of movie_details';

-- Parallel restricted: the relations may be temporary.

CREATE FUNCTION @extschema@.rating_distribution(
	ratings pg_catalog.regclass DEFAULT NULL)
RETURNS SETOF @extschema@.mlrec_rating_row
AS 'MODULE_PATHNAME', 'mlrec_rating_distribution'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED COST 100000 ROWS 10;

COMMENT ON FUNCTION @extschema@.rating_distribution(pg_catalog.regclass) IS
'each value of rating with the number of its ratings and their share of all, from 0 to 1.
ratings NULL: the relation of that name on the search path.';

CREATE FUNCTION @extschema@.most_rated_movies(
	n pg_catalog.int4 DEFAULT 10,
	ratings pg_catalog.regclass DEFAULT NULL,
	movies pg_catalog.regclass DEFAULT NULL)
RETURNS SETOF @extschema@.mlrec_movie_row
AS 'MODULE_PATHNAME', 'mlrec_most_rated_movies'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED COST 100000 ROWS 10;

COMMENT ON FUNCTION @extschema@.most_rated_movies(pg_catalog.int4, pg_catalog.regclass, pg_catalog.regclass) IS
'the n movies with most ratings, most first.
ratings, movies NULL: the relations of these names on the search path. n NULL: all. Error: n negative.';

CREATE FUNCTION @extschema@.top_rated_movies(
	n pg_catalog.int4 DEFAULT 10,
	min_ratings pg_catalog.int4 DEFAULT 50,
	ratings pg_catalog.regclass DEFAULT NULL,
	movies pg_catalog.regclass DEFAULT NULL)
RETURNS SETOF @extschema@.mlrec_movie_row
AS 'MODULE_PATHNAME', 'mlrec_top_rated_movies'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED COST 100000 ROWS 10;

COMMENT ON FUNCTION @extschema@.top_rated_movies(pg_catalog.int4, pg_catalog.int4, pg_catalog.regclass, pg_catalog.regclass) IS
'the n movies with the highest mean rating, of those with min_ratings or more.
ratings, movies NULL: the relations of these names on the search path. n NULL: all. Error: n negative.';

CREATE FUNCTION @extschema@.lowest_rated_movies(
	n pg_catalog.int4 DEFAULT 10,
	min_ratings pg_catalog.int4 DEFAULT 50,
	ratings pg_catalog.regclass DEFAULT NULL,
	movies pg_catalog.regclass DEFAULT NULL)
RETURNS SETOF @extschema@.mlrec_movie_row
AS 'MODULE_PATHNAME', 'mlrec_lowest_rated_movies'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED COST 100000 ROWS 10;

COMMENT ON FUNCTION @extschema@.lowest_rated_movies(pg_catalog.int4, pg_catalog.int4, pg_catalog.regclass, pg_catalog.regclass) IS
'the n movies with the lowest mean rating, of those with min_ratings or more.
ratings, movies NULL: the relations of these names on the search path. n NULL: all. Error: n negative.';

CREATE FUNCTION @extschema@.genre_summary(
	ratings pg_catalog.regclass DEFAULT NULL,
	movies pg_catalog.regclass DEFAULT NULL)
RETURNS SETOF @extschema@.mlrec_genre_row
AS 'MODULE_PATHNAME', 'mlrec_genre_summary'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED COST 100000 ROWS 20;

COMMENT ON FUNCTION @extschema@.genre_summary(pg_catalog.regclass, pg_catalog.regclass) IS
'movies, ratings and mean rating of each genre; a movie counts for each of its genres.
ratings, movies NULL: the relations of these names on the search path.';

CREATE FUNCTION @extschema@.user_demographics(
	ratings pg_catalog.regclass DEFAULT NULL,
	users pg_catalog.regclass DEFAULT NULL)
RETURNS SETOF @extschema@.mlrec_group_row
AS 'MODULE_PATHNAME', 'mlrec_user_demographics'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED COST 100000 ROWS 30;

COMMENT ON FUNCTION @extschema@.user_demographics(pg_catalog.regclass, pg_catalog.regclass) IS
'users, ratings and mean rating for each gender, age and occupation.
ratings, users NULL: the relations of these names on the search path. Error: users has none of the three columns.';

CREATE FUNCTION @extschema@.user_profile(
	user_id pg_catalog.int8,
	ratings pg_catalog.regclass DEFAULT NULL,
	movies pg_catalog.regclass DEFAULT NULL,
	users pg_catalog.regclass DEFAULT NULL)
RETURNS SETOF @extschema@.mlrec_profile_row
AS 'MODULE_PATHNAME', 'mlrec_user_profile'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED COST 1000 ROWS 1;

COMMENT ON FUNCTION @extschema@.user_profile(pg_catalog.int8, pg_catalog.regclass, pg_catalog.regclass, pg_catalog.regclass) IS
'who a user is, how many movies the user has rated and how on average, and up to three favorite genres: those rated highest against the own mean.
Relations that are NULL: those of the active model, or if there is none, of these names on the search path. No row for an unknown user.';

CREATE FUNCTION @extschema@.movie_details(
	movie_id pg_catalog.int8,
	ratings pg_catalog.regclass DEFAULT NULL,
	movies pg_catalog.regclass DEFAULT NULL)
RETURNS SETOF @extschema@.mlrec_details_row
AS 'MODULE_PATHNAME', 'mlrec_movie_details'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED COST 1000 ROWS 1;

COMMENT ON FUNCTION @extschema@.movie_details(pg_catalog.int8, pg_catalog.regclass, pg_catalog.regclass) IS
'what is known of a movie, how many ratings it has and their mean.
Relations that are NULL: those of the active model, or if there is none, of these names on the search path. No row for an unknown movie.';

-- ============================================================================
-- 3. Models: tables, views, privileges
-- ============================================================================

CREATE SEQUENCE @extschema@.mlrec_model_id AS integer;
COMMENT ON SEQUENCE @extschema@.mlrec_model_id IS 'numbers for new recommender models';

CREATE TABLE @extschema@.mlrec_model (
	model_id integer PRIMARY KEY,
	created_at timestamptz NOT NULL,
	active boolean NOT NULL,
	ratings text NOT NULL,
	movies text,
	users text,
	train_ratings bigint NOT NULL,
	test_ratings bigint NOT NULL,
	seed bigint NOT NULL,
	options jsonb NOT NULL,
	metrics jsonb,
	boundary_time bigint NOT NULL,
	boundary_user bigint NOT NULL,
	boundary_movie bigint NOT NULL,
	size_bytes bigint NOT NULL,
	checksum bigint NOT NULL,
	comment text,
	relevance jsonb,
	epochs jsonb
);
COMMENT ON TABLE @extschema@.mlrec_model IS
	'trained recommender models; their weights are in mlrec_model_chunk';
COMMENT ON COLUMN @extschema@.mlrec_model.model_id IS 'number of the model';
COMMENT ON COLUMN @extschema@.mlrec_model.created_at IS 'when the training ended';
COMMENT ON COLUMN @extschema@.mlrec_model.active IS 'whether serving uses this model unless told otherwise';
COMMENT ON COLUMN @extschema@.mlrec_model.ratings IS 'relation of the ratings, by qualified name';
COMMENT ON COLUMN @extschema@.mlrec_model.movies IS 'relation of the movies, by qualified name; NULL: none';
COMMENT ON COLUMN @extschema@.mlrec_model.users IS 'relation of the users, by qualified name; NULL: none';
COMMENT ON COLUMN @extschema@.mlrec_model.train_ratings IS 'ratings trained on, those for validation included';
COMMENT ON COLUMN @extschema@.mlrec_model.test_ratings IS 'ratings kept for the test metrics';
COMMENT ON COLUMN @extschema@.mlrec_model.seed IS 'seed of the training';
COMMENT ON COLUMN @extschema@.mlrec_model.options IS 'the other options of the training';
COMMENT ON COLUMN @extschema@.mlrec_model.metrics IS 'test metrics by protocol, system and users, as of evaluate_recommender; NULL without a test part';
COMMENT ON COLUMN @extschema@.mlrec_model.boundary_time IS 'time of the last training rating; 0 if the split is random';
COMMENT ON COLUMN @extschema@.mlrec_model.boundary_user IS 'user of the last training rating; 0 if the split is random';
COMMENT ON COLUMN @extschema@.mlrec_model.boundary_movie IS 'movie of the last training rating; 0 if the split is random';
COMMENT ON COLUMN @extschema@.mlrec_model.size_bytes IS 'size of the model';
COMMENT ON COLUMN @extschema@.mlrec_model.checksum IS 'checksum of the model';
COMMENT ON COLUMN @extschema@.mlrec_model.comment IS 'what train_recommender was told to note';
COMMENT ON COLUMN @extschema@.mlrec_model.relevance IS 'weights of the order by relevance; live: whether it follows what a user has just rated; newcomers_popular: whether users without ratings get the order of popularity; and what it reached on the validation ratings';
COMMENT ON COLUMN @extschema@.mlrec_model.epochs IS 'the epochs of the training in their order: the columns of train_recommender, and whether it was the refit';

CREATE UNIQUE INDEX mlrec_model_active ON @extschema@.mlrec_model (active) WHERE active;
COMMENT ON INDEX @extschema@.mlrec_model_active IS 'at most one model is active';

-- No foreign key: pg_restore -j and the initial copies of logical replication
-- fill the two tables side by side.  The trigger model_removed takes its place.
CREATE TABLE @extschema@.mlrec_model_chunk (
	model_id integer NOT NULL,
	chunk_no integer NOT NULL,
	data bytea NOT NULL,
	PRIMARY KEY (model_id, chunk_no)
);
ALTER TABLE @extschema@.mlrec_model_chunk ALTER COLUMN data SET STORAGE PLAIN;
COMMENT ON TABLE @extschema@.mlrec_model_chunk IS 'weights of recommender models, in pieces';
COMMENT ON COLUMN @extschema@.mlrec_model_chunk.model_id IS 'number of the model';
COMMENT ON COLUMN @extschema@.mlrec_model_chunk.chunk_no IS 'number of the piece, from 0';
COMMENT ON COLUMN @extschema@.mlrec_model_chunk.data IS 'the piece; the format is internal';

SELECT pg_catalog.pg_extension_config_dump('@extschema@.mlrec_model_id', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.mlrec_model', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.mlrec_model_chunk', '');

-- Row triggers, and enabled always: the workers that apply logical replication
-- fire no statement triggers but for TRUNCATE, and only what is enabled for them.

CREATE FUNCTION @extschema@.mlrec_model_changed() RETURNS trigger
	AS 'MODULE_PATHNAME', 'mlrec_model_changed' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.mlrec_model_changed() IS
	'tells the model caches of all sessions that mlrec_model changed';

CREATE TRIGGER model_changed AFTER INSERT OR UPDATE OR DELETE
	ON @extschema@.mlrec_model
	FOR EACH ROW EXECUTE FUNCTION @extschema@.mlrec_model_changed();
COMMENT ON TRIGGER model_changed ON @extschema@.mlrec_model IS
	'tells the model caches of all sessions';

CREATE TRIGGER models_truncated AFTER TRUNCATE
	ON @extschema@.mlrec_model
	FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.mlrec_model_changed();
COMMENT ON TRIGGER models_truncated ON @extschema@.mlrec_model IS
	'tells the model caches of all sessions';

-- Before, so that a subscriber is told of the weights first and finds them there.
CREATE FUNCTION @extschema@.mlrec_model_removed() RETURNS trigger
	AS 'MODULE_PATHNAME', 'mlrec_model_removed' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.mlrec_model_removed() IS
	'removes the weights of models that are removed';

CREATE TRIGGER model_removed BEFORE DELETE
	ON @extschema@.mlrec_model
	FOR EACH ROW EXECUTE FUNCTION @extschema@.mlrec_model_removed();
COMMENT ON TRIGGER model_removed ON @extschema@.mlrec_model IS
	'removes the weights of the model';

CREATE TRIGGER models_emptied BEFORE TRUNCATE
	ON @extschema@.mlrec_model
	FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.mlrec_model_removed();
COMMENT ON TRIGGER models_emptied ON @extschema@.mlrec_model IS
	'removes the weights of all models';

CREATE FUNCTION @extschema@.mlrec_model_activated() RETURNS trigger
	AS 'MODULE_PATHNAME', 'mlrec_model_activated' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.mlrec_model_activated() IS
	'deactivates the active model where replication activates another one';

CREATE TRIGGER model_activated BEFORE INSERT OR UPDATE
	ON @extschema@.mlrec_model
	FOR EACH ROW WHEN (NEW.active)
	EXECUTE FUNCTION @extschema@.mlrec_model_activated();
COMMENT ON TRIGGER model_activated ON @extschema@.mlrec_model IS
	'lets the latest activation win on a subscriber that has activated a model of its own';

ALTER TABLE @extschema@.mlrec_model
	ENABLE ALWAYS TRIGGER model_changed,
	ENABLE ALWAYS TRIGGER models_truncated,
	ENABLE ALWAYS TRIGGER model_removed,
	ENABLE ALWAYS TRIGGER models_emptied,
	ENABLE REPLICA TRIGGER model_activated;

CREATE VIEW @extschema@.recommender_models AS
	SELECT model_id, created_at, active, ratings, movies, users, train_ratings, test_ratings, seed,
		metrics, size_bytes, comment, options, relevance, epochs
	FROM @extschema@.mlrec_model;
COMMENT ON VIEW @extschema@.recommender_models IS
	'trained recommender models with the relations, options and metrics of their training, and the weights of the order by relevance';
COMMENT ON COLUMN @extschema@.recommender_models.model_id IS 'number of the model';
COMMENT ON COLUMN @extschema@.recommender_models.created_at IS 'when the training ended';
COMMENT ON COLUMN @extschema@.recommender_models.active IS 'whether serving uses this model unless told otherwise';
COMMENT ON COLUMN @extschema@.recommender_models.ratings IS 'relation of the ratings, by qualified name';
COMMENT ON COLUMN @extschema@.recommender_models.movies IS 'relation of the movies, by qualified name; NULL: none';
COMMENT ON COLUMN @extschema@.recommender_models.users IS 'relation of the users, by qualified name; NULL: none';
COMMENT ON COLUMN @extschema@.recommender_models.train_ratings IS 'ratings trained on, those for validation included';
COMMENT ON COLUMN @extschema@.recommender_models.test_ratings IS 'ratings kept for the test metrics';
COMMENT ON COLUMN @extschema@.recommender_models.seed IS 'seed of the training';
COMMENT ON COLUMN @extschema@.recommender_models.metrics IS 'test metrics by protocol, system and users, as of evaluate_recommender; NULL without a test part';
COMMENT ON COLUMN @extschema@.recommender_models.size_bytes IS 'size of the model';
COMMENT ON COLUMN @extschema@.recommender_models.comment IS 'what train_recommender was told to note';
COMMENT ON COLUMN @extschema@.recommender_models.options IS 'the other options of the training';
COMMENT ON COLUMN @extschema@.recommender_models.relevance IS 'weights of the order by relevance; live: whether it follows what a user has just rated; newcomers_popular: whether users without ratings get the order of popularity; and what it reached on the validation ratings';
COMMENT ON COLUMN @extschema@.recommender_models.epochs IS 'the epochs of the training in their order: the columns of train_recommender, and whether it was the refit';
GRANT SELECT ON @extschema@.recommender_models TO PUBLIC;

-- Metrics are stored as nested objects; whatever else is there has no rows.
CREATE VIEW @extschema@.recommender_metrics AS
	SELECT m.model_id, p.key AS protocol, s.key AS system, u.key AS users,
		CASE WHEN v.key ~ '_by_rating$' THEN 'rating'
			WHEN v.key ~ '^(recall|ndcg|hit|mrr|coverage|mean_rating_of_hits)' THEN 'relevance' END AS list_order,
		pg_catalog.regexp_replace(v.key, '_by_rating$', '') AS metric, v.value::pg_catalog.float8 AS value
	FROM @extschema@.mlrec_model AS m
		CROSS JOIN LATERAL pg_catalog.jsonb_each(
			CASE pg_catalog.jsonb_typeof(m.metrics) WHEN 'object' THEN m.metrics ELSE '{}' END) AS p
		CROSS JOIN LATERAL pg_catalog.jsonb_each(
			CASE pg_catalog.jsonb_typeof(p.value) WHEN 'object' THEN p.value ELSE '{}' END) AS s
		CROSS JOIN LATERAL pg_catalog.jsonb_each(
			CASE pg_catalog.jsonb_typeof(s.value) WHEN 'object' THEN s.value ELSE '{}' END) AS u
		CROSS JOIN LATERAL pg_catalog.jsonb_each(
			CASE pg_catalog.jsonb_typeof(u.value) WHEN 'object' THEN u.value ELSE '{}' END) AS v
	WHERE pg_catalog.jsonb_typeof(v.value) OPERATOR(pg_catalog.=) 'number';
COMMENT ON VIEW @extschema@.recommender_metrics IS
	'the test metrics of every model, as measured when it was trained: one row for each';
COMMENT ON COLUMN @extschema@.recommender_metrics.model_id IS 'number of the model';
COMMENT ON COLUMN @extschema@.recommender_metrics.protocol IS 'static: only the training part is known; live: every rating of strictly earlier time is';
COMMENT ON COLUMN @extschema@.recommender_metrics.system IS 'mlrec, or the baseline that it is measured next to';
COMMENT ON COLUMN @extschema@.recommender_metrics.users IS 'all, warm: with 5 or more training ratings, or cold';
COMMENT ON COLUMN @extschema@.recommender_metrics.list_order IS 'relevance or rating, the order of the lists that are measured; NULL: no lists are';
COMMENT ON COLUMN @extschema@.recommender_metrics.metric IS 'name of the metric, with the size of its lists';
COMMENT ON COLUMN @extschema@.recommender_metrics.value IS 'its value';
GRANT SELECT ON @extschema@.recommender_metrics TO PUBLIC;

CREATE FUNCTION @extschema@.activate_recommender(model_id integer) RETURNS void
	AS 'MODULE_PATHNAME', 'mlrec_activate_recommender' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.activate_recommender(integer) IS
'serve from this model, in all sessions, from COMMIT on. Not for PUBLIC until granted. Error: no such model.';
REVOKE EXECUTE ON FUNCTION @extschema@.activate_recommender(integer) FROM PUBLIC;

CREATE FUNCTION @extschema@.deactivate_recommender() RETURNS void
	AS 'MODULE_PATHNAME', 'mlrec_deactivate_recommender' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.deactivate_recommender() IS
'serve from no model, in all sessions, from COMMIT on, until one is activated; nothing happens if none is active. Not for PUBLIC until granted.';
REVOKE EXECUTE ON FUNCTION @extschema@.deactivate_recommender() FROM PUBLIC;

CREATE FUNCTION @extschema@.drop_recommender(model_id integer) RETURNS void
	AS 'MODULE_PATHNAME', 'mlrec_drop_recommender' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.drop_recommender(integer) IS
'remove a trained model, the active one too; those who serve from it finish first. Not for PUBLIC until granted. Error: no such model.';
REVOKE EXECUTE ON FUNCTION @extschema@.drop_recommender(integer) FROM PUBLIC;

CREATE FUNCTION @extschema@.forget_user(user_id bigint) RETURNS integer
	AS 'MODULE_PATHNAME', 'mlrec_forget_user' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.forget_user(bigint) IS
'erase a user''s id and vectors from every stored model, from COMMIT on; returns from how many. Ratings and users are left alone: delete the user''s rows there first. Not for PUBLIC until granted.
What many users'' ratings have shaped together stays, such as the vectors of movies. Error: a model that is damaged.';
REVOKE EXECUTE ON FUNCTION @extschema@.forget_user(bigint) FROM PUBLIC;

-- ============================================================================
-- 4. Training
-- ============================================================================

CREATE TYPE @extschema@.mlrec_activation AS ENUM ('true', 'false', 'if_better');
COMMENT ON TYPE @extschema@.mlrec_activation IS
	'whether a new model becomes the active one; a boolean is taken as well';

CREATE FUNCTION @extschema@.mlrec_activation(boolean) RETURNS @extschema@.mlrec_activation
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	BEGIN ATOMIC
		SELECT CASE WHEN $1 THEN 'true' ELSE 'false' END::@extschema@.mlrec_activation;
	END;
COMMENT ON FUNCTION @extschema@.mlrec_activation(boolean) IS 'a boolean as an activation';

CREATE CAST (boolean AS @extschema@.mlrec_activation)
	WITH FUNCTION @extschema@.mlrec_activation(boolean) AS IMPLICIT;
COMMENT ON CAST (boolean AS @extschema@.mlrec_activation) IS 'lets activate => false be written';

CREATE FUNCTION @extschema@.train_recommender(
	ratings regclass DEFAULT NULL,
	movies regclass DEFAULT NULL,
	users regclass DEFAULT NULL,
	test_fraction double precision DEFAULT 0.2,
	validation_fraction double precision DEFAULT 0.05,
	split text DEFAULT 'chronological',
	batch_size integer DEFAULT 2048,
	learning_rate double precision DEFAULT 1e-3,
	retrieval_epochs integer DEFAULT NULL,
	ranking_epochs integer DEFAULT 20,
	patience integer DEFAULT 3,
	seed bigint DEFAULT 1,
	workers integer DEFAULT NULL,
	activate @extschema@.mlrec_activation DEFAULT 'true',
	like_threshold double precision DEFAULT NULL,
	softmax_weight double precision DEFAULT 0.25,
	history boolean DEFAULT true,
	user_ids boolean DEFAULT true,
	from_model integer DEFAULT NULL,
	refit boolean DEFAULT true,
	comment text DEFAULT NULL)
	RETURNS TABLE (model_id integer, stage text, epoch integer, train_loss real, val_loss real,
		val_auc real, val_rmse real, val_mae real, learning_rate real, seconds real, is_best boolean)
	AS 'MODULE_PATHNAME', 'mlrec_train_recommender'
	LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000 ROWS 20;
COMMENT ON FUNCTION @extschema@.train_recommender IS
'train the retrieval and the ranking network on ratings, movies and users, store the model and activate it; one row and one NOTICE per epoch. Not for PUBLIC until granted.
ratings, movies, users: relations; NULL: those of these names on the search path, without movies or users if there is none.
A row of ratings without a column rating, or of ratings that are all equal, is an event, of which a column weight says how much it is.
test_fraction, 0 to 0.9: the part of the ratings, the latest, that is kept for the test metrics; 0 has none.
validation_fraction, 0 to 0.5: the latest part of the training part, which decides when to stop.
split: chronological; leave_last: the last rating of each user is tested, the one before decides; or random with this seed, as it always is where there are no times (no column rated_at, or all are equal).
batch_size, 1 to 65536 ratings. learning_rate, 1e-7 to 1, of Adam: of ranking, halved on plateaus; that of retrieval rises to 4 times it and stays.
retrieval_epochs, 1 to 1000: so many; null, 6, or up to 20 for few ratings. ranking_epochs, 1 to 1000: at most so many. patience, 0 to 1000: epochs without progress before a stage stops.
seed: the same seed gives the same model, whatever the number of workers.
workers, 0 to 3: processes beside this one; NULL: 1. Fewer are taken where the server has none to spare.
activate: true, false, or if_better: only if the model beats the active one on validation ratings and its order by relevance is not popularity''s.
like_threshold: a rating from here on is a like; NULL: the smallest rating at or above the mean of the training ratings. softmax_weight, 0 to 100: of finding what comes next in the whole catalogue, against telling likes from other ratings.
history: whether users are told by their own earlier ratings too.
user_ids: whether users are told by their ids too; false: the model holds no id and no vector of any user.
from_model: the model to start from; NULL: from scratch.
refit: go on with all of the training part, for one epoch of retrieval at learning_rate and for 1 to 3 of ranking at the last rates that brought something.
comment: kept with the model.
Columns: losses and metrics of the validation part (NULL if the stage lacks them), seconds of the epoch, whether it was the best so far.
Errors: an option out of range, relations or columns that are missing, a null key, rating or time (told with the row), no ratings, more memory than mlrec.training_memory. Then, and when cancelled, nothing is left.';
REVOKE EXECUTE ON FUNCTION @extschema@.train_recommender FROM PUBLIC;

-- ============================================================================
-- 5. Serving
-- ============================================================================

-- What reads the relations of a model is PARALLEL RESTRICTED: they may be
-- temporary tables, or views that use anything.

CREATE FUNCTION @extschema@.recommend(user_id bigint, top_k_retrieve integer DEFAULT 200,
		top_n_final integer DEFAULT 10, model_id integer DEFAULT NULL,
		candidates bigint[] DEFAULT NULL, exclude bigint[] DEFAULT NULL,
		exclude_seen boolean DEFAULT true, order_by text DEFAULT NULL,
		diversity real DEFAULT 0, as_of timestamptz DEFAULT pg_catalog.now(),
		history bigint[] DEFAULT NULL, history_ratings real[] DEFAULT NULL)
	RETURNS TABLE (rank integer, movie_id bigint, title text, genres text, year integer,
		ranking_score real, retrieval_score real)
	AS 'MODULE_PATHNAME', 'mlrec_recommend'
	LANGUAGE C STABLE PARALLEL RESTRICTED COST 20000 ROWS 10;
COMMENT ON FUNCTION @extschema@.recommend(bigint, integer, integer, integer, bigint[], bigint[],
	boolean, text, real, timestamptz, bigint[], real[]) IS
'the top_n_final movies for a user, best first: top_k_retrieve candidates by the cosine of user and movie, ranked by the predicted rating.
user_id: any; unknown users get movies by what is known of them. top_k_retrieve: at least 1. top_n_final: at least 0.
model_id NULL: the active model. candidates: only these movies. exclude: not these. exclude_seen: not those that the user has rated, as this transaction sees ratings.
All filters hold before the candidates are cut, so there are fewer rows only if fewer movies are eligible.
order_by: rating, or relevance, which adds the retrieval score and popularity; NULL is rating; a model of events orders by relevance in any case. diversity, 0 to 1: how much movies must differ from those before them.
as_of: only ratings given before are known, and it is asked then. history, history_ratings: with user_id null, a session without a user: movies in the order in which they were seen, and their ratings (null: not rated).
ranking_score: the predicted rating on the scale of the ratings, clamped to it; rows are ordered by the prediction before that, then by the cosine; of events, the chance that the movie is among those that the user chooses next, in a time as long as that of the validation part. retrieval_score: the cosine, -1 to 1.
Errors: an argument null or out of range, no model, a relation of the model that is missing or may not be read.';

CREATE FUNCTION @extschema@.recommend_json(user_id bigint, top_k_retrieve integer DEFAULT 200,
		top_n_final integer DEFAULT 10, model_id integer DEFAULT NULL,
		candidates bigint[] DEFAULT NULL, exclude bigint[] DEFAULT NULL,
		exclude_seen boolean DEFAULT true, order_by text DEFAULT NULL,
		diversity real DEFAULT 0, as_of timestamptz DEFAULT pg_catalog.now(),
		history bigint[] DEFAULT NULL, history_ratings real[] DEFAULT NULL)
	RETURNS json
	AS 'MODULE_PATHNAME', 'mlrec_recommend_json'
	LANGUAGE C STABLE PARALLEL RESTRICTED COST 20000;
COMMENT ON FUNCTION @extschema@.recommend_json(bigint, integer, integer, integer, bigint[], bigint[],
	boolean, text, real, timestamptz, bigint[], real[]) IS
'{"user_id", "gender", "age", "occupation", "recommendations": [{"rank", "movie_id", "title", "genres", "year", "ranking_score", "retrieval_score"}]}: the rows of recommend(), best first. Arguments and errors as there.';

CREATE FUNCTION @extschema@.recommend_all(top_k_retrieve integer DEFAULT 200,
		top_n_final integer DEFAULT 10, user_ids bigint[] DEFAULT NULL)
	RETURNS TABLE (user_id bigint, rank integer, movie_id bigint, title text, genres text,
		year integer, ranking_score real, retrieval_score real)
	AS 'MODULE_PATHNAME', 'mlrec_recommend_all'
	LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000000 ROWS 10000;
COMMENT ON FUNCTION @extschema@.recommend_all(integer, integer, bigint[]) IS
'the rows of recommend() for many users in one go, by the active model.
user_ids: the users; NULL: all of the relation users, or without one all who have ratings. Arguments and errors as there.';

CREATE FUNCTION @extschema@.predict_rating(user_id bigint, movie_id bigint,
		model_id integer DEFAULT NULL)
	RETURNS real
	AS 'MODULE_PATHNAME', 'mlrec_predict_rating'
	LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000;
COMMENT ON FUNCTION @extschema@.predict_rating(bigint, bigint, integer) IS
'the rating that a user would give a movie, on the scale of the ratings; the user''s own rating of it, if any, is not looked at.
model_id NULL: the active model. Errors: a movie that is unknown to movies, as the caller sees it, and to the model; no model.';

CREATE FUNCTION @extschema@.user_temperature(user_id bigint, model_id integer DEFAULT NULL,
		as_of timestamptz DEFAULT pg_catalog.now(), history bigint[] DEFAULT NULL,
		history_ratings real[] DEFAULT NULL)
	RETURNS real
	AS 'MODULE_PATHNAME', 'mlrec_user_temperature'
	LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000;
COMMENT ON FUNCTION @extschema@.user_temperature(bigint, integer, timestamptz, bigint[], real[]) IS
'what the relevance multiplies the cosines of a user by: the more is known of what comes next, the larger. Arguments and errors as of recommend().
1e-20 for users without ratings where training found the order of popularity better for them; a predicted rating then adds nothing either.';

CREATE FUNCTION @extschema@.similar_movies(movie_id bigint, n integer DEFAULT 10,
		model_id integer DEFAULT NULL)
	RETURNS TABLE (rank integer, movie_id bigint, title text, genres text, year integer,
		similarity real)
	AS 'MODULE_PATHNAME', 'mlrec_similar_movies'
	LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 10;
COMMENT ON FUNCTION @extschema@.similar_movies(bigint, integer, integer) IS
'the n movies whose retrieval vectors are closest to a movie''s, most similar first; similarity is their cosine, -1 to 1.
model_id NULL: the active model. Errors: an unknown movie, n negative, no model.';

CREATE FUNCTION @extschema@.nearest_movies(vector @extschema@.embedding, n integer DEFAULT 10,
		model_id integer DEFAULT NULL)
	RETURNS TABLE (rank integer, movie_id bigint, similarity real)
	AS 'MODULE_PATHNAME', 'mlrec_nearest_movies'
	LANGUAGE C STABLE PARALLEL RESTRICTED COST 5000 ROWS 10;
COMMENT ON FUNCTION @extschema@.nearest_movies(@extschema@.embedding, integer, integer) IS
	'movies by the cosine of their vectors and any vector, most similar first';

CREATE FUNCTION @extschema@.explain_recommendation(user_id bigint, movie_id bigint,
		n integer DEFAULT 10, as_of timestamptz DEFAULT pg_catalog.now(),
		history bigint[] DEFAULT NULL, history_ratings real[] DEFAULT NULL)
	RETURNS TABLE (because_movie_id bigint, title text, your_rating real, similarity real,
		contribution real)
	AS 'MODULE_PATHNAME', 'mlrec_explain_recommendation'
	LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 10;
COMMENT ON FUNCTION @extschema@.explain_recommendation(bigint, bigint, integer, timestamptz, bigint[],
	real[]) IS
'the at most n of a user''s ratings that speak most for a movie, by the active model.
contribution: the movie''s relevance less what it would be without that rating; ratings with 0 or less, which speak against it, are left out. similarity: the cosine of the two movies.
A last row without a movie is the part of the relevance that popularity has. as_of, history, history_ratings: as for recommend(). Errors: an unknown movie, n negative, no model.';

CREATE FUNCTION @extschema@.recommender_stats()
	RETURNS TABLE (total_users bigint, total_movies bigint, total_ratings bigint,
		total_genres bigint, model_id integer, trained_at timestamptz, rmse double precision,
		recall_at_200 double precision, ndcg_at_10 double precision, retrieval text)
	AS 'MODULE_PATHNAME', 'mlrec_recommender_stats'
	LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 1;
COMMENT ON FUNCTION @extschema@.recommender_stats() IS
'one row: how many users, movies, ratings and genres the relations of the active model (else of the usual names) have now, and of the active model its number, when it was trained, test metrics, and how it is searched.
rmse: of all users, live, or static where the split is random; recall_at_200, ndcg_at_10: static, of the order by relevance for users with 5 or more training ratings. recommender_metrics has them all.';

CREATE FUNCTION @extschema@.recommender_health()
	RETURNS TABLE (status text, detail text)
	AS 'MODULE_PATHNAME', 'mlrec_recommender_health'
	LANGUAGE C STABLE PARALLEL UNSAFE COST 20000 ROWS 1;
COMMENT ON FUNCTION @extschema@.recommender_health() IS
'one row: status ok if recommendations can be served, else what is missing, and the detail';

CREATE FUNCTION @extschema@.recommender_movie_vectors(model_id integer)
	RETURNS TABLE (movie_id bigint, embedding @extschema@.embedding)
	AS 'MODULE_PATHNAME', 'mlrec_model_movie_vectors'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000 ROWS 10000;
COMMENT ON FUNCTION @extschema@.recommender_movie_vectors(integer) IS
	'unit vectors of the movies of a model';

CREATE FUNCTION @extschema@.recommender_user_vectors(model_id integer)
	RETURNS TABLE (user_id bigint, embedding @extschema@.embedding)
	AS 'MODULE_PATHNAME', 'mlrec_model_user_vectors'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000 ROWS 10000;
COMMENT ON FUNCTION @extschema@.recommender_user_vectors(integer) IS
	'unit vectors of the users of a model, as of its training';

CREATE VIEW @extschema@.movie_embeddings AS
	SELECT m.model_id, v.movie_id, v.embedding::@extschema@.embedding(64) AS embedding
	FROM @extschema@.mlrec_model AS m
		CROSS JOIN LATERAL @extschema@.recommender_movie_vectors(m.model_id) AS v;
COMMENT ON VIEW @extschema@.movie_embeddings IS
	'unit vectors of the movies of every model, as far as the caller sees them; their inner product with a user''s is the cosine';
COMMENT ON COLUMN @extschema@.movie_embeddings.model_id IS 'number of the model';
COMMENT ON COLUMN @extschema@.movie_embeddings.movie_id IS 'movie';
COMMENT ON COLUMN @extschema@.movie_embeddings.embedding IS 'its retrieval vector, of length 1';
GRANT SELECT ON @extschema@.movie_embeddings TO PUBLIC;

CREATE VIEW @extschema@.user_embeddings AS
	SELECT m.model_id, v.user_id, v.embedding::@extschema@.embedding(64) AS embedding
	FROM @extschema@.mlrec_model AS m
		CROSS JOIN LATERAL @extschema@.recommender_user_vectors(m.model_id) AS v;
COMMENT ON VIEW @extschema@.user_embeddings IS
	'unit vectors of the users of every model, as of its training, as far as the caller sees ratings of theirs';
COMMENT ON COLUMN @extschema@.user_embeddings.model_id IS 'number of the model';
COMMENT ON COLUMN @extschema@.user_embeddings.user_id IS 'user with training ratings';
COMMENT ON COLUMN @extschema@.user_embeddings.embedding IS 'their or her retrieval vector, of length 1';
GRANT SELECT ON @extschema@.user_embeddings TO PUBLIC;

-- ============================================================================
-- 6. Evaluation
-- ============================================================================

CREATE FUNCTION @extschema@.evaluate_recommender(
	model_id pg_catalog.int4 DEFAULT NULL,
	top_k_retrieve pg_catalog.int4 DEFAULT 200,
	top_n_final pg_catalog.int4 DEFAULT 10)
RETURNS TABLE (protocol pg_catalog.text, system pg_catalog.text, users pg_catalog.text,
	metric pg_catalog.text, value pg_catalog.float8)
AS 'MODULE_PATHNAME', 'mlrec_evaluate_recommender'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED COST 10000000 ROWS 200;

COMMENT ON FUNCTION @extschema@.evaluate_recommender(pg_catalog.int4, pg_catalog.int4, pg_catalog.int4) IS
'measure a model on its test part, next to popularity, damped user and item bias and the item mean on the same rows; nothing is written.
model_id NULL: the active model. top_k_retrieve, top_n_final, at least 1: the k of recall@k and the n of ndcg@n, hit@n, coverage@n.
protocol static: only the training part is known; live: every rating of strictly earlier time is. users warm: 5 or more training ratings; cold: fewer.
Errors: no such model, a model without a test part, a training rating later than a test rating.';
