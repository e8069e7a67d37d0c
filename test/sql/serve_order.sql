-- What rows are ordered by: the predicted rating, relevance, or less of the
-- same.
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA serve_order;
SET search_path = serve_order, public;
\getenv dir PG_ABS_SRCDIR
\i :dir/small_world.sql
\set ECHO all

CREATE TEMP TABLE by_rating AS SELECT * FROM recommend(5, 80, 80);
CREATE TEMP TABLE by_relevance AS SELECT * FROM recommend(5, 80, 80, order_by => 'relevance');
SELECT count(*) AS same_scores, bool_or(r.rank <> v.rank) AS other_order
FROM by_rating r JOIN by_relevance v USING (movie_id, ranking_score, retrieval_score);

-- The scores mean the same in either order.
SELECT bool_and(ranking_score BETWEEN 1 AND 5) AS ratings,
	bool_and(retrieval_score BETWEEN -1 AND 1) AS cosines FROM by_relevance;

-- Diversity 0 changes nothing.  With 1 the first stays the first, and each next
-- movie is the one least like those before.
SELECT count(*) FROM recommend(5, 80, 80, diversity => 0) NATURAL JOIN by_rating;
CREATE TEMP TABLE diverse AS SELECT * FROM recommend(5, 30, 10, diversity => 1);
SELECT count(*) AS same_first FROM diverse JOIN recommend(5, 30, 1) USING (movie_id, rank);
CREATE TEMP VIEW vectors AS
	SELECT movie_id, embedding FROM movie_embeddings
	WHERE model_id = (SELECT model_id FROM recommender_models WHERE active);
SELECT bool_and(abs(chosen.similarity - best.similarity) < 1e-5) AS greedy
FROM diverse d
JOIN LATERAL (
	SELECT max(inner_product(a.embedding, b.embedding)) AS similarity
	FROM diverse e, vectors a, vectors b
	WHERE e.rank < d.rank AND a.movie_id = d.movie_id AND b.movie_id = e.movie_id) chosen ON true
JOIN LATERAL (
	SELECT min(similarity) AS similarity FROM (
		SELECT max(inner_product(a.embedding, b.embedding)) AS similarity
		FROM recommend(5, 30, 30) c, diverse e, vectors a, vectors b
		WHERE e.rank < d.rank AND a.movie_id = c.movie_id AND b.movie_id = e.movie_id
			AND c.movie_id NOT IN (SELECT movie_id FROM diverse f WHERE f.rank < d.rank)
		GROUP BY c.movie_id) s) best ON true
WHERE d.rank > 1;
SELECT count(*), count(DISTINCT movie_id) FROM recommend(5, 80, 80, diversity => 0.5);
SELECT count(*) FROM recommend(5, 80, 1, diversity => 0.5);
SELECT count(*) FROM recommend(5, diversity => 1, candidates => ARRAY[1]);

-- Equal movies come in the order of their ids.
INSERT INTO movies SELECT m, 'Same (1970)', 'War' FROM generate_series(900, 909) m;
SELECT array_agg(movie_id ORDER BY rank) FROM recommend(5, 200, 200) WHERE movie_id >= 900;

\set ECHO none
SELECT drop_recommender(:model) \g /dev/null
DROP SCHEMA serve_order CASCADE;
