-- Ratings as they are found in real tables do no harm: given twice, null, out of
-- any scale, of movies that nobody knows.
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA serve_odd_ratings;
SET search_path = serve_odd_ratings, public;
\getenv dir PG_ABS_SRCDIR
\i :dir/small_world.sql
\set ECHO all

ALTER TABLE ratings DROP CONSTRAINT ratings_pkey, ALTER user_id DROP NOT NULL,
	ALTER movie_id DROP NOT NULL, ALTER rating TYPE real;
CREATE TEMP TABLE first AS SELECT * FROM recommend(9, 80, 80);

-- Of two ratings of a movie the later one counts, wherever it lies.
UPDATE ratings SET rating = 6 - rating WHERE user_id = 9;
CREATE TEMP TABLE changed AS SELECT * FROM recommend(9, 80, 80);
UPDATE ratings SET rating = 6 - rating WHERE user_id = 9;
SELECT count(*) < 60 AS changed FROM changed NATURAL JOIN first;
BEGIN;
INSERT INTO ratings SELECT user_id, movie_id, 6 - rating, rated_at - interval '1 year'
	FROM ratings WHERE user_id = 9;
SELECT count(*) AS as_before FROM recommend(9, 80, 80) NATURAL JOIN first;
SELECT count(*) AS as_before FROM first f JOIN recommend_all(80, 80, ARRAY[9]) r USING (movie_id)
WHERE f.ranking_score = r.ranking_score;
ROLLBACK;
BEGIN;
INSERT INTO ratings SELECT user_id, movie_id, 6 - rating, rated_at + interval '1 year'
	FROM ratings WHERE user_id = 9;
SELECT count(*) AS as_changed FROM recommend(9, 80, 80) NATURAL JOIN changed;
ROLLBACK;

-- A null rating: seen, but not known how it was liked.
BEGIN;
INSERT INTO ratings SELECT 9, movie_id, NULL, now() FROM first WHERE rank = 1;
SELECT count(*) AS movies, count(*) FILTER (WHERE l.ranking_score = f.ranking_score) AS same_scores
FROM recommend(9, 80, 80) l JOIN first f USING (movie_id);
SELECT count(*) = (SELECT count(*) - 1 FROM first) AS one_less FROM first
WHERE movie_id IN (SELECT movie_id FROM recommend_all(80, 80, ARRAY[9]));
ROLLBACK;

-- Null keys, infinities, unknown movies.
BEGIN;
INSERT INTO ratings VALUES (NULL, 1, 3, now()), (9, NULL, 3, now()), (NULL, NULL, NULL, NULL);
SELECT count(*) AS as_before FROM recommend(9, 80, 80) NATURAL JOIN first;
-- A movie that the model does not know says how high the user rates, and nothing of taste.
INSERT INTO ratings VALUES (9, 4711, 5, now()), (9, 4712, 5, now());
SELECT count(*) AS movies, count(*) FILTER (WHERE l.retrieval_score = f.retrieval_score) AS same_taste,
	bool_and(l.ranking_score >= f.ranking_score) AND bool_or(l.ranking_score > f.ranking_score) AS higher
FROM recommend(9, 80, 80) l JOIN first f USING (movie_id);
SELECT count(*) AS as_in_batch FROM recommend(9, 80, 80) NATURAL JOIN recommend_all(80, 80, ARRAY[9]);
SELECT count(*) FROM recommend_all(80, 80, ARRAY[9]);
INSERT INTO ratings SELECT 9, movie_id, 'Infinity', NULL FROM first WHERE rank = 2;
SELECT count(*) FILTER (WHERE f.rank = 2) AS movie_rated, bool_and(l.ranking_score BETWEEN 1 AND 5) AS sane
FROM recommend(9, 80, 80) l JOIN first f USING (movie_id);
UPDATE ratings SET rating = 3e38 WHERE user_id = 9;
SELECT bool_and(ranking_score BETWEEN 1 AND 5) AS sane FROM recommend(9, 80, 80);
ALTER TABLE ratings ALTER rating TYPE double precision;
UPDATE ratings SET rating = -1e300 WHERE user_id = 9;
SELECT bool_and(ranking_score BETWEEN 1 AND 5) AS sane FROM recommend(9, 80, 80);
SELECT bool_and(ranking_score BETWEEN 1 AND 5) AS sane FROM recommend_all(80, 80, ARRAY[9]);
ROLLBACK;

-- A movie rated but not listed when the model was trained has no title.
INSERT INTO ratings SELECT u, 600, 5, now() - interval '30 years' FROM generate_series(1, 20) u;
SELECT max(model_id) AS other FROM train_recommender(retrieval_epochs => 1, ranking_epochs => 1) \gset
SELECT movie_id, title, genres, year FROM recommend(30, 100, 100) WHERE movie_id = 600;
INSERT INTO movies VALUES (600, 'At last (2001)', 'War');
SELECT movie_id, title, genres, year FROM recommend(30, 100, 100) WHERE movie_id = 600;
SELECT drop_recommender(:other);

\set ECHO none
SELECT drop_recommender(:model) \g /dev/null
DROP SCHEMA serve_odd_ratings CASCADE;
