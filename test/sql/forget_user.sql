-- forget_user erases a user from every stored model: id, vectors, and who gave the
-- last training rating; others are answered as before.
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA forget_user;
SET search_path = forget_user, public;
\getenv dir PG_ABS_SRCDIR
\i :dir/small_world.sql
SELECT max(model_id) AS other FROM train_recommender(retrieval_epochs => 1, ranking_epochs => 1, seed => 4,
	test_fraction => 0, activate => false) \gset
-- Whether the chunks of a model hold a number of eight bytes.
CREATE FUNCTION holds(model int, id bigint) RETURNS boolean LANGUAGE sql AS $$
	SELECT position((SELECT string_agg(substr(int8send(id), i, 1), '' ORDER BY i DESC)
	FROM generate_series(1, 8) i) IN image) > 0
	FROM (SELECT string_agg(data, '' ORDER BY chunk_no) AS image FROM mlrec_model_chunk WHERE model_id = model) c
$$;
-- Ids that are no accident of other bytes.
UPDATE ratings SET user_id = user_id + 1000000000;
UPDATE users SET user_id = user_id + 1000000000;
SELECT drop_recommender(:model), drop_recommender(:other) \g /dev/null
SELECT max(model_id) AS model FROM train_recommender(retrieval_epochs => 2, ranking_epochs => 2, seed => 3) \gset
SELECT max(model_id) AS other FROM train_recommender(retrieval_epochs => 1, ranking_epochs => 1, seed => 4,
	test_fraction => 0, activate => false) \gset
SET mlrec.share_models_above = 0;
CREATE VIEW answer AS SELECT user_id, m.model_id, r.*
	FROM users, mlrec_model m, recommend(user_id, 80, 80, m.model_id) r
	WHERE m.ratings = 'forget_user.ratings' AND user_id <> 1000000006;
CREATE TABLE before AS SELECT * FROM answer;
CREATE TABLE vectors AS SELECT * FROM user_embeddings WHERE model_id IN (:model, :other);
\set ECHO all

SELECT holds(:model, 1000000006), holds(:other, 1000000006), count(*) AS vectors
FROM user_embeddings WHERE user_id = 1000000006 AND model_id IN (:model, :other);
SELECT boundary_user FROM mlrec_model WHERE model_id = :other;

-- Rolled back, it has not happened.
BEGIN;
SELECT forget_user(1000000006);
SELECT count(*) AS vectors FROM user_embeddings WHERE user_id = 1000000006 AND model_id IN (:model, :other);
ROLLBACK;
SELECT count(*) AS vectors FROM user_embeddings WHERE user_id = 1000000006 AND model_id IN (:model, :other);

SELECT forget_user(1000000006);
SELECT forget_user(1000000006);
SELECT holds(:model, 1000000006), holds(:other, 1000000006), count(*) AS vectors
FROM user_embeddings WHERE user_id = 1000000006 AND model_id IN (:model, :other);
SELECT holds(:model, 1000000007);
-- The sizes and checksums are those of what is there now.
SELECT size_bytes = (SELECT sum(length(data)) FROM mlrec_model_chunk c WHERE c.model_id = m.model_id) AS same_size
FROM mlrec_model m WHERE model_id IN (:model, :other);
-- To the others nothing has changed.
SELECT count(*) AS differ FROM (
	(SELECT * FROM answer EXCEPT SELECT * FROM before) UNION ALL (SELECT * FROM before EXCEPT SELECT * FROM answer)) d;
SELECT count(*) AS differ FROM (
	SELECT * FROM vectors WHERE user_id <> 1000000006 EXCEPT SELECT * FROM user_embeddings) d;
SELECT count(*) = (SELECT count(*) FROM vectors) - 2 AS all_others FROM user_embeddings
	WHERE model_id IN (:model, :other);
-- The user is one that came after the training, answered by the ratings that are left.
SELECT count(*) FROM recommend(1000000006, 80, 80) WHERE movie_id NOT IN (SELECT movie_id FROM ratings
	WHERE user_id = 1000000006);
DELETE FROM ratings WHERE user_id = 1000000006;
DELETE FROM users WHERE user_id = 1000000006;
SELECT count(*) AS movies, count(*) - count(DISTINCT (rank, movie_id, ranking_score, retrieval_score)) AS same_as_nobody
FROM unnest(ARRAY[1000000006, -1]) u, recommend(u, 80, 80);
SELECT metric, value FROM evaluate_recommender(:model)
	WHERE protocol = 'static' AND system = 'mlrec' AND users = 'all' AND metric = 'test_ratings';

-- Who gave the last training rating is forgotten as that one, too; the split stays.
SELECT boundary_user AS last FROM mlrec_model WHERE model_id = :other \gset
SELECT forget_user(:last);
SELECT boundary_user = :last AS last, holds(:other, :last) FROM mlrec_model WHERE model_id = :other;
INSERT INTO ratings VALUES (1000000001, 79, 5, '2030-01-01');
SELECT metric, value FROM evaluate_recommender(:other)
	WHERE protocol = 'static' AND system = 'mlrec' AND users = 'all' AND metric = 'test_ratings';

-- Several in one transaction, down to the last.
BEGIN;
SELECT sum(forget_user(user_id)) FROM (SELECT DISTINCT user_id FROM user_embeddings
	WHERE model_id IN (:model, :other)) u;
SELECT count(*) FROM user_embeddings WHERE model_id IN (:model, :other);
SELECT count(*) FROM recommend(1000000008, 80, 10);
COMMIT;
SELECT count(*) FROM recommend(1000000008, 80, 10);
SELECT status FROM recommender_health();
SELECT forget_user(NULL);

-- It is not for everybody, and not for who only reads.
CREATE ROLE forget_user_nobody;
SET ROLE forget_user_nobody;
SELECT forget_user(-1);
RESET ROLE;
GRANT EXECUTE ON FUNCTION forget_user TO forget_user_nobody;
SET ROLE forget_user_nobody;
SELECT forget_user(-1);
RESET ROLE;
BEGIN READ ONLY;
SELECT forget_user(-1);
ROLLBACK;

-- A damaged model is not passed over.
UPDATE mlrec_model_chunk SET data = data || '\x00' WHERE model_id = :other AND chunk_no = 0;
\set VERBOSITY sqlstate
SELECT forget_user(-1);
\set VERBOSITY default

\set ECHO none
REVOKE ALL ON FUNCTION forget_user FROM forget_user_nobody;
DROP ROLE forget_user_nobody;
SELECT drop_recommender(:model), drop_recommender(:other) \g /dev/null
DROP SCHEMA forget_user CASCADE;
