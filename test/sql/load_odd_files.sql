-- Only regular files are read, so that nothing waits where it cannot be
-- cancelled; and a byte order mark, which nobody sees, does not matter.
\set ECHO none
\set scratch `d=$(mktemp -d "${MLREC_SCRATCH:-/tmp}/odd_files.XXXXXX") && chmod 777 "$d" && cd "$d" && for r in fifo device directory endless dat csv latin; do mkdir $r; printf '1::One (2001)::Drama\n' > $r/movies.dat; printf '1::1::5::978300760\n' > $r/ratings.dat; done && rm fifo/movies.dat device/movies.dat directory/ratings.dat csv/*.dat && mkfifo -m 666 fifo/movies.dat && ln -s /dev/full device/movies.dat && mkdir directory/ratings.dat && rm endless/movies.dat && truncate -s 20G endless/movies.dat && printf '\357\273\2771::Caf\303\251 (2001)::Drama\n' > dat/movies.dat && printf '\357\273\277movieId,title,genres\n1,Caf\303\251 (2001),Drama\n' > csv/movies.csv && printf '\357\273\277userId,movieId,rating,timestamp\n1,1,5.0,978300760\n' > csv/ratings.csv && printf '1::Caf\351 (2001)::Drama\n' > latin/movies.dat && printf '\357\273\2771::1::5::978300760\n' > latin/ratings.dat && chmod -R a+rX . && echo "$d"`
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
SELECT set_config('mlrec_test.scratch', :'scratch', false) \g /dev/null
CREATE SCHEMA load_odd_files;
SET search_path = load_odd_files, public;
-- What loading one of them raises.
CREATE FUNCTION error_of(release text, OUT state text, OUT message text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM load_movielens(current_setting('mlrec_test.scratch') || '/' || release);
EXCEPTION WHEN OTHERS OR query_canceled THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
	message := replace(message, current_setting('mlrec_test.scratch'), '');
END $$;
\set ECHO all

SET statement_timeout = '10s';
SELECT release, error.* FROM unnest(ARRAY['fifo', 'device', 'directory']) AS release, error_of(release) AS error;

-- Twenty gigabytes without the end of a line: it is cancelled, or gives up before.
SET statement_timeout = '1s';
SELECT state IN ('57014', '22021', '54000') AS refused FROM error_of('endless');
RESET statement_timeout;

-- Marked files, also one that is marked beside others in Latin-1.
CREATE TABLE loaded (release text, relation text, rows bigint, titles bytea);
DO $$
DECLARE
	one text;
BEGIN
	FOREACH one IN ARRAY ARRAY['csv', 'dat', 'latin'] LOOP
		INSERT INTO loaded SELECT one, relation, rows FROM load_movielens(current_setting('mlrec_test.scratch') || '/' || one);
		UPDATE loaded SET titles = (SELECT convert_to(string_agg(title, ','), 'LATIN1') FROM movies)
		WHERE release = one AND relation = 'movies';
		DROP TABLE movies, ratings;
	END LOOP;
END $$;
SELECT release, relation, rows, encode(titles, 'escape') AS titles FROM loaded;

\set ECHO none
DROP SCHEMA load_odd_files CASCADE;
\! rm -rf "${MLREC_SCRATCH:-/tmp}"/odd_files.??????
