-- Diversity is maximal marginal relevance: at each place stands the movie with
-- the largest (1 - diversity) * score - diversity * similarity, where score is
-- what rows are ordered by, scaled so that the candidates lie from 0 to 1, and
-- similarity the largest cosine with a movie above.
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA serve_diversity;
SET search_path = serve_diversity, public;
\getenv dir PG_ABS_SRCDIR
\i :dir/small_world.sql
\set ECHO all

CREATE TABLE vectors AS SELECT movie_id, embedding FROM movie_embeddings WHERE model_id = :model;
CREATE TABLE wish AS
	SELECT u AS user_id, order_by, diversity
	FROM unnest(ARRAY[5, 17]) u, unnest(ARRAY['rating', 'relevance']) order_by,
		unnest(ARRAY[0.1, 0.3, 0.5, 0.7, 0.9, 1]::real[]) diversity;

-- The candidates with their scores by the formulas.
CREATE TABLE candidate AS
	SELECT user_id, order_by, movie_id, CASE order_by WHEN 'rating' THEN ranking_score ELSE
		user_temperature(user_id) * retrieval_score +
		(m.relevance->>'rating')::float8 * ranking_score + popularity.contribution END AS score
	FROM (SELECT DISTINCT user_id, order_by FROM wish) w,
		recommend(user_id, 30, 30, order_by => w.order_by) r,
		explain_recommendation(user_id, movie_id, 0) popularity, recommender_models m
	WHERE m.active;
CREATE TABLE scaled AS
	SELECT user_id, order_by, movie_id, (score - min(score) OVER best) /
		(max(score) OVER best - min(score) OVER best) AS score
	FROM candidate WINDOW best AS (PARTITION BY user_id, order_by);
SELECT user_id, order_by, count(*) FROM scaled GROUP BY user_id, order_by ORDER BY user_id, order_by;

CREATE TABLE listed AS
	SELECT w.*, rank, movie_id
	FROM wish w, recommend(user_id, 30, 12, order_by => w.order_by, diversity => w.diversity);

-- At each place, what each movie not yet above would have been worth.
CREATE TABLE worth AS
	SELECT l.user_id, l.order_by, l.diversity, l.rank, c.movie_id = l.movie_id AS chosen,
		(1 - l.diversity) * c.score - l.diversity * coalesce(s.similarity, 0) AS worth
	FROM listed l JOIN scaled c USING (user_id, order_by)
	CROSS JOIN LATERAL (
		SELECT max(inner_product(a.embedding, b.embedding)) AS similarity,
			coalesce(bool_or(above.movie_id = c.movie_id), false) AS is_above
		FROM listed above JOIN vectors a USING (movie_id) JOIN vectors b ON b.movie_id = c.movie_id
		WHERE (above.user_id, above.order_by, above.diversity) = (l.user_id, l.order_by, l.diversity)
			AND above.rank < l.rank) s
	WHERE NOT s.is_above AND (l.rank > 1 OR l.diversity < 1);
SELECT order_by, diversity, count(*) AS places, bool_and(chosen > best - 1e-5) AS right_movie
FROM (
	SELECT user_id, order_by, diversity, rank, max(worth) FILTER (WHERE chosen) AS chosen, max(worth) AS best
	FROM worth GROUP BY user_id, order_by, diversity, rank) p
GROUP BY order_by, diversity ORDER BY order_by, diversity;

-- Movies that have come since count like the others; the mask holds.
BEGIN;
INSERT INTO movies SELECT m, 'Same (1970)', 'War' FROM generate_series(900, 909) m;
SELECT count(*) <= 1 AS at_most_one_of_a_kind FROM recommend(5, 14, 4, diversity => 1,
	candidates => ARRAY[900, 901, 902, 903, 904, 905, 906, 907, 908, 909, 1, 2, 3, 4]) WHERE movie_id >= 900;
ROLLBACK;
SELECT count(*) FROM listed JOIN ratings USING (user_id, movie_id);
SELECT count(*), count(DISTINCT (user_id, order_by, diversity, movie_id)) AS different FROM listed;

\set ECHO none
SELECT drop_recommender(:model) \g /dev/null
DROP SCHEMA serve_diversity CASCADE;
