-- MovieLens 1M is loaded as its description says.
\set ECHO none
\set data `echo "$MLREC_ML1M"`
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA ml1m_load;
SET search_path = ml1m_load, public;
\set ECHO all

SELECT * FROM load_movielens(:'data');
SELECT rating, ratings, round(share::numeric, 4) AS share FROM rating_distribution();
SELECT extract(epoch FROM min(rated_at))::int AS first, extract(epoch FROM max(rated_at))::int AS last FROM ratings;
SELECT count(DISTINCT movie_id) AS rated FROM ratings;
SELECT count(year) AS years, min(year), max(year) FROM movies;
SELECT title FROM movies WHERE title ~ 'Mis.rables, Les';
SELECT gender, count(*) FROM users GROUP BY gender ORDER BY gender;
SELECT movie_id, title, ratings, round(mean_rating::numeric, 3) AS mean_rating FROM most_rated_movies(3);
SELECT movie_id, title, ratings, round(mean_rating::numeric, 3) AS mean_rating FROM top_rated_movies(3);
SELECT movie_id, title, ratings, round(mean_rating::numeric, 3) AS mean_rating FROM lowest_rated_movies(3);
SELECT count(*) AS genres, sum(movies) AS movies, sum(ratings) AS ratings FROM genre_summary();
SELECT attribute, count(*), sum(users) AS users, sum(ratings) AS ratings
  FROM user_demographics() GROUP BY attribute ORDER BY attribute;

\set ECHO none
SET client_min_messages = error;
DROP SCHEMA ml1m_load CASCADE;
