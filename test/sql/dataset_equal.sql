-- The same ratings train the same model, however they are stored: in any order
-- of rows, with ids, ratings and times of any type, with outdated ratings of
-- movies that were rated again.
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA dataset_equal;
SET search_path = dataset_equal, public;
CREATE FUNCTION train(ratings regclass, split text DEFAULT 'chronological') RETURNS int
BEGIN ATOMIC
	SELECT max(t.model_id) FROM train_recommender(ratings, split => split, retrieval_epochs => 1,
		ranking_epochs => 1, activate => 'false', comment => 'dataset_equal') t;
END;
\set ECHO all

CREATE TABLE movies AS
	SELECT g AS movie_id, format('Movie %s (%s)', g, 1950 + g) AS title,
		(ARRAY['sun', 'moon|stars', NULL])[1 + g % 3] AS genres
	FROM generate_series(1, 40) g;
CREATE TABLE users AS
	SELECT g AS user_id, (ARRAY['a', 'b', NULL])[1 + g % 3] AS gender FROM generate_series(1, 50) g;
CREATE TABLE ratings AS
	SELECT u AS user_id, m AS movie_id, 1 + (u * 7 + m * 11) % 5 AS rating,
		timestamptz '2020-01-01 UTC' + interval '1 hour' * ((u * 37 + m * 101) % 500) AS rated_at
	FROM generate_series(1, 60) u, generate_series(1, 40) m
	WHERE (u * 13 + m * 29) % 3 > 0;

SELECT train('ratings') AS model \gset
SELECT train_ratings, test_ratings, metrics IS NOT NULL AS measured
FROM recommender_models WHERE model_id = :model;

-- another order of the rows
CREATE VIEW backwards AS
	SELECT * FROM ratings ORDER BY movie_id % 7, rated_at DESC, user_id;
SELECT train('backwards') AS backwards \gset

-- other types, and a time in seconds
CREATE DOMAIN key AS bigint;
CREATE TABLE other_types AS
	SELECT rating::numeric, extract(epoch FROM rated_at)::bigint AS rated_at,
		user_id::smallint, movie_id::key
	FROM ratings;
SELECT train('other_types') AS other_types \gset
CREATE VIEW local_time AS
	SELECT user_id::key, movie_id, rating::float8, rated_at AT TIME ZONE 'UTC' AS rated_at FROM ratings;
SELECT train('local_time') AS local_time \gset

-- ratings that a later one by the same user replaces
CREATE TABLE rated_again AS
	SELECT user_id, movie_id, 5 AS rating, rated_at - interval '1 day' AS rated_at
	FROM ratings WHERE (user_id + movie_id) % 4 = 0
	UNION ALL SELECT * FROM ratings;
SELECT train('rated_again') AS rated_again \gset

SELECT count(*) AS models, count(DISTINCT (train_ratings, test_ratings, metrics)) AS different
FROM recommender_models
WHERE model_id IN (:model, :backwards, :other_types, :local_time, :rated_again);
SELECT bool_and(a.embedding = b.embedding) AS same_movies
FROM movie_embeddings a JOIN movie_embeddings b USING (movie_id)
WHERE a.model_id = :model AND b.model_id = :rated_again;

-- one rating that differs does make a difference
CREATE VIEW changed AS
	SELECT user_id, movie_id, CASE WHEN (user_id, movie_id) = (1, 2) THEN 6 - rating ELSE rating END
		AS rating, rated_at
	FROM ratings;
SELECT count(*) AS changed FROM ratings WHERE (user_id, movie_id) = (1, 2) AND rating <> 3;
SELECT train('changed') AS changed \gset
SELECT bool_and(a.embedding = b.embedding) AS same_movies
FROM movie_embeddings a JOIN movie_embeddings b USING (movie_id)
WHERE a.model_id = :model AND b.model_id = :changed;

-- a random split depends on its seed and the ids, not on the rows' places
SELECT train('ratings', 'random') AS model \gset
SELECT train('backwards', 'random') AS backwards \gset
SELECT count(DISTINCT (train_ratings, test_ratings, metrics)) AS different,
	min(abs(train_ratings - 0.8 * (train_ratings + test_ratings))) < 60 AS about_four_fifths
FROM recommender_models WHERE model_id IN (:model, :backwards);

\set ECHO none
SELECT drop_recommender(model_id) FROM recommender_models WHERE comment = 'dataset_equal' \g /dev/null
DROP SCHEMA dataset_equal CASCADE;
