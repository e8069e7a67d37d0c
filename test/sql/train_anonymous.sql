-- Trained with user_ids => false, a model holds nothing of a user, and is served
-- like any other.
\set ECHO none
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA train_anonymous;
SET search_path = train_anonymous, public;
\getenv dir PG_ABS_SRCDIR
\i :dir/small_world.sql
SELECT max(model_id) AS anonymous FROM train_recommender(retrieval_epochs => 2, ranking_epochs => 2, seed => 3,
	user_ids => false) \gset
\set ECHO all

SELECT count(*) FROM user_embeddings WHERE model_id = :anonymous;
SELECT count(*) FROM movie_embeddings WHERE model_id = :anonymous;
SELECT options->'user_ids' AS user_ids, boundary_user = 9223372036854775807 AS nobody FROM mlrec_model
	WHERE model_id = :anonymous;
SELECT options->'user_ids' AS user_ids FROM mlrec_model WHERE model_id = :model;
SELECT a.size_bytes < m.size_bytes AS smaller FROM recommender_models a, recommender_models m
	WHERE a.model_id = :anonymous AND m.model_id = :model;
SELECT count(*) FROM recommend(6, 80, 80);
SELECT forget_user(6) >= 1 AS in_others;
SELECT checksum AS checksum FROM mlrec_model WHERE model_id = :anonymous \gset
SELECT checksum = :checksum AS untouched FROM mlrec_model WHERE model_id = :anonymous;
-- Two users of whom the same is known have the same list.
INSERT INTO users SELECT u, 'F', 20, 1 FROM unnest(ARRAY[1001, 1002]) u;
UPDATE ratings SET user_id = 1001 WHERE user_id = 9;
INSERT INTO ratings SELECT 1002, movie_id, rating, rated_at FROM ratings WHERE user_id = 1001;
SELECT count(*) AS differ FROM (SELECT * FROM recommend(1001, 80, 80) EXCEPT SELECT * FROM recommend(1002, 80, 80)) d;
SELECT count(*) > 0 AS measured FROM evaluate_recommender(:anonymous) WHERE metric = 'rmse';

-- The same seed gives the same model, and models of either kind start from either.
SELECT max(model_id) AS again FROM train_recommender('ratings', 'movies', 'users', retrieval_epochs => 1,
	ranking_epochs => 1, seed => 5,
	user_ids => false, from_model => :model, activate => false, workers => 0) \gset
SELECT max(model_id) AS once_more FROM train_recommender('ratings', 'movies', 'users', retrieval_epochs => 1,
	ranking_epochs => 1, seed => 5,
	user_ids => false, from_model => :model, activate => false) \gset
SELECT count(DISTINCT checksum) FROM mlrec_model WHERE model_id IN (:again, :once_more);
SELECT max(model_id) AS known FROM train_recommender('ratings', 'movies', 'users', retrieval_epochs => 1,
	ranking_epochs => 1,
	from_model => :anonymous, activate => false) \gset
SELECT count(*) > 0 AS vectors FROM user_embeddings WHERE model_id = :known;
SELECT * FROM train_recommender(user_ids => NULL);

\set ECHO none
SELECT drop_recommender(m) FROM unnest(ARRAY[:model, :anonymous, :again, :once_more, :known]) m \g /dev/null
DROP SCHEMA train_anonymous CASCADE;
