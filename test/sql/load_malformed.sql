-- A malformed line stops the load with the file and the line, and nothing is
-- left behind.
\set ECHO none
\set scratch `d=$(mktemp -d "${MLREC_SCRATCH:-/tmp}/malformed.XXXXXX") && mkdir "$d/dat" "$d/100k" "$d/csv" && chmod 777 "$d" "$d"/* && echo "$d"`
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
SELECT set_config('mlrec_test.scratch', :'scratch', false) \g /dev/null
CREATE SCHEMA load_malformed;
CREATE SCHEMA load_into;
SET search_path = load_malformed, public;

-- Good files, of which each case below replaces one.  Bytes, because some of
-- them are of no encoding; "\n" stands for the end of a line.
CREATE TABLE good (layout text, file text, content bytea);
INSERT INTO good VALUES
	('dat', 'movies.dat', E'1::One (2001)::Drama\n2::Two (2002)::Comedy\n'),
	('dat', 'users.dat', E'1::F::25::4::10115\n2::M::35::7::20095\n'),
	('dat', 'ratings.dat', E'1::1::5::978300760\n2::2::3::978302109\n'),
	('100k', 'u.genre', E'Drama|0\nComedy|1\n\n'),
	('100k', 'u.item', E'1|One (2001)||||1|0\n2|Two (2002)||||0|1\n'),
	('100k', 'u.user', E'1|25|F|artist|10115\n2|35|M|other|20095\n'),
	('100k', 'u.data', E'1\t1\t5\t978300760\n2\t2\t3\t978302109\n'),
	('csv', 'movies.csv', E'movieId,title,genres\n1,One (2001),Drama\n2,"Two, The (2002)",Comedy\n'),
	('csv', 'ratings.csv', E'userId,movieId,rating,timestamp\n1,1,5.0,978300760\n2,2,0.5,978302109\n');

CREATE TABLE cases (id int GENERATED ALWAYS AS IDENTITY, layout text, file text, content bytea);
INSERT INTO cases (layout, file, content) VALUES
	-- fields
	('dat', 'ratings.dat', E'1::1::5::978300760\n2::2::3\n'),
	('dat', 'ratings.dat', E'1::1::5::978300760\n2::2::3::978302109::1\n'),
	('dat', 'ratings.dat', E'1::1::5::978300760\n\n2::2::3::978302109\n'),
	('dat', 'ratings.dat', E'1:1:5:978300760\n'),
	('dat', 'ratings.dat', E'1::1::5::978300760\n2::2::3:'),
	('dat', 'users.dat', E'1::F::25::4\n'),
	('dat', 'movies.dat', E'1::One (2001)\n'),
	('dat', 'movies.dat', E'just a line\n'),
	('dat', 'movies.dat', E'1::::Drama\n'),
	('dat', 'movies.dat', E'1::One\\002::Drama\n'),
	('100k', 'u.item', E'1|One (2001)||||1\n'),
	('100k', 'u.item', E'1|One (2001)||||1|0|1\n'),
	('100k', 'u.item', E'1|One (2001)||||1|2\n'),
	('100k', 'u.item', E'1|One (2001)||||1|\n'),
	('100k', 'u.genre', E'Drama|0\nComedy|2\n'),
	('100k', 'u.genre', E'Drama|0\n|1\n'),
	('100k', 'u.data', E'1\t1\t5 978300760\n'),
	('csv', 'ratings.csv', E'1,1,5.0,978300760\n2,2,0.5,978302109\n'),
	('csv', 'ratings.csv', E'userId,movieId,rating\n1,1,5.0\n'),
	('csv', 'ratings.csv', E''),
	('csv', 'ratings.csv', E'userId,movieId,rating,timestamp\n1,1,5.0,978300760,1\n'),
	('csv', 'movies.csv', E'movieId,title,genres\n1,One (2001),Drama\n2,Two, The (2002),Comedy\n'),
	('csv', 'movies.csv', E'movieId,title,genres\n1,"One (2001)\n2,Two (2002)",Drama\n'),
	('csv', 'movies.csv', E'movieId,title,genres\n1,"One (2001),Drama\n'),
	-- values
	('dat', 'ratings.dat', E'one::1::5::978300760\n'),
	('dat', 'ratings.dat', E'::1::5::978300760\n'),
	('dat', 'ratings.dat', E' 1::1::5::978300760\n'),
	('dat', 'ratings.dat', E'-1::1::5::978300760\n'),
	('dat', 'ratings.dat', E'1::1.5::5::978300760\n'),
	('dat', 'ratings.dat', E'2147483648::1::5::978300760\n'),
	('dat', 'ratings.dat', E'99999999999999999999999999::1::5::978300760\n'),
	('dat', 'ratings.dat', E'\\\\N::1::5::978300760\n'),
	('dat', 'ratings.dat', E'1::1::0::978300760\n'),
	('dat', 'ratings.dat', E'1::1::5.1::978300760\n'),
	('dat', 'ratings.dat', E'1::1::6::978300760\n'),
	('dat', 'ratings.dat', E'1::1::3.::978300760\n'),
	('dat', 'ratings.dat', E'1::1::3.25::978300760\n'),
	('dat', 'ratings.dat', E'1::1::NaN::978300760\n'),
	('dat', 'ratings.dat', E'1::1::::978300760\n'),
	('dat', 'ratings.dat', E'1::1::5::2001-01-01\n'),
	('dat', 'ratings.dat', E'1::1::5::\n'),
	('dat', 'ratings.dat', E'1::1::5::253402300800\n'),
	('dat', 'users.dat', E'1::F::old::4::10115\n'),
	('dat', 'users.dat', E'1::F::25::artist::10115\n'),
	('100k', 'u.user', E'1|25|F|artist|10115\n2|M|35|other|20095\n'),
	-- keys
	('dat', 'movies.dat', E'1::One (2001)::Drama\n2::Two (2002)::Comedy\n1::Three (2003)::Drama\n'),
	('dat', 'users.dat', E'1::F::25::4::10115\n1::F::25::4::10115\n'),
	('dat', 'ratings.dat', E'1::1::5::978300760\n2::2::3::978302109\n2::1::3::978302109\n2::2::4::978302110\n1::1::1::1\n'),
	('csv', 'ratings.csv', E'userId,movieId,rating,timestamp\n1,1,5.0,978300760\n1,1,4.0,978300761\n'),
	-- bytes that are not of the encoding
	('csv', 'movies.csv', E'movieId,title,genres\n1,One (2001),Drama\n2,Caf\\351 (2002),Comedy\n'),
	('dat', 'movies.dat', E'1::One (2001)::Drama\n2::T\\000wo (2002)::Comedy\n');

