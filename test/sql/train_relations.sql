-- Training reads any relations that have the columns, wherever they are and
-- whatever they are called, with the rights and through the eyes of the caller.
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA train_relations;
SET search_path = train_relations, public;
\set SHOW_CONTEXT never

-- How many ratings a training with these arguments has read, and how many movies
-- its model recommends to user 3 then.
CREATE FUNCTION train(arguments text, OUT read bigint, OUT recommended bigint) LANGUAGE plpgsql AS $$
DECLARE
	model int;
BEGIN
	EXECUTE format('SELECT max(model_id) FROM train_recommender(%s, retrieval_epochs => 1, '
		'ranking_epochs => 1, comment => ''train_relations'')', arguments) INTO model;
	read := train_ratings + test_ratings FROM recommender_models WHERE model_id = model;
	recommended := count(*) FROM recommend(3, 200, 10, model);
END;
$$;
\set ECHO all

-- Relations that are not there, or hold no rows.
SELECT * FROM train_recommender();
\echo :SQLSTATE
CREATE SCHEMA train_relations_data;
CREATE TABLE train_relations_data.ratings AS
	SELECT u AS user_id, (u * 13 + i * 7) % 80 + 1 AS movie_id, 1 + (u * 3 + i * 2) % 5 AS rating,
		1000 * u + i AS rated_at
	FROM generate_series(1, 40) u, generate_series(1, 20) i;
-- without movies
SELECT * FROM train($$'train_relations_data.ratings'$$);
CREATE TABLE train_relations_data.movies AS
	SELECT m AS movie_id, 'Movie ' || m || ' (' || 1950 + m % 50 || ')' AS title,
		(ARRAY['Drama', 'Comedy|Drama', 'War', 'Comedy'])[1 + m % 4] AS genres
	FROM generate_series(1, 80) m;
CREATE INDEX an_index ON train_relations_data.movies (movie_id);
CREATE SEQUENCE a_sequence;
SELECT * FROM train_recommender('no_such_table');
\echo :SQLSTATE
SELECT * FROM train_recommender(999999999, 'train_relations_data.movies');
\echo :SQLSTATE
SELECT * FROM train_recommender('a_sequence', 'train_relations_data.movies');
\echo :SQLSTATE
SELECT * FROM train_recommender('train_relations_data.ratings', 'train_relations_data.an_index');
\echo :SQLSTATE
SELECT * FROM train_recommender(users => 'train_relations_data.ratings');
\echo :SQLSTATE

-- Given by name, they need not be on the path, and nor need anything else.
SELECT * FROM train('''train_relations_data.ratings'', ''train_relations_data.movies''');
BEGIN;
SET LOCAL search_path = '';
SELECT extnamespace::regnamespace AS schema FROM pg_catalog.pg_extension WHERE extname = 'mlrec' \gset
SELECT count(*) > 0 AS trained FROM :schema.train_recommender('train_relations_data.ratings',
	'train_relations_data.movies', retrieval_epochs => 1, ranking_epochs => 1, comment => 'train_relations');
SELECT count(*) AS recommended FROM :schema.recommend(3);
COMMIT;
-- Not given, they are those of these names on the path.
SET search_path = train_relations, train_relations_data, public;
SELECT * FROM train('NULL');
SELECT relations.* FROM recommender_models, LATERAL (VALUES (ratings, movies, users)) relations
	WHERE comment = 'train_relations' ORDER BY model_id DESC LIMIT 1;
CREATE TABLE ratings AS SELECT * FROM train_relations_data.ratings WHERE user_id <= 30;
CREATE TABLE users AS SELECT u AS user_id, u % 2 AS gender FROM generate_series(1, 40) u;
SELECT * FROM train('NULL');
SELECT relations.* FROM recommender_models, LATERAL (VALUES (ratings, movies, users)) relations
	WHERE comment = 'train_relations' ORDER BY model_id DESC LIMIT 1;
DROP TABLE ratings, users;

-- Names that could be mistaken for something else.
CREATE SCHEMA "train; DROP TABLE x; --";
CREATE TABLE "train; DROP TABLE x; --"."Select" AS TABLE train_relations_data.ratings;
CREATE TABLE "it's "" a
table" AS TABLE train_relations_data.movies;
CREATE TABLE "\x41 %s $1 Ünï" AS SELECT u AS user_id, 'a' AS gender FROM generate_series(1, 40) u;
SELECT * FROM train($$'"train; DROP TABLE x; --"."Select"', E'"it\'s "" a\ntable"', '"\x41 %s $1 Ünï"'$$);
SELECT relations.* FROM recommender_models, LATERAL (VALUES (ratings, movies, users)) relations
	WHERE comment = 'train_relations' ORDER BY model_id DESC LIMIT 1;
SELECT count(*) AS users FROM recommend_all(200, 1);

