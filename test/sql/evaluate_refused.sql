-- What evaluate_recommender cannot measure, it refuses with a way out.
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA evaluate_refused;
SET search_path = evaluate_refused, public;

-- What a measurement of a model raises, with its number taken out.
CREATE FUNCTION error_of(model int, OUT state text, OUT message text, OUT hint text)
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM * FROM evaluate_recommender(model);
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state := RETURNED_SQLSTATE, message := MESSAGE_TEXT,
		hint := PG_EXCEPTION_HINT;
	message := regexp_replace(message, 'model \d+', 'model N');
END
$$;
\pset format unaligned
\set ECHO all

-- No model, whatever other tests have left: it rolls back.
BEGIN;
DELETE FROM public.mlrec_model;
SELECT * FROM evaluate_recommender();
ROLLBACK;
BEGIN;
DELETE FROM public.mlrec_model;
SELECT * FROM evaluate_recommender(7);
ROLLBACK;

SELECT * FROM evaluate_recommender(NULL, 0);
SELECT * FROM evaluate_recommender(NULL, -3);
SELECT * FROM evaluate_recommender(top_n_final => 0);
SELECT * FROM evaluate_recommender(top_k_retrieve => NULL);
SELECT * FROM evaluate_recommender(top_n_final => NULL);

-- A model that was trained on everything has nothing to be measured on, until
-- newer ratings come.
CREATE TABLE movies AS
	SELECT m AS movie_id, 'Movie ' || m AS title, 'Drama' AS genres FROM generate_series(1, 20) m;
CREATE TABLE users AS
	SELECT u AS user_id, 'F' AS gender, 30 AS age, 1 AS occupation FROM generate_series(1, 10) u;
CREATE TABLE ratings AS
	SELECT u AS user_id, (u + 3 * i) % 20 + 1 AS movie_id, 1 + (u * i) % 5 AS rating,
		1000 * u + i AS rated_at
	FROM generate_series(1, 10) u, generate_series(1, 10) i;

SELECT max(model_id) AS model FROM train_recommender(test_fraction => 0, retrieval_epochs => 1,
	ranking_epochs => 1, activate => 'false') \gset
SELECT * FROM error_of(:model);
INSERT INTO ratings VALUES (1, 15, 5, 20000), (2, 15, 1, 20000);
SELECT protocol, value FROM evaluate_recommender(:model)
WHERE system = 'mlrec' AND users = 'all' AND metric = 'test_ratings';

-- One whose test part has been deleted since.
SELECT max(model_id) AS tested FROM train_recommender(test_fraction => 0.2, retrieval_epochs => 1,
	ranking_epochs => 1, activate => 'false') \gset
BEGIN;
DELETE FROM ratings WHERE (rated_at, user_id, movie_id) IN
	(SELECT rated_at, user_id, movie_id FROM ratings ORDER BY 1 DESC, 2 DESC, 3 DESC
	 LIMIT (SELECT test_ratings FROM recommender_models WHERE model_id = :tested));
SELECT * FROM error_of(:tested);
ROLLBACK;
SELECT drop_recommender(:tested);

-- The relations are read with the rights of the caller.
CREATE ROLE regress_evaluate;
GRANT USAGE ON SCHEMA evaluate_refused TO regress_evaluate;
GRANT SELECT ON movies, users TO regress_evaluate;
SET ROLE regress_evaluate;
SELECT * FROM error_of(:model);
RESET ROLE;
GRANT SELECT ON ratings TO regress_evaluate;
SET ROLE regress_evaluate;
SELECT count(*) > 0 AS measured FROM evaluate_recommender(:model);
RESET ROLE;
DROP OWNED BY regress_evaluate;
DROP ROLE regress_evaluate;

-- They must still be there.
ALTER TABLE ratings RENAME TO ratings_of_old;
SELECT * FROM error_of(:model);

\set ECHO none
SELECT drop_recommender(:model) \g /dev/null
DROP SCHEMA evaluate_refused CASCADE;
