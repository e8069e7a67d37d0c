\echo Use "CREATE EXTENSION mlrec" to load this file. \quit

-- ============================================================================
-- 1. The embedding type
-- ============================================================================

-- ============================================================================
-- 2. Data in: load_movielens and a look at the data
-- ============================================================================

CREATE FUNCTION @extschema@.title_year(title pg_catalog.text)
RETURNS pg_catalog.int4
AS 'MODULE_PATHNAME', 'mlrec_title_year'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;

COMMENT ON FUNCTION @extschema@.title_year(pg_catalog.text) IS
'year of a film by the last "(dddd)" in its title, NULL if there is none';

CREATE FUNCTION @extschema@.load_movielens(
	directory pg_catalog.text,
	into_schema pg_catalog.name DEFAULT current_schema)
RETURNS TABLE (relation pg_catalog.regclass, rows pg_catalog.int8)
AS 'MODULE_PATHNAME', 'mlrec_load_movielens'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 1000000 ROWS 3;

COMMENT ON FUNCTION @extschema@.load_movielens(pg_catalog.text, pg_catalog.name) IS
'create and fill movies, users and ratings from the files of a MovieLens release on the server';

-- ============================================================================
-- 3. Models: tables, views, privileges
-- ============================================================================

-- ============================================================================
-- 4. Training
-- ============================================================================

-- ============================================================================
-- 5. Serving
-- ============================================================================

-- ============================================================================
-- 6. Evaluation
-- ============================================================================
