-- Titles keep their letters in databases of other encodings than UTF-8.
\set ECHO none
\set data `echo "$PG_ABS_SRCDIR"`/data
\set main :DBNAME
\set VERBOSITY terse
SET client_min_messages = warning;
DROP DATABASE IF EXISTS mlrec_latin1;
DROP DATABASE IF EXISTS mlrec_ascii;
CREATE DATABASE mlrec_latin1 ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0;
CREATE DATABASE mlrec_ascii ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0;
\set ECHO all

\c mlrec_latin1
SET client_encoding = 'UTF8';
CREATE EXTENSION mlrec;
CREATE SCHEMA load_1m;
SELECT * FROM load_movielens(:'data' || '/double-colon', 'load_1m');
SELECT title, length(title), title_year(title) FROM load_1m.movies WHERE movie_id = 2;

CREATE SCHEMA load_100k;
SELECT * FROM load_movielens(:'data' || '/bars-and-tabs', 'load_100k');
SELECT * FROM genre_summary('load_100k.ratings', 'load_100k.movies');

-- UTF-8 is converted, as far as there is such a letter in Latin-1
SELECT * FROM load_movielens(:'data' || '/csv');

-- A copy of an old release that somebody has converted to UTF-8
\set scratch `d=$(mktemp -d "${MLREC_SCRATCH:-/tmp}/encodings.XXXXXX") && chmod 755 "$d" && cp "$PG_ABS_SRCDIR"/data/double-colon/*.dat "$d" && iconv -f LATIN1 -t UTF-8 "$PG_ABS_SRCDIR"/data/double-colon/movies.dat >"$d/movies.dat" && chmod 644 "$d"/* && echo "$d"`
CREATE SCHEMA load_1m_utf8;
SELECT * FROM load_movielens(:'scratch', 'load_1m_utf8');
SELECT count(*) FROM load_1m.movies JOIN load_1m_utf8.movies USING (movie_id, title);

-- A database without an encoding takes the bytes as they are.
\c mlrec_ascii
CREATE EXTENSION mlrec;
CREATE SCHEMA load_1m;
SELECT * FROM load_movielens(:'data' || '/double-colon', 'load_1m');
SELECT convert_to(title, 'SQL_ASCII'), title_year(title) FROM load_1m.movies WHERE movie_id = 2;
SELECT * FROM load_movielens(:'data' || '/csv');
SELECT convert_to(title, 'SQL_ASCII'), title_year(title) FROM movies WHERE movie_id = 2;

\set ECHO none
\c :main
DROP DATABASE mlrec_latin1;
DROP DATABASE mlrec_ascii;
\! rm -rf "${MLREC_SCRATCH:-/tmp}"/encodings.??????
