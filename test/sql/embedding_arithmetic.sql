-- Embeddings add, subtract and multiply value by value; nothing infinite comes out.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
\set ECHO none
\getenv dir PG_ABS_SRCDIR
\i :dir/refusal.sql
\set ECHO all

SELECT '[1,2,3]'::embedding + '[4,5,6]' AS sum, '[1,2,3]'::embedding - '[4,5,6]' AS difference,
       '[1,2,3]'::embedding * '[4,5,6]' AS product;
SELECT '[3e38]'::embedding - '[3e38]' AS zero, '[1e-30]'::embedding * '[1e-30]' AS underflow;
SELECT statement, pg_temp.refusal('SELECT ' || statement)
FROM unnest(ARRAY[
    $$'[1,3e38]'::embedding + '[1,3e38]'$$,
    $$'[3e38,1]'::embedding - '[-3e38,1]'$$,
    $$'[1e20,1]'::embedding * '[-1e20,1]'$$,
    $$'[1,2]'::embedding + '[1]'$$,
    $$'[1]'::embedding - '[1,2,3]'$$,
    $$'[1,2]'::embedding * '[1,2,3]'$$]) statement;
SELECT '[1]'::embedding + NULL AS sum, NULL - '[1]'::embedding AS difference, NULL::embedding * NULL AS product;

-- a plain loop over every size up to 70
SELECT count(*) AS different
FROM (SELECT array_agg(i * 0.5 - n)::embedding AS a, array_agg(i - n * 0.25)::embedding AS b,
             array_agg(i * 1.5 - n * 1.25)::embedding AS sum, array_agg(i * -0.5 - n * 0.75)::embedding AS difference,
             array_agg((i * 0.5 - n) * (i - n * 0.25))::embedding AS product
      FROM generate_series(1, 70) n, generate_series(1, n) i GROUP BY n) t
WHERE a + b <> sum OR a - b <> difference OR a * b <> product;
