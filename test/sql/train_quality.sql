-- Training finds the tastes that are planted in the generated sample, and what
-- the nearest movies are is what is liked.
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA train_quality;
SET search_path = train_quality, public;
\set sample `echo "$MLREC_SAMPLE"`
SELECT load_movielens(:'sample') \g /dev/null
CREATE TABLE epochs AS SELECT * FROM train_recommender(batch_size => 512, retrieval_epochs => 20, ranking_epochs => 20);
SELECT max(model_id) AS model FROM epochs \gset
CREATE VIEW measured AS
	SELECT p.protocol, s.system, u.users, m.metric, m.value::float8
	FROM recommender_models,
		jsonb_each(metrics) p (protocol, systems), jsonb_each(systems) s (system, groups),
		jsonb_each(groups) u (users, metrics), jsonb_each_text(u.metrics) m (metric, value)
	WHERE model_id = :model;
-- The test part: later than all that the model has seen.
CREATE TABLE test AS
	SELECT r.* FROM ratings r JOIN mlrec_model ON model_id = :model
	WHERE (extract(epoch FROM rated_at) * 1000000 - extract(epoch FROM timestamptz '2000-01-01 UTC') * 1000000,
		user_id, movie_id) > (boundary_time, boundary_user, boundary_movie);
-- The share of pairs of a liked and another movie that are in the right order.
CREATE FUNCTION auc(scores float8[], liked boolean[]) RETURNS float8
BEGIN ATOMIC
	SELECT (sum(rank) FILTER (WHERE liked) - sum(1) FILTER (WHERE liked) * (sum(1) FILTER (WHERE liked) + 1) / 2.0)
		/ sum(1) FILTER (WHERE liked) / sum(1) FILTER (WHERE NOT liked)
	FROM (SELECT liked, rank() OVER w + (count(*) OVER (w GROUPS CURRENT ROW) - 1) / 2.0 AS rank
		FROM unnest(scores, liked) t (score, liked) WINDOW w AS (ORDER BY score)) ranked;
END;
\set ECHO all

-- Each stage is trained, ranking until it does not get better; then they go on with
-- all training ratings, ranking for three epochs if so many have brought something.
SELECT stage, max(epoch) FILTER (WHERE searched) = count(*) FILTER (WHERE searched) AS numbered,
	max(epoch) FILTER (WHERE NOT searched) = count(*) FILTER (WHERE NOT searched) AS numbered_again,
	count(*) FILTER (WHERE NOT searched) = CASE stage WHEN 'retrieval' THEN 1 ELSE
		least(3, count(*) FILTER (WHERE searched AND is_best)) END AS again,
	min(train_loss) < 0.9 * max(train_loss) AS learns, bool_and(seconds > 0 AND learning_rate > 0) AS filled
FROM (SELECT *, val_loss IS NOT NULL AS searched FROM epochs) e
GROUP BY stage ORDER BY stage DESC;
-- Metrics are those of the stage.
SELECT stage, val_loss IS NOT NULL AS loss, val_auc IS NOT NULL AS auc, val_rmse IS NOT NULL AS rmse,
	val_mae IS NOT NULL AS mae
FROM epochs GROUP BY 1, 2, 3, 4, 5 ORDER BY stage DESC, loss DESC;
SELECT (SELECT count(*) FROM test) = test_ratings AS test_ratings, train_ratings + test_ratings = 47566 AS all_rows
FROM recommender_models WHERE model_id = :model;

-- The epochs are kept with the model.
CREATE TEMP TABLE kept AS SELECT model_id, e.* FROM recommender_models, jsonb_to_recordset(epochs)
	AS e (stage text, epoch int, train_loss real, val_loss real, val_auc real, val_rmse real, val_mae real,
		learning_rate real, seconds real, is_best boolean) WHERE model_id = :model;
SELECT (SELECT count(*) FROM (TABLE kept EXCEPT TABLE epochs) d) AS only_kept,
	(SELECT count(*) FROM (TABLE epochs EXCEPT TABLE kept) d) AS only_told;
SELECT e->>'stage' AS stage, e->>'refit' AS refit, e->'val_loss' = 'null' AS without_loss
FROM recommender_models, jsonb_array_elements(epochs) e WHERE model_id = :model
GROUP BY 1, 2, 3 ORDER BY stage DESC, refit;

