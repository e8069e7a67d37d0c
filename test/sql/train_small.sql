-- Few ratings, dull ratings, odd ratings: training ends with a model whose
-- recommendations have proper scores, or says what it lacks.
\set ECHO none
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA train_small;
SET search_path = train_small, public;
\set SHOW_CONTEXT never
CREATE TABLE movies (movie_id bigint, title text, genres text);
CREATE TABLE ratings (user_id bigint, movie_id bigint, rating real, rated_at bigint);

-- Trains on what is in the tables; then asks everything for everybody and for a
-- stranger, and says what is wrong with the answers.
CREATE FUNCTION train(options text DEFAULT 'test_fraction => 0',
	OUT train_ratings bigint, OUT test_ratings bigint, OUT movies bigint, OUT problems text)
LANGUAGE plpgsql AS $$
DECLARE
	model int;
BEGIN
	EXECUTE format('SELECT max(model_id) FROM train_recommender(%s, retrieval_epochs => 2, '
		'ranking_epochs => 2, comment => ''train_small'')', options) INTO model;
	SELECT m.train_ratings, m.test_ratings INTO train_ratings, test_ratings
		FROM recommender_models m WHERE model_id = model;
	CREATE TEMPORARY TABLE answers AS
		SELECT u.user_id, r.* FROM (SELECT user_id FROM ratings UNION SELECT 4711) u,
			recommend(u.user_id, 1000, 1000, model, exclude_seen => false) r;
	movies := count(DISTINCT movie_id) FROM answers;
	SELECT string_agg(problem, '; ' ORDER BY problem) INTO problems FROM (
		SELECT 'scores' FROM answers
			-- many equal ratings are events, whose score is a chance
			WHERE (ranking_score BETWEEN
				(SELECT min(rating) - (min(rating) = max(rating))::int * min(rating) FROM ratings)
				AND (SELECT max(rating) + (min(rating) = max(rating))::int FROM ratings)
				AND retrieval_score BETWEEN -1 AND 1) IS NOT TRUE
		UNION SELECT 'not all movies for ' || user_id FROM answers
			GROUP BY user_id HAVING count(*) <> (SELECT count(*) FROM movies)
		UNION SELECT 'vectors' FROM movie_embeddings
			WHERE model_id = model AND abs(norm(embedding) - 1) < 1e-4 IS NOT TRUE
		UNION SELECT 'all users at once' FROM recommend_all(1000, 1000, (SELECT array_agg(user_id) FROM ratings)) a
			FULL JOIN (SELECT a.* FROM answers a WHERE user_id <> 4711 AND NOT EXISTS
				(SELECT FROM ratings r WHERE r.user_id = a.user_id AND r.movie_id = a.movie_id)) b
			USING (user_id, movie_id)
			WHERE abs(a.ranking_score - b.ranking_score) <= 1e-4 * (1 + abs(b.ranking_score)) IS NOT TRUE
		UNION SELECT 'prediction' FROM ratings WHERE predict_rating(user_id, movie_id, model) IS NULL
		UNION SELECT 'similar movies' FROM movies
			WHERE (SELECT count(similarity) FROM similar_movies(movie_id, 1000, model)) <>
				(SELECT count(*) - 1 FROM movies)
		UNION SELECT 'health' FROM recommender_health() WHERE status <> 'ok') p (problem);
	DROP TABLE answers;
	IF test_ratings > 0 THEN
		PERFORM FROM evaluate_recommender(model) WHERE value IN ('NaN', 'Infinity', '-Infinity');
		IF FOUND THEN problems := concat_ws('; ', problems, 'evaluation'); END IF;
	END IF;
END;
$$;
\set ECHO all

-- No movie and no rating, movies but no rating.
SELECT * FROM train();
\echo :SQLSTATE
INSERT INTO movies SELECT m, 'Movie ' || m || ' (' || 1990 + m || ')', 'Drama' FROM generate_series(1, 5) m;
SELECT * FROM train();
\echo :SQLSTATE

-- A rating, two, three.
INSERT INTO ratings VALUES (1, 1, 5, 100);
SELECT * FROM train();
SELECT * FROM train('test_fraction => 0.2');
\echo :SQLSTATE
SELECT * FROM train('test_fraction => 0, validation_fraction => 0, workers => 3, batch_size => 1');
INSERT INTO ratings VALUES (2, 1, 1, 101);
SELECT * FROM train();
SELECT * FROM train('test_fraction => 0.5');
SELECT * FROM train('test_fraction => 0.5, validation_fraction => 0.5, refit => true');
SELECT * FROM train('test_fraction => 0.5, split => ''random''');
INSERT INTO ratings VALUES (1, 3, 3, 102);
SELECT * FROM train('test_fraction => 0.2');
SELECT * FROM train('test_fraction => 0.4, validation_fraction => 0.5, workers => 3');
SELECT * FROM train('test_fraction => 0.4, activate => ''if_better''');

