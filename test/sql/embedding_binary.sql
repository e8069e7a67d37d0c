-- The binary form is lossless, and lets nothing in that the text form would not.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
\set file `echo "${MLREC_SCRATCH:-/tmp}/embedding_binary.data"`
SELECT set_config('test.file', :'file', false) IS NOT NULL AS set;
CREATE TEMP TABLE e (x embedding);
CREATE TEMP TABLE three (x embedding(3));

-- dimensions, a zero, the floats
SELECT embedding_send('[1,-2,0.5]');

INSERT INTO e SELECT array_agg(sin(i * j))::embedding
FROM generate_series(1, 50) i, generate_series(1, 20) j GROUP BY i;
INSERT INTO e VALUES ('[3.4028235e38,-3.4028235e38,1e-45,-0]'), (NULL);
INSERT INTO e SELECT array_agg(i)::embedding FROM generate_series(1, 16000) i;
COPY e TO :'file' (FORMAT binary);
CREATE TEMP TABLE copied (x embedding);
COPY copied FROM :'file' (FORMAT binary);
SELECT count(*), count(x) FROM copied;
SELECT count(*) AS different FROM (
	(SELECT x::text FROM e EXCEPT SELECT x::text FROM copied) UNION ALL
	(SELECT x::text FROM copied EXCEPT SELECT x::text FROM e)) t;

-- What comes of bytes that are received as an embedding.  A bytea is written as
-- it is, so any bytes can be sent.
CREATE FUNCTION pg_temp.received(bytes bytea, target regclass DEFAULT 'e') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    file text := current_setting('test.file');
BEGIN
    EXECUTE format('COPY (SELECT %L::bytea) TO %L (FORMAT binary)', bytes, file);
    EXECUTE format('COPY %s FROM %L (FORMAT binary)', target, file);
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
    RETURN concat_ws(' | ', SQLSTATE, SQLERRM);
END $$;

TRUNCATE e;
SELECT label, pg_temp.received(bytes)
FROM (VALUES
    ('[1,-2]', '\x0002 0000 3f800000 c0000000'::bytea),
    ('NaN', '\x0002 0000 3f800000 7fc00000'),
    ('negative NaN', '\x0001 0000 ffc00000'),
    ('infinity', '\x0002 0000 3f800000 7f800000'),
    ('minus infinity', '\x0001 0000 ff800000'),
    ('no dimensions', '\x0000 0000'),
    ('-1 dimensions', '\xffff 0000 3f800000'),
    ('-32768 dimensions', '\x8000 0000 3f800000'),
    ('16000 dimensions', '\x3e80 0000' || decode(repeat('3f800000', 16000), 'hex')),
    ('16001 dimensions', '\x3e81 0000' || decode(repeat('3f800000', 16001), 'hex')),
    ('unknown format', '\x0001 0007 3f800000'),
    ('nothing', '\x'),
    ('half a head', '\x0001'),
    ('too short', '\x0002 0000 3f800000 3f8000'),
    ('too long', '\x0001 0000 3f800000 00')) t(label, bytes);
SELECT dims(x), norm(x) FROM e;

-- the type modifier holds as well
SELECT pg_temp.received('\x0002 0000 3f800000 c0000000', 'three');
SELECT pg_temp.received('\x0003 0000 3f800000 c0000000 3f000000', 'three');
SELECT * FROM three;
