-- Somebody whom no training has seen is answered from what is known of him by
-- now: nothing, who he is, one rating, five ratings.
\set ECHO none
\set sample `echo "$MLREC_SAMPLE"`
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA live_newcomers;
SET search_path = live_newcomers, public;
SELECT load_movielens(:'sample') \g /dev/null
SELECT max(model_id) AS model FROM train_recommender(retrieval_epochs => 4, seed => 2, refit => false) \gset
\set ECHO all

-- Of whom nothing is known, one is like the other.
SELECT count(*) AS movies, bool_and(a.movie_id = b.movie_id) AS same_movies,
	bool_and(a.ranking_score = b.ranking_score) AS same_scores
FROM recommend(100001, 400, 400) a JOIN recommend(-7, 400, 400) b USING (rank);

-- Who he is matters: what the model says of each gender and age is what such
-- people like, genre by genre, beside the movie's mean and their own.
BEGIN;
CREATE TABLE groups AS
	SELECT gender, age, 100000 + row_number() OVER (ORDER BY gender, age) AS user_id
	FROM users GROUP BY gender, age;
INSERT INTO users SELECT user_id, gender, age, NULL, NULL FROM groups;
CREATE TABLE liked AS
	WITH rated AS (
		SELECT gender, age, user_id, genres, rating - avg(rating) OVER (PARTITION BY movie_id) AS extra
		FROM ratings JOIN users USING (user_id) JOIN movies USING (movie_id)
	), own AS (
		SELECT gender, age, genres, extra - avg(extra) OVER (PARTITION BY user_id) AS extra FROM rated
	)
	SELECT gender, age, genre, avg(extra) AS liking
	FROM own, unnest(string_to_array(genres, '|')) genre
	GROUP BY gender, age, genre HAVING count(*) > 200;
CREATE TABLE predicted AS
	WITH rated AS (
		SELECT gender, age, genres,
			predict_rating(user_id, movie_id) AS rating, movie_id, user_id
		FROM groups, movies
	), movie AS (
		SELECT *, rating - avg(rating) OVER (PARTITION BY movie_id) AS extra FROM rated
	), own AS (
		SELECT gender, age, genres, extra - avg(extra) OVER (PARTITION BY user_id) AS extra FROM movie
	)
	SELECT gender, age, genre, avg(extra) AS liking
	FROM own, unnest(string_to_array(genres, '|')) genre
	GROUP BY gender, age, genre;
SELECT count(*) > 50 AS many, corr(l.liking, p.liking) > 0.5 AS alike
FROM liked l JOIN predicted p USING (gender, age, genre);
ROLLBACK;

-- Each rating brings the list nearer to a taste; taken back one by one, they
-- lead back the same way.
CREATE VIEW lean AS
	SELECT user_id, avg(ranking_score::numeric) FILTER (WHERE genres ~ 'Comedy' AND genres !~ 'Drama') -
		avg(ranking_score::numeric) FILTER (WHERE genres ~ 'Drama' AND genres !~ 'Comedy') AS lean
	FROM unnest(ARRAY[100001, 100002]) user_id, recommend(user_id, 400, 400, exclude_seen => false)
	GROUP BY user_id;
CREATE TABLE comedies AS
	SELECT movie_id, row_number() OVER (ORDER BY count(*) DESC, movie_id) AS n
	FROM movies JOIN ratings USING (movie_id) WHERE genres = 'Comedy'
	GROUP BY movie_id;
CREATE TABLE told (ratings int, user_id bigint, lean numeric);
INSERT INTO told SELECT 0, * FROM lean;
BEGIN;
INSERT INTO ratings SELECT u, movie_id, r, now()
	FROM comedies, (VALUES (100001, 5), (100002, 1)) fan (u, r) WHERE n = 1;
INSERT INTO told SELECT 1, * FROM lean;
SAVEPOINT one;
INSERT INTO ratings SELECT u, movie_id, r, now()
	FROM comedies, (VALUES (100001, 5), (100002, 1)) fan (u, r) WHERE n BETWEEN 2 AND 5;
INSERT INTO told SELECT 5, * FROM lean;
SELECT ratings, max(lean) FILTER (WHERE user_id = 100001) > max(lean) FILTER (WHERE user_id = 100002) AS apart,
	max(lean) - min(lean) > lag(max(lean) - min(lean)) OVER (ORDER BY ratings) AS farther
FROM told GROUP BY ratings ORDER BY ratings;
SELECT count(*) FILTER (WHERE genres ~ 'Comedy' AND user_id = 100001) >
	count(*) FILTER (WHERE genres ~ 'Comedy' AND user_id = 100002) AS more_comedies_listed
