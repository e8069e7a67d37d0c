-- The functions read whatever relations they are given, of any types that
-- training accepts, as the invoker, whatever the search_path.
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA explore_relations;
GRANT USAGE ON SCHEMA explore_relations TO PUBLIC;
CREATE ROLE explore_reader;
SET search_path = '';
\set SHOW_CONTEXT never
\set ECHO all

-- nothing on the path
SELECT * FROM public.rating_distribution();
SELECT * FROM public.user_profile(1);

-- views over columns of other types, partitioned and temporary tables
CREATE TABLE explore_relations.votes (member bigint, movie smallint, stars numeric(2, 1)) PARTITION BY HASH (member);
CREATE TABLE explore_relations.votes_0 PARTITION OF explore_relations.votes FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE explore_relations.votes_1 PARTITION OF explore_relations.votes FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO explore_relations.votes VALUES (1, 10, 4.5), (1, 20, 2), (5000000000, 10, 3.5);
CREATE VIEW explore_relations.stars AS
	SELECT member AS user_id, movie AS movie_id, stars AS rating, 0 AS rated_at FROM explore_relations.votes;
CREATE TYPE explore_relations.mood AS ENUM ('glad', 'calm');
CREATE MATERIALIZED VIEW explore_relations.members AS
	SELECT member AS user_id, CASE member WHEN 1 THEN 'glad' ELSE 'calm' END::explore_relations.mood AS occupation
	  FROM explore_relations.votes GROUP BY member;
CREATE TEMPORARY TABLE movies (movie_id bigint, title varchar(20), genres varchar(20), year smallint,
	n int, total int, mean int);
INSERT INTO movies VALUES (10, 'Ten (2010)', 'Drama', 1910), (20, 'Twenty (2020)', 'Comedy|Drama', NULL);

SELECT * FROM public.rating_distribution('explore_relations.stars');
SELECT * FROM public.most_rated_movies(5, 'explore_relations.stars', 'pg_temp.movies');
SELECT * FROM public.top_rated_movies(5, 1, ratings => 'explore_relations.stars', movies => 'pg_temp.movies');
SELECT * FROM public.lowest_rated_movies(5, 1, 'explore_relations.stars', 'pg_temp.movies');
SELECT * FROM public.genre_summary('explore_relations.stars', 'pg_temp.movies');
SELECT * FROM public.user_demographics('explore_relations.stars', 'explore_relations.members');
SELECT * FROM public.user_profile(5000000000, 'explore_relations.stars', 'pg_temp.movies', 'explore_relations.members');
SELECT * FROM public.movie_details(10, 'explore_relations.stars', 'pg_temp.movies');
SELECT * FROM public.movie_details(20, 'explore_relations.stars', 'pg_temp.movies');

-- beside other tables, in LATERAL
SELECT u.user_id, p.mean_rating, p.favorite_genres
  FROM explore_relations.members AS u,
	   LATERAL public.user_profile(u.user_id, 'explore_relations.stars', 'pg_temp.movies', 'explore_relations.members') AS p
 ORDER BY u.user_id;

-- no table of users
SELECT * FROM public.user_profile(1, 'explore_relations.stars', 'pg_temp.movies');

-- what cannot be read
SELECT * FROM public.rating_distribution(0);
CREATE INDEX an_index ON explore_relations.votes_0 (member);
SELECT * FROM public.rating_distribution('explore_relations.an_index');
CREATE SEQUENCE explore_relations.a_sequence;
SELECT * FROM public.rating_distribution('explore_relations.a_sequence');
SELECT * FROM public.user_demographics('explore_relations.stars', 'explore_relations.stars');
\set VERBOSITY sqlstate
SELECT * FROM public.rating_distribution('explore_relations.votes');
\set VERBOSITY default

-- The operators and functions are PostgreSQL's, whatever is on the path.
CREATE FUNCTION explore_relations.division(bigint, numeric) RETURNS numeric
	LANGUAGE sql IMMUTABLE AS 'SELECT 666::numeric';
CREATE OPERATOR explore_relations./ (LEFTARG = bigint, RIGHTARG = numeric, FUNCTION = explore_relations.division);
CREATE AGGREGATE explore_relations.sum (bigint) (SFUNC = int8_sum, STYPE = numeric, INITCOND = '666');
SET search_path = explore_relations, pg_catalog, public;
SELECT 1::bigint / 2::numeric AS hijacked;
SELECT * FROM rating_distribution('stars');
SET search_path = '';

-- Rights are the invoker's, and so is row-level security.
SET ROLE explore_reader;
SELECT * FROM public.rating_distribution('explore_relations.stars');
RESET ROLE;
ALTER TABLE explore_relations.votes RENAME COLUMN member TO user_id;
ALTER TABLE explore_relations.votes RENAME COLUMN movie TO movie_id;
ALTER TABLE explore_relations.votes RENAME COLUMN stars TO rating;
GRANT SELECT ON explore_relations.votes TO explore_reader;
ALTER TABLE explore_relations.votes ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON explore_relations.votes USING (user_id < 100);
SET ROLE explore_reader;
SELECT * FROM public.rating_distribution('explore_relations.votes');
RESET ROLE;
SELECT * FROM public.rating_distribution('explore_relations.votes');

-- They write nothing.
BEGIN READ ONLY;
SELECT * FROM public.rating_distribution('explore_relations.votes');
COMMIT;

\set ECHO none
SET client_min_messages = error;
DROP SCHEMA explore_relations CASCADE;
DROP ROLE explore_reader;
