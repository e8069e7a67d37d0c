-- Of 600 users few judge, too few to tell whether static lists are better than those of
-- popularity.  Their lists at the moments of the validation ratings say that the order
-- should follow what users have just rated, and so it is in the test part.
\set ECHO none
\set data `echo "$MLREC_ML1M"`
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA ml1m_few_users;
SET search_path = ml1m_few_users, public;
SELECT load_movielens(:'data') \g /dev/null
CREATE VIEW few AS SELECT * FROM ratings WHERE user_id % 10 = 7;
SELECT max(model_id) AS model FROM train_recommender('few', ranking_epochs => 1, activate => false) \gset
\set ECHO all

SELECT relevance->'live' AS live FROM recommender_models WHERE model_id = :model;
CREATE TABLE measured AS SELECT * FROM evaluate_recommender(:model) WHERE users = 'all';
SELECT protocol, metric, mlrec.value > least * popularity.value AS better
	FROM (VALUES ('live_lists', 'hit@10', 1.5), ('static', 'ndcg@10', 0.97)) AS bars (protocol, metric, least)
	JOIN measured AS mlrec USING (protocol, metric) JOIN measured AS popularity USING (protocol, metric)
	WHERE mlrec.system = 'mlrec' AND popularity.system = 'popularity'
	ORDER BY protocol;

\set ECHO none
SELECT drop_recommender(:model) \g /dev/null
DROP SCHEMA ml1m_few_users CASCADE;