FROM unnest(ARRAY[100001, 100002]) user_id, recommend(user_id, 50, 20);
ROLLBACK TO one;
SELECT count(*) AS as_with_one FROM lean JOIN told USING (user_id, lean) WHERE ratings = 1;
ROLLBACK;
SELECT count(*) AS as_before FROM lean JOIN told USING (user_id, lean) WHERE ratings = 0;

-- What real people rate is predicted the better the more is known of them.
-- They came after the training part; their copies are new to everything.
BEGIN;
CREATE TABLE real AS
	SELECT u.user_id + 1000000 AS user_id, movie_id, rating, rated_at,
		row_number() OVER (PARTITION BY u.user_id ORDER BY rated_at, movie_id) AS n
	FROM ratings JOIN users u USING (user_id)
	WHERE u.user_id NOT IN (SELECT user_id FROM user_embeddings WHERE model_id = :model);
SELECT count(DISTINCT user_id) > 30 AS many FROM real;
CREATE TABLE guessed (known text, rating int, guess real);
CREATE VIEW guess AS SELECT rating, predict_rating(user_id, movie_id) FROM real WHERE n > 15;
INSERT INTO guessed SELECT '1: nothing', * FROM guess;
INSERT INTO users SELECT user_id + 1000000, gender, age, occupation FROM users;
INSERT INTO guessed SELECT '2: who they are', * FROM guess;
INSERT INTO ratings SELECT user_id, movie_id, rating, rated_at FROM real WHERE n = 1;
INSERT INTO guessed SELECT '3: one rating', * FROM guess;
INSERT INTO ratings SELECT user_id, movie_id, rating, rated_at FROM real WHERE n BETWEEN 2 AND 5;
INSERT INTO guessed SELECT '4: five ratings', * FROM guess;
INSERT INTO ratings SELECT user_id, movie_id, rating, rated_at FROM real WHERE n BETWEEN 6 AND 15;
INSERT INTO guessed SELECT '5: fifteen ratings', * FROM guess;
SELECT known, rmse < lag(rmse) OVER (ORDER BY known) AS better
FROM (SELECT known, sqrt(avg((guess - rating) ^ 2)) AS rmse FROM guessed GROUP BY known) r
ORDER BY known;
ROLLBACK;

-- Within one function, too, and even within a trigger, what is rated counts at
-- once; the statement that rates and a cursor opened before see what was.
CREATE VIEW list AS SELECT array_agg(movie_id ORDER BY rank) AS movies FROM recommend(100001);
CREATE TABLE lists (moment text, movies bigint[]);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO lists SELECT 'in a trigger', movies FROM list;
	RETURN NULL;
END $$;
CREATE TRIGGER note AFTER INSERT ON ratings EXECUTE FUNCTION note();
INSERT INTO lists SELECT 'before', movies FROM list;
BEGIN;
DECLARE opened_before CURSOR FOR TABLE list;
WITH rated AS (
	INSERT INTO ratings SELECT 100001, movie_id, 5, now() FROM recommend(100001, 400, 400)
	WHERE genres ~ 'Horror' AND rank <= 200 RETURNING 1
)
INSERT INTO lists SELECT 'in the same statement', movies FROM list, (SELECT count(*) FROM rated) r;
INSERT INTO lists SELECT 'after', movies FROM list;
SELECT moment, movies = (SELECT movies FROM lists WHERE moment = 'before') AS as_before,
	movies = (SELECT movies FROM lists WHERE moment = 'after') AS as_after
FROM lists ORDER BY moment;
FETCH opened_before \gset
SELECT :'movies' = movies::text AS as_before FROM lists WHERE moment = 'before';
ROLLBACK;
DROP TRIGGER note ON ratings;
DO $$
DECLARE
	before bigint[] := (SELECT movies FROM list);
BEGIN
	FOR i IN 1 .. 3 LOOP
		INSERT INTO ratings SELECT 100001, movie_id, 1, now() FROM recommend(100001, 200, 1);
		ASSERT (SELECT movies FROM list) <> before;
		ASSERT NOT (SELECT movies FROM list) && ARRAY(SELECT movie_id::bigint FROM ratings WHERE user_id = 100001);
		before := (SELECT movies FROM list);
	END LOOP;
END $$;

\set ECHO none
SELECT drop_recommender(:model) \g /dev/null
DROP SCHEMA live_newcomers CASCADE;
