-- recommend_all gives each user what recommend gives at that moment, to the last bit.
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA serve_all;
SET search_path = serve_all, public;
\getenv dir PG_ABS_SRCDIR
\i :dir/small_world.sql
\set ECHO all

CREATE FUNCTION differing(rows regclass) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	EXECUTE format('SELECT count(*) FROM %s a FULL JOIN (
			SELECT u.user_id, r.* FROM (SELECT DISTINCT user_id FROM %1$s) u, recommend(u.user_id, 30, 5) r) s
		USING (user_id, rank)
		WHERE a IS DISTINCT FROM s', rows) INTO n;
	RETURN n;
END
$$;
BEGIN;
CREATE TABLE everyone AS SELECT * FROM recommend_all(30, 5);
SELECT count(*), count(DISTINCT user_id), count(title), differing('everyone') FROM everyone;
COMMIT;

-- In order, some users only, each once, strangers too.
SELECT bool_and(user_id >= before) AS ordered
FROM (SELECT user_id, lag(user_id, 1, 0::bigint) OVER () AS before FROM recommend_all(30, 5)) r;
BEGIN;
CREATE TABLE chosen AS SELECT * FROM recommend_all(30, 5, ARRAY[1000, 3, NULL, 39, 3, -7]);
SELECT user_id, count(*) FROM chosen GROUP BY user_id ORDER BY user_id;
SELECT differing('chosen');
COMMIT;
SELECT count(*) FROM recommend_all(30, 5, '{}');

-- More users than fit into one batch, most of them without ratings, one who
-- has rated everything, and ratings of somebody who is no user.
INSERT INTO users SELECT u, 'F', 20, 1 FROM generate_series(1001, 1600) u;
INSERT INTO ratings SELECT 1100, movie_id, 4, now() FROM movies;
INSERT INTO ratings SELECT 5000, movie_id, 4, now() FROM movies WHERE movie_id < 10;
INSERT INTO movies VALUES (500, 'New Movie (1977)', 'War');
DELETE FROM movies WHERE movie_id < 5;
BEGIN;
CREATE TABLE many AS SELECT * FROM recommend_all(30, 5);
SELECT count(DISTINCT user_id), differing('many') FROM many;
COMMIT;
SELECT count(*) FROM many WHERE user_id = 1100;
SELECT count(*) FROM many WHERE user_id = 5000 OR movie_id < 5;
SELECT count(*) > 0 AS fresh FROM recommend_all(100, 100) WHERE movie_id = 500;
SELECT count(DISTINCT user_id) FROM recommend_all(30, 5, ARRAY(SELECT generate_series(1, 3000)::bigint));

-- Without users: whoever has ratings.
UPDATE mlrec_model SET users = NULL WHERE model_id = :model;
BEGIN;
CREATE TABLE raters AS SELECT * FROM recommend_all(30, 5);
SELECT count(DISTINCT user_id), max(user_id), differing('raters') FROM raters;
COMMIT;
DELETE FROM ratings;
SELECT count(*) FROM recommend_all(30, 5);

\set ECHO none
SELECT drop_recommender(:model) \g /dev/null
DROP SCHEMA serve_all CASCADE;
