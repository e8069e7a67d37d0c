-- Embeddings sort value by value, with a btree index as without.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
SELECT '[1,2]'::embedding < '[1,3]' AS lt, '[1,2]'::embedding <= '[1,2]' AS le, '[1,2]'::embedding = '[1,2]' AS eq,
       '[1,2]'::embedding <> '[1,2]' AS ne, '[1,2]'::embedding >= '[1,3]' AS ge, '[1,2]'::embedding > '[0,9]' AS gt;
SELECT a, b, embedding_cmp(a, b), a < b AS lt, a <= b AS le, a = b AS eq, a <> b AS ne, a >= b AS ge, a > b AS gt
FROM (VALUES ('[1]'::embedding, '[1,0]'::embedding), ('[1,0]', '[1]'), ('[2]', '[1,5]'), ('[0]', '[-0]'),
             ('[-1,5]', '[-1,-5]')) t(a, b);

CREATE TEMP TABLE e (x embedding);
INSERT INTO e VALUES ('[1,2]'), ('[1]'), (NULL), ('[-1]'), ('[1,-2]'), ('[1,2,0]'), ('[1e-45]'), ('[0]'), ('[-3e38,3e38]');
SELECT x FROM e ORDER BY x;
SELECT x FROM e ORDER BY x DESC NULLS LAST LIMIT 3;
SELECT x, count(*) FROM (SELECT x FROM e UNION ALL SELECT x FROM e WHERE x < '[1]') t GROUP BY x ORDER BY x;
SELECT min(dims(x)), max(dims(x)), count(DISTINCT x) FROM e;

INSERT INTO e SELECT ARRAY[i % 37, i]::embedding FROM generate_series(1, 2000) i;
CREATE UNIQUE INDEX e_x ON e (x);
ANALYZE e;
SET enable_seqscan = off;
EXPLAIN (COSTS off) SELECT * FROM e WHERE x = '[5,5]';
SELECT * FROM e WHERE x = '[5,5]';
SELECT * FROM e WHERE x > '[36,1900]' ORDER BY x LIMIT 3;
EXPLAIN (COSTS off) SELECT x FROM e ORDER BY x;
INSERT INTO e VALUES ('[5,5]');
RESET enable_seqscan;

-- the index and the sort agree
CREATE TEMP TABLE sorted AS SELECT row_number() OVER () AS place, x FROM (SELECT x FROM e ORDER BY x) t;
SELECT count(*) AS misplaced FROM (
    SELECT place, x, lag(x) OVER (ORDER BY place) AS before FROM sorted) t WHERE before >= x;
SET enable_hashjoin = off;
SET enable_nestloop = off;
EXPLAIN (COSTS off) SELECT count(*) FROM e a FULL JOIN e b USING (x);
SELECT count(*) FROM e a FULL JOIN e b USING (x);
