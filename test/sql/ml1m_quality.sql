-- What a default training of MovieLens 1M reaches on the last fifth of the
-- ratings.  The bars lie below what was measured, so that the differences
-- between processors do not matter; what they are set against is in README.md.
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA ml1m_quality;
SET search_path = ml1m_quality, public;
\set data `echo "$MLREC_ML1M"`
SELECT load_movielens(:'data') \g /dev/null
SELECT max(model_id) AS model FROM train_recommender() \gset
CREATE TABLE measured AS
	SELECT p.protocol, s.system, u.users, m.metric, m.value::float8
	FROM recommender_models,
		jsonb_each(metrics) p (protocol, systems), jsonb_each(systems) s (system, groups),
		jsonb_each(groups) u (users, metrics), jsonb_each_text(u.metrics) m (metric, value)
	WHERE model_id = :model;
\set ECHO all

SELECT train_rows, test_rows FROM recommender_models WHERE model_id = :model;

SELECT protocol, users, metric, at_most, at_least,
	coalesce(value <= at_most, value >= at_least) AS reached
FROM (VALUES
	-- ratings as predicted
	('live', 'all', 'rmse', 0.880, NULL), ('live', 'all', 'mae', 0.697, NULL),
	('static', 'all', 'rmse', 0.938, NULL), ('static', 'all', 'mae', 0.743, NULL),
	('static', 'warm', 'rmse', 0.895, NULL), ('static', 'cold', 'rmse', 0.979, NULL),
	-- liked films before others, by the predicted rating and by the cosine
	('live', 'all', 'auc_rating', NULL, 0.800), ('static', 'all', 'auc_rating', NULL, 0.761),
	('static', 'all', 'auc_retrieval', NULL, 0.745),
	-- lists
	('static', 'warm', 'recall@200', NULL, 0.470), ('static', 'cold', 'recall@200', NULL, 0.450),
	('static', 'warm', 'ndcg@10', NULL, 0.260), ('static', 'cold', 'ndcg@10', NULL, 0.395)
) bars (protocol, users, metric, at_most, at_least)
LEFT JOIN measured USING (protocol, users, metric)
WHERE system = 'mlrec'
ORDER BY protocol, users, metric;

-- The nearest films are good ones.
SELECT r.value > c.value + 0.2 AS retrieved_above_catalogue
FROM measured r, measured c
WHERE (r.protocol, r.system, r.users, r.metric) = ('static', 'mlrec', 'all', 'mean_rating@200')
	AND (c.protocol, c.users, c.metric) = ('static', 'all', 'catalogue_mean_rating');

-- Everybody is told of something, and nobody of what he has rated.
CREATE TABLE shown AS SELECT * FROM recommend_all(200, 10);
SELECT count(DISTINCT user_id) AS users, count(*) AS films,
	count(r.rating) AS rated_already
FROM shown LEFT JOIN ratings r USING (user_id, movie_id);
SELECT bool_and(ranking_score BETWEEN 1 AND 5 AND retrieval_score BETWEEN -1 AND 1) AS scores_in_range FROM shown;

\set ECHO none
SELECT drop_recommender(:model) \g /dev/null
DROP SCHEMA ml1m_quality CASCADE;
