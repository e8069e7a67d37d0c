-- Live lists are what SQL finds by asking recommend() as of each test rating.
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA evaluate_live_lists;
SET search_path = evaluate_live_lists, public;
\getenv dir PG_ABS_SRCDIR
\i :dir/small_world.sql
\set ECHO all

CREATE TABLE measured AS SELECT * FROM evaluate_recommender(:model, 20, 10) WHERE protocol = 'live_lists';
SELECT system, metric, count(*) AS groups FROM measured GROUP BY system, metric ORDER BY system, metric;

CREATE TABLE test AS
	SELECT user_id, movie_id, rated_at FROM ratings, mlrec_model
	WHERE model_id = :model AND (rated_at, user_id, movie_id) >
		(timestamptz '2000-01-01 00:00Z' + boundary_time * interval '1 microsecond', boundary_user, boundary_movie);
CREATE TABLE answers AS
	SELECT t.*, order_by, (SELECT rank FROM recommend(t.user_id, 20, 20, order_by => order_by, as_of => t.rated_at) r
		WHERE r.movie_id = t.movie_id) AS rank
	FROM test t, unnest(ARRAY['rating', 'relevance']) order_by
	UNION ALL
	SELECT t.*, 'popularity_recent_7_days', (SELECT rank FROM (
		SELECT m.movie_id, row_number() OVER (ORDER BY (SELECT count(*) FROM ratings r WHERE r.movie_id = m.movie_id
			AND r.rated_at < t.rated_at AND r.rated_at >= t.rated_at - interval '7 days' AND rating >= threshold) DESC,
			m.movie_id) AS rank
		FROM movies m WHERE NOT EXISTS (SELECT FROM ratings k WHERE k.movie_id = m.movie_id
			AND k.user_id = t.user_id AND k.rated_at < t.rated_at)) r WHERE r.movie_id = t.movie_id)
	FROM test t, (SELECT (options->>'like_threshold')::float8 AS threshold FROM recommender_models WHERE active) m;
CREATE TABLE expected AS
	SELECT CASE WHEN order_by ~ 'days' THEN order_by ELSE 'mlrec' END AS system, name || suffix AS metric, value
	FROM (
		SELECT order_by, CASE order_by WHEN 'rating' THEN '_by_rating' ELSE '' END AS suffix,
			avg((coalesce(rank, 99) <= 10)::int) AS hit,
			avg(CASE WHEN rank <= 10 THEN ln(2) / ln(rank + 1) ELSE 0 END) AS ndcg,
			avg(CASE WHEN rank <= 20 THEN 1.0 / rank ELSE 0 END) AS mrr
		FROM answers GROUP BY order_by) m
	CROSS JOIN LATERAL (VALUES ('hit@10', hit), ('ndcg@10', ndcg), ('mrr', mrr)) v (name, value);
SELECT system, metric, abs(e.value - m.value) < 1e-4 AS same
FROM expected e LEFT JOIN measured m USING (system, metric)
WHERE users = 'all' ORDER BY system, metric;
SELECT DISTINCT value = (SELECT count(*) FROM test) AS all_asked FROM measured
WHERE metric = 'n_queries' AND users = 'all';

\set ECHO none
SELECT drop_recommender(:model) \g /dev/null
DROP SCHEMA evaluate_live_lists CASCADE;
