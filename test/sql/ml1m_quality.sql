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

SELECT train_ratings, test_ratings FROM recommender_models WHERE model_id = :model;

SELECT protocol, users, metric, at_most, at_least,
	coalesce(value <= at_most, value >= at_least) AS reached
FROM (VALUES
	-- ratings as predicted
	('live', 'all', 'rmse', 0.870, NULL), ('live', 'all', 'mae', 0.685, NULL),
	('static', 'all', 'rmse', 0.938, NULL), ('static', 'all', 'mae', 0.743, NULL),
	('static', 'warm', 'rmse', 0.895, NULL), ('static', 'cold', 'rmse', 0.979, NULL),
	-- liked movies before others, by the predicted rating and by the cosine
	('live', 'all', 'auc_rating', NULL, 0.805), ('static', 'all', 'auc_rating', NULL, 0.761),
	('static', 'all', 'auc_retrieval', NULL, 0.745),
	-- lists
	('static', 'warm', 'recall@200', NULL, 0.470), ('static', 'cold', 'recall@200', NULL, 0.450),
	('static', 'warm', 'ndcg@10', NULL, 0.258), ('static', 'cold', 'ndcg@10', NULL, 0.395)
) bars (protocol, users, metric, at_most, at_least)
LEFT JOIN measured USING (protocol, users, metric)
WHERE system = 'mlrec'
ORDER BY protocol, users, metric;

-- The nearest movies are good ones.
SELECT r.value > c.value + 0.2 AS retrieved_above_catalogue
FROM measured r, measured c
WHERE (r.protocol, r.system, r.users, r.metric) = ('static', 'mlrec', 'all', 'mean_rating@200')
	AND (c.protocol, c.users, c.metric) = ('static', 'all', 'catalogue_mean_rating');

-- Everybody is told of something, and nobody of what he has rated.
CREATE TABLE shown AS SELECT * FROM recommend_all(200, 10);
SELECT count(DISTINCT user_id) AS users, count(*) AS movies,
	count(r.rating) AS rated_already
FROM shown LEFT JOIN ratings r USING (user_id, movie_id);
SELECT bool_and(ranking_score BETWEEN 1 AND 5 AND retrieval_score BETWEEN -1 AND 1) AS scores_in_range FROM shown;

-- Newcomers: users of the test part alone, under new ids, of whom there are
-- nothing but their first five ratings.  What they went on to like is found
-- among their ten movies oftener than among the ten most popular ones that they
-- have not rated.
CREATE TABLE newcomer AS
	SELECT user_id + 1000000 AS user_id, movie_id, rating, rated_at,
		row_number() OVER (PARTITION BY user_id ORDER BY rated_at, movie_id) AS n
	FROM ratings
	WHERE user_id NOT IN (SELECT user_id FROM user_embeddings WHERE model_id = :model);
CREATE TABLE known AS SELECT * FROM newcomer WHERE n <= 5;
CREATE TABLE liked AS SELECT user_id, movie_id FROM newcomer WHERE n > 5 AND rating >= 4;
CREATE TABLE asked AS SELECT user_id FROM newcomer
	GROUP BY user_id HAVING count(*) FILTER (WHERE n > 5 AND rating >= 4) > 0;
INSERT INTO ratings SELECT user_id, movie_id, rating, rated_at FROM known;
CREATE TABLE popular AS
	SELECT movie_id, row_number() OVER (ORDER BY count(*) DESC, movie_id) AS place
	FROM ratings JOIN mlrec_model ON model_id = :model
	WHERE (rated_at, user_id, movie_id) <=
		(timestamptz '2000-01-01 00:00Z' + boundary_time * interval '1 microsecond', boundary_user, boundary_movie)
	GROUP BY movie_id;
CREATE TABLE list AS
	SELECT 'mlrec' AS system, user_id, rank, movie_id
	FROM asked, recommend(user_id, order_by => 'relevance')
	UNION ALL
	SELECT 'popularity', user_id, rank, movie_id
	FROM asked a, LATERAL (
		SELECT movie_id, row_number() OVER (ORDER BY place) AS rank FROM popular p
		WHERE NOT EXISTS (SELECT FROM known k WHERE k.user_id = a.user_id AND k.movie_id = p.movie_id)
		ORDER BY place LIMIT 10) p;
SELECT system, count(DISTINCT user_id) AS users, count(*) AS movies FROM list GROUP BY system ORDER BY system;
CREATE TABLE found AS
	SELECT system, user_id, count(l.movie_id) AS hits
	FROM list LEFT JOIN liked l USING (user_id, movie_id)
	GROUP BY system, user_id;
SELECT m.hit > p.hit AS hit_at_10_better, m.hits > p.hits AS hits_better
FROM (SELECT count(*) FILTER (WHERE hits > 0) AS hit, sum(hits) AS hits FROM found WHERE system = 'mlrec') m,
	(SELECT count(*) FILTER (WHERE hits > 0) AS hit, sum(hits) AS hits FROM found WHERE system = 'popularity') p;
SELECT count(*) FILTER (WHERE same = 10) < 0.05 * count(*) AS lists_differ, avg(same) < 7 AS by_three_movies
FROM (
	SELECT m.user_id, count(p.movie_id) AS same
	FROM list m LEFT JOIN list p ON p.system = 'popularity' AND p.user_id = m.user_id AND p.movie_id = m.movie_id
	WHERE m.system = 'mlrec'
	GROUP BY m.user_id) s;

\set ECHO none
SELECT drop_recommender(:model) \g /dev/null
DROP SCHEMA ml1m_quality CASCADE;
