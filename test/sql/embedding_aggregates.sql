-- sum and avg of embeddings: by hand, in groups, in windows and in parallel.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
\set ECHO none
\getenv dir PG_ABS_SRCDIR
\i :dir/refusal.sql
\set ECHO all

SELECT sum(x), avg(x) FROM (VALUES ('[1,2]'::embedding), ('[3,5]'), (NULL), ('[-1,2]')) t(x);
SELECT sum(x), avg(x) FROM (VALUES ('[1,2]'::embedding)) t(x);
-- of no rows: NULL
SELECT sum(x), avg(x) FROM (VALUES ('[1,2]'::embedding)) t(x) WHERE false;
SELECT sum(x), avg(x) FROM (VALUES (NULL::embedding), (NULL)) t(x);
SELECT g, sum(x), avg(x), sum(x) FILTER (WHERE dims(x) = 2)
FROM (VALUES (1, '[1]'::embedding), (2, '[1,2]'), (1, '[2]'), (3, NULL), (2, '[3,4]')) t(g, x) GROUP BY g ORDER BY g;
SELECT sum(x) OVER w, avg(x) OVER w FROM (VALUES (1, '[1]'::embedding), (2, '[2]'), (3, NULL), (4, '[6]')) t(i, x)
WINDOW w AS (ORDER BY i ROWS BETWEEN 1 PRECEDING AND CURRENT ROW);

-- Sums are kept in double precision: no drift, and an average never overflows.
SELECT avg(ARRAY[0.1, 16777217]::embedding), sum(ARRAY[0.1, 1]::embedding) FROM generate_series(1, 100000);
SELECT avg(x) FROM (VALUES ('[3e38]'::embedding), ('[3e38]')) t(x);
SELECT pg_temp.refusal($$SELECT sum(x) FROM (VALUES ('[1,3e38]'::embedding), ('[1,3e38]')) t(x)$$);
SELECT sum(x) FROM (VALUES ('[3e38]'::embedding), ('[3e38]'), ('[-3e38]')) t(x);

SELECT pg_temp.refusal(format($$SELECT %s(x) FROM (VALUES ('[1,2]'::embedding), ('[1,2,3]')) t(x)$$, aggregate))
FROM unnest(ARRAY['sum', 'avg']) aggregate;

-- Workers' parts come to the same.
CREATE TABLE embedding_aggregates AS
SELECT i % 3 AS g, ARRAY[i, i % 10, 0.5]::embedding AS x FROM generate_series(1, 20000) i;
CREATE TABLE embedding_misfit AS SELECT x FROM embedding_aggregates;
INSERT INTO embedding_misfit VALUES ('[1]');
ANALYZE embedding_aggregates, embedding_misfit;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS off) SELECT sum(x), avg(x) FROM embedding_aggregates;
SELECT sum(x), avg(x) FROM embedding_aggregates;
SELECT g, sum(x), avg(x) FROM embedding_aggregates GROUP BY g ORDER BY g;
-- one worker sees nothing
SELECT sum(x) FROM embedding_aggregates WHERE x = '[7,7,0.5]';
SELECT sum(x) FROM embedding_aggregates WHERE x = '[7]';
SELECT pg_temp.refusal('SELECT sum(x) FROM embedding_misfit') ~ 'different embedding dimensions: (3 and 1|1 and 3)$' AS named;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
SET max_parallel_workers_per_gather = 0;
SELECT sum(x), avg(x) FROM embedding_aggregates;
DROP TABLE embedding_aggregates, embedding_misfit;
