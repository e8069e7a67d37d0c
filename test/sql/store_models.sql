-- Models are listed, activated and dropped, all within transactions.
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA store_models;
SET search_path = store_models, public;
\getenv dir PG_ABS_SRCDIR
\i :dir/small_world.sql
\set ECHO all

SELECT max(model_id) AS other FROM train_recommender(test_fraction => 0.5, retrieval_epochs => 1,
	ranking_epochs => 1, activate => false, seed => 99, comment => 'half') \gset
SELECT model_id = :other AS other, active, ratings, movies, users, train_ratings, test_ratings, seed, comment,
	size_bytes > 1000 AS has_size, created_at <= clock_timestamp() AS has_time
FROM recommender_models WHERE model_id IN (:model, :other) ORDER BY model_id;
SELECT size_bytes = (SELECT sum(length(data)) FROM mlrec_model_chunk c WHERE c.model_id = m.model_id) AS whole
FROM recommender_models m WHERE model_id = :other;

-- One is active; the asked one answers.
CREATE TEMP TABLE one AS SELECT * FROM recommend(6, 80, 80);
CREATE TEMP TABLE two AS SELECT * FROM recommend(6, 80, 80, :other);
SELECT count(*) < 60 AS differ FROM one NATURAL JOIN two;
BEGIN;
SELECT activate_recommender(:other);
SELECT count(*) FILTER (WHERE active) AS active FROM recommender_models;
SELECT count(*) = (SELECT count(*) FROM two) AS other_answers FROM recommend(6, 80, 80) NATURAL JOIN two;
SAVEPOINT back;
SELECT activate_recommender(:model);
SELECT count(*) = (SELECT count(*) FROM one) AS first_answers FROM recommend(6, 80, 80) NATURAL JOIN one;
ROLLBACK TO back;
SELECT count(*) = (SELECT count(*) FROM two) AS other_answers FROM recommend(6, 80, 80) NATURAL JOIN two;
ROLLBACK;
SELECT count(*) = (SELECT count(*) FROM one) AS first_answers FROM recommend(6, 80, 80) NATURAL JOIN one;

-- What does not exist; the message lists what does.
BEGIN;
DELETE FROM mlrec_model;
INSERT INTO mlrec_model
	SELECT m, now(), false, 'a.b', 'a.c', NULL, 1, 0, 1, '{}', NULL, 0, 0, 0, 0, 0, NULL, NULL
	FROM generate_series(-25, -1) m;
SAVEPOINT ready;
SELECT activate_recommender(7);
ROLLBACK TO ready;
SELECT drop_recommender(7);
ROLLBACK TO ready;
SELECT * FROM recommend(1, model_id => 7);
ROLLBACK TO ready;
SELECT * FROM recommend(1);
ROLLBACK TO ready;
DELETE FROM mlrec_model WHERE model_id < -2;
SELECT * FROM recommend(1);
ROLLBACK TO ready;
SELECT status, detail FROM recommender_health();

