-- What training leaves out or cannot tell apart, it counts in one warning each.
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA dataset_warnings;
SET search_path = dataset_warnings, public;
CREATE FUNCTION train() RETURNS boolean
BEGIN ATOMIC
	SELECT max(t.model_id) > 0 FROM train_recommender(retrieval_epochs => 1, ranking_epochs => 1,
		activate => 'false', comment => 'dataset_warnings') t;
END;
\set ECHO all

CREATE TABLE movies (movie_id int, title text, genres text);
CREATE TABLE ratings AS
	SELECT u AS user_id, m AS movie_id, 1 + (u + m) % 5 AS rating, u * 1000 + m AS rated_at
	FROM generate_series(1, 400) u, generate_series(1, 3) m;

-- movies without a row
SELECT train();
INSERT INTO movies VALUES (1, 'One (1991)', 'sun'), (2, 'Two (1992)', 'moon'), (4, 'Four', NULL);
SELECT train();
INSERT INTO movies VALUES (3, 'Three (1993)', 'moon|sun');
SELECT train();

-- lists of genres with another separator, unless somewhere there is the right one
BEGIN;
UPDATE movies SET genres = (ARRAY['sun, moon', 'moon', 'sun; moon', 'moon, rain'])[movie_id];
SELECT train();
UPDATE movies SET genres = 'sun|moon' WHERE movie_id = 2;
SELECT train();
ROLLBACK;

-- one outdated rating
INSERT INTO ratings VALUES (1, 1, 3, 7);
SELECT train();
DELETE FROM ratings WHERE rated_at = 7;

-- more values than a category holds; those of users without training ratings
-- do not count
CREATE TABLE users AS
	SELECT g AS user_id, g % 2 AS gender, 'age ' || g AS age FROM generate_series(1, 600) g;
SELECT train();
UPDATE users SET age = user_id % 255;
UPDATE movies SET genres = (SELECT string_agg('genre ' || g, '|') FROM generate_series(1, 256) g);
SELECT train();

\set ECHO none
SELECT drop_recommender(model_id) FROM recommender_models WHERE comment = 'dataset_warnings' \g /dev/null
DROP SCHEMA dataset_warnings CASCADE;
