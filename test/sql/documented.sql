-- Everything that the extension creates says what it is, down to the columns.
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
\set ECHO all

-- Array and row types have no comments of their own.
SELECT pg_describe_object(d.classid, d.objid, 0) AS undocumented
FROM pg_depend d
	LEFT JOIN pg_description c ON (c.classoid, c.objoid, c.objsubid) = (d.classid, d.objid, 0)
	LEFT JOIN pg_type t ON d.classid = 'pg_type'::regclass AND t.oid = d.objid
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
	AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'mlrec')
	AND c.objoid IS NULL AND COALESCE(t.typelem, 0) = 0 AND COALESCE(t.typrelid, 0) = 0;

SELECT a.attrelid::regclass, a.attname AS undocumented
FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.objid AND a.attnum > 0
WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
	AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'mlrec')
	AND (SELECT relkind FROM pg_class c WHERE c.oid = a.attrelid) IN ('r', 'v')
	AND col_description(a.attrelid, a.attnum) IS NULL
ORDER BY a.attrelid::regclass::text, a.attnum;

-- What is said of the functions with many options names each.
SELECT p.proname, argument AS unmentioned
FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid,
	unnest(p.proargnames[1:p.pronargs]) AS argument
WHERE d.classid = 'pg_proc'::regclass AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
	AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'mlrec')
	AND p.proname IN ('train_recommender', 'recommend', 'evaluate_recommender', 'load_movielens')
	AND obj_description(p.oid, 'pg_proc') !~ ('\m' || argument || '\M')
ORDER BY p.proname, argument;
