-- What evaluate_recommender reports, under which names, and that it is the
-- same each time, as stored with the model.
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA evaluate_report;
SET search_path = evaluate_report, public;
\set ECHO all

CREATE TABLE movies AS
	SELECT m AS movie_id, 'Movie ' || m || ' (' || 1950 + m % 50 || ')' AS title,
		(ARRAY['Drama', 'Comedy|Drama', 'War', 'Comedy'])[1 + m % 4] AS genres
	FROM generate_series(1, 300) m;
CREATE TABLE users AS
	SELECT u AS user_id, (ARRAY['F', 'M'])[1 + u % 2] AS gender, 10 * (u % 5) AS age,
		u % 3 AS occupation
	FROM generate_series(1, 60) u;
CREATE TABLE ratings AS
	SELECT u AS user_id, (u * 13 + i * 7) % 300 + 1 AS movie_id,
		1 + (u * 31 + i * 17 + u * i) % 5 AS rating,
		timestamptz '2001-01-01 00:00Z' + u * interval '60 min' + i * interval '20 min' AS rated_at
	FROM generate_series(1, 60) u, LATERAL generate_series(1, 1 + u * 11 % 40) i;

SELECT max(model_id) AS model FROM train_recommender(retrieval_epochs => 1, ranking_epochs => 1,
	seed => 3, activate => 'false') \gset
CREATE TABLE measured AS SELECT * FROM evaluate_recommender(:model);

SELECT protocol, system, count(*) FILTER (WHERE users = 'all') AS "all",
	count(*) FILTER (WHERE users = 'warm') AS warm, count(*) FILTER (WHERE users = 'cold') AS cold
FROM measured WHERE metric !~ 'of_hits' -- undefined without hits, which depends on the training
GROUP BY protocol, system ORDER BY protocol DESC, system;
SELECT metric, string_agg(DISTINCT system, ', ' ORDER BY system) AS systems
FROM measured GROUP BY metric ORDER BY metric COLLATE "C";
SELECT DISTINCT metric COLLATE "C" AS metric_with_size
FROM evaluate_recommender(:model, 30, 5)
WHERE metric LIKE '%@%' AND metric NOT LIKE '%_by_rating' ORDER BY 1;

-- Rates are rates, errors are within the scale.
SELECT * FROM measured
WHERE metric ~ '^(auc|recall|ndcg|hit|mrr|coverage)' AND value NOT BETWEEN 0 AND 1
	OR metric ~ '^(rmse|mae)' AND value NOT BETWEEN 0 AND 4
	OR metric ~ 'mean_rating' AND value NOT BETWEEN 1 AND 5;

-- Warm and cold rows are all rows; the baselines are asked the same.
SELECT bool_and(n_all = n_warm + n_cold) AS sums, count(DISTINCT n_all) AS sizes
FROM (
	SELECT sum(value) FILTER (WHERE users = 'all') AS n_all,
		sum(value) FILTER (WHERE users = 'warm') AS n_warm,
		sum(value) FILTER (WHERE users = 'cold') AS n_cold
	FROM measured WHERE metric = 'test_ratings' GROUP BY protocol, system) n;
SELECT bool_and(value = test_ratings) AS test_ratings
FROM measured e JOIN recommender_models ON model_id = :model
WHERE metric = 'test_ratings' AND e.users = 'all';

-- Again the same, and the same as stored with the model by its training.
SELECT count(*) AS differences FROM (
	(TABLE measured EXCEPT SELECT * FROM evaluate_recommender(:model))
	UNION ALL
	(SELECT * FROM evaluate_recommender(:model) EXCEPT TABLE measured)) d;
SET search_path = '';
SELECT count(*) AS differences FROM (
	(SELECT * FROM public.evaluate_recommender(:model) EXCEPT TABLE evaluate_report.measured)
	UNION ALL
	(TABLE evaluate_report.measured EXCEPT SELECT * FROM public.evaluate_recommender(:model))) d;
SET search_path = evaluate_report, public;
WITH stored AS (
	SELECT p.key AS protocol, s.key AS system, u.key AS users, m.key AS metric, m.value::float8
	FROM recommender_models, jsonb_each(metrics) p, jsonb_each(p.value) s, jsonb_each(s.value) u,
		jsonb_each(u.value) m
	WHERE model_id = :model AND p.key IN ('static', 'live')
)
SELECT protocol, count(*) > 100 AS many,
	bool_and((abs(m.value - stored.value) <= 1e-5 * (1 + abs(m.value))) IS TRUE) AS same
FROM stored LEFT JOIN measured m USING (protocol, system, users, metric)
WHERE protocol = 'static'
GROUP BY protocol;

-- As rows: the order of lists is a column of its own.
SELECT count(*) = (SELECT count(*) FROM measured WHERE protocol = 'static') AS all_of_them,
	bool_and((abs(m.value - e.value) <= 1e-5 * (1 + abs(m.value))) IS TRUE) AS same
FROM recommender_metrics m LEFT JOIN measured e ON (e.protocol, e.system, e.users) = (m.protocol, m.system, m.users)
	AND e.metric = m.metric || CASE WHEN m.list_order = 'rating' THEN '_by_rating' ELSE '' END
WHERE m.model_id = :model AND m.protocol = 'static';
SELECT system, string_agg(DISTINCT list_order, ', ' ORDER BY list_order) AS orders
FROM recommender_metrics WHERE model_id = :model GROUP BY system ORDER BY system;

-- A random split has no earlier and later: no live protocol.
SELECT max(model_id) AS model FROM train_recommender(retrieval_epochs => 1, ranking_epochs => 1,
	seed => 3, split => 'random', activate => 'false') \gset
SELECT protocol, value = test_ratings AS test_ratings
FROM evaluate_recommender(:model) e JOIN recommender_models ON model_id = :model
WHERE system = 'mlrec' AND e.users = 'all' AND metric = 'test_ratings';

-- Genres, values and movies that the model does not know are no obstacle.
UPDATE movies SET genres = 'Opera|' || genres WHERE movie_id % 2 = 0;
UPDATE users SET gender = 'X' WHERE user_id % 3 = 0;
INSERT INTO movies VALUES (1000, 'Newer (1999)', 'Opera');
INSERT INTO ratings VALUES (1, 1000, 5, '2030-01-01'), (2, 1000, 2, '2030-01-02'),
	(1000, 1000, 4, '2030-01-03');
SELECT max(model_id) - 1 AS model FROM recommender_models \gset
SELECT protocol, value = test_ratings + 3 AS test_ratings
FROM evaluate_recommender(:model) e JOIN recommender_models ON model_id = :model
WHERE system = 'mlrec' AND e.users = 'all' AND metric = 'test_ratings';

\set ECHO none
DROP SCHEMA evaluate_report CASCADE;
