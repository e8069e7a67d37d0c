-- Under row security a model tells nothing more than the rows that can be seen:
-- neither ids, nor what it has learned of a user, nor which movies there are.
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA serve_hidden_rows;
SET search_path = serve_hidden_rows, public;
\getenv dir PG_ABS_SRCDIR
\i :dir/small_world.sql
-- Movie 80 has ratings and no row.
DELETE FROM movies WHERE movie_id = 80;
SELECT max(model_id) AS model FROM train_recommender(retrieval_epochs => 2, ranking_epochs => 2, seed => 3) \gset
CREATE ROLE serve_hidden_rows_reader;
GRANT USAGE ON SCHEMA serve_hidden_rows TO serve_hidden_rows_reader;
GRANT SELECT ON ratings, movies, users TO serve_hidden_rows_reader;
CREATE FUNCTION error_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text;
	detail text;
	hint text;
BEGIN
	EXECUTE statement;
	RETURN 'none';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message := MESSAGE_TEXT, detail := PG_EXCEPTION_DETAIL, hint := PG_EXCEPTION_HINT;
	RETURN concat_ws(' / ', message, detail, hint);
END $$;
-- Whether two users have the same list, scores and all.
CREATE FUNCTION same_list(a bigint, b bigint) RETURNS boolean
BEGIN ATOMIC
	SELECT (SELECT array_agg((movie_id, ranking_score, retrieval_score) ORDER BY rank)
			FROM recommend(a, 80, 80, exclude_seen => false))
		= (SELECT array_agg((movie_id, ranking_score, retrieval_score) ORDER BY rank)
			FROM recommend(b, 80, 80, exclude_seen => false));
END;
CREATE TABLE own AS SELECT * FROM recommend(6, 80, 80);
CREATE TABLE all_in_one AS SELECT * FROM recommend_all(80, 80, ARRAY[6]);
GRANT SELECT ON own, all_in_one TO serve_hidden_rows_reader;
\set ECHO all

CREATE POLICY own ON ratings TO serve_hidden_rows_reader
	USING (user_id = current_setting('serve_hidden_rows.me')::int OR rated_at > '2020-01-01');
CREATE POLICY age_limit ON movies TO serve_hidden_rows_reader
	USING (movie_id > current_setting('serve_hidden_rows.age')::int);
ALTER TABLE ratings ENABLE ROW LEVEL SECURITY;
ALTER TABLE movies ENABLE ROW LEVEL SECURITY;

-- Who sees everything sees all of it.
SELECT count(*) FROM movie_embeddings WHERE model_id = :model;
SELECT count(*) > 30 AS many FROM user_embeddings WHERE model_id = :model;
SELECT same_list(3, 33);

SET ROLE serve_hidden_rows_reader;
SET serve_hidden_rows.me = 6;
SET serve_hidden_rows.age = 0;
-- Ids: the own, and the movies that can be seen; not that of the movie without a row.
SELECT array_agg(user_id) FROM user_embeddings WHERE model_id = :model;
SELECT count(*), max(movie_id) FROM movie_embeddings WHERE model_id = :model;
SET serve_hidden_rows.age = 60;
SELECT count(*), min(movie_id), max(movie_id) FROM movie_embeddings WHERE model_id = :model;
SELECT count(*) FILTER (WHERE movie_id <= 60 OR movie_id = 80) AS hidden FROM recommend(6, 80, 80);
SELECT count(*) FILTER (WHERE movie_id <= 60 OR movie_id = 80) AS hidden FROM similar_movies(70, 80);
SET serve_hidden_rows.age = 0;
-- The own list is what it is for the owner of the tables, but for the movie without a row.
SELECT count(*) AS movies, count(*) - (SELECT count(*) FROM own WHERE movie_id <> 80) AS more
FROM recommend(6, 80, 80) JOIN own USING (movie_id, ranking_score, retrieval_score);
SELECT count(*) AS movies, count(*) - (SELECT count(*) FROM all_in_one WHERE movie_id <> 80) AS more
FROM recommend_all(80, 80, ARRAY[6]) JOIN all_in_one USING (movie_id, ranking_score, retrieval_score);
-- Of others there is nothing to be told: 3 and 33 are of the same gender, age and occupation.
SELECT same_list(3, 33), same_list(3, 6);
SELECT predict_rating(3, 10) = predict_rating(33, 10) AS same_rating;
SELECT count(*) AS movies,
	count(*) FILTER (WHERE a.movie_id = b.movie_id AND a.ranking_score = b.ranking_score) AS same
FROM recommend_all(80, 10, ARRAY[3, 33]) a JOIN recommend_all(80, 10, ARRAY[3, 33]) b USING (rank)
WHERE a.user_id < b.user_id;
SELECT title FROM explain_recommendation(3, 10);

-- Nor is there when the same of both can be seen, and more is hidden.
RESET ROLE;
DELETE FROM ratings WHERE user_id IN (3, 33) AND movie_id IN (10, 20);
INSERT INTO ratings SELECT u, m, 5, '2021-01-01' FROM (VALUES (3), (33)) u (u), (VALUES (10), (20)) m (m);
SET ROLE serve_hidden_rows_reader;
SELECT same_list(3, 33), same_list(3, 6);
SELECT array_agg(user_id ORDER BY user_id) FROM user_embeddings WHERE model_id = :model;

-- A movie that is hidden is as unknown as one that does not exist.
SET serve_hidden_rows.age = 60;
SELECT movie_id, error_of(format(statement, movie_id)) FROM (VALUES ('SELECT predict_rating(6, %s)'),
	('SELECT * FROM similar_movies(%s)'), ('SELECT * FROM explain_recommendation(6, %s)')) s (statement),
	(VALUES (12), (80), (4711)) m (movie_id) ORDER BY statement, movie_id;
SELECT count(*) FROM recommend(6, candidates => ARRAY[12, 80, 4711]);
RESET ROLE;

-- Views hide, too, with whatever rights they read.
ALTER TABLE ratings DISABLE ROW LEVEL SECURITY;
ALTER TABLE movies DISABLE ROW LEVEL SECURITY;
DELETE FROM ratings WHERE rated_at > '2020-01-01';
SELECT same_list(3, 33);
ALTER TABLE ratings RENAME TO all_ratings;
ALTER TABLE movies RENAME TO all_movies;
CREATE VIEW ratings AS SELECT * FROM all_ratings WHERE user_id = current_setting('serve_hidden_rows.me')::int;
CREATE VIEW movies AS SELECT * FROM all_movies WHERE movie_id > current_setting('serve_hidden_rows.age')::int;
GRANT SELECT ON ratings, movies TO serve_hidden_rows_reader;
SET ROLE serve_hidden_rows_reader;
SELECT array_agg(user_id) FROM user_embeddings WHERE model_id = :model;
SELECT min(movie_id), max(movie_id) FROM movie_embeddings WHERE model_id = :model;
SELECT same_list(3, 33), same_list(3, 6);
SELECT error_of('SELECT predict_rating(6, 12)');
RESET ROLE;
-- Of which no row is left nothing is told, even where nothing is hidden.
DROP VIEW ratings;
ALTER TABLE all_ratings RENAME TO ratings;
DELETE FROM ratings WHERE user_id IN (3, 33);
SELECT same_list(3, 33);

\set ECHO none
SELECT drop_recommender(model_id) FROM recommender_models WHERE ratings ~ 'serve_hidden_rows' \g /dev/null
DROP SCHEMA serve_hidden_rows CASCADE;
DROP ROLE serve_hidden_rows_reader;
