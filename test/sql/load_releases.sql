-- Every release is recognized by its files and loaded as it is meant.
\set ECHO none
\set data `echo "$PG_ABS_SRCDIR"`/data
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
SET timezone = 'UTC';
SET extra_float_digits = 0;
\set ECHO all

-- ml-1m: "::", Latin-1, ages and occupations as numbers
CREATE SCHEMA load_1m;
SELECT * FROM load_movielens(:'data' || '/double-colon', 'load_1m');
TABLE load_1m.movies;
TABLE load_1m.users;
TABLE load_1m.ratings;
\d load_1m.movies
\d load_1m.users
\d load_1m.ratings

-- ml-10m: UTF-8, half stars, no users
CREATE SCHEMA load_10m;
SELECT * FROM load_movielens(directory => :'data' || '/half-stars', into_schema => 'load_10m');
TABLE load_10m.movies;
TABLE load_10m.ratings;

-- ml-100k: a flag per genre, occupations as words
CREATE SCHEMA load_100k;
SELECT * FROM load_movielens(:'data' || '/bars-and-tabs', 'load_100k');
TABLE load_100k.movies;
TABLE load_100k.users;
TABLE load_100k.ratings;
SELECT pg_typeof(age) AS age, pg_typeof(occupation) AS occupation FROM load_100k.users LIMIT 1;

-- the CSV releases: header, quotes, no genres, a directory with a slash
CREATE SCHEMA load_csv;
SET search_path = load_csv, public;
SELECT * FROM load_movielens(:'data' || '/csv/');
RESET search_path;
TABLE load_csv.movies;
TABLE load_csv.ratings;
SELECT movie_id, '>' || title || '<' AS title FROM load_csv.movies WHERE title LIKE 'Say%';

-- the planner knows the tables at once
SELECT relname, reltuples FROM pg_class
 WHERE relnamespace = 'load_1m'::regnamespace AND relkind = 'r' ORDER BY relname;

-- all of it is undone with the transaction
CREATE SCHEMA load_undone;
BEGIN;
SELECT * FROM load_movielens(:'data' || '/csv', 'load_undone');
ROLLBACK;
SELECT count(*) FROM pg_class WHERE relnamespace = 'load_undone'::regnamespace;

\set ECHO none
SET client_min_messages = error;
DROP SCHEMA load_1m, load_10m, load_100k, load_csv, load_undone CASCADE;
