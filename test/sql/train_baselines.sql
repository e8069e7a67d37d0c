-- A model is no worse than what it is measured next to, however few the users are, and
-- however few ratings a movie of a large catalogue has.
\getenv sample MLREC_SAMPLE
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA train_baselines;
SET search_path = train_baselines, public;
SELECT * FROM load_movielens(:'sample') \g /dev/null

-- Trains, and returns the errors of ratings as parts of the biases', and the lists as
-- parts of popularity's.
CREATE FUNCTION train(relation regclass, epochs int DEFAULT NULL,
	OUT live_rmse float8, OUT static_rmse float8, OUT ndcg float8, OUT recall float8)
LANGUAGE plpgsql AS $$
DECLARE
	model int;
BEGIN
	SELECT max(t.model_id) INTO model FROM train_recommender(relation, retrieval_epochs => epochs, workers => 0,
		activate => false, comment => 'train_baselines') AS t;
	SELECT (m #>> '{live,mlrec,all,rmse}')::float8 / (m #>> '{live,bias,all,rmse}')::float8,
			(m #>> '{static,mlrec,all,rmse}')::float8 / (m #>> '{static,bias,all,rmse}')::float8,
			(m #>> '{static,mlrec,all,ndcg@10}')::float8 / (m #>> '{static,popularity,all,ndcg@10}')::float8,
			(m #>> '{static,mlrec,all,recall@200}')::float8 / (m #>> '{static,popularity,all,recall@200}')::float8
		INTO live_rmse, static_rmse, ndcg, recall
		FROM (SELECT metrics FROM recommender_models WHERE model_id = model) AS r (m);
END;
$$;
\set ECHO all

-- 20 users, and 60
CREATE VIEW twenty AS SELECT * FROM ratings WHERE user_id % 30 = 7;
CREATE VIEW sixty AS SELECT * FROM ratings WHERE user_id % 10 = 7;
SELECT live_rmse <= 1.005 AS live, static_rmse <= 1.005 AS static, ndcg >= 0.97 AS ndcg, recall >= 0.97 AS recall
	FROM train('twenty');
SELECT live_rmse <= 1.005 AS live, static_rmse <= 1.005 AS static, ndcg >= 0.97 AS ndcg, recall >= 0.97 AS recall
	FROM train('sixty');

-- 2,700 movies, of which each has 3 or 4 ratings
CREATE VIEW sparse AS SELECT user_id, movie_id * 10 + abs(hashint8(user_id)) % 10 AS movie_id, rating, rated_at
	FROM ratings WHERE hashint8(user_id::bigint * 100003 + movie_id) % 5 = 0;
SELECT count(DISTINCT movie_id) > 2500 AS large, count(*) < 12000 AS few FROM sparse;
SELECT live_rmse <= 1.005 AS live, static_rmse <= 1.005 AS static, ndcg >= 0.97 AS ndcg, recall >= 0.97 AS recall
	FROM train('sparse', 6);

\set ECHO none
SELECT drop_recommender(model_id) FROM recommender_models WHERE comment = 'train_baselines' \g /dev/null
DROP SCHEMA train_baselines CASCADE;
