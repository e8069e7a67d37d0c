-- Training goes on from an older model, with what has come since; and after it
-- has found out how long to train, it trains on the validation rows as well,
-- but never on the test rows.
\set ECHO none
\set sample `echo "$MLREC_SAMPLE"`
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA train_again;
SET search_path = train_again, public;
SELECT load_movielens(:'sample') \g /dev/null
-- Trains and keeps the epochs under a name.
CREATE TABLE epochs (run text, row_no bigint, model_id int, stage text, epoch int, val_auc real, val_rmse real,
	learning_rate real, is_best boolean);
CREATE PROCEDURE train(run text, options text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('INSERT INTO epochs SELECT %L, row_number() OVER (), model_id, stage, epoch, val_auc, val_rmse,
		learning_rate, is_best FROM train_recommender(activate => false, workers => 0, %s)', run, options);
END $$;
CREATE FUNCTION model(run text) RETURNS int STABLE LANGUAGE sql AS
	'SELECT min(model_id) FROM epochs e WHERE e.run = model.run';
\set ECHO all

-- A year ago, without the genre that comes first, and with fewer attributes.
CREATE TABLE early_ratings AS SELECT * FROM ratings ORDER BY rated_at LIMIT 30000;
CREATE TABLE early_movies AS
	SELECT movie_id, title, nullif(array_to_string(array_remove(string_to_array(genres, '|'), 'Action'), '|'), '') AS genres
	FROM movies WHERE movie_id IN (SELECT movie_id FROM early_ratings) AND movie_id % 10 > 0;
DELETE FROM early_ratings WHERE movie_id % 10 = 0;
CREATE TABLE early_users AS
	SELECT user_id, gender, nullif(age, 1) AS age, nullif(occupation, 0) AS occupation FROM users;
CALL train('early', $$ratings => 'early_ratings', movies => 'early_movies', users => 'early_users',
	retrieval_epochs => 4, ranking_epochs => 4, learning_rate => 3e-3, refit => false$$);

-- To go on is to start where it ended: the first epoch is ahead of that of a
-- training from nothing.
CALL train('on', 'retrieval_epochs => 1, ranking_epochs => 1, refit => false, from_model => model(''early'')');
CALL train('new', 'retrieval_epochs => 1, ranking_epochs => 1, refit => false');
SELECT stage, w.val_auc > n.val_auc + 0.03 AS auc_ahead, w.val_rmse < n.val_rmse - 0.02 AS rmse_ahead
FROM epochs w JOIN epochs n USING (stage, epoch) WHERE w.run = 'on' AND n.run = 'new' ORDER BY stage DESC;

-- Who and what has come since is there.
SELECT run, (SELECT count(*) FROM movie_embeddings e WHERE e.model_id = model(run)) AS movies,
	(SELECT count(*) FROM user_embeddings e WHERE e.model_id = model(run)) > 450 AS many_users
FROM unnest(ARRAY['early', 'on', 'new']) run;
SELECT count(*) = 0 AS same_users FROM (
	(SELECT user_id FROM user_embeddings WHERE model_id = model('on') EXCEPT
	SELECT user_id FROM user_embeddings WHERE model_id = model('new')) UNION ALL
	(SELECT user_id FROM user_embeddings WHERE model_id = model('new') EXCEPT
	SELECT user_id FROM user_embeddings WHERE model_id = model('on'))) u;
SELECT options->'from_model' = to_jsonb(model('early')) AS is_recorded
FROM recommender_models WHERE model_id = model('on');

-- New ids, genres and attributes shift the old ones, but mix up none: a training
-- that learns next to nothing says what the model before it said.
CREATE TABLE wider_movies AS
	SELECT movie_id, title, genres FROM early_movies
	UNION ALL SELECT m, 'New', 'A new genre|Another|Zen' FROM generate_series(-20, -1) m;
CREATE TABLE wider_users AS
	SELECT user_id, gender, age, occupation FROM early_users
	UNION ALL SELECT u, 'D', 2, u FROM generate_series(-20, -1) u;
CALL train('same', $$ratings => 'early_ratings', movies => 'wider_movies', users => 'wider_users',
	retrieval_epochs => 1, ranking_epochs => 1, learning_rate => 1e-7, refit => false, from_model => model('early')$$);
SELECT count(*) > 300 AS many, min(inner_product(a.embedding, b.embedding)) > 0.999 AS same_movies
FROM movie_embeddings a JOIN movie_embeddings b USING (movie_id)
WHERE a.model_id = model('early') AND b.model_id = model('same');
SELECT count(*) > 300 AS many, min(inner_product(a.embedding, b.embedding)) > 0.999 AS same_users
FROM user_embeddings a JOIN user_embeddings b USING (user_id)
WHERE a.model_id = model('early') AND b.model_id = model('same');
SELECT avg(abs(predict_rating(user_id, movie_id, model('early')) -
	predict_rating(user_id, movie_id, model('same')))) < 0.05 AS same_ratings
FROM early_ratings WHERE user_id % 20 = 0 AND movie_id % 10 = 1;

-- What the model before was made for cannot be changed on the way.
\set VERBOSITY terse
DO $$
BEGIN
	PERFORM train_recommender(from_model => model('early'), history => false);
EXCEPTION WHEN invalid_parameter_value THEN
	RAISE WARNING '%', regexp_replace(SQLERRM, '\d+', 'N');
END $$;
CALL train('no history', 'retrieval_epochs => 1, ranking_epochs => 1, refit => false, history => false');
DO $$
BEGIN
	PERFORM train_recommender(from_model => model('no history'));
EXCEPTION WHEN invalid_parameter_value THEN
	RAISE WARNING '%', regexp_replace(SQLERRM, '\d+', 'N');
END $$;
CALL train('on without', 'retrieval_epochs => 1, ranking_epochs => 1, refit => false, history => false,
	from_model => model(''no history'')');
\set VERBOSITY default

-- Refitting: one epoch of retrieval, at a lower rate; of ranking one for each three that
-- brought something, three at most, at the rates of the last ones.  There is nothing left
-- to validate.
CALL train('refit', 'retrieval_epochs => 6, ranking_epochs => 4, learning_rate => 0.02, patience => 2');
CREATE VIEW parts AS
	SELECT *, count(*) FILTER (WHERE epoch = 1) OVER (PARTITION BY stage ORDER BY row_no) AS part
	FROM epochs WHERE run = 'refit';
SELECT stage, part, count(*) > 0 AS epochs, count(val_auc) + count(val_rmse) > 0 AS validated
FROM parts GROUP BY stage, part ORDER BY min(row_no);
WITH kept AS (
	SELECT stage, row_number() OVER (PARTITION BY stage ORDER BY row_no) AS epoch, learning_rate,
		count(*) OVER (PARTITION BY stage) AS n
	FROM parts WHERE part = 1 AND is_best AND stage = 'ranking'
), last AS (
	SELECT stage, epoch - (n - least((n + 2) / 3, 3)) AS epoch, learning_rate FROM kept
	WHERE epoch > n - least((n + 2) / 3, 3)
), again AS (
	SELECT stage, epoch, learning_rate FROM parts WHERE part = 2 AND stage = 'ranking'
)
SELECT count(*) AS differences
FROM ((TABLE last EXCEPT TABLE again) UNION ALL (TABLE again EXCEPT TABLE last)) d;
SELECT count(*) FILTER (WHERE part = 1) AS epochs, count(*) FILTER (WHERE part = 2) AS again,
	max(learning_rate) FILTER (WHERE part = 2) < max(learning_rate) FILTER (WHERE part = 1) AS lower
FROM parts WHERE stage = 'retrieval';

-- The validation rows have been learned, the test rows have not: however they
-- are changed, the model stays the same, though its test metrics do not.
CALL train('no refit', 'retrieval_epochs => 1, ranking_epochs => 1, refit => false');
CALL train('as it was', 'retrieval_epochs => 1, ranking_epochs => 1');
CREATE TABLE places AS
	SELECT user_id, movie_id, row_number() OVER (ORDER BY rated_at, user_id, movie_id) AS n,
		(SELECT train_ratings FROM recommender_models WHERE model_id = model('refit')) AS n_trainval
	FROM ratings;
UPDATE ratings r SET rating = 6 - rating FROM places p
WHERE (r.user_id, r.movie_id) = (p.user_id, p.movie_id) AND n > n_trainval;
CALL train('other test', 'retrieval_epochs => 1, ranking_epochs => 1');
UPDATE ratings r SET rating = 6 - rating FROM places p
WHERE (r.user_id, r.movie_id) = (p.user_id, p.movie_id) AND n BETWEEN 0.951 * n_trainval AND n_trainval;
CALL train('other validation', 'retrieval_epochs => 1, ranking_epochs => 1');
SELECT run, (SELECT count(*) FROM (
		(SELECT movie_id, embedding FROM movie_embeddings WHERE model_id = model(run) EXCEPT
		SELECT movie_id, embedding FROM movie_embeddings WHERE model_id = model('as it was')) UNION ALL
		(SELECT movie_id, embedding FROM movie_embeddings WHERE model_id = model('as it was') EXCEPT
		SELECT movie_id, embedding FROM movie_embeddings WHERE model_id = model(run))) d) = 0 AS same_movies,
	(SELECT count(*) FROM user_embeddings WHERE model_id = model(run)) =
	(SELECT count(*) FROM user_embeddings WHERE model_id = model('as it was')) AS same_users,
	m.metrics #> '{static,mlrec,all,rmse}' = a.metrics #> '{static,mlrec,all,rmse}' AS same_metrics
FROM unnest(ARRAY['no refit', 'other test', 'other validation']) run
JOIN recommender_models m ON m.model_id = model(run) JOIN recommender_models a ON a.model_id = model('as it was');

-- Without validation rows there is nothing to add.
CALL train('no validation', 'retrieval_epochs => 2, ranking_epochs => 2, validation_fraction => 0');
SELECT stage, count(*) AS epochs FROM epochs WHERE run = 'no validation' GROUP BY stage ORDER BY stage DESC;

\set ECHO none
SELECT drop_recommender(model_id) FROM recommender_models WHERE ratings ~ 'train_again' \g /dev/null
DROP SCHEMA train_again CASCADE;
