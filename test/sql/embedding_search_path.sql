-- Whatever the caller's search path, the type's functions and operators work, and their parts are documented.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
SELECT extnamespace::regnamespace AS schema FROM pg_extension WHERE extname = 'mlrec' \gset
CREATE VIEW embedding_search_path AS
SELECT normalize(x) AS unit, x <=> '[1,0]' AS distance, x::embedding(2) AS checked, x::real[] AS values
FROM (SELECT ARRAY[3, 4]::embedding) t(x);

SET search_path = '';
-- a view survives being written out and read back, as in a dump
SELECT 'CREATE VIEW pg_temp.again AS ' || pg_get_viewdef('public.embedding_search_path'::regclass) AS definition \gset
:definition
SELECT * FROM public.embedding_search_path;
SELECT * FROM pg_temp.again;
SELECT '[1,2]':::schema.embedding OPERATOR(:schema.+) '[3,4]', :schema.norm('[3,4]'), normalize('[0,5]':::schema.embedding);
SELECT :schema.avg(x), :schema.sum(x) FROM (VALUES ('[1]':::schema.embedding), ('[3]')) t(x);
SELECT DISTINCT x FROM (VALUES ('[1]':::schema.embedding), ('[3]'), ('[1]')) t(x) ORDER BY x;
-- NORMALIZE of text is as it was
SELECT normalize(U&'\0061\0308'), normalize('x', NFC);
RESET search_path;
DROP VIEW pg_temp.again, embedding_search_path;

-- all of the type's functions can run in workers and in indexes, and say what they are
SELECT p.oid::regprocedure, provolatile, proparallel, obj_description(p.oid, 'pg_proc') IS NOT NULL AS documented
FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
WHERE proname ~ '^(embedding|array_to_embedding|l2_|inner_|negative_|cosine_|dims|norm)'
  AND (provolatile <> 'i' OR proparallel <> 's' OR obj_description(p.oid, 'pg_proc') IS NULL)
ORDER BY 1::text;
SELECT count(*) AS undocumented FROM pg_operator o
WHERE 'embedding'::regtype IN (oprleft, oprright) AND obj_description(o.oid, 'pg_operator') IS NULL;
