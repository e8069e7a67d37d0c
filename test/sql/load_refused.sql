-- What load_movielens refuses, it refuses before it makes anything, and says
-- what to do instead.
\set ECHO none
\set data `echo "$PG_ABS_SRCDIR"`/data
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
SELECT set_config('mlrec_test.data', :'data', false) \g /dev/null
CREATE SCHEMA load_refused;

-- The error of a load, with the directory of the test taken out of it.
CREATE FUNCTION load_refused.error_of(directory text, into_schema name DEFAULT 'load_refused',
	OUT state text, OUT message text, OUT hint text)
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM public.load_movielens(directory, into_schema);
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
	message := replace(message, current_setting('mlrec_test.data'), '<data>');
END $$;
GRANT USAGE, CREATE ON SCHEMA load_refused TO PUBLIC;
\set ECHO all
\x on

-- the directory
SELECT * FROM load_refused.error_of(NULL);
SELECT * FROM load_refused.error_of('');
SELECT * FROM load_refused.error_of('ml-1m');
SELECT * FROM load_refused.error_of('../ml-1m');
SELECT * FROM load_refused.error_of(:'data' || '/nowhere');
SELECT * FROM load_refused.error_of(:'data' || '/README.md');
SELECT * FROM load_refused.error_of(:'data');

-- the schema
SELECT * FROM load_refused.error_of(:'data' || '/csv', 'load_nowhere');
SELECT * FROM load_refused.error_of(:'data' || '/csv', NULL);
BEGIN;
SET LOCAL search_path = '';
SELECT * FROM public.load_movielens('/');
ROLLBACK;

-- a relation that is there already, of whatever kind
CREATE VIEW load_refused.ratings AS SELECT 1 AS user_id;
SELECT * FROM load_refused.error_of(:'data' || '/csv');
SELECT * FROM load_refused.ratings;
DROP VIEW load_refused.ratings;
CREATE TABLE load_refused.users (user_id int);
SELECT * FROM load_refused.error_of(:'data' || '/double-colon');

-- but a release without users does not mind a table of users
SELECT * FROM load_movielens(:'data' || '/csv', 'load_refused');
DROP TABLE load_refused.movies, load_refused.ratings, load_refused.users;

-- a transaction that must not write
BEGIN READ ONLY;
SELECT * FROM load_movielens('/', 'load_refused');
ROLLBACK;

-- The server's files are for those who may COPY from them; others do not even
-- learn which directories exist.
CREATE ROLE load_reader;
SET ROLE load_reader;
SELECT * FROM load_refused.error_of(:'data' || '/csv');
SELECT * FROM load_refused.error_of(:'data' || '/nowhere');
RESET ROLE;
GRANT pg_read_server_files TO load_reader;
SET ROLE load_reader;
SELECT * FROM load_refused.error_of(:'data' || '/csv', 'pg_catalog');
SELECT * FROM load_movielens(:'data' || '/csv', 'load_refused');
RESET ROLE;
SELECT relname, relowner::regrole FROM pg_class
 WHERE relnamespace = 'load_refused'::regnamespace AND relkind = 'r' ORDER BY relname;

\set ECHO none
SET client_min_messages = error;
DROP SCHEMA load_refused CASCADE;
DROP ROLE load_reader;
