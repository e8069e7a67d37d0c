-- Bad arguments are named, with their value and what is allowed; limits that are
-- fine are fine.
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA serve_arguments;
SET search_path = serve_arguments, public;
\getenv dir PG_ABS_SRCDIR
\i :dir/small_world.sql
\set ECHO all

SELECT * FROM recommend(NULL);
SELECT * FROM recommend(1, NULL);
SELECT * FROM recommend(1, 200, NULL);
SELECT * FROM recommend(1, 0);
SELECT * FROM recommend(1, -5);
SELECT * FROM recommend(1, 200, -1);
SELECT * FROM recommend(1, 200, 0);
SELECT * FROM recommend(1, exclude_seen => NULL);
SELECT * FROM recommend(1, order_by => 'stars');
SELECT * FROM recommend(1, diversity => 1.5);
SELECT * FROM recommend(1, diversity => -0.1);
SELECT * FROM recommend(1, diversity => 'NaN');
SELECT * FROM recommend(1, diversity => NULL);
SELECT count(*) FROM recommend(9223372036854775807);
SELECT count(*) FROM recommend(-9223372036854775808);

SELECT predict_rating(NULL, 1);
SELECT predict_rating(1, NULL);
SELECT * FROM similar_movies(NULL);
SELECT * FROM similar_movies(1, -1);
SELECT * FROM similar_movies(1, 0);
SELECT count(*) FROM similar_movies(1, 2147483647);
SELECT * FROM explain_recommendation(1, NULL);
SELECT * FROM recommend_all(0);
SELECT * FROM recommend_all(200, -1);
SELECT * FROM recommend_all(200, 0);
SELECT recommend_json(NULL);

-- Numbers of models: 0 is none, and does not stand for the active one.
\set VERBOSITY terse
SELECT * FROM recommend(1, model_id => 0);
SELECT predict_rating(1, 1, model_id => 0);
SELECT * FROM evaluate_recommender(0);
SELECT * FROM recommender_movie_vectors(0);
SELECT activate_recommender(0);
SELECT drop_recommender(0);
\set VERBOSITY default

-- Movies that nobody knows.
SELECT predict_rating(1, 4711);
SELECT * FROM similar_movies(4711);
SELECT * FROM explain_recommendation(1, 4711);
SELECT count(*) FROM (SELECT 1 FROM similar_movies(1)) s;

\set ECHO none
SELECT drop_recommender(:model) \g /dev/null
DROP SCHEMA serve_arguments CASCADE;
