-- What is a like follows the ratings: the smallest at or above their mean.  The
-- share of likes is told, and warned of where it says little.
\getenv sample MLREC_SAMPLE
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA dataset_likes;
SET search_path = dataset_likes, public;
SELECT * FROM load_movielens(:'sample') \g /dev/null
DELETE FROM ratings WHERE user_id > 100;
CREATE FUNCTION train(relation regclass, threshold float8 DEFAULT NULL) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	model int;
BEGIN
	SELECT max(t.model_id) INTO model FROM train_recommender(relation, retrieval_epochs => 1, ranking_epochs => 1,
		like_threshold => threshold, workers => 0, activate => false, comment => 'dataset_likes') AS t;
	RETURN (SELECT options->>'like_threshold' FROM recommender_models WHERE model_id = model);
END;
$$;
\set ECHO all

-- on any scale the same share of the ratings
CREATE VIEW stars AS SELECT * FROM ratings;
CREATE VIEW to_ten AS SELECT user_id, movie_id, 2 * rating AS rating, rated_at FROM ratings;
CREATE VIEW hundredths AS SELECT user_id, movie_id, rating / 100.0 AS rating, rated_at FROM ratings;
CREATE VIEW thumbs AS SELECT user_id, movie_id, (rating >= 4)::int AS rating, rated_at FROM ratings;
CREATE VIEW minus AS SELECT user_id, movie_id, -rating AS rating, rated_at FROM ratings;
SELECT train('stars');
SELECT train('to_ten');
SELECT train('hundredths');
SELECT train('thumbs');
SELECT train('minus');
-- set by hand; nearly everything is a like, and nearly nothing
SELECT train('stars', 3);
SELECT train('to_ten', 2);
SELECT train('stars', 6);

\set ECHO none
SELECT drop_recommender(model_id) FROM recommender_models WHERE comment = 'dataset_likes' \g /dev/null
DROP SCHEMA dataset_likes CASCADE;
