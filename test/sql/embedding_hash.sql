-- What is equal is hashed alike: grouping, joining and indexing by hash give what
-- sorting gives.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
SELECT a, b, a = b AS equal, embedding_hash(a) = embedding_hash(b) AS same,
       embedding_hash_extended(a, 7) = embedding_hash_extended(b, 7) AS same_extended
FROM (VALUES ('[0]'::embedding, '[-0]'::embedding), ('[1,-0,3]', '[1,0,3]'), ('[1]', '[1,0]'), ('[1e-45]', '[0]'),
             ('[1,2]', '[2,1]')) t(a, b);
-- values of many lengths, beyond the block that is hashed at a time; zeros of
-- both signs, at the end as well
CREATE TEMP TABLE e AS
SELECT i, (SELECT array_agg(CASE WHEN d = i % 7 THEN CASE WHEN i % 2 = 0 THEN '-0' ELSE '0' END::real
    ELSE (i % 5 * d)::real END)
		   FROM generate_series(1, 1 + i % 13 * 50) d)::embedding AS x
FROM generate_series(1, 3000) i;
INSERT INTO e VALUES (0, NULL), (0, NULL);
SELECT count(*) > 1000 AS negative FROM e WHERE x::text ~ '-0[],]';
-- the hash is the lower half of the extended one, which depends on its seed
SELECT bool_and((embedding_hash(x)::bigint & 4294967295) = (embedding_hash_extended(x, 0) & 4294967295)) AS lower_half,
       bool_or(embedding_hash_extended(x, 0) = embedding_hash_extended(x, 1)) AS seed_ignored
FROM e;
SELECT count(DISTINCT embedding_hash(x)) = count(DISTINCT x) AS no_collision FROM e;

SET enable_sort = off;
EXPLAIN (COSTS off) SELECT x, count(*) FROM e GROUP BY x;
CREATE TEMP TABLE hashed AS SELECT x, count(*) AS n FROM e GROUP BY x;
RESET enable_sort;
SET enable_hashagg = off;
EXPLAIN (COSTS off) SELECT x, count(*) FROM e GROUP BY x;
CREATE TEMP TABLE sorted AS SELECT x, count(*) AS n FROM e GROUP BY x;
RESET enable_hashagg;
SELECT count(*) > 50 AS groups, sum(n) FROM hashed;
SELECT count(*) AS differing FROM hashed h FULL JOIN sorted s ON h.x = s.x AND h.n = s.n
WHERE (h.n IS NULL OR s.n IS NULL) AND (h.x IS NOT NULL OR s.x IS NOT NULL);
SELECT count(*) FROM ((SELECT x FROM hashed EXCEPT SELECT x FROM sorted) UNION ALL
	(SELECT x FROM sorted EXCEPT SELECT x FROM hashed)) t;

ANALYZE e;
SET enable_mergejoin = off;
SET enable_nestloop = off;
EXPLAIN (COSTS off) SELECT count(*) FROM e a JOIN sorted b USING (x);
SELECT count(*) FROM e a JOIN sorted b USING (x);
RESET enable_mergejoin;
SET enable_hashjoin = off;
SELECT count(*) FROM e a JOIN sorted b USING (x);
RESET enable_hashjoin;
RESET enable_nestloop;

-- a hash index, and partitions by hash
CREATE INDEX e_hash ON e USING hash (x);
SET enable_seqscan = off;
EXPLAIN (COSTS off) SELECT count(*) FROM e WHERE x = '[-0]';
SELECT count(*) FROM e WHERE x = '[-0]';
SELECT count(*) FROM e WHERE x = '[0]';
RESET enable_seqscan;
SELECT count(*) FROM e WHERE x = '[0]';
CREATE TEMP TABLE parts (x embedding) PARTITION BY HASH (x);
CREATE TEMP TABLE part0 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TEMP TABLE part1 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO parts SELECT x FROM e WHERE i > 0;
SELECT (SELECT count(*) > 0 FROM part0) AND (SELECT count(*) > 0 FROM part1) AS both;
SELECT count(*) FROM parts WHERE x = '[0]';

-- the members of the operator class are what the server expects
SELECT amvalidate(oid) FROM pg_opclass WHERE opcname = 'embedding_ops' ORDER BY opcmethod;
