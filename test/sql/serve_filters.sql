-- What may not be recommended is left out before the best are taken: there are
-- as many rows as were asked for, if that many movies are eligible.
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA serve_filters;
SET search_path = serve_filters, public;
\getenv dir PG_ABS_SRCDIR
\i :dir/small_world.sql
\set ECHO all

-- Movies that the user has rated.
SELECT count(*) AS movies, count(r.movie_id) AS seen
FROM recommend(7, 80, 80) f LEFT JOIN ratings r ON r.user_id = 7 AND r.movie_id = f.movie_id;
SELECT 80 - count(*) AS expected FROM ratings WHERE user_id = 7;
SELECT count(*) FROM recommend(7, 80, 80, exclude_seen => false);

-- Movies excluded; what is left keeps its order.
SELECT array_agg(movie_id ORDER BY rank) = (
	SELECT array_agg(movie_id ORDER BY rank) FROM recommend(7, 80, 80) WHERE movie_id > 40) AS same
FROM recommend(7, 80, 80, exclude => ARRAY(SELECT generate_series(1, 40)::bigint));
SELECT count(*) FROM recommend(7, 5, 5, exclude => ARRAY(SELECT generate_series(1, 72)::bigint));
SELECT count(*) FROM recommend(7, exclude => ARRAY(SELECT generate_series(1, 80)::bigint));
SELECT count(*) FROM recommend(7, 80, 80, exclude => ARRAY[NULL, 1000000, -1]::bigint[]) f
	NATURAL JOIN recommend(7, 80, 80);

-- Only candidates, each once; those seen are left out all the same.
SELECT array_agg(movie_id ORDER BY movie_id) AS movies
FROM recommend(7, 80, 80, candidates => ARRAY[3, 9, 3, NULL, 1000000, 12]);
SELECT bool_and(c.ranking_score = f.ranking_score AND
	abs(c.retrieval_score - f.retrieval_score) < 1e-6) AS same_scores, count(*)
FROM recommend(7, 80, 80, candidates => ARRAY[3, 9, 12, 15]) c JOIN recommend(7, 80, 80) f USING (movie_id);
SELECT count(*) FROM recommend(7, candidates => ARRAY(SELECT movie_id FROM ratings WHERE user_id = 7));
SELECT count(*) = count(DISTINCT movie_id) AND count(*) > 0 AS all_seen
FROM recommend(7, 80, 80, candidates => ARRAY(SELECT movie_id FROM ratings WHERE user_id = 7),
	exclude_seen => false);
SELECT movie_id FROM recommend(7, candidates => ARRAY[3, 9, 12], exclude => ARRAY[9, 12]);
SELECT count(*) FROM recommend(7, candidates => '{}');
SELECT count(*) FROM recommend(7, candidates => ARRAY[[3, 9], [12, 15]]);

-- A user who has rated everything gets nothing, and no error.
INSERT INTO ratings SELECT 7, movie_id, 3, now() FROM movies ON CONFLICT DO NOTHING;
SELECT count(*) FROM recommend(7);
SELECT count(*) FROM recommend(7, exclude_seen => false);

-- The best by the cosine are retrieved, and among these the rating decides.
SELECT max(o.retrieval_score) <= min(f.retrieval_score) AS best_retrieved
FROM recommend(8, 10, 10) f,
	(SELECT * FROM recommend(8, 80, 80) WHERE movie_id NOT IN (SELECT movie_id FROM recommend(8, 10, 10))) o;
SELECT bool_and(rank = expected) AS in_order
FROM (SELECT rank, row_number() OVER (ORDER BY ranking_score DESC, movie_id) AS expected
	FROM recommend(8, 80, 80)) f;

-- At least as many are retrieved as rows are wanted.
SELECT count(*) FROM recommend(8, 3, 10);
SELECT count(*) FROM recommend(8, 2147483647, 2147483647);

\set ECHO none
SELECT drop_recommender(:model) \g /dev/null
DROP SCHEMA serve_filters CASCADE;
