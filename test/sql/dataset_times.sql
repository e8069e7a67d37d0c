-- Times may be dates, timestamps, seconds, milliseconds or text, and mean the
-- same; where they say little, or are not there, training says so and learns the
-- histories all the same.
\getenv sample MLREC_SAMPLE
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA dataset_times;
SET search_path = dataset_times, public;
SELECT * FROM load_movielens(:'sample') \g /dev/null
DELETE FROM ratings WHERE user_id > 250;

-- Trains, and returns what is told of times, the split and the metrics; what the
-- bounds are held against is the same on every processor to about 0.001.
CREATE FUNCTION train(relation regclass, epochs int DEFAULT 1,
	OUT model int, OUT split text, OUT boundary bigint, OUT static_rmse float8, OUT live_rmse float8)
LANGUAGE plpgsql AS $$
BEGIN
	SELECT max(t.model_id) INTO model FROM train_recommender(relation, retrieval_epochs => 1,
		ranking_epochs => epochs, workers => 0, comment => 'dataset_times') AS t;
	SELECT m.options->>'split', m.metrics #> '{static,mlrec,all,rmse}', m.metrics #> '{live,mlrec,all,rmse}'
		INTO split, static_rmse, live_rmse FROM recommender_models AS m WHERE m.model_id = model;
	SELECT m.boundary_time INTO boundary FROM mlrec_model AS m WHERE m.model_id = model;
END;
$$;
\set ECHO all

-- the same times, told in other ways, give the same model
CREATE VIEW by_time AS SELECT * FROM ratings;
CREATE VIEW by_local_time AS SELECT user_id, movie_id, rating, rated_at AT TIME ZONE 'UTC' AS rated_at FROM ratings;
CREATE VIEW by_second AS SELECT user_id, movie_id, rating, extract(epoch FROM rated_at)::int AS rated_at FROM ratings;
CREATE VIEW by_millisecond AS
	SELECT user_id, movie_id, rating, (extract(epoch FROM rated_at) * 1000)::bigint AS rated_at FROM ratings;
CREATE VIEW by_text AS SELECT user_id, movie_id, rating, (rated_at AT TIME ZONE 'UTC')::text AS rated_at FROM ratings;
CREATE TEMPORARY TABLE trained AS
	SELECT relation, t.* FROM unnest(ARRAY['by_time', 'by_local_time', 'by_second', 'by_millisecond', 'by_text']) AS relation,
		train(relation::regclass) AS t;
SELECT relation, split, t.live_rmse = first.live_rmse AS same_errors
	FROM trained AS t, (SELECT live_rmse FROM trained WHERE relation = 'by_time') AS first;

-- an outdated rating is told by text too
CREATE TABLE again AS SELECT 1 AS user_id, 1 AS movie_id, r.rating, r.rated_at
	FROM (VALUES (1, '2020-01-01 10:00'), (3, '2020-1-9'), (2, '2020-01-02')) AS r (rating, rated_at)
	UNION ALL SELECT 1 + movie_id % 7, movie_id, 1 + movie_id % 5, '2019-01-01' FROM generate_series(2, 70) AS movie_id;
SELECT ratings, mean_rating FROM user_profile(1, 'again', 'movies', 'users');

-- days: training has histories all the same, by a fixed order that is not that of
-- the ids; the test part is later
CREATE VIEW by_day AS SELECT user_id, movie_id, rating, rated_at::date AS rated_at FROM ratings;
SELECT split FROM train('by_day');

-- no times, or all the same: the split is random, and nothing is live
CREATE VIEW never AS SELECT user_id, movie_id, rating FROM ratings;
CREATE VIEW at_once AS SELECT user_id, movie_id, rating, timestamptz '2020-01-01' AS rated_at FROM ratings;
SELECT split, boundary, static_rmse < 1.2 AS learned, live_rmse FROM train('never', 3);
SELECT split, boundary, live_rmse FROM train('at_once');
SELECT max(model) AS never FROM (SELECT max(model_id) AS model FROM recommender_models WHERE ratings = 'dataset_times.never') AS m \gset
SELECT DISTINCT protocol FROM evaluate_recommender(:never);
-- the split is found again, to the last rating
SELECT e.value = m.value AS same FROM evaluate_recommender(:never) AS e,
	(SELECT (metrics #> '{static,mlrec,all,test_ratings}')::float8 AS value FROM recommender_models WHERE model_id = :never) AS m
	WHERE e.system = 'mlrec' AND e.users = 'all' AND e.metric = 'test_ratings';
-- it is served: the history counts, and of a movie rated twice the higher rating
SELECT count(*) FROM recommend(1, 50, 5, :never);
SELECT status FROM recommender_health();
BEGIN;
SELECT rating AS before FROM predict_rating(9999, 3, :never) AS rating \gset
ALTER VIEW never RENAME TO never_before;
CREATE VIEW never AS SELECT * FROM never_before UNION ALL SELECT 9999, m, 5 FROM generate_series(10, 40) AS m
	UNION ALL SELECT 9999, m, 1 FROM generate_series(10, 40) AS m;
SELECT predict_rating(9999, 3, :never) > :before AS counts;
SELECT ratings, mean_rating FROM user_profile(9999, 'never', 'movies', 'users');
ROLLBACK;

\set ECHO none
SELECT drop_recommender(model_id) FROM recommender_models WHERE comment = 'dataset_times' \g /dev/null
DROP SCHEMA dataset_times CASCADE;