-- One user, of everything.
TRUNCATE ratings;
INSERT INTO ratings SELECT 1, m, m, m FROM generate_series(1, 5) m;
SELECT * FROM train('test_fraction => 0.2');
SELECT * FROM train('test_fraction => 0.2, history => false');
-- One movie, by everybody.
TRUNCATE ratings;
INSERT INTO ratings SELECT u, 1, 1 + u % 5, u FROM generate_series(1, 30) u;
SELECT * FROM train('test_fraction => 0.2');
DELETE FROM movies WHERE movie_id > 1;
SELECT * FROM train('test_fraction => 0.2');
SELECT * FROM train('test_fraction => 0.2, softmax_weight => 100');
INSERT INTO movies SELECT m, 'Movie ' || m || ' (' || 1990 + m || ')', 'Drama' FROM generate_series(2, 20) m;

-- All liked, none liked, all the same, all at once.
TRUNCATE ratings;
INSERT INTO ratings SELECT u, 1 + (u * 7 + i * 3) % 20, 1 + (u + i) % 5, u * 100 + i
FROM generate_series(1, 30) u, generate_series(1, 8) i;
SELECT * FROM train('like_threshold => 1');
SELECT * FROM train('like_threshold => 1, split => ''random'', test_fraction => 0.2');
SELECT * FROM train('like_threshold => 6, test_fraction => 0.2');
UPDATE ratings SET rating = 4.5;
SELECT * FROM train('test_fraction => 0.2');
UPDATE ratings SET rating = 0;
SELECT * FROM train('test_fraction => 0.2');
UPDATE ratings SET rating = 1 + (user_id + movie_id) % 5, rated_at = 7;
SELECT * FROM train('test_fraction => 0.2');
SELECT * FROM train('test_fraction => 0.2, split => ''random''');
-- From the dawn of time to its end.
UPDATE ratings SET rated_at = CASE user_id % 3 WHEN 0 THEN -9223372036854775808
	WHEN 1 THEN 0 ELSE 9223372036854775807 END;
SELECT * FROM train('test_fraction => 0.2');

-- Ratings on scales of other sizes.
UPDATE ratings SET rated_at = user_id * 100 + movie_id;
UPDATE ratings SET rating = 100 * rating - 250;
SELECT * FROM train('test_fraction => 0.2, like_threshold => 100');
UPDATE ratings SET rating = rating * 1e-9;
SELECT * FROM train('test_fraction => 0.2, like_threshold => 1e-7');
UPDATE ratings SET rating = CASE WHEN rating > 0 THEN 3e38 ELSE -3e38 END;
SELECT * FROM train('test_fraction => 0.2');
UPDATE ratings SET rating = 1 + (user_id + movie_id) % 5;

-- Movies without genres, without titles, without years; with far too many, and far ones.
UPDATE movies SET genres = NULL, title = NULL;
SELECT * FROM train('test_fraction => 0.2');
UPDATE movies SET genres = '', title = 'No Year';
SELECT * FROM train('test_fraction => 0.2');
UPDATE movies SET genres = '||' || repeat('x', 10000) || '| |', title = repeat('(', 10000) || ' (9999)';
SELECT * FROM train('test_fraction => 0.2');
ALTER TABLE movies ADD year float8;
UPDATE movies SET year = CASE movie_id WHEN 1 THEN -5 WHEN 2 THEN 'NaN' WHEN 3 THEN 'Infinity' WHEN 4 THEN 1e300 END;
SELECT * FROM train('test_fraction => 0.2');
ALTER TABLE movies DROP year;
UPDATE movies SET genres = 'Drama', title = 'Movie (1999)';
-- Movies that nobody knows are the most.
INSERT INTO movies SELECT m, 'Movie ' || m, 'New' FROM generate_series(100, 300) m;
SELECT * FROM train('test_fraction => 0.2');
DELETE FROM movies WHERE movie_id >= 100;

-- Ids at the ends of their type.
UPDATE movies SET movie_id = CASE movie_id WHEN 1 THEN -9223372036854775808
	WHEN 2 THEN 9223372036854775807 WHEN 3 THEN 0 ELSE -movie_id END;
UPDATE ratings SET movie_id = CASE movie_id WHEN 1 THEN -9223372036854775808
		WHEN 2 THEN 9223372036854775807 WHEN 3 THEN 0 ELSE -movie_id END,
	user_id = CASE user_id WHEN 1 THEN -9223372036854775808 WHEN 2 THEN 9223372036854775807
		WHEN 3 THEN 0 ELSE -user_id END;
CREATE TABLE users AS
	SELECT DISTINCT user_id, 'x' AS gender, -2147483648 AS age, 2147483647 AS occupation FROM ratings;
SELECT * FROM train('test_fraction => 0.2');
SELECT * FROM train('test_fraction => 0.9, validation_fraction => 0.5');

-- Batches of a row, and larger than the data.
SELECT * FROM train('test_fraction => 0.2, batch_size => 1');
SELECT * FROM train('test_fraction => 0.2, batch_size => 65536, workers => 3');
SELECT * FROM train('test_fraction => 0.9, learning_rate => 1, workers => 2');

\set ECHO none
SELECT drop_recommender(model_id) FROM recommender_models WHERE comment = 'train_small' \g /dev/null
DROP SCHEMA train_small CASCADE;
