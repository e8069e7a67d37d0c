-- Who is granted training, activating and dropping needs no rights on the tables
-- of models, gets none, and cannot use the owner's for anything else.
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA store_privileges;
SET search_path = store_privileges, public;
\getenv dir PG_ABS_SRCDIR
\i :dir/small_world.sql
\set ECHO all

CREATE ROLE store_privileges_trainer;
GRANT USAGE, CREATE ON SCHEMA store_privileges TO store_privileges_trainer;
GRANT SELECT ON ratings, movies, users TO store_privileges_trainer;
GRANT EXECUTE ON FUNCTION train_recommender, activate_recommender, deactivate_recommender,
	drop_recommender TO store_privileges_trainer;

SET ROLE store_privileges_trainer;
SELECT max(model_id) AS own FROM train_recommender(retrieval_epochs => 1, ranking_epochs => 1) \gset
SELECT current_user;
SELECT active FROM recommender_models WHERE model_id = :own;
SELECT count(*) FROM recommend(5);
SELECT deactivate_recommender();
SELECT activate_recommender(:model);
SELECT drop_recommender(:own);
SELECT current_user;
INSERT INTO mlrec_model_chunk VALUES (:model, 1000, '');
UPDATE mlrec_model SET active = false;
SELECT nextval('mlrec_model_id');

-- Operators of the caller's are not run with the owner's rights.
CREATE FUNCTION not_equal(integer, integer) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	RAISE NOTICE 'run as %', current_user;
	RETURN true;
END
$$;
CREATE OPERATOR <> (LEFTARG = integer, RIGHTARG = integer, FUNCTION = not_equal);
CREATE OPERATOR = (LEFTARG = integer, RIGHTARG = integer, FUNCTION = not_equal);
SELECT max(model_id) AS own FROM train_recommender(retrieval_epochs => 1, ranking_epochs => 1,
	activate => false) \gset
SET client_min_messages = notice;
SET search_path = store_privileges, pg_catalog, public;
SELECT deactivate_recommender();
SELECT activate_recommender(:model);
SELECT count(*) FROM recommend(5);
SELECT drop_recommender(:own);

-- An error half-way leaves no other user.
\set VERBOSITY sqlstate
SELECT activate_recommender(-1);
\set VERBOSITY default
DO $$
BEGIN
	PERFORM activate_recommender(-1);
EXCEPTION WHEN undefined_object THEN
	RAISE NOTICE 'still %', current_user;
END
$$;
SELECT current_user;
RESET ROLE;

\set ECHO none
SET client_min_messages = warning;
SET search_path = store_privileges, public;
SELECT drop_recommender(:model) \g /dev/null
DROP SCHEMA store_privileges CASCADE;
REVOKE ALL ON FUNCTION train_recommender, activate_recommender, deactivate_recommender,
	drop_recommender FROM store_privileges_trainer;
DROP ROLE store_privileges_trainer;
