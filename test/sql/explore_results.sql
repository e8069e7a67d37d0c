-- The functions that look at the data count right: all of this can be checked
-- by hand.
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA explore_results;
SET search_path = explore_results, public;
\set ECHO all

CREATE TABLE movies (movie_id int, title text, genres text);
INSERT INTO movies VALUES
	(1, 'Anvil (1990)', 'Action|Drama'),
	(2, 'Bellows (1991)', 'Drama'),
	(3, 'Crucible (1992)', 'Drama|Action|Drama'),
	(4, 'Dross', NULL),
	(5, 'Ember (1994)', ''),
	(6, 'Flux (1995)', 'Comedy');
CREATE TABLE users (user_id int, gender text, age int, occupation text);
INSERT INTO users VALUES
	(1, 'F', 9, 'smith'), (2, 'M', 10, 'smith'), (3, 'M', 100, NULL), (4, 'F', 9, 'miner');
CREATE TABLE ratings (user_id int, movie_id int, rating real, rated_at timestamptz DEFAULT now());
INSERT INTO ratings VALUES
	(1, 1, 5), (1, 2, 3), (1, 3, 4),
	(2, 1, 4), (2, 2, 2), (2, 4, 0.5),
	(3, 1, 3), (3, 2, 4), (3, 3, NULL),
	(7, 99, 1);

SELECT * FROM rating_distribution();

SELECT * FROM most_rated_movies();
SELECT * FROM most_rated_movies(2);
SELECT * FROM most_rated_movies(n => 0);
SELECT count(*) FROM most_rated_movies(NULL);
SELECT * FROM most_rated_movies(-1);

SELECT * FROM top_rated_movies();
SELECT * FROM top_rated_movies(min_ratings => 2);
SELECT * FROM top_rated_movies(1, 1);
SELECT * FROM lowest_rated_movies(2, 1);
SELECT * FROM lowest_rated_movies(2, 0);
SELECT count(*) FROM lowest_rated_movies(NULL, NULL);
SELECT * FROM lowest_rated_movies(-2147483648);

-- a movie counts once for each of its genres, rated or not
SELECT * FROM genre_summary();

-- values in the order of their own type; users without ratings count as users
SELECT * FROM user_demographics();

-- User 1 rates 4 on average: Drama 5 3 4 is no deviation, Action 5 4 half a
-- star over two movies.
SELECT * FROM user_profile(1);
SELECT * FROM user_profile(2);
SELECT * FROM user_profile(4);
SELECT * FROM user_profile(7);
SELECT * FROM user_profile(8);
SELECT * FROM user_profile(NULL);

SELECT * FROM movie_details(1);
SELECT * FROM movie_details(3);
SELECT * FROM movie_details(4);
SELECT * FROM movie_details(6);
SELECT * FROM movie_details(99);
SELECT * FROM movie_details(100);
SELECT * FROM movie_details(NULL);

-- what one has just written counts, until it is rolled back
BEGIN;
INSERT INTO ratings VALUES (4, 6, 5), (4, 2, 1);
SELECT * FROM user_profile(4);
SELECT * FROM movie_details(6);
ROLLBACK;
SELECT * FROM movie_details(6);

-- no rows at all
TRUNCATE ratings, movies, users;
SELECT * FROM rating_distribution();
SELECT * FROM most_rated_movies();
SELECT * FROM genre_summary();
SELECT * FROM user_demographics();

\set ECHO none
DROP SCHEMA explore_results CASCADE;
