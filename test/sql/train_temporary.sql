-- A model of a temporary relation serves the session that has the relation, and is
-- never the active one.
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA train_temporary;
SET search_path = train_temporary, public;
\getenv dir PG_ABS_SRCDIR
\i :dir/small_world.sql
CREATE FUNCTION train(movies regclass, ratings regclass, mode mlrec_activation) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	message text;
BEGIN
	RETURN (SELECT max(model_id) FROM train_recommender(ratings, movies, 'users', retrieval_epochs => 1, ranking_epochs => 1,
		activate => mode, comment => 'train_temporary'));
END $$;
\set SHOW_CONTEXT never
\pset format unaligned
CREATE VIEW active AS SELECT count(*) FILTER (WHERE active) AS active,
	count(*) FILTER (WHERE active AND comment = 'train_temporary') AS temporary
	FROM recommender_models;
SET client_min_messages = warning;
\set ECHO all

CREATE TEMP TABLE votes AS SELECT * FROM ratings;
CREATE TEMP VIEW cinema AS SELECT * FROM movies;
SELECT train('movies', 'votes', true) AS first \gset
SELECT * FROM active;
SELECT train('cinema', 'ratings', 'if_better') IS NOT NULL AS trained;
SELECT * FROM active;
SELECT train('cinema', 'ratings', false) IS NOT NULL AS trained;
SELECT count(*) FROM recommend(6, model_id => :first);
\set VERBOSITY terse
\set ON_ERROR_STOP 0
DO $$
BEGIN
	PERFORM activate_recommender(model_id) FROM recommender_models WHERE comment = 'train_temporary';
EXCEPTION WHEN object_not_in_prerequisite_state THEN
	RAISE WARNING '%', regexp_replace(SQLERRM, '\d+', 'N');
END $$;
SELECT * FROM active;
-- A name that looks like it does not matter.
CREATE TABLE pg_temp_ratings AS SELECT * FROM ratings;
SELECT train('movies', 'pg_temp_ratings', true) IS NOT NULL AS trained;
SELECT * FROM active;

\set ECHO none
SELECT drop_recommender(model_id) FROM recommender_models WHERE comment = 'train_temporary' \g /dev/null
SELECT drop_recommender(:model) \g /dev/null
DROP TABLE votes;
DROP VIEW cinema;
SET client_min_messages = error;
DROP SCHEMA train_temporary CASCADE;
