-- A look at the data counts as training does, and copes with what training
-- copes with: ratings given again, odd years, lists of genres with spaces and
-- marks, types without an order, and numbers beyond all bounds.
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA explore_odd_data;
SET search_path = explore_odd_data, public;
\set SHOW_CONTEXT never
\set ECHO all

CREATE TABLE movies (movie_id int, title text, genres text, year float8);
INSERT INTO movies VALUES (1, 'One (1991)', 'Drama | Comedy', 'NaN'), (2, 'Two', ' Comedy|Drama', 1e300),
	(3, 'Three (1993)', '(no genres listed)', -7), (4, 'Four (1994)', '| |Drama|Drama', 2000.9);
CREATE TABLE users (user_id int, gender json, age point, occupation text);
INSERT INTO users VALUES (1, '{"g": "F"}', '(1,1)', 'smith'), (2, '{"g": "M"}', NULL, 'smith'), (3, '{"g": "F"}', '(1,1)', NULL);
CREATE TABLE ratings (user_id int, movie_id int, rating numeric, rated_at int);
-- The latest rating of a movie counts, of several at that time the highest.
INSERT INTO ratings VALUES (1, 1, 1, 1), (1, 1, 5, 2), (1, 2, 3, 3), (2, 1, 2, 9), (2, 1, 4, 8),
	(2, 4, 1, 5), (2, 4, 3, 5), (3, 1, 4, 1), (3, 1, NULL, 2);

SELECT ratings, mean_rating FROM user_profile(1);
SELECT ratings, mean_rating FROM user_profile(2);
SELECT ratings, mean_rating FROM user_profile(3);
SELECT movie_id, year, ratings, mean_rating FROM unnest(ARRAY[1, 2, 3, 4]) m, movie_details(m);
SELECT * FROM rating_distribution();
SELECT movie_id, ratings, mean_rating FROM most_rated_movies();
SELECT movie_id, ratings, mean_rating FROM top_rated_movies(min_ratings => 1);
SELECT movie_id, ratings, mean_rating FROM lowest_rated_movies(min_ratings => 1);
SELECT * FROM genre_summary();
SELECT * FROM user_demographics();
BEGIN;
UPDATE mlrec_model SET active = false;
SELECT total_users, total_movies, total_ratings, total_genres FROM recommender_stats();
ROLLBACK;
SELECT genre_list('Drama | Comedy||(no genres listed)|Drama'), genre_list(' '), genre_list(NULL);

-- It is the same with a key, which saves the sort, and for a view.
CREATE VIEW seen AS SELECT * FROM ratings;
CREATE TABLE keyed AS SELECT DISTINCT ON (user_id, movie_id) * FROM ratings
	ORDER BY user_id, movie_id, rated_at DESC, rating DESC;
ALTER TABLE keyed ADD UNIQUE (movie_id, user_id);
SELECT count(*) AS differ FROM (
	(SELECT * FROM user_demographics('seen') EXCEPT SELECT * FROM user_demographics('keyed')) UNION ALL
	(SELECT * FROM user_demographics('keyed') EXCEPT SELECT * FROM user_demographics('seen'))) d;
-- An index that does not hold for all rows is no key.
DROP VIEW seen;
CREATE UNIQUE INDEX ON ratings (user_id, movie_id) WHERE rated_at < 2;
SELECT ratings FROM user_profile(1);

-- Numbers beyond all bounds are told with their row.
UPDATE ratings SET rating = 1e39 WHERE rated_at = 3;
SELECT * FROM rating_distribution();
SELECT * FROM top_rated_movies();
SELECT * FROM genre_summary();
SELECT * FROM user_profile(1);
SELECT ratings FROM user_profile(2);
SELECT * FROM movie_details(2);
UPDATE ratings SET rating = '1e400' WHERE rated_at = 3;
SELECT * FROM user_demographics();
SELECT * FROM lowest_rated_movies();
DELETE FROM ratings WHERE rating IS NULL;
SELECT train_recommender();
ALTER TABLE ratings ALTER rating TYPE float8 USING CASE WHEN rating > 1e38 THEN 1e39::float8 ELSE rating END;
SELECT * FROM most_rated_movies();
UPDATE ratings SET rating = 'Infinity' WHERE rated_at = 3;
SELECT max(rating) FROM rating_distribution();
ALTER TABLE movies ALTER year TYPE numeric USING CASE WHEN year > 1e299 THEN '1e400'::numeric ELSE year::numeric END;
SELECT movie_id, year FROM unnest(ARRAY[1, 2, 3, 4]) m, movie_details(m);

-- A column that is not there, or cannot be what it should be.
ALTER TABLE movies RENAME title TO name;
SELECT * FROM most_rated_movies();
ALTER TABLE ratings ALTER movie_id TYPE text;
SELECT * FROM genre_summary();

\set ECHO none
DROP SCHEMA explore_odd_data CASCADE;
