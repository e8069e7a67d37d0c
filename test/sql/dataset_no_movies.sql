-- Movies may be known by their ids alone; with a relation of movies, those that are
-- rated without a row are served, measured and counted like the others.
\getenv sample MLREC_SAMPLE
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA dataset_no_movies;
SET search_path = dataset_no_movies, public;
SELECT * FROM load_movielens(:'sample') \g /dev/null
DELETE FROM ratings WHERE user_id > 250;
DELETE FROM movies WHERE movie_id NOT IN (SELECT movie_id FROM ratings);
CREATE FUNCTION train() RETURNS int
BEGIN ATOMIC
	SELECT max(t.model_id) FROM train_recommender(retrieval_epochs => 2, ranking_epochs => 1, workers => 0,
		comment => 'dataset_no_movies') t;
END;
CREATE FUNCTION metric(model int, metric text) RETURNS float8
BEGIN ATOMIC
	SELECT e.value FROM evaluate_recommender(model) AS e WHERE e.protocol = 'static' AND e.system = 'mlrec'
		AND e.users = 'all' AND e.metric = metric.metric;
END;
\set ECHO all

-- a quarter of the movies has no row
CREATE TABLE all_movies AS SELECT * FROM movies;
DELETE FROM movies WHERE movie_id % 4 = 0;
SELECT count(*) > 50 AS many FROM all_movies WHERE movie_id % 4 = 0;
SELECT train() AS quarter \gset
SELECT total_movies = (SELECT count(*) FROM all_movies) AS counted FROM recommender_stats();
SELECT count(*) = (SELECT count(*) FROM all_movies) AS served FROM recommend(1, 1000, 1000, exclude_seen => false);
SELECT count(*) FILTER (WHERE title IS NULL) > 0 AS without_titles FROM recommend(1, 200, 100);
SELECT metric(:quarter, 'recall@200') > 0.6 AS found;
-- with their rows they are found as often
INSERT INTO movies SELECT * FROM all_movies WHERE movie_id % 4 = 0;
SELECT train() AS complete \gset
SELECT abs(metric(:quarter, 'recall@200') - metric(:complete, 'recall@200')) < 0.05 AS as_often;
SELECT metric(:quarter, 'n_queries') = metric(:complete, 'n_queries') AS same_questions;
-- a movie whose row is deleted is neither served nor measured
DELETE FROM movies WHERE movie_id % 4 = 0;
SELECT count(*) = (SELECT count(*) FROM movies) AS served FROM recommend(1, 1000, 1000, exclude_seen => false);
SELECT metric(:complete, 'recall@200') < 0.9 * metric(:quarter, 'recall@200') AS missed;

-- no relation of movies, and none of users
DROP TABLE movies, users;
SELECT train() AS none \gset
SELECT movies, users FROM recommender_models WHERE model_id = :none;
SELECT metric(:none, 'recall@200') > 0.6 AS found;
SELECT count(*), count(title), count(genres), count(year) FROM recommend(1, 200, 5);
SELECT count(*) = (SELECT count(*) FROM all_movies) AS served FROM recommend(1, 1000, 1000, exclude_seen => false);
SELECT count(*) FROM recommend(1, 200, 10, candidates => ARRAY(SELECT movie_id FROM all_movies ORDER BY 1 LIMIT 3),
	exclude_seen => false);
SELECT count(DISTINCT user_id), count(title) FROM recommend_all(50, 2);
SELECT json_array_length(recommend_json(1, 200, 3) -> 'recommendations');
SELECT movie_id AS first FROM all_movies ORDER BY 1 LIMIT 1 \gset
SELECT count(*) > 0 AS explained FROM explain_recommendation(1, :first);
SELECT count(*), count(title) FROM similar_movies(:first, 5);
SELECT predict_rating(1, :first) IS NOT NULL AS predicted;
SELECT predict_rating(1, 999999);
\echo :SQLSTATE
SELECT status FROM recommender_health();
SELECT total_users, total_movies = (SELECT count(*) FROM all_movies) AS counted, total_genres FROM recommender_stats();
SELECT count(*) = (SELECT count(*) FROM all_movies) AS vectors FROM movie_embeddings WHERE model_id = :none;
SELECT title, genres, ratings > 0 AS rated FROM movie_details(:first);
SELECT ratings > 0 AS rated, favorite_genres FROM user_profile(1);
SELECT count(*), count(title) FROM most_rated_movies(5);
-- a rating counts at once, also in a list that is asked for again
BEGIN;
SELECT movie_id AS best FROM recommend(1, 200, 1) \gset
INSERT INTO ratings VALUES (1, :best, 5, now());
SELECT count(*) FROM recommend(1, 200, 10) WHERE movie_id = :best;
ROLLBACK;
-- row security decides which ratings are seen, and no movie is hidden by it
CREATE ROLE regress_no_movies;
GRANT USAGE ON SCHEMA dataset_no_movies TO regress_no_movies;
GRANT SELECT ON ratings TO regress_no_movies;
ALTER TABLE ratings ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON ratings USING (user_id = 2);
SET ROLE regress_no_movies;
SELECT count(*) FROM recommend(2, 200, 5);
RESET ROLE;

\set ECHO none
SELECT drop_recommender(model_id) FROM recommender_models WHERE comment = 'dataset_no_movies' \g /dev/null
DROP SCHEMA dataset_no_movies CASCADE;
DROP ROLE regress_no_movies;