-- Write the files of a case, load them, and return the error: "loaded" if there
-- is no other, so that each case is rolled back.
CREATE FUNCTION error_of(one cases, OUT state text, OUT message text, OUT detail text, OUT context text)
LANGUAGE plpgsql AS $$
DECLARE
	directory text := current_setting('mlrec_test.scratch') || '/' || one.layout;
	source record;
	made oid;
BEGIN
	FOR source IN SELECT file, CASE WHEN file = one.file THEN one.content ELSE content END AS bytes
					FROM good WHERE layout = one.layout LOOP
		made := lo_from_bytea(0, source.bytes);
		PERFORM lo_export(made, directory || '/' || source.file);
		PERFORM lo_unlink(made);
	END LOOP;
	PERFORM load_movielens(directory, 'load_into');
	RAISE 'loaded' USING DETAIL = (SELECT string_agg(relname, ', ' ORDER BY relname) FROM pg_class
									WHERE relnamespace = 'load_into'::regnamespace AND relkind = 'r');
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL, context = PG_EXCEPTION_CONTEXT;
	message := replace(message, directory, '');
	context := replace(substring(context FROM 'line [0-9]+ of file "[^"]*"'), directory, '');
END $$;
\set ECHO all

-- The files are good as they are,
SELECT layout, error.*
  FROM (VALUES ('dat'), ('100k'), ('csv')) AS layouts (layout),
	   LATERAL error_of(ROW(0, layout, 'none', NULL)) AS error;

-- but not with one of these.
SELECT id, file, error.*
  FROM cases, LATERAL error_of(cases) AS error ORDER BY id;
SELECT count(*) FROM pg_class WHERE relnamespace = 'load_into'::regnamespace;

\set ECHO none
DROP SCHEMA load_malformed, load_into CASCADE;
\! rm -rf "${MLREC_SCRATCH:-/tmp}"/malformed.??????
