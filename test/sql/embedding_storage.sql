-- Short, long and very long embeddings are stored and read back whole.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE TEMP TABLE e (n int, x embedding);
INSERT INTO e SELECT n, array_agg((i * 7919 % 1000) / 8.0 ORDER BY i)::embedding
FROM unnest(ARRAY[1, 2, 28, 29, 30, 31, 64, 500, 511, 512, 2000, 16000]) n, generate_series(1, n) i GROUP BY n;
SELECT n, dims(x), pg_column_size(x) AS bytes, x = (SELECT array_agg((i * 7919 % 1000) / 8.0 ORDER BY i)::embedding
                                                    FROM generate_series(1, n) i) AS whole
FROM e ORDER BY n;
-- also after a rewrite, and as a part of something else
UPDATE e SET n = n;
VACUUM FULL e;
SELECT count(*) AS equal FROM e a JOIN (SELECT n, (ARRAY[x])[1] AS x, ROW(x) AS r FROM e) b
ON a.n = b.n AND a.x = b.x AND b.r = ROW(a.x);
-- moved out of line without an attempt to compress
SELECT typstorage, typalign, typbyval, typlen FROM pg_type WHERE typname = 'embedding';
