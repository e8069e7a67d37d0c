-- nearest_movies orders the movies by the cosine of their vectors and any vector.
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA serve_nearest;
SET search_path = serve_nearest, public;
\getenv dir PG_ABS_SRCDIR
\i :dir/small_world.sql
\set ECHO all

-- A movie is nearest to itself, and the others follow as similar_movies has them.
CREATE VIEW twelve AS SELECT embedding AS e FROM movie_embeddings WHERE model_id = :model AND movie_id = 12;
SELECT movie_id, similarity > 0.9999 AS same FROM twelve, nearest_movies(e, 1);
SELECT count(*) AS compared, count(*) FILTER (WHERE n.movie_id IS DISTINCT FROM s.movie_id) AS differ
FROM (SELECT rank - 1 AS rank, movie_id FROM twelve, nearest_movies(e, 40) WHERE rank > 1) n
	FULL JOIN similar_movies(12, 39) s USING (rank);
-- Only the direction counts.
SELECT count(*) FILTER (WHERE a.movie_id IS DISTINCT FROM b.movie_id) AS differ
FROM (SELECT f.* FROM twelve, nearest_movies(e + e, 40) f) a
	FULL JOIN (SELECT f.* FROM twelve, nearest_movies(e, 40) f) b USING (rank);
-- What several movies have in common.
SELECT count(*) FROM nearest_movies((SELECT avg(embedding) FROM movie_embeddings
	WHERE model_id = :model AND movie_id IN (12, 13, 14)), 5);
SELECT count(*) FROM twelve, nearest_movies(e, 2147483647) JOIN movies USING (movie_id);
SELECT count(*) FROM twelve, nearest_movies(e, 0);
-- A movie that is gone is not near anything.
DELETE FROM movies WHERE movie_id = 12;
SELECT count(*) FROM twelve, nearest_movies(e, 100) WHERE movie_id = 12;

SELECT * FROM nearest_movies('[1,2,3]');
SELECT * FROM nearest_movies(array_fill(0.0, ARRAY[64])::embedding);
SELECT * FROM nearest_movies(NULL);
SELECT e IS NULL AS never FROM twelve, nearest_movies(e, -1);
\set VERBOSITY sqlstate
SELECT e IS NULL AS never FROM twelve, nearest_movies(e, 3, model_id => 0);
\set VERBOSITY default

\set ECHO none
DROP VIEW twelve;
SELECT drop_recommender(:model) \g /dev/null
DROP SCHEMA serve_nearest CASCADE;
