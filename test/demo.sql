-- What make demo runs.  :data is the directory of the data set.
\set ECHO queries

\echo '\n=== Load =====================================================================\n'
CREATE EXTENSION mlrec;
\timing on
SELECT * FROM load_movielens(:'data');
\timing off

\echo '\n=== Look at the data =========================================================\n'
SELECT * FROM rating_distribution();
SELECT * FROM most_rated_movies(5);
SELECT * FROM top_rated_movies(5);
SELECT * FROM lowest_rated_movies(5);
SELECT * FROM genre_summary();
SELECT * FROM user_demographics();

\echo '\n=== Train ====================================================================\n'
\timing on
SELECT stage, epoch, train_loss, val_loss, val_auc, val_rmse, val_mae, learning_rate, seconds, is_best
  FROM train_recommender();
\timing off

\echo '\n=== How good it is on the test part, which training has not seen =============\n'
SELECT metric.key AS metric, metric.value
  FROM recommender_models, jsonb_each(metrics) AS metric
 WHERE active;

\echo '\n=== Recommend ================================================================\n'
SELECT * FROM user_profile(1);
\timing on
SELECT * FROM recommend(1, 200, 10);
\timing off

\set ECHO none
SELECT movie_id AS film, title
  FROM (SELECT movie_id, title, 1 AS choice FROM movies WHERE title LIKE 'Star Wars: Episode IV - %'
         UNION ALL
        SELECT movie_id, title, 2 FROM most_rated_movies(1)) AS known
 ORDER BY choice
 LIMIT 1
\gset
\echo === Like :title
\echo
\set ECHO queries
SELECT * FROM similar_movies(:film, 10);

\echo '\n=== A new user rates one film: no training, and ROLLBACK takes it back =======\n'
BEGIN;
INSERT INTO ratings (user_id, movie_id, rating, rated_at) SELECT 1000000, :film, 5, max(rated_at) FROM ratings;
SELECT rank, title, genres, ranking_score, retrieval_score FROM recommend(1000000, 200, 5);
ROLLBACK;