-- All kinds of relations.
CREATE TABLE parts (user_id int, movie_id int, rating int, rated_at int) PARTITION BY RANGE (user_id);
CREATE TABLE part1 PARTITION OF parts FOR VALUES FROM (0) TO (20);
CREATE TABLE part2 (rated_at int, extra text, rating int, movie_id int, user_id int);
ALTER TABLE part2 DROP extra;
ALTER TABLE parts ATTACH PARTITION part2 FOR VALUES FROM (20) TO (100);
INSERT INTO parts SELECT * FROM train_relations_data.ratings;
SELECT * FROM train('''parts''');
SELECT * FROM train('''part2''');
CREATE TABLE parent (user_id int, movie_id int, rating int, rated_at int);
CREATE TABLE child (note text) INHERITS (parent);
INSERT INTO parent SELECT * FROM train_relations_data.ratings WHERE user_id < 4;
INSERT INTO child SELECT * FROM train_relations_data.ratings WHERE user_id >= 4;
SELECT * FROM train('''parent''');
CREATE MATERIALIZED VIEW kept AS SELECT * FROM train_relations_data.ratings WHERE user_id <= 10;
SELECT * FROM train('''kept''');
CREATE VIEW made_up AS
	SELECT u AS user_id, m AS movie_id, 3 AS rating, 7 AS rated_at
	FROM generate_series(1, 4) u, generate_series(1, 6) m;
SELECT * FROM train('''made_up''');
CREATE TEMPORARY TABLE passing AS SELECT * FROM train_relations_data.ratings WHERE user_id <= 5;
SELECT * FROM train('''passing''');
CREATE TABLE computed (user_id int, movie_id int, stars int, days int,
	rating real GENERATED ALWAYS AS (stars / 2.0) STORED,
	rated_at bigint GENERATED ALWAYS AS (days::bigint * 86400) STORED);
INSERT INTO computed SELECT user_id, movie_id, rating * 2, rated_at FROM train_relations_data.ratings;
SELECT * FROM train('''computed''');

-- What the statement sees: its own transaction's rows, and not those that are gone.
BEGIN;
CREATE TABLE here (LIKE train_relations_data.ratings);
INSERT INTO here SELECT * FROM train_relations_data.ratings WHERE user_id <= 6;
DELETE FROM here WHERE user_id = 2;
SAVEPOINT s;
DELETE FROM here;
ROLLBACK TO s;
SELECT * FROM train('''here''');
ROLLBACK;

-- A view that fails in the middle, and one that asks for recommendations itself.
CREATE VIEW broken AS
	SELECT user_id, movie_id, 12 / (35 - user_id) AS rating, rated_at FROM train_relations_data.ratings;
SELECT * FROM train('''broken''');
\echo :SQLSTATE
CREATE VIEW circular AS
	SELECT u::int AS user_id, r.movie_id, r.ranking_score AS rating, 100 * u + r.rank AS rated_at
	FROM generate_series(1, 9) u, recommend(u, 50, 20) r;
SELECT count(*) > 0 AS trained FROM train_recommender('circular', retrieval_epochs => 1, ranking_epochs => 1,
	activate => false, comment => 'train_relations');

-- Without the right to train, with it, and with it alone.
CREATE ROLE train_relations_user;
GRANT USAGE ON SCHEMA train_relations, train_relations_data TO train_relations_user;
SET ROLE train_relations_user;
SELECT * FROM train_recommender();
\echo :SQLSTATE
RESET ROLE;
GRANT EXECUTE ON FUNCTION train_recommender TO train_relations_user;
SET ROLE train_relations_user;
SELECT * FROM train_recommender();
\echo :SQLSTATE
RESET ROLE;
GRANT SELECT ON train_relations_data.movies TO train_relations_user;
GRANT SELECT (user_id, movie_id, rating) ON train_relations_data.ratings TO train_relations_user;
SET ROLE train_relations_user;
SELECT * FROM train_recommender();
\echo :SQLSTATE
RESET ROLE;
GRANT SELECT (rated_at) ON train_relations_data.ratings TO train_relations_user;
SET ROLE train_relations_user;
SELECT * FROM train('NULL');
SELECT drop_recommender(1);
\echo :SQLSTATE
SELECT count(*) FROM mlrec_model_chunk;
\echo :SQLSTATE
RESET ROLE;
SELECT active, ratings FROM recommender_models WHERE comment = 'train_relations' ORDER BY model_id DESC LIMIT 1;

-- Rows that a policy hides are not learned from.
CREATE POLICY few ON train_relations_data.ratings TO train_relations_user USING (user_id <= 7);
CREATE POLICY new ON train_relations_data.movies TO train_relations_user USING (movie_id > 40);
ALTER TABLE train_relations_data.ratings ENABLE ROW LEVEL SECURITY;
ALTER TABLE train_relations_data.movies ENABLE ROW LEVEL SECURITY;
SELECT * FROM train('NULL');
SET ROLE train_relations_user;
SELECT * FROM train('NULL');
SET row_security = off;
SELECT * FROM train('NULL');
\echo :SQLSTATE
RESET row_security;
RESET ROLE;
SELECT count(*) AS users FROM user_embeddings
WHERE model_id = (SELECT max(model_id) FROM recommender_models WHERE comment = 'train_relations');

\set ECHO none
SET client_min_messages = error;
SELECT drop_recommender(model_id) FROM recommender_models WHERE comment = 'train_relations' \g /dev/null
REVOKE EXECUTE ON FUNCTION train_recommender FROM train_relations_user;
DROP SCHEMA train_relations, train_relations_data, "train; DROP TABLE x; --" CASCADE;
DROP TABLE passing;
DROP ROLE train_relations_user;
