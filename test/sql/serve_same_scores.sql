-- A movie's scores for a user have the same bits whichever function tells them,
-- and whatever other movies and users are asked about in the same breath.
\set ECHO none
\set sample `echo "$MLREC_SAMPLE"`
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA serve_same_scores;
SET search_path = serve_same_scores, public;
SELECT load_movielens(:'sample') \g /dev/null
SELECT max(model_id) AS model FROM train_recommender(retrieval_epochs => 2, ranking_epochs => 2,
	learning_rate => 3e-3, validation_fraction => 0) \gset
\set ECHO all

-- Without validation the order of histories counts, whatever it is worth.
SELECT relevance->'live' AS live FROM recommender_models WHERE model_id = :model;

-- 200 users, strangers among them, and 50 movies, a few of them fresh.
CREATE TABLE asked_users AS
	SELECT user_id::bigint FROM users WHERE user_id % 3 = 0 AND user_id <= 594
	UNION ALL VALUES (70001), (70002);
INSERT INTO movies VALUES (10001, 'Fresh', 'Drama', 1999), (10002, 'Also fresh', 'Comedy|Romance', 1950);
CREATE TABLE asked_movies AS SELECT movie_id::bigint FROM movies WHERE movie_id % 8 = 0 OR movie_id > 10000;

CREATE TABLE scores AS
	SELECT user_id, movie_id, ranking_score AS rating, retrieval_score AS cosine
	FROM asked_users, recommend(user_id, 50, 60, candidates => (SELECT array_agg(movie_id) FROM asked_movies));
SELECT count(DISTINCT user_id) AS users, count(DISTINCT movie_id) AS movies, count(*) > 8000 AS many FROM scores;

-- Pairs of which a function says something else, or which one of the two does not have.
CREATE FUNCTION differing(others text) RETURNS TABLE (pairs bigint, many boolean) LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT count(*) FILTER (WHERE s.rating IS DISTINCT FROM o.ranking_score
			OR s.cosine IS DISTINCT FROM o.retrieval_score), count(s.rating) > 8000
		FROM scores s FULL JOIN (SELECT * FROM (%s) r WHERE movie_id IN (SELECT movie_id FROM asked_movies)
			AND user_id IN (SELECT user_id FROM asked_users)) o USING (user_id, movie_id)', others);
END
$$;

-- Among all movies, by one function and by the other, which takes users together ...
SELECT * FROM differing('SELECT user_id, r.* FROM asked_users, recommend(user_id, 500, 500) r');
SELECT * FROM differing('SELECT user_id, r.* FROM asked_users, recommend(user_id, 500, 500, order_by => ''relevance'') r');
SELECT * FROM differing('SELECT user_id, (r->>''movie_id'')::bigint AS movie_id, (r->>''ranking_score'')::real AS ranking_score,
	(r->>''retrieval_score'')::real AS retrieval_score
	FROM asked_users, json_array_elements(recommend_json(user_id, 500, 500)->''recommendations'') r');
SELECT * FROM differing('SELECT * FROM recommend_all(500, 500, (SELECT array_agg(user_id) FROM asked_users))');
-- ... of which there may be more, in other places, or one.
SELECT * FROM differing('SELECT * FROM recommend_all(500, 500, (SELECT array_agg(user_id) FROM (
	SELECT user_id FROM users UNION SELECT user_id FROM asked_users UNION SELECT generate_series(-100, 0)) u))');
SELECT * FROM differing('SELECT r.* FROM asked_users a, recommend_all(500, 500, ARRAY[user_id]) r');

-- One movie at a time, or a few.
SELECT count(*) FILTER (WHERE rating IS DISTINCT FROM predict_rating(user_id, movie_id)) AS pairs,
	count(*) > 8000 AS many
FROM scores;
SELECT count(*) FILTER (WHERE (rating, cosine) IS DISTINCT FROM (ranking_score, retrieval_score)) AS pairs,
	count(*) > 1000 AS many
FROM scores s, recommend(user_id, 1, 1, candidates => ARRAY[s.movie_id]) WHERE user_id % 5 = 0;
SELECT n, count(*) FILTER (WHERE (rating, cosine) IS DISTINCT FROM (ranking_score, retrieval_score)) AS pairs
FROM (VALUES (2), (3), (5), (7), (11), (13), (17)) few (n) CROSS JOIN asked_users CROSS JOIN LATERAL
	recommend(user_id, n, n, candidates => (SELECT array_agg(movie_id) FROM (
		SELECT movie_id FROM asked_movies ORDER BY movie_id DESC LIMIT n) f))
	LEFT JOIN scores USING (user_id, movie_id)
GROUP BY n ORDER BY n;

-- The best are the same ones, in the same order.
SELECT k, count(*) FILTER (WHERE a IS DISTINCT FROM r) AS differ, count(*)
FROM (VALUES (10), (30), (120)) c (k), LATERAL (
	SELECT * FROM recommend_all(k, 10, (SELECT array_agg(user_id) FROM asked_users))) a
	FULL JOIN LATERAL (SELECT user_id, r.* FROM asked_users, recommend(user_id, k, 10) r) r USING (user_id, rank)
GROUP BY k ORDER BY k;

\set ECHO none
SELECT drop_recommender(:model) \g /dev/null
DROP SCHEMA serve_same_scores CASCADE;
