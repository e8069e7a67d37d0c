-- Text goes in and out without loss, and bad text is refused with its place.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
\set ECHO none
\getenv dir PG_ABS_SRCDIR
\i :dir/refusal.sql
\set ECHO all

SELECT '[1]'::embedding;
SELECT '[0.1,-2,3e-5]'::embedding;
SELECT E' \t[ 1 ,\n+2. , .5 ] '::embedding;
SELECT '[0,-0,16777216,1e6,1e20,3.4028235e38,-1.1754944e-38,1e-45]'::embedding;
-- the shortest digits that read back as the same float
SELECT '[0.30000001,0.3,0.333333333333,123456789]'::embedding;
SELECT count(*) AS lossless
FROM (SELECT array_agg((random() - 0.5)::real * 10.0::real ^ (i % 60 - 30)) AS x
      FROM generate_series(1, 3000) i GROUP BY i % 100) t
WHERE x::embedding::text::embedding::real[] = x::real[];
-- extra_float_digits is for float4 and float8
SET extra_float_digits = 0;
SELECT '[0.30000001]'::embedding;
RESET extra_float_digits;
-- below the smallest float is zero
SELECT '[1e-50,-1e-400]'::embedding;

SELECT literal, pg_temp.refusal(format('SELECT %L::embedding', literal))
FROM unnest(ARRAY['', ' ', '1,2', '{1,2}', '(1,2)', '[', '[1', '[1,', '[1 ', ']', '[,1]', '[1,]', '[1,,2]',
                  '[1 2]', '[1;2]', '[a]', '[1,null]', '[-]', '[1.2.3]', '[1e]', '[0x10]', '[[1]]', '[1]]',
                  '[1] [2]', '[1],', '[ä]', '[1,ä']) literal;
SELECT literal, pg_temp.refusal(format('SELECT %L::embedding', literal))
FROM unnest(ARRAY['[NaN]', '[1,nan,2]', '[inf]', '[-Infinity]', '[1,+inf]', '[1e39]', '[1,-1e39]', '[1e400]']) literal;

-- dimensions
SELECT n, pg_temp.refusal(format('SELECT %L::embedding', '[' || repeat('1,', n - 1) || '1]'))
FROM unnest(ARRAY[1, 2, 15999, 16000, 16001, 100000]) n;
SELECT pg_temp.refusal('SELECT ''[]''::embedding');
SELECT pg_temp.refusal('SELECT '' [ ] ''::embedding');
-- long offenders are cut
SELECT pg_temp.refusal(format('SELECT %L::embedding', '[' || repeat('1,', 100) || 'x]'));
SELECT pg_temp.refusal(format('SELECT %L::embedding', '[1,' || repeat('ä', 100) || ']'));
