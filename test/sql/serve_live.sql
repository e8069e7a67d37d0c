-- What is rated now counts now: in the same transaction, and no longer after
-- ROLLBACK.  So do movies that come and go.
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA serve_live;
SET search_path = serve_live, public;
\getenv dir PG_ABS_SRCDIR
\i :dir/small_world.sql
\set ECHO all

CREATE TEMP TABLE first AS SELECT * FROM recommend(3, 80, 80);

-- A rating changes the list and takes its movie out of it.
BEGIN;
INSERT INTO ratings SELECT 3, movie_id, 1, now() FROM first WHERE rank = 1;
SELECT count(*) FILTER (WHERE f.rank = 1) AS movie_rated,
	bool_or(abs(l.ranking_score - f.ranking_score) > 1e-6) AS scores_differ
FROM recommend(3, 80, 80) l JOIN first f USING (movie_id);
SAVEPOINT liked;
UPDATE ratings SET rating = 5 WHERE user_id = 3;
SELECT bool_or(abs(predict_rating(3, movie_id) - ranking_score) > 1e-3) AS scores_differ
FROM first;
ROLLBACK TO liked;
DELETE FROM ratings WHERE user_id = 3;
SELECT count(*) FROM recommend(3, 80, 80);
ROLLBACK;
SELECT count(*) AS as_before FROM recommend(3, 80, 80) NATURAL JOIN first;

-- So does what the user is like.
BEGIN;
UPDATE users SET gender = CASE gender WHEN 'F' THEN 'M' ELSE 'F' END, age = 40 WHERE user_id = 3;
SELECT bool_or(abs(l.ranking_score - f.ranking_score) > 1e-6) AS scores_differ
FROM recommend(3, 80, 80) l JOIN first f USING (movie_id);
ROLLBACK;

-- A new user: from nothing, from attributes, from a few ratings.
CREATE TEMP TABLE nobody AS SELECT * FROM recommend(1000, 80, 80);
SELECT count(*) FROM nobody;
BEGIN;
INSERT INTO users VALUES (1000, 'F', 10, 1);
SELECT bool_or(abs(l.ranking_score - f.ranking_score) > 1e-6) AS scores_differ
FROM recommend(1000, 80, 80) l JOIN nobody f USING (movie_id);
INSERT INTO ratings SELECT 1000, m, 1 + m % 5, now() FROM generate_series(1, 5) m;
SELECT count(*), bool_or(abs(l.ranking_score - f.ranking_score) > 1e-6) AS scores_differ
FROM recommend(1000, 80, 80) l JOIN nobody f USING (movie_id);
ROLLBACK;

-- A new movie appears with its title; genres unknown to the model say nothing.
BEGIN;
INSERT INTO movies VALUES (500, 'New Movie (1977)', 'War|Unheard of'), (501, 'Newer Movie', NULL);
SELECT movie_id, title, genres, year FROM recommend(3, 82, 82) WHERE movie_id >= 500 ORDER BY movie_id;
SELECT count(*) FROM recommend(3, candidates => ARRAY[500, 501]);
SELECT predict_rating(3, 500) BETWEEN 1 AND 5 AS predicted;
SELECT count(*), bool_and(similarity BETWEEN -1 AND 1) AS bounded FROM similar_movies(500, 5);
INSERT INTO ratings VALUES (3, 500, 5, now());
SELECT movie_id FROM recommend(3, 82, 82) WHERE movie_id >= 500;
SAVEPOINT more;
INSERT INTO movies SELECT m, 'Movie', 'War' FROM generate_series(1001, 3000) m;
SELECT count(*) FROM recommend(3, 5000, 5000);
ROLLBACK TO more;
SELECT movie_id FROM recommend(3, 82, 82) WHERE movie_id >= 500;
ROLLBACK;
SELECT movie_id FROM recommend(3, 82, 82) WHERE movie_id >= 500;

-- A movie that is gone is not recommended; one changed shows its new title.
BEGIN;
DELETE FROM movies WHERE movie_id IN (SELECT movie_id FROM first WHERE rank <= 3);
UPDATE movies SET title = 'Another title (1999)', genres = NULL
	WHERE movie_id = (SELECT movie_id FROM first WHERE rank = 4);
SELECT count(*) AS movies, count(*) FILTER (WHERE f.rank <= 3) AS gone
FROM recommend(3, 80, 80) l JOIN first f USING (movie_id);
SELECT l.title, l.genres, l.year FROM recommend(3, 80, 80) l JOIN first f USING (movie_id)
WHERE f.rank = 4;
TRUNCATE movies;
SELECT count(*) FROM recommend(3);
ROLLBACK;
SELECT count(*) AS as_before FROM recommend(3, 80, 80) NATURAL JOIN first;

-- Under REPEATABLE READ the snapshot stays the same over a rollback.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SAVEPOINT empty;
INSERT INTO movies VALUES (500, 'New Movie (1977)', 'War');
SELECT count(*) FROM recommend(3, 82, 82) WHERE movie_id = 500;
ROLLBACK TO empty;
SELECT count(*) FROM recommend(3, 82, 82) WHERE movie_id = 500;
COMMIT;

\set ECHO none
SELECT drop_recommender(:model) \g /dev/null
DROP SCHEMA serve_live CASCADE;
