-- Arrays become embeddings and back, and bad ones are refused.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
\set ECHO none
\getenv dir PG_ABS_SRCDIR
\i :dir/refusal.sql
\set ECHO all

SELECT ARRAY[1, -2, 3]::embedding;
SELECT ARRAY[0.1, -2, 3e-5]::embedding;
SELECT ARRAY[0.1, -2, 3e-5]::real[]::embedding;
SELECT ARRAY[0.1, -2, 3e-5]::double precision[]::embedding;
SELECT '[0.1,-2,3e-5]'::embedding::real[];
SELECT '[5:7]={1,2,3}'::int[]::embedding;
SELECT ARRAY[16777217, -2147483648]::embedding;
SELECT ARRAY[1e-50, -1e-300]::double precision[]::embedding, ARRAY[1e-50, 1e-400]::numeric[]::embedding;

-- in assignments without being asked, in expressions only when asked
CREATE TEMP TABLE e (x embedding, r real[]);
INSERT INTO e VALUES (ARRAY[1, 2], '[3,4]'::embedding);
INSERT INTO e VALUES (ARRAY[1.5, 2], '[3,4]'::embedding), (ARRAY[1.5, 2]::real[], NULL), (ARRAY[1.5, 2]::float8[], NULL);
SELECT * FROM e;
SELECT pg_temp.refusal('SELECT ''[1]''::embedding + ARRAY[1]');

SELECT statement, pg_temp.refusal(format('SELECT (%s)::embedding', statement))
FROM unnest(ARRAY[
    $$'{}'::int[]$$, $$'{}'::real[]$$, $$'{}'::float8[]$$, $$'{}'::numeric[]$$,
    $$'{1,NULL}'::int[]$$, $$'{NULL}'::real[]$$, $$'{NULL,1}'::float8[]$$, $$'{1,NULL}'::numeric[]$$,
    $$'{{1,2},{3,4}}'::int[]$$, $$'{{1}}'::real[]$$, $$'{{{1}}}'::float8[]$$, $$'{{1},{2}}'::numeric[]$$,
    $$'{1,NaN}'::real[]$$, $$'{Infinity}'::real[]$$, $$'{-Infinity}'::real[]$$,
    $$'{NaN}'::float8[]$$, $$'{Infinity}'::float8[]$$, $$'{1,1e39}'::float8[]$$, $$'{1,2,-1e300}'::float8[]$$,
    $$'{NaN}'::numeric[]$$, $$'{Infinity}'::numeric[]$$, $$'{1e39}'::numeric[]$$, $$'{1,-1e400}'::numeric[]$$,
    $$'{1}'::text[]$$, $$'{1}'::bigint[]$$]) statement;
SELECT n, pg_temp.refusal(format('SELECT array_fill(1, ARRAY[%s])::embedding', n))
FROM unnest(ARRAY[0, 1, 16000, 16001]) n;
SELECT NULL::real[]::embedding IS NULL AS of_null, NULL::embedding::real[] IS NULL AS to_null;
