-- embedding(n) holds n dimensions and nothing else.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
\set ECHO none
\getenv dir PG_ABS_SRCDIR
\i :dir/refusal.sql
\set ECHO all
CREATE TEMP TABLE e (id int, x embedding(3));

INSERT INTO e VALUES (1, '[1,2,3]'), (2, ARRAY[1, 2, 3]), (3, ARRAY[1, 2, 3]::real[]), (4, NULL);
SELECT statement, pg_temp.refusal(statement)
FROM unnest(ARRAY[
    $$INSERT INTO e VALUES (9, '[1,2]')$$,
    $$INSERT INTO e VALUES (9, '[1,2,3,4]')$$,
    $$INSERT INTO e VALUES (9, ARRAY[1, 2])$$,
    $$INSERT INTO e VALUES (9, ARRAY[1, 2, 3, 4]::real[])$$,
    $$INSERT INTO e SELECT 9, x FROM (VALUES ('[1,2]'::embedding)) t(x)$$,
    $$UPDATE e SET x = '[1]'::embedding WHERE id = 1$$,
    $$SELECT '[1,2]'::embedding(3)$$,
    $$SELECT '[1,2]'::embedding::embedding(3)$$,
    $$SELECT '{1,2}'::float8[]::embedding(3)$$,
    $$SELECT '[1,2]'::embedding(2)$$]) statement;
SELECT * FROM e ORDER BY id;

CREATE TEMP TABLE three (x embedding(3));

-- the type without a modifier takes all
ALTER TABLE e ALTER x TYPE embedding;
INSERT INTO e VALUES (5, '[1,2]');
SELECT pg_temp.refusal('ALTER TABLE e ALTER x TYPE embedding(3)');

SELECT typmod, pg_temp.refusal(format('SELECT NULL::embedding(%s)', typmod))
FROM unnest(ARRAY['0', '-1', '1', '16000', '16001', '2147483647', '2147483648', '1,2', '''x''', '''''', '3.5']) typmod;
SELECT pg_temp.refusal('SELECT NULL::embedding()');
SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'three'::regclass AND attname = 'x';
