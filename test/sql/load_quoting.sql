-- Quotes, semicolons and blanks in names mean nothing to the loader.
\set ECHO none
\set scratch `d=$(mktemp -d "${MLREC_SCRATCH:-/tmp}/quoting.XXXXXX") && chmod 755 "$d" && cp -R "$PG_ABS_SRCDIR/data/csv" "$d/it's; a \"release\" %s" && chmod -R a+rX "$d" && echo "$d"`
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
\set ECHO all

CREATE SCHEMA "load; DROP ""it's"" %s";
SELECT * FROM load_movielens(:'scratch' || '/it''s; a "release" %s', 'load; DROP "it''s" %s');
SELECT * FROM rating_distribution('"load; DROP ""it''s"" %s".ratings');
SELECT * FROM most_rated_movies(1, '"load; DROP ""it''s"" %s".ratings', '"load; DROP ""it''s"" %s".movies');
SET search_path = "load; DROP ""it's"" %s", public;
SELECT * FROM movie_details(2);
SELECT * FROM user_profile(1);

\set ECHO none
DROP SCHEMA "load; DROP ""it's"" %s" CASCADE;
\! rm -rf "${MLREC_SCRATCH:-/tmp}"/quoting.??????
