-- What make demo runs.  :data is the directory of the data set.
SET extra_float_digits = -3;

\echo
\echo '=== Load =====================================================================\n'
\set ECHO queries
CREATE EXTENSION mlrec;
SELECT * FROM load_movielens(:'data');

\set ECHO none
CREATE TEMP TABLE words (attribute text, value text, words text);
INSERT INTO words VALUES
    ('gender', 'F', 'women'), ('gender', 'M', 'men'),
    ('age', '1', 'under 18'), ('age', '18', '18 to 24'), ('age', '25', '25 to 34'), ('age', '35', '35 to 44'),
    ('age', '45', '45 to 49'), ('age', '50', '50 to 55'), ('age', '56', '56 and older'),
    ('occupation', '0', 'other'), ('occupation', '1', 'academic, educator'), ('occupation', '2', 'artist'),
    ('occupation', '3', 'clerical, admin'), ('occupation', '4', 'student'), ('occupation', '5', 'customer service'),
    ('occupation', '6', 'doctor, health care'), ('occupation', '7', 'executive, managerial'),
    ('occupation', '8', 'farmer'), ('occupation', '9', 'homemaker'), ('occupation', '10', 'pupil'),
    ('occupation', '11', 'lawyer'), ('occupation', '12', 'programmer'), ('occupation', '13', 'retired'),
    ('occupation', '14', 'sales, marketing'), ('occupation', '15', 'scientist'),
    ('occupation', '16', 'self-employed'), ('occupation', '17', 'technician, engineer'),
    ('occupation', '18', 'tradesman, craftsman'), ('occupation', '19', 'unemployed'), ('occupation', '20', 'writer');

\echo '=== Look at the data =========================================================\n'
\set ECHO queries
SELECT rating, ratings, share, repeat('*', round(100 * share)::int) AS " " FROM rating_distribution();
SELECT title, ratings, mean_rating FROM top_rated_movies(3);
SELECT title, ratings, mean_rating FROM lowest_rated_movies(3);
SELECT genre, movies, ratings, mean_rating FROM genre_summary() LIMIT 5;
SELECT attribute, words, users, mean_rating FROM user_demographics() JOIN words USING (attribute, value)
 WHERE attribute <> 'occupation';

\set ECHO none
\echo '=== Train two networks: retrieval finds movies, ranking predicts their stars ===\n'
\set ECHO queries
\timing on
SELECT stage, count(*) AS epochs FROM train_recommender() GROUP BY stage ORDER BY stage DESC;
\timing off

\set ECHO none
\echo
\echo '=== How good is it? The latest fifth of the ratings, unseen in training, says ===\n'
SELECT what AS " ",
       round(max(value) FILTER (WHERE system = 'mlrec')::numeric, 3) AS mlrec,
       round(max(value) FILTER (WHERE system = 'bias')::numeric, 3) AS "user + movie mean",
       round(max(value) FILTER (WHERE system = 'item_mean')::numeric, 3) AS "movie mean",
       round(max(value) FILTER (WHERE system = 'popularity')::numeric, 3) AS popularity
  FROM recommender_metrics JOIN recommender_models USING (model_id)
  JOIN (VALUES (1, 'live', 'rmse', NULL, 'error of a predicted rating, in stars (RMSE)'),
               (2, 'live', 'auc_rating', NULL, 'chance to tell a liked movie from another (AUC)'),
               (3, 'static', 'hit@10', 'relevance', 'users who find a movie they like in a list of ten'),
               (4, 'static', 'ndcg@10', 'relevance', 'the same, weighted by place in the list (NDCG)'))
         AS line (place, protocol, metric, list_order, what) USING (protocol, metric)
 WHERE active AND recommender_metrics.users = 'all'
   AND recommender_metrics.list_order IS NOT DISTINCT FROM line.list_order
 GROUP BY place, what
 ORDER BY place;

\echo '=== Recommend to user 1 ======================================================\n'
SELECT concat('User 1 (', string_agg(words, '; ' ORDER BY attribute <> 'gender', attribute), ') has rated ', min(ratings),
              ' movies, with ', min(mean_rating), ' stars on average.') AS user_1
  FROM user_profile(1) AS profile
       JOIN words ON (attribute, value) IN (('gender', gender), ('age', age), ('occupation', occupation))
\gset
\echo :user_1 '\n'
\set ECHO queries
\timing on
SELECT rank, title, genres, ranking_score, retrieval_score FROM recommend(1, 200, 10);
\timing off
\set ECHO none
\echo
\echo '(ranking_score is the rating predicted for user 1; retrieval_score, from -1 to 1, how well the movie fits.)\n'

SELECT movie_id AS first, title FROM recommend(1, 200, 1)
\gset
\echo '=== Why' :title'?\n'
\set ECHO queries
SELECT title AS because_of, your_rating, similarity, contribution FROM explain_recommendation(1, :first, 4);

\set ECHO none
SELECT movie_id AS known, title
  FROM (SELECT movie_id, title, 1 AS choice FROM movies WHERE title LIKE 'Star Wars: Episode IV - %'
         UNION ALL
        SELECT movie_id, title, 2 FROM most_rated_movies(1)) AS known
 ORDER BY choice
 LIMIT 1
\gset
\echo '=== What is like' :title'?\n'
\set ECHO queries
SELECT title, genres, similarity FROM similar_movies(:known, 5);

\set ECHO none
\echo '=== Live: a new user, then a first rating. Nothing is trained in between ======\n'
\set ECHO queries
BEGIN;
SELECT rank, title, genres FROM recommend(1000000, 200, 4, order_by => 'relevance');
INSERT INTO ratings (user_id, movie_id, rating, rated_at) SELECT 1000000, :known, 5, max(rated_at) FROM ratings;
SELECT rank, title, genres FROM recommend(1000000, 200, 4, order_by => 'relevance');
ROLLBACK;
