-- Training ends well on data that is small or monotonous, or says what it
-- needs; and then there are recommendations.
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA dataset_small;
SET search_path = dataset_small, public;
CREATE FUNCTION train(test_fraction float8 DEFAULT 0.2, split text DEFAULT 'chronological')
RETURNS boolean
BEGIN ATOMIC
	SELECT max(t.model_id) > 0 FROM train_recommender(test_fraction => test_fraction, split => split,
		retrieval_epochs => 2, ranking_epochs => 2, comment => 'dataset_small') t;
END;
\set ECHO all

CREATE TABLE movies (movie_id int, title text, genres text);
INSERT INTO movies SELECT g, 'Movie ' || g, NULL FROM generate_series(1, 5) g;
CREATE TABLE ratings (user_id int, movie_id int, rating real, rated_at timestamptz);

-- one rating: it is kept for the test, unless there is none
INSERT INTO ratings VALUES (1, 1, 4, '2020-01-01');
SELECT train();
\echo :SQLSTATE
SELECT train(0);
SELECT count(*) FROM recommend(1);

-- two ratings
INSERT INTO ratings VALUES (1, 2, 2, '2020-01-02');
SELECT train();
SELECT train(0.5);
SELECT train(0);
SELECT train(0, 'random');
SELECT count(*) FROM recommend(1);

-- one user
INSERT INTO ratings SELECT 1, g, g, '2020-01-03' FROM generate_series(3, 5) g;
SELECT train();
SELECT count(*) FROM recommend(1);
SELECT count(*) FROM recommend(2);

-- one movie, whose ratings are all of one time
TRUNCATE ratings;
INSERT INTO ratings SELECT g, 1, 1 + g % 5, '2020-01-01' FROM generate_series(1, 100) g;
SELECT train();
SELECT train(0.9);
SELECT count(*) FROM recommend(1);

-- nobody likes anything; everybody likes everything; all ratings are zero
UPDATE ratings SET rating = 1, movie_id = 1 + user_id % 5;
SELECT train();
SELECT round(min(ranking_score)::numeric, 2) AS min, round(max(ranking_score)::numeric, 2) AS max, count(*)
FROM recommend(1);
UPDATE ratings SET rating = 5;
SELECT train();
SELECT round(min(ranking_score)::numeric, 2) AS min, round(max(ranking_score)::numeric, 2) AS max, count(*)
FROM recommend(1);
UPDATE ratings SET rating = 0;
SELECT train();
SELECT round(min(ranking_score)::numeric, 2) AS min, round(max(ranking_score)::numeric, 2) AS max, count(*)
FROM recommend(1);

-- ids and ratings at the ends of their types
ALTER TABLE ratings ALTER user_id TYPE bigint, ALTER movie_id TYPE bigint;
ALTER TABLE movies ALTER movie_id TYPE bigint;
INSERT INTO movies VALUES (-9223372036854775808, 'First', NULL), (9223372036854775807, 'Last', NULL);
UPDATE ratings SET rating = 3;
INSERT INTO ratings SELECT u, m, 4, '0001-01-01 BC'
	FROM unnest(ARRAY[-9223372036854775808, 9223372036854775807]) u,
		unnest(ARRAY[-9223372036854775808, 9223372036854775807]) m;
SELECT train();
SELECT count(*) FROM recommend(9223372036854775807);
SELECT count(*) FROM recommend(-9223372036854775808, exclude_seen => false);

\set ECHO none
SELECT drop_recommender(model_id) FROM recommender_models WHERE comment = 'dataset_small' \g /dev/null
DROP SCHEMA dataset_small CASCADE;
