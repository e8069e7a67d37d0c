-- An option out of its range, or NULL, stops the training before it reads
-- anything: the message names the option, the value and what is allowed.
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA train_options;
SET search_path = train_options, public;
\getenv dir PG_ABS_SRCDIR
\i :dir/small_world.sql
SELECT drop_recommender(:model) \g /dev/null

-- What a training with these arguments is told.
CREATE FUNCTION told(arguments text, OUT state text, OUT message text, OUT more text)
LANGUAGE plpgsql AS $$
DECLARE
	detail text;
	hint text;
BEGIN
	EXECUTE format('SELECT * FROM train_recommender(%s)', arguments);
	state := 'accepted';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	more := concat_ws(' ', nullif(detail, ''), nullif(hint, ''));
END;
$$;

-- How a short training with these options ends: its model recommends.
CREATE FUNCTION trained(options text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	model int;
	answer text;
BEGIN
	EXECUTE format('SELECT max(model_id) FROM train_recommender(%s%s)',
		CASE WHEN options ~ 'retrieval_epochs' THEN '' ELSE 'retrieval_epochs => 1, ranking_epochs => 1, ' END,
		options) INTO model;
	SELECT CASE WHEN count(*) <> 10 THEN 'badly: ' || count(*) || ' movies'
		WHEN NOT bool_and(ranking_score BETWEEN 1 AND 5 AND retrieval_score BETWEEN -1 AND 1)
		THEN 'badly: scores' ELSE 'well' END INTO answer
	FROM recommend(3, 200, 10, model);
	RETURN answer;
END;
$$;
\set ECHO all
\pset format unaligned

SELECT arguments, told.* FROM (VALUES
	('test_fraction => -0.01'), ('test_fraction => 0.91'), ('test_fraction => ''NaN'''),
	('test_fraction => ''infinity'''), ('test_fraction => NULL'),
	('validation_fraction => -1e-9'), ('validation_fraction => 0.51'),
	('validation_fraction => ''NaN'''), ('validation_fraction => NULL'),
	('split => ''alphabetical'''), ('split => ''Random'''), ('split => '''''), ('split => NULL'),
	('batch_size => 0'), ('batch_size => -1'), ('batch_size => 65537'), ('batch_size => NULL'),
	('learning_rate => 0'), ('learning_rate => -0.001'), ('learning_rate => 1.5'),
	('learning_rate => ''NaN'''), ('learning_rate => ''-infinity'''), ('learning_rate => NULL'),
	('retrieval_epochs => 0'), ('retrieval_epochs => 1001'),
	('ranking_epochs => 0'), ('ranking_epochs => 1001'), ('ranking_epochs => NULL'),
	('patience => -1'), ('patience => 1001'), ('patience => NULL'),
	('seed => NULL'), ('seed => 9223372036854775808'),
	('workers => -1'), ('workers => 1000'),
	('like_threshold => ''NaN'''), ('like_threshold => ''infinity'''),
	('softmax_weight => -0.1'), ('softmax_weight => 101'), ('softmax_weight => ''NaN'''),
	('softmax_weight => NULL'),
	('history => NULL'),
	('refit => NULL'),
	('from_model => 0'), ('from_model => -1'),
	('activate => NULL'), ('activate => ''nonsense'''), ('activate => 1'),
	('test_fractoin => 0.1')
	) o (arguments), told(arguments);

-- Not one of them has left anything.
SELECT count(*) AS models FROM recommender_models WHERE ratings ~ 'train_options';

-- Options are checked before the relations.
SELECT message FROM told('ratings => NULL, movies => ''users'', patience => -1');
SELECT state, message FROM told('from_model => 2147483647');

-- The ends of the ranges are in them.
SELECT options, trained(options) FROM (VALUES
	('test_fraction => 0'), ('test_fraction => 0.9'),
	('validation_fraction => 0'), ('validation_fraction => 0.5'),
	('split => ''random'''),
	('split => ''random'', history => false'), ('split => ''random'', validation_fraction => 0'),
	('batch_size => 65536'),
	('learning_rate => 1e-7'), ('learning_rate => 1'),
	('patience => 0, retrieval_epochs => 3, ranking_epochs => 3'), ('patience => 1000'),
	('seed => -9223372036854775808'), ('seed => 9223372036854775807'),
	('workers => NULL'), ('workers => 0'), ('workers => 3'),
	('like_threshold => -1e30'), ('like_threshold => 1e30'), ('like_threshold => NULL'),
	('softmax_weight => 0'), ('softmax_weight => 100'), ('history => false'),
	('history => false, softmax_weight => 0, batch_size => 16'),
	('refit => true'), ('refit => true, validation_fraction => 0'), ('comment => NULL')
	) o (options);

-- Whether the model becomes the active one: true, by word or as a boolean,
-- false, or only if it is better, as the model is that comes first.
CREATE VIEW active AS
	SELECT (SELECT comment FROM recommender_models WHERE active AND ratings ~ 'train_options');
SELECT drop_recommender(model_id) FROM recommender_models WHERE ratings ~ 'train_options' \g /dev/null
SELECT trained('activate => ''false'', comment => ''one''');
TABLE active;
SELECT trained('activate => false, comment => ''two''');
TABLE active;
SELECT trained('activate => ''true'', comment => ''three''');
TABLE active;
SELECT trained('activate => 1 = 1, comment => ''four''');
TABLE active;
SELECT trained('activate => ''if_better'', like_threshold => 100, comment => ''nothing to judge by''');
TABLE active;
SELECT trained('comment => ''the default''');
TABLE active;
SELECT count(*) AS active_models FROM recommender_models WHERE active;

-- The options are kept with the model.
SELECT trained('test_fraction => 0.25, batch_size => 64, learning_rate => 0.002, seed => -5, split => ''random'', '
	'comment => ''it''''s "mine"''');
SELECT seed, comment, train_ratings, test_ratings, options - 'from_model' AS options
FROM recommender_models WHERE comment ~ 'mine';

\set ECHO none
SELECT drop_recommender(model_id) FROM recommender_models WHERE ratings ~ 'train_options' \g /dev/null
DROP SCHEMA train_options CASCADE;
