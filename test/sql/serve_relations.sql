-- The relations of a model may be anything that can be read: their names, types
-- and kinds do not matter, nor does the search path; rights and policies do.
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA serve_relations;
SET search_path = serve_relations, public;
\getenv dir PG_ABS_SRCDIR
\i :dir/small_world.sql
\set ECHO all

CREATE TEMP TABLE expected AS SELECT * FROM recommend(6, 80, 80);

-- An empty search path, a prepared statement, another schema first.
SET search_path = '';
SELECT count(*) FROM public.recommend(6, 80, 80) NATURAL JOIN pg_temp.expected;
SELECT status FROM public.recommender_health();
SELECT count(*) FROM public.recommend_all(10, 5);
SELECT pg_catalog.json_array_length(public.recommend_json(6) -> 'recommendations');
SET search_path = serve_relations, public;

-- A table swapped under its name is the one that is read.
\set VERBOSITY sqlstate
BEGIN;
ALTER TABLE ratings RENAME TO old_ratings;
SELECT * FROM recommend(6);
ROLLBACK;
BEGIN;
ALTER TABLE ratings RENAME TO old_ratings;
CREATE VIEW ratings AS SELECT * FROM old_ratings WHERE user_id <> 6;
SELECT count(*) AS nothing_seen FROM recommend(6, 80, 80);
SELECT count(*) FROM recommend_all(10, 80, ARRAY[6]);
ROLLBACK;
SELECT count(*) FROM recommend(6, 80, 80) NATURAL JOIN expected;

-- A view that asks for recommendations itself, by another model.
CREATE TABLE other_ratings AS SELECT * FROM ratings;
SELECT max(model_id) AS other FROM train_recommender('other_ratings',
	retrieval_epochs => 1, ranking_epochs => 1, activate => false) \gset
BEGIN;
ALTER TABLE ratings RENAME TO old_ratings;
SELECT set_config('serve_relations.other', :'other', true) \g /dev/null
CREATE FUNCTION others(bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
	RETURN (SELECT count(*) FROM recommend($1, model_id => current_setting('serve_relations.other')::int));
END
$$;
CREATE VIEW ratings AS SELECT * FROM old_ratings WHERE others(user_id) = 10;
SELECT count(*) FROM recommend(6, 80, 80) NATURAL JOIN expected;
SELECT count(*) FROM recommend(6, 80, 80) NATURAL JOIN expected;
SELECT count(*) FROM recommend_all(10, 80, ARRAY[6, 7]);
ROLLBACK;
SELECT drop_recommender(:other);

-- Views and partitions for movies; other types; a column more or less.
BEGIN;
ALTER TABLE movies RENAME TO all_movies;
CREATE VIEW movies AS SELECT movie_id::smallint, title::varchar(20), genres::varchar, 1901.0 AS year
	FROM all_movies WHERE movie_id > current_setting('serve_relations.above')::int;
SET LOCAL serve_relations.above = 0;
SELECT count(*), min(year), max(year) FROM recommend(6, 80, 80);
SET LOCAL serve_relations.above = 70;
SELECT min(movie_id) > 70 AS only_those FROM recommend(6, 80, 80);
DROP VIEW movies;
CREATE TABLE movies (movie_id bigint, title text, genres text) PARTITION BY RANGE (movie_id);
CREATE TABLE low PARTITION OF movies FOR VALUES FROM (1) TO (41);
CREATE TABLE high PARTITION OF movies FOR VALUES FROM (41) TO (1000);
INSERT INTO movies SELECT * FROM all_movies;
SELECT count(*) FROM recommend(6, 80, 80) NATURAL JOIN expected;
DELETE FROM low;
SELECT min(movie_id) FROM recommend(6, 80, 80);
ROLLBACK;
BEGIN;
ALTER TABLE movies ADD COLUMN year int;
UPDATE movies SET year = 1955 WHERE movie_id = 1;
SELECT count(*) FILTER (WHERE year = 1955) FROM recommend(6, 80, 80) WHERE movie_id = 1;
ALTER TABLE users DROP COLUMN age;
SELECT recommend_json(6)::jsonb -> 'age' AS age;
ALTER TABLE ratings ALTER rating TYPE numeric, ALTER user_id TYPE smallint, ALTER movie_id TYPE bigint;
SELECT count(*) FROM recommend(6, 80, 80) WHERE movie_id NOT IN (SELECT movie_id FROM ratings WHERE user_id = 6);
ROLLBACK;
SELECT count(*) FROM recommend(6, 80, 80) NATURAL JOIN expected;

-- Names that need quotes; no users.
CREATE SCHEMA "Sérve ""x""; --";
ALTER TABLE ratings SET SCHEMA "Sérve ""x""; --";
ALTER TABLE movies SET SCHEMA "Sérve ""x""; --";
ALTER TABLE "Sérve ""x""; --".movies RENAME TO "select * from";
SELECT max(model_id) AS other FROM train_recommender('"Sérve ""x""; --".ratings',
	'"Sérve ""x""; --"."select * from"', retrieval_epochs => 1, ranking_epochs => 1) \gset
SELECT ratings, movies, users FROM recommender_models WHERE active;
SELECT count(*) FROM recommend(6, 80, 80);
SELECT count(*) FROM recommend_all(10, 5, ARRAY[6]);
DROP SCHEMA "Sérve ""x""; --" CASCADE;
SELECT * FROM recommend(6);
SELECT status FROM recommender_health();
SELECT count(*) FROM movie_embeddings WHERE model_id = :other;
SELECT count(*) FROM user_embeddings WHERE model_id = :other;
SELECT drop_recommender(:other);

\set ECHO none
SELECT drop_recommender(:model) \g /dev/null
DROP SCHEMA serve_relations CASCADE;
