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
SELECT model_id, stage, count(*) AS epochs, max(val_auc) AS val_auc, min(val_rmse) AS val_rmse,
       min(val_mae) AS val_mae, sum(seconds) AS seconds
  FROM train_recommender()
 GROUP BY model_id, stage
 ORDER BY stage DESC;
\timing off

\echo '\n=== How good it is on the test part, which training has not seen =============\n'
SELECT protocol.key AS protocol, system.key AS system, users.key AS users, metric.*
  FROM recommender_models,
       jsonb_each(metrics) AS protocol,
       jsonb_each(protocol.value) AS system,
       jsonb_each(system.value) AS users,
       jsonb_to_record(users.value) AS metric (rmse real, mae real, auc_rating real, auc_retrieval real,
                                               "recall@200" real, "ndcg@10" real, "hit@10" real)
 WHERE active
 ORDER BY protocol, users, system;

\echo '\n=== Recommend ================================================================\n'
SELECT * FROM user_profile(1);
\timing on
SELECT * FROM recommend(1, 200, 10);
\timing off

\set ECHO none
SELECT movie_id AS first, title FROM recommend(1, 200, 1)
\gset
\echo '\n=== Why user 1 should see' :title
\echo
\set ECHO queries
SELECT * FROM explain_recommendation(1, :first) LIMIT 5;

\set ECHO none
SELECT movie_id AS movie, title
  FROM (SELECT movie_id, title, 1 AS choice FROM movies WHERE title LIKE 'Star Wars: Episode IV - %'
         UNION ALL
        SELECT movie_id, title, 2 FROM most_rated_movies(1)) AS known
 ORDER BY choice
 LIMIT 1
\gset
\echo '\n=== Like' :title
\echo
\set ECHO queries
SELECT * FROM similar_movies(:movie, 10);

\echo '\n=== A new user rates one movie: no training, and ROLLBACK takes it back =======\n'
BEGIN;
INSERT INTO ratings (user_id, movie_id, rating, rated_at) SELECT 1000000, :movie, 5, max(rated_at) FROM ratings;
SELECT rank, title, genres, ranking_score, retrieval_score FROM recommend(1000000, 200, 5);
ROLLBACK;
