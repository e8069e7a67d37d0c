-- Predictions above the top of the scale are shown as the top, and ordered by what they
-- are: not by ids.
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA serve_top_of_scale;
SET search_path = serve_top_of_scale, public;
\set ECHO all

-- users like the movies of their own parity
CREATE TABLE ratings AS
	SELECT u AS user_id, m AS movie_id, CASE WHEN (u + m) % 2 = 0 THEN 5 ELSE 1 END AS rating,
		1000000 + abs(hashint4(u * 1000 + m)) % 1000000 AS rated_at
	FROM generate_series(1, 400) u, generate_series(1, 100) m WHERE abs(hashint4(u * 131 + m * 7)) % 100 < 40;
SELECT max(model_id) AS model FROM train_recommender(retrieval_epochs => 3, ranking_epochs => 12,
	workers => 0) \gset
CREATE TABLE listed AS
	SELECT u AS user_id, r.* FROM generate_series(1, 400) u, recommend(u, 100, 10, :model, order_by => 'rating') r;
SELECT max(ranking_score) AS top, count(*) FILTER (WHERE ranking_score = 5) > 100 AS many FROM listed;
SELECT bool_and(ranking_score <= before) AS falling
	FROM (SELECT ranking_score, lag(ranking_score, 1, 5) OVER (PARTITION BY user_id ORDER BY rank) AS before
		FROM listed) AS r;
-- of two neighbours at the top, the smaller id is first about as often as not
SELECT avg((movie_id < next)::int) BETWEEN 0.3 AND 0.7 AS any_order FROM (
	SELECT movie_id, ranking_score, lead(movie_id) OVER w AS next, lead(ranking_score) OVER w AS next_score
	FROM listed WINDOW w AS (PARTITION BY user_id ORDER BY rank)) r
	WHERE ranking_score = 5 AND next_score = 5;
-- and all functions agree
SELECT count(*) AS differing FROM recommend_all(100, 10, (SELECT array_agg(DISTINCT user_id) FROM listed)) a
	FULL JOIN listed l USING (user_id, rank) WHERE a.movie_id IS DISTINCT FROM l.movie_id;

\set ECHO none
SELECT drop_recommender(:model) \g /dev/null
DROP SCHEMA serve_top_of_scale CASCADE;
