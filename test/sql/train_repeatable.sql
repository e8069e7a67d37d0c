-- The same seed on the same data gives the same model to the last bit, with any
-- number of workers, in any run; another seed gives another one.
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA train_repeatable;
SET search_path = train_repeatable, public;
\set sample `echo "$MLREC_SAMPLE"`
SELECT load_movielens(:'sample') \g /dev/null
DELETE FROM ratings WHERE user_id > 200;
CREATE TABLE trainings (model int, what text, kind text);

CREATE PROCEDURE train(kind text, what text, options text) LANGUAGE plpgsql AS $$
DECLARE
	model int;
BEGIN
	EXECUTE format('SELECT max(model_id) FROM train_recommender(%s, retrieval_epochs => 2, '
		'ranking_epochs => 2, comment => ''train_repeatable'')', options) INTO model;
	INSERT INTO trainings VALUES (model, what, kind);
END;
$$;
-- Names of the models of a kind by the bytes they have in common.
CREATE VIEW alike AS
	SELECT kind, string_agg(what, ', ' ORDER BY model) AS alike
	FROM trainings JOIN mlrec_model ON model_id = model
		CROSS JOIN LATERAL (SELECT md5(string_agg(data, '' ORDER BY chunk_no)) AS bytes
			FROM mlrec_model_chunk c WHERE c.model_id = model) image
	GROUP BY kind, bytes, checksum, metrics::text
	ORDER BY kind, min(model);
\set ECHO all

CALL train('workers', 'none', 'workers => 0');
CALL train('workers', 'none again', 'workers => 0');
CALL train('workers', 'one', 'workers => 1');
CALL train('workers', 'two', 'workers => 2');
CALL train('workers', 'three', 'workers => 3');
CALL train('workers', 'as it comes', 'workers => NULL');
CALL train('workers', 'another seed', 'workers => 0, seed => 2');
CALL train('workers', 'another seed, two', 'workers => 2, seed => 2');
SELECT * FROM alike WHERE kind = 'workers';

-- Under other options too, with batches that do not come out even.
CALL train('random split', 'none', 'workers => 0, split => ''random'', batch_size => 777, refit => true');
CALL train('random split', 'three', 'workers => 3, split => ''random'', batch_size => 777, refit => true');
SELECT * FROM alike WHERE kind = 'random split';
CALL train('without history', 'none', 'workers => 0, history => false, batch_size => 5000, softmax_weight => 0');
CALL train('without history', 'three', 'workers => 3, history => false, batch_size => 5000, softmax_weight => 0');
SELECT * FROM alike WHERE kind = 'without history';
SELECT model AS first FROM trainings WHERE what = 'one' \gset
SELECT set_config('train_repeatable.first', :'first', false) \g /dev/null
CALL train('warm start', 'none', 'workers => 0, from_model => current_setting(''train_repeatable.first'')::int');
CALL train('warm start', 'two', 'workers => 2, from_model => current_setting(''train_repeatable.first'')::int');
SELECT * FROM alike WHERE kind = 'warm start';

-- Where rows lie, and who else trains or serves meanwhile, does not matter.
CREATE TABLE moved AS SELECT * FROM ratings ORDER BY rating, movie_id DESC, user_id;
CALL train('elsewhere', 'here', '''ratings''');
CALL train('elsewhere', 'moved', '''moved''');
BEGIN;
UPDATE ratings SET rating = 6 - rating;
CALL train('elsewhere', 'changed', '''ratings''');
UPDATE ratings SET rating = 6 - rating;
CALL train('elsewhere', 'changed back', '''ratings''');
COMMIT;
SET work_mem = '64kB';
SET enable_seqscan = off;
SET extra_float_digits = 0;
CALL train('elsewhere', 'other settings', '''ratings''');
RESET work_mem;
RESET enable_seqscan;
RESET extra_float_digits;
SELECT * FROM alike WHERE kind = 'elsewhere';

\set ECHO none
SELECT drop_recommender(model) FROM train_repeatable.trainings \g /dev/null
DROP SCHEMA train_repeatable CASCADE;