-- A model whose weights are not there, or not what they were.
SELECT * FROM recommend(1, model_id => -1);
ROLLBACK;
BEGIN;
UPDATE mlrec_model_chunk SET data = set_byte(data, 5000, get_byte(data, 5000) # 1)
	WHERE model_id = :model AND chunk_no = 0;
UPDATE mlrec_model SET checksum = checksum + 1 WHERE model_id = :model;
SAVEPOINT ready;
SELECT regexp_replace(detail, 'model \d+', 'model n') AS detail, status FROM recommender_health();
DELETE FROM mlrec_model_chunk WHERE model_id = :model AND chunk_no = 1;
UPDATE mlrec_model SET checksum = checksum + 1 WHERE model_id = :model;
SELECT regexp_replace(detail, 'model \d+', 'model n') AS detail, status FROM recommender_health();
ROLLBACK;
BEGIN;
DELETE FROM mlrec_model;
SELECT * FROM recommend(1);
ROLLBACK;
BEGIN;
DELETE FROM mlrec_model;
SELECT activate_recommender(1);
ROLLBACK;
BEGIN;
DELETE FROM mlrec_model;
SELECT status, detail FROM recommender_health();
SELECT total_movies, model_id, trained_at, rmse, recall_at_200, ndcg_at_10 FROM recommender_stats();
ROLLBACK;
SELECT total_users, total_movies, total_ratings, total_genres, model_id = :model AS active
FROM recommender_stats();

-- Dropping.
BEGIN;
SELECT drop_recommender(:other);
SELECT count(*) FROM recommender_models WHERE model_id = :other;
SELECT count(*) FROM mlrec_model_chunk WHERE model_id = :other;
ROLLBACK;
SELECT count(*) FROM recommend(6, 80, 80, :other) NATURAL JOIN two;
BEGIN READ ONLY;
SELECT drop_recommender(:other);
ROLLBACK;
BEGIN READ ONLY;
SELECT activate_recommender(:other);
ROLLBACK;
BEGIN READ ONLY;
SELECT count(*) FROM recommend(6);
SELECT count(*) FROM recommend_all(10, 5);
SELECT status FROM recommender_health();
ROLLBACK;
SELECT drop_recommender(:other);
SELECT count(*) FROM mlrec_model_chunk WHERE model_id = :other;

-- A transaction of several steps that is undone leaves nothing.
BEGIN;
SELECT count(*) > 0 AS trained FROM train_recommender(retrieval_epochs => 1, ranking_epochs => 1);
SELECT count(*) FROM recommend(6);
ROLLBACK;
SELECT count(*) = (SELECT count(*) FROM one) AS first_answers FROM recommend(6, 80, 80) NATURAL JOIN one;
SELECT count(*) FROM mlrec_model_chunk c WHERE NOT EXISTS (SELECT FROM mlrec_model m WHERE m.model_id = c.model_id);

-- No model is active until one is activated.
BEGIN;
SELECT deactivate_recommender();
SELECT count(*) FILTER (WHERE active) AS active FROM recommender_models;
SELECT status FROM recommender_health();
SELECT count(*) = (SELECT count(*) FROM one) AS named_answers FROM recommend(6, 80, 80, :model) NATURAL JOIN one;
SELECT deactivate_recommender();
SAVEPOINT ready;
\set VERBOSITY terse
SELECT * FROM recommend(6);
\set VERBOSITY default
ROLLBACK TO ready;
SELECT activate_recommender(:model);
SELECT count(*) = (SELECT count(*) FROM one) AS first_answers FROM recommend(6, 80, 80) NATURAL JOIN one;
ROLLBACK;
BEGIN READ ONLY;
SELECT deactivate_recommender();
ROLLBACK;

-- The weights go with their model, whoever removes it and how.
BEGIN;
SELECT count(*) > 0 AS weights FROM mlrec_model_chunk WHERE model_id = :model;
DELETE FROM mlrec_model WHERE model_id = :model;
SELECT count(*) FROM mlrec_model_chunk WHERE model_id = :model;
SELECT status FROM recommender_health();
ROLLBACK;
BEGIN;
CREATE ROLE store_models_cleaner;
GRANT SELECT, DELETE ON mlrec_model TO store_models_cleaner;
SET ROLE store_models_cleaner;
DELETE FROM mlrec_model WHERE model_id = :model;
RESET ROLE;
SELECT count(*) FROM mlrec_model_chunk WHERE model_id = :model;
ROLLBACK;
BEGIN;
TRUNCATE mlrec_model;
SELECT count(*) FROM mlrec_model_chunk;
SELECT status FROM recommender_health();
ROLLBACK;
BEGIN;
SET LOCAL session_replication_role = replica;
DELETE FROM mlrec_model;
SELECT count(*) FROM mlrec_model_chunk;
SELECT status FROM recommender_health();
ROLLBACK;
SELECT count(*) = (SELECT count(*) FROM one) AS first_answers FROM recommend(6, 80, 80) NATURAL JOIN one;

-- What keeps the weights together is of use on that table alone.
CREATE TABLE other_table ();
CREATE TRIGGER t BEFORE DELETE ON other_table FOR EACH ROW EXECUTE FUNCTION mlrec_model_removed();
CREATE TRIGGER u BEFORE INSERT ON other_table FOR EACH STATEMENT EXECUTE FUNCTION mlrec_model_activated();
INSERT INTO other_table DEFAULT VALUES;
DROP TRIGGER u ON other_table;
INSERT INTO other_table DEFAULT VALUES;
DELETE FROM other_table;
SELECT mlrec_model_changed();
DROP TABLE other_table;

-- A new model takes no number that is there, wherever that came from.
BEGIN;
SELECT last_value AS last FROM mlrec_model_id \gset
INSERT INTO mlrec_model
	SELECT :last + n, now(), false, 'a.b', 'a.c', NULL, 1, 0, 1, '{}', NULL, 0, 0, 0, 0, 0, NULL, NULL
	FROM unnest(ARRAY[1, 2, 4]) n;
SELECT DISTINCT model_id - :last AS further FROM train_recommender(retrieval_epochs => 1, ranking_epochs => 1);
SELECT DISTINCT model_id - :last AS further FROM train_recommender(retrieval_epochs => 1, ranking_epochs => 1);
ROLLBACK;

-- Where replication activates a model, the latest one wins.
BEGIN;
SET LOCAL session_replication_role = replica;
INSERT INTO mlrec_model
	SELECT -1, now(), true, 'a.b', 'a.c', NULL, 1, 0, 1, '{}', NULL, 0, 0, 0, 0, 0, NULL, NULL;
SELECT model_id FROM mlrec_model WHERE active;
UPDATE mlrec_model SET active = true WHERE model_id = :model;
SELECT model_id = :model AS active FROM mlrec_model WHERE active;
SELECT count(*) = (SELECT count(*) FROM one) AS first_answers FROM recommend(6, 80, 80) NATURAL JOIN one;
ROLLBACK;
BEGIN;
\set VERBOSITY terse
UPDATE mlrec_model SET active = true WHERE model_id = :model;
INSERT INTO mlrec_model
	SELECT -1, now(), true, 'a.b', 'a.c', NULL, 1, 0, 1, '{}', NULL, 0, 0, 0, 0, 0, NULL, NULL;
\set VERBOSITY default
ROLLBACK;

\set ECHO none
SELECT drop_recommender(:model) \g /dev/null
DROP SCHEMA store_models CASCADE;
