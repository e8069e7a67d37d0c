-- A movie that came after the training is known by its genres and its year, and
-- is recommended by them to those who like such movies.
\set ECHO none
\set sample `echo "$MLREC_SAMPLE"`
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA live_movies;
SET search_path = live_movies, public;
SELECT load_movielens(:'sample') \g /dev/null
SELECT max(model_id) AS model FROM train_recommender(retrieval_epochs => 4, ranking_epochs => 6,
	learning_rate => 3e-3, refit => false) \gset
\set ECHO all

-- The genres count, in whatever order, and the year; nothing else does.
BEGIN;
INSERT INTO movies VALUES
	(10001, 'One', 'Comedy|Romance', 1990),
	(10002, 'Another', ' Romance |Comedy|Comedy', 1990),
	(10003, 'The year in the title (1990)', 'Comedy|Romance', NULL),
	(10004, 'Other genres', 'Horror', 1990),
	(10005, 'Other year', 'Comedy|Romance', 1940);
CREATE VIEW scores AS
	SELECT movie_id, ranking_score, retrieval_score
	FROM recommend(7, candidates => (SELECT array_agg(movie_id::bigint) FROM movies WHERE movie_id > 10000));
CREATE TABLE first AS TABLE scores;
SELECT f.movie_id, f.ranking_score = one.ranking_score AS same_rating,
	f.retrieval_score = one.retrieval_score AS same_cosine
FROM first f, first one WHERE one.movie_id = 10001 ORDER BY 1;

-- It changes when they change, as that of a movie from the training does not.
UPDATE movies SET genres = 'Horror', year = 1990 WHERE movie_id IN (10001, 10005);
SELECT count(*) AS same_as_horror
FROM scores s JOIN first f ON f.movie_id = 10004 AND s.ranking_score = f.ranking_score;
ROLLBACK;
CREATE TABLE list AS SELECT * FROM recommend(7, 400, 400);
BEGIN;
UPDATE movies SET genres = 'Horror';
SELECT count(*) = (SELECT count(*) FROM list) AS same
FROM recommend(7, 400, 400) JOIN list USING (rank, movie_id, ranking_score, retrieval_score);

-- A movie that is gone still tells what those like who rated it.
DELETE FROM movies WHERE movie_id IN (SELECT movie_id FROM ratings WHERE user_id = 7);
SELECT count(*) = (SELECT count(*) FROM list) AS same
FROM recommend(7, 400, 400) JOIN list USING (rank, movie_id, ranking_score, retrieval_score);
ROLLBACK;

-- New movies of one genre each are near to movies of that genre.
CREATE TABLE new_movies AS
	SELECT genre, 10000 + row_number() OVER (ORDER BY genre) AS movie_id,
		count(*) / (SELECT count(*) FROM movies)::float AS share
	FROM movies, unnest(string_to_array(genres, '|')) genre
	GROUP BY genre;
INSERT INTO movies SELECT movie_id, 'New', genre, 1995 FROM new_movies;
SELECT count(*) AS genres, count(*) FILTER (WHERE near > 1.5 * share) > 10 AS near_to_their_own
FROM new_movies n, LATERAL (
	SELECT avg((s.genres ~ n.genre)::int) AS near FROM similar_movies(n.movie_id, 20) s) s;

-- Their predicted ratings follow what each user thought of movies of the genre.
CREATE TABLE liked AS
	WITH rated AS (
		SELECT user_id, genres, rating - avg(rating) OVER (PARTITION BY movie_id) AS extra
		FROM ratings JOIN movies USING (movie_id) WHERE user_id <= 150
	), own AS (
		SELECT user_id, genres, extra - avg(extra) OVER (PARTITION BY user_id) AS extra FROM rated
	)
	SELECT user_id, genre, avg(extra) AS liking
	FROM own, unnest(string_to_array(genres, '|')) genre
	GROUP BY user_id, genre HAVING count(*) >= 10;
SELECT count(*) > 300 AS many, corr(liking, extra) > 0.3 AS alike
FROM liked JOIN (
	SELECT user_id, genre, rating - avg(rating) OVER (PARTITION BY user_id) AS extra
	FROM new_movies, (SELECT DISTINCT user_id FROM liked) u,
		LATERAL (SELECT predict_rating(user_id, movie_id) AS rating) p) p USING (user_id, genre);

-- Among all movies they find their place by cosine and rating alone; popular
-- they become with the next training.
SELECT count(*) AS found FROM recommend(7, 1000, 1000) WHERE movie_id > 10000;
SELECT title, contribution FROM explain_recommendation(7, 10001) WHERE because_movie_id IS NULL;

-- One that has been rated leaves the list of that user alone.
INSERT INTO ratings VALUES (7, 10001, 5, now());
SELECT count(*) FILTER (WHERE user_id = 7) AS their, count(*) FILTER (WHERE user_id = 8) AS hers
FROM (VALUES (7), (8)) u (user_id), recommend(user_id, 1000, 1000) WHERE movie_id = 10001;

\set ECHO none
SELECT drop_recommender(:model) \g /dev/null
DROP SCHEMA live_movies CASCADE;