-- Ratings are predicted better than by the mean of the movie, or by how kind
-- users and good movies are, both static and live.
SELECT protocol, metric, max(value) FILTER (WHERE system = 'mlrec') < 0.9 * max(value) FILTER (WHERE system = 'item_mean')
		AS than_item_mean,
	max(value) FILTER (WHERE system = 'mlrec') < max(value) FILTER (WHERE system = 'bias') AS than_bias
FROM measured WHERE metric IN ('rmse', 'mae') AND users = 'all' GROUP BY protocol, metric ORDER BY protocol, metric;
SELECT metric, users, max(value) FILTER (WHERE protocol = 'live') <
	max(value) FILTER (WHERE protocol = 'static') AS live_is_better
FROM measured WHERE metric IN ('rmse', 'mae') AND system = 'mlrec' GROUP BY metric, users ORDER BY metric, users;
SELECT protocol, metric, value > 0.75 AS three_in_four
FROM measured WHERE metric IN ('auc_rating', 'auc_retrieval') AND users = 'all' AND system = 'mlrec'
ORDER BY protocol, metric;
-- The same by asking: the predictions of the test part are near what came.
SELECT sqrt(avg((rating - predict_rating(user_id, movie_id)) ^ 2)) < 0.85 * stddev(rating) AS explains
FROM test;

-- Lists are better than the most popular movies; for new users, of whom the sample has 47
-- only, about as good.
SELECT metric, users, max(value) FILTER (WHERE system = 'mlrec') >
	CASE WHEN users = 'cold' AND metric = 'ndcg@10' THEN 0.9 ELSE 1 END * max(value) FILTER (WHERE system = 'popularity') AS better
FROM measured WHERE metric IN ('ndcg@10', 'mean_rating_of_hits') AND protocol = 'static'
	AND users <> 'all'
GROUP BY metric, users ORDER BY metric, users;
SELECT value > 0.85 AS recall FROM measured
WHERE (protocol, system, users, metric) = ('static', 'mlrec', 'all', 'recall@200');

-- The nearest movies are the most liked, not the least: the larger the cosine,
-- the more often is a movie liked later on, by known users as by new ones.
SELECT auc(array_agg(cosine_similarity(u.embedding, m.embedding)), array_agg(rating >= 4)) > 0.75 AS auc_of_cosine,
	auc(array_agg(-(u.embedding <=> m.embedding)), array_agg(rating >= 4)) > 0.75 AS auc_of_nearness
FROM test t JOIN user_embeddings u USING (user_id) JOIN movie_embeddings m USING (model_id, movie_id)
WHERE model_id = :model;
CREATE TABLE movie AS SELECT movie_id, avg(rating) AS mean, count(*) AS n FROM ratings GROUP BY movie_id;
SELECT avg(f.mean) > (SELECT avg(mean) FROM movie) + 0.2 AS well_rated
FROM recommend_all(50, 50) r JOIN movie f USING (movie_id);
SELECT corr(retrieval_score, ranking_score) > 0.2 AS towers_agree FROM recommend_all(200, 200);

-- Nobody is told of what he has rated, and everybody of something.
SELECT count(*) AS rated_already FROM recommend_all(200, 50) JOIN ratings USING (user_id, movie_id);
SELECT count(DISTINCT user_id) AS users, count(*) AS movies FROM recommend_all(200, 10);
SELECT count(DISTINCT movie_id) > 80 AS different_movies FROM recommend_all(200, 10);

-- Taste: a user's favorite genre, by what is rated best beyond the movie's mean,
-- is recommended more to him than to others.
CREATE TABLE taste AS
	SELECT user_id, genre, avg(rating - mean) AS liking
	FROM ratings JOIN movie USING (movie_id) JOIN movies USING (movie_id), unnest(string_to_array(genres, '|')) genre
	GROUP BY user_id, genre HAVING count(*) >= 8;
SELECT corr(liking, share) > 0.1 AS follows_taste
FROM (SELECT user_id, genre, avg((genre = ANY (string_to_array(genres, '|')))::int) AS share
	FROM recommend_all(200, 20) r, (SELECT DISTINCT genre FROM taste) g GROUP BY user_id, genre) shown
JOIN taste USING (user_id, genre);

\set ECHO none
SELECT drop_recommender(:model) \g /dev/null
DROP SCHEMA train_quality CASCADE;
