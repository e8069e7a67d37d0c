-- evaluate_recommender measures what serving does: its figures are those that
-- SQL finds by asking recommend() and predict_rating() at the right moments,
-- with the ratings that are not known then taken away.
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA evaluate_serving;
SET search_path = evaluate_serving, public;
\set ECHO all

-- 40 users of 1 to 20 ratings, two at a time, in sittings that overlap; none
-- likes so many movies that only some of them are asked for.
CREATE TABLE movies AS
	SELECT m AS movie_id, 'Movie ' || m || ' (' || 1950 + m % 50 || ')' AS title,
		(ARRAY['Drama', 'Comedy|Drama', 'War', 'Comedy'])[1 + m % 4] AS genres
	FROM generate_series(1, 80) m;
CREATE TABLE users AS
	SELECT u AS user_id, (ARRAY['F', 'M'])[1 + u % 2] AS gender, 10 * (u % 5) AS age,
		u % 3 AS occupation
	FROM generate_series(1, 40) u;
CREATE TABLE ratings AS
	SELECT u AS user_id, (u * 13 + i * 7) % 80 + 1 AS movie_id,
		1 + (u * 3 + i * 2) % 5 AS rating,
		600 * u + i / 2 * 1000 AS rated_at
	FROM generate_series(1, 40) u, LATERAL generate_series(1, 1 + u * 11 % 20) i;

SELECT max(model_id) AS model FROM train_recommender(test_fraction => 0.3,
	retrieval_epochs => 8, ranking_epochs => 2, validation_fraction => 0, like_threshold => 4, seed => 3,
	activate => 'false') \gset
-- Without validation the order of histories counts, whatever it is worth.
SELECT relevance->'live' AS live FROM recommender_models WHERE model_id = :model;
CREATE TABLE measured AS SELECT * FROM evaluate_recommender(:model, 20, 10);

-- The test part, which is taken away.
CREATE TABLE everything AS TABLE ratings;
CREATE TABLE test AS
	SELECT r.user_id, r.movie_id, r.rating, r.rated_at, (
		SELECT count(*) FROM ratings k WHERE k.user_id = r.user_id AND
			(k.rated_at, k.user_id, k.movie_id) <= (boundary_time, boundary_user, boundary_movie)
		) AS n_trainval
	FROM ratings r JOIN mlrec_model ON model_id = :model
	WHERE (r.rated_at, r.user_id, r.movie_id) > (boundary_time, boundary_user, boundary_movie);
DELETE FROM ratings r USING test t WHERE r.user_id = t.user_id AND r.movie_id = t.movie_id;
SELECT count(*) AS test_ratings, count(*) FILTER (WHERE n_trainval >= 5) AS warm FROM test;

-- The static protocol asks everything now.
CREATE TABLE predicted AS
	SELECT 'static' AS protocol, n_trainval, rating, predict_rating(user_id, movie_id, :model)
	FROM test;
CREATE TABLE listed AS
	SELECT 'static' AS protocol, ordered, question.n_trainval, question.user_id, 0 AS asked, rank, rating,
		n_relevant, coalesce(rating >= 4, false) AS relevant
	FROM (
		SELECT user_id, n_trainval, count(*) AS n_relevant FROM test WHERE rating >= 4
		GROUP BY user_id, n_trainval) question
	CROSS JOIN unnest(ARRAY['relevance', 'rating']) ordered
	CROSS JOIN LATERAL recommend(question.user_id, 20, 20, :model, order_by => ordered) r
	LEFT JOIN test t ON t.user_id = question.user_id AND t.movie_id = r.movie_id;

-- The live one asks at each moment, and then adds what came at that moment; at
-- the first one that may be ratings of the training part.
DELETE FROM ratings WHERE rated_at >= (SELECT min(rated_at) FROM test);
SELECT set_config('evaluate_serving.model', :'model', false) \g /dev/null
DO $$
DECLARE
	model int := current_setting('evaluate_serving.model');
	now int;
