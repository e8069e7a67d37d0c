-- similar_movies orders the movies by the cosine of their vectors.
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA serve_similar;
SET search_path = serve_similar, public;
\getenv dir PG_ABS_SRCDIR
\i :dir/small_world.sql
\set ECHO all

SELECT count(*) AS n, bool_and(abs(s.similarity - cosine_similarity(a.embedding, b.embedding)) < 1e-5) AS cosines
FROM similar_movies(12, 79) s
JOIN movie_embeddings a ON a.model_id = :model AND a.movie_id = s.movie_id
JOIN movie_embeddings b ON b.model_id = :model AND b.movie_id = 12;
SELECT bool_and(rank = expected) AS in_order
FROM (SELECT rank, row_number() OVER (ORDER BY similarity DESC, movie_id) AS expected
	FROM similar_movies(12, 79)) s;
SELECT count(*) FROM similar_movies(12) WHERE movie_id = 12;
SELECT count(*) FROM similar_movies(12, 5) s JOIN movies m USING (movie_id, title, genres);

-- A movie that is gone is not similar to any, but may be asked about.
DELETE FROM movies WHERE movie_id = 12;
SELECT count(*) FROM similar_movies(13, 100) WHERE movie_id = 12;
SELECT count(*) FROM similar_movies(12);

\set ECHO none
SELECT drop_recommender(:model) \g /dev/null
DROP SCHEMA serve_similar CASCADE;
