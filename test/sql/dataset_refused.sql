-- What training cannot learn from stops it before it starts, with a message
-- that names the relation, the column and the row.
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA dataset_refused;
SET search_path = dataset_refused, public;
SET datestyle = iso;
SET timezone = 'UTC';
\set ECHO all

CREATE TABLE ratings (user_id int, movie_id bigint, rating numeric, rated_at timestamptz);
CREATE TABLE movies (movie_id smallint, title varchar(50), genres text);
CREATE TABLE users (user_id bigint, gender text, age int, occupation text);

-- no row at all
SELECT train_recommender();
\echo :SQLSTATE

-- a key, a rating or a time that is missing or not finite
INSERT INTO movies VALUES (10, 'Anvil (1990)', 'Action');
INSERT INTO ratings VALUES (1, 10, 3.5, '2020-01-01'), (3, NULL, 1, '2020-01-02 03:04:05');
SELECT train_recommender();
\echo :SQLSTATE
UPDATE ratings SET user_id = NULL, movie_id = 10 WHERE user_id = 3;
SELECT train_recommender();
UPDATE ratings SET user_id = 3, rating = NULL WHERE user_id IS NULL;
SELECT train_recommender();
UPDATE ratings SET rating = 4, rated_at = NULL WHERE user_id = 3;
SELECT train_recommender();
UPDATE ratings SET rated_at = 'infinity' WHERE user_id = 3;
SELECT train_recommender();
\echo :SQLSTATE
UPDATE ratings SET rated_at = '2020-01-02', rating = 'NaN' WHERE user_id = 3;
SELECT train_recommender();
\echo :SQLSTATE
UPDATE ratings SET rating = '-Infinity' WHERE user_id = 3;
SELECT train_recommender();
UPDATE ratings SET rating = 1e39 WHERE user_id = 3;
SELECT train_recommender();
UPDATE ratings SET rating = 3 WHERE user_id = 3;

-- movies and users have one row each
INSERT INTO movies VALUES (10, 'Anvil again', NULL);
SELECT train_recommender();
\echo :SQLSTATE
UPDATE movies SET movie_id = NULL WHERE title = 'Anvil again';
SELECT train_recommender();
\echo :SQLSTATE
DELETE FROM movies WHERE movie_id IS NULL;
INSERT INTO users VALUES (1, 'a', 1, 'x'), (1, 'b', 1, 'x');
SELECT train_recommender();
UPDATE users SET user_id = NULL WHERE gender = 'b';
SELECT train_recommender();
DELETE FROM users;

-- columns that are not there
SELECT train_recommender('users');
\echo :SQLSTATE
SELECT train_recommender(movies => 'ratings');
SELECT train_recommender(users => 'movies');

-- columns of other types
CREATE VIEW text_user AS SELECT user_id::text, movie_id, rating, rated_at FROM ratings;
SELECT train_recommender('text_user');
\echo :SQLSTATE
CREATE VIEW numeric_movie AS SELECT user_id, movie_id::numeric, rating, rated_at FROM ratings;
SELECT train_recommender('numeric_movie');
CREATE DOMAIN stars AS text;
CREATE VIEW text_rating AS SELECT user_id, movie_id, rating::stars, rated_at FROM ratings;
SELECT train_recommender('text_rating');
CREATE VIEW rated_lately AS SELECT user_id, movie_id, rating, rated_at > '2020-01-01' AS rated_at FROM ratings;
SELECT train_recommender('rated_lately');
CREATE VIEW genre_array AS SELECT movie_id, title, string_to_array(genres, '|') AS genres FROM movies;
SELECT train_recommender(movies => 'genre_array');
CREATE VIEW text_year AS SELECT *, '1990'::text AS year FROM movies;
SELECT train_recommender(movies => 'text_year');

-- text that is no time
CREATE VIEW rated_some_day AS SELECT user_id, movie_id, rating, 'Monday'::text AS rated_at FROM ratings;
SELECT train_recommender('rated_some_day');
\echo :SQLSTATE
CREATE OR REPLACE VIEW rated_some_day AS SELECT user_id, movie_id, rating, '2020-02-30'::text AS rated_at FROM ratings;
SELECT train_recommender('rated_some_day');
\echo :SQLSTATE

-- weights of events that are none; of ratings they do not count
CREATE TABLE bought (user_id int, movie_id int, weight numeric);
INSERT INTO bought VALUES (1, 10, 2), (1, 11, 0), (2, 10, 1);
SELECT train_recommender('bought');
\echo :SQLSTATE
UPDATE bought SET weight = NULL WHERE movie_id = 11;
SELECT train_recommender('bought');
UPDATE bought SET weight = -1 WHERE movie_id = 11;
SELECT train_recommender('bought');
UPDATE bought SET weight = 'NaN' WHERE movie_id = 11;
SELECT train_recommender('bought');
CREATE VIEW bought_often AS SELECT user_id, movie_id, weight::text FROM bought;
SELECT train_recommender('bought_often');

-- names are quoted in the messages as SQL needs them
CREATE TABLE "we;ird "" '" (user_id int, film_id int, rating int);
SELECT train_recommender('"we;ird "" ''"');

-- the invoker's privileges and row security hold
CREATE ROLE regress_dataset_reader;
GRANT USAGE ON SCHEMA dataset_refused TO regress_dataset_reader;
GRANT SELECT ON movies, users TO regress_dataset_reader;
DO $$
BEGIN
	EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO regress_dataset_reader',
				   (SELECT oid::regprocedure FROM pg_proc WHERE proname = 'train_recommender'));
END
$$;
SET ROLE regress_dataset_reader;
SELECT train_recommender();
\echo :SQLSTATE
RESET ROLE;
GRANT SELECT ON ratings TO regress_dataset_reader;
ALTER TABLE ratings ENABLE ROW LEVEL SECURITY;
SET ROLE regress_dataset_reader;
SELECT train_recommender();
RESET ROLE;

\set ECHO none
DO $$
BEGIN
	EXECUTE format('REVOKE EXECUTE ON ROUTINE %s FROM regress_dataset_reader',
				   (SELECT oid::regprocedure FROM pg_proc WHERE proname = 'train_recommender'));
END
$$;
DROP SCHEMA dataset_refused CASCADE;
DROP ROLE regress_dataset_reader;
