-- What a superuser has changed in the tables of models gives an error, or nothing,
-- but never a crash.
\set ECHO none
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA store_tampered;
SET search_path = store_tampered, public;
\getenv dir PG_ABS_SRCDIR
\i :dir/small_world.sql
SELECT set_config('store_tampered.model', :'model', false) \g /dev/null
-- What the functions raise after a change, which is rolled back.
CREATE FUNCTION tamper(change text) RETURNS TABLE (statement text, state text) LANGUAGE plpgsql AS $$
DECLARE
	model text := current_setting('store_tampered.model');
BEGIN
	FOREACH statement IN ARRAY ARRAY['SELECT * FROM recommend(6, 80, 10)', 'SELECT * FROM recommend_all(80, 10)', 'SELECT * FROM recommender_stats()',
			'SELECT * FROM recommender_health()', 'SELECT * FROM recommender_models', 'SELECT * FROM movie_embeddings', 'SELECT * FROM user_embeddings',
			'SELECT * FROM evaluate_recommender()', 'SELECT forget_user(6)', 'SELECT * FROM explain_recommendation(6, 1)', 'SELECT * FROM user_profile(6)',
			$q$SELECT * FROM train_recommender(retrieval_epochs => 1, ranking_epochs => 1, activate => 'if_better')$q$] LOOP
		CONTINUE WHEN statement ~ 'train' AND change !~ 'relevance';	-- it takes a while
		BEGIN
			EXECUTE change || ' WHERE model_id = ' || model;
			EXECUTE statement;
			RAISE 'fine' USING ERRCODE = 'P0099';
		EXCEPTION WHEN OTHERS THEN
			state := SQLSTATE;
			IF state = 'XX000' THEN
				state := state || ' ' || SQLERRM;
			END IF;
			IF state <> 'P0099' THEN
				RETURN NEXT;
			END IF;
		END;
	END LOOP;
END $$;
\set ECHO all

SELECT change, count(*) AS refused, string_agg(DISTINCT state, ', ') AS states FROM unnest(ARRAY[
	$$UPDATE mlrec_model SET comment = 'the same'$$,
	$$UPDATE mlrec_model SET options = '[]'$$,
	$$UPDATE mlrec_model SET options = '"x"'$$,
	$$UPDATE mlrec_model SET options = '{"split": "random"}'$$,
	$$UPDATE mlrec_model SET options = '{"split": {"a": 1}}'$$,
	$$UPDATE mlrec_model SET options = '{"split": "random", "test_fraction": "1"}'$$,
	$$UPDATE mlrec_model SET options = '{"split": "random", "test_fraction": 1e300}'$$,
	$$UPDATE mlrec_model SET relevance = '[1]', metrics = '7'$$,
	$$UPDATE mlrec_model SET relevance = NULL, metrics = NULL$$,
	$$UPDATE mlrec_model SET created_at = 'infinity'$$,
	$$UPDATE mlrec_model SET ratings = ''$$,
	$$UPDATE mlrec_model SET ratings = 'a.b.c.d'$$,
	$$UPDATE mlrec_model SET ratings = 'ratings; DROP TABLE ratings'$$,
	$$UPDATE mlrec_model SET movies = 'pg_catalog.pg_class'$$,
	$$UPDATE mlrec_model SET users = 'store_tampered.ratings'$$,
	$$UPDATE mlrec_model SET size_bytes = -1$$,
	$$UPDATE mlrec_model SET size_bytes = 0$$,
	$$UPDATE mlrec_model SET size_bytes = 9223372036854775807$$,
	$$UPDATE mlrec_model SET checksum = 0$$,
	$$UPDATE mlrec_model SET boundary_time = -9223372036854775808, boundary_user = 9223372036854775807$$,
	$$UPDATE mlrec_model SET seed = -1, train_ratings = -5, test_ratings = -5$$,
	$$DELETE FROM mlrec_model_chunk$$,
	$$UPDATE mlrec_model_chunk SET data = ''$$,
	$$UPDATE mlrec_model_chunk SET data = substr(data, 2)$$,
	$$UPDATE mlrec_model_chunk SET data = set_byte(data, 200, get_byte(data, 200) # 255)$$,
	$$UPDATE mlrec_model_chunk SET chunk_no = -chunk_no$$]) WITH ORDINALITY AS c (change, n), tamper(change)
GROUP BY n, change ORDER BY n;
SELECT count(*) FROM recommend(6, 80, 10);

\set ECHO none
SELECT drop_recommender(:model) \g /dev/null
DROP SCHEMA store_tampered CASCADE;