BEGIN
	FOR now IN SELECT DISTINCT rated_at FROM test ORDER BY rated_at LOOP
		INSERT INTO predicted
			SELECT 'live', n_trainval, rating, predict_rating(user_id, movie_id, model)
			FROM test WHERE rated_at = now;
		INSERT INTO listed
			SELECT 'live', ordered, q.n_trainval, q.user_id, q.movie_id, rank, t.rating, 1,
				r.movie_id = q.movie_id
			FROM test q
			CROSS JOIN unnest(ARRAY['relevance', 'rating']) ordered
			CROSS JOIN LATERAL recommend(q.user_id, 20, 20, model, order_by => ordered,
				as_of => to_timestamp(now)) r
			LEFT JOIN test t ON t.user_id = q.user_id AND t.movie_id = r.movie_id
				AND t.rated_at >= now
			WHERE q.rated_at = now AND q.rating >= 4;
		INSERT INTO ratings SELECT * FROM everything WHERE rated_at = now;
	END LOOP;
END
$$;

-- The same metrics by SQL.
CREATE VIEW groups AS
	SELECT * FROM (VALUES ('all', 0, 1000), ('warm', 5, 1000), ('cold', 0, 4)) g (users, low, high);
CREATE VIEW answers AS
	SELECT protocol, ordered, users, user_id, asked,
		count(*) FILTER (WHERE relevant)::float / min(n_relevant) AS recall,
		coalesce(sum(1 / ln(rank + 1)) FILTER (WHERE relevant AND rank <= 10), 0) /
			(SELECT sum(1 / ln(i + 1)) FROM generate_series(1, least(10, min(n_relevant))) i) AS ndcg,
		coalesce(bool_or(relevant AND rank <= 10), false)::int AS hit,
		coalesce(1.0 / min(rank) FILTER (WHERE relevant), 0) AS reciprocal_rank
	FROM listed JOIN groups ON n_trainval BETWEEN low AND high
	GROUP BY protocol, ordered, users, user_id, asked;
CREATE VIEW expected AS
	SELECT protocol, users, metric, value
	FROM (
		SELECT protocol, users, sqrt(avg((predict_rating - rating) ^ 2)) AS rmse,
			avg(abs(predict_rating - rating)) AS mae
		FROM predicted JOIN groups ON n_trainval BETWEEN low AND high
		GROUP BY protocol, users) m
	CROSS JOIN LATERAL (VALUES ('rmse', rmse), ('mae', mae)) v (metric, value)
	UNION ALL
	SELECT protocol, users, metric || suffix, value
	FROM (
		SELECT protocol, ordered, users, avg(recall) AS recall, avg(ndcg) AS ndcg,
			avg(hit) AS hit, avg(reciprocal_rank) AS mrr
		FROM answers GROUP BY protocol, ordered, users) m
	CROSS JOIN LATERAL (SELECT CASE ordered WHEN 'rating' THEN '_by_rating' ELSE '' END) s (suffix)
	CROSS JOIN LATERAL (VALUES ('recall@20', recall), ('ndcg@10', ndcg), ('hit@10', hit),
		('mrr', mrr)) v (metric, value)
	WHERE metric || suffix <> 'recall@20_by_rating'
	UNION ALL
	SELECT protocol, users, 'mean_rating_of_hits' ||
			CASE ordered WHEN 'rating' THEN '_by_rating' ELSE '' END, avg(rating)
	FROM listed JOIN groups ON n_trainval BETWEEN low AND high
	WHERE rank <= 10 AND rating IS NOT NULL
	GROUP BY protocol, ordered, users;

SELECT protocol, metric, count(*) AS groups,
	bool_and((abs(e.value - m.value) < 1e-4) IS TRUE) AS same
FROM expected e LEFT JOIN measured m USING (protocol, users, metric)
WHERE system = 'mlrec'
GROUP BY protocol, metric ORDER BY protocol, metric;

-- The item mean, of the training part in both protocols.
WITH training AS (
	SELECT movie_id, rating FROM ratings EXCEPT ALL SELECT movie_id, rating FROM test
), item AS (
	SELECT movie_id, count(t.rating) AS n, coalesce(sum(t.rating), 0) AS total
	FROM movies LEFT JOIN training t USING (movie_id) GROUP BY movie_id
), guess AS (
	SELECT rating, (total + 5 * (SELECT avg(rating) FROM training)) / (n + 5) AS guess
	FROM test JOIN item USING (movie_id)
)
SELECT protocol, abs(m.value - sqrt(avg((rating - guess) ^ 2))) < 1e-4 AS same
FROM guess, measured m
WHERE system = 'item_mean' AND users = 'all' AND metric = 'rmse'
GROUP BY protocol, m.value ORDER BY protocol;

\set ECHO none
DROP SCHEMA evaluate_serving CASCADE;
