-- Rows without a rating, or whose ratings are all equal, are events: what a user
-- chose, counted once with the sum of the weights.
\getenv sample MLREC_SAMPLE
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA dataset_events;
SET search_path = dataset_events, public;
SELECT * FROM load_movielens(:'sample') \g /dev/null
CREATE TABLE chosen AS SELECT user_id, movie_id, rated_at FROM ratings WHERE rating >= 4 AND user_id <= 250;
CREATE INDEX ON chosen (user_id);
DROP TABLE ratings;
CREATE FUNCTION train(relation regclass) RETURNS int
BEGIN ATOMIC
	SELECT max(t.model_id) FROM train_recommender(relation, retrieval_epochs => 3, ranking_epochs => 1,
		workers => 0, comment => 'dataset_events') t;
END;
\set ECHO all

-- there are no rating metrics
SELECT train('chosen') AS model \gset
SELECT count(*) FROM evaluate_recommender(:model) WHERE metric IN ('rmse', 'mae');
SELECT users, value > 0.5 AS found FROM evaluate_recommender(:model)
	WHERE system = 'mlrec' AND protocol = 'static' AND users = 'warm' AND metric = 'recall@200';

-- the score is a chance, and the order by default that of relevance
SELECT count(*) = 20 AS all, bool_and(d.ranking_score > 0 AND d.ranking_score < 1) AS chances,
	bool_and(d.movie_id = r.movie_id AND d.ranking_score = r.ranking_score) AS by_relevance,
	bool_and(abs(d.ranking_score - predict_rating(1, d.movie_id, :model)) < 1e-6) AS predicted
	FROM recommend(1, 50, 20, :model) AS d JOIN recommend(1, 50, 20, :model, order_by => 'relevance') AS r USING (rank);
SELECT bool_and(fewer) AS falling FROM (SELECT ranking_score <= lag(ranking_score) OVER (ORDER BY rank) AS fewer
	FROM recommend(1, 50, 20, :model)) AS r;

-- all ratings equal are the same
CREATE VIEW ones AS SELECT *, 7.5 AS rating FROM chosen;
SELECT train('ones') AS ones \gset
SELECT count(*) FROM evaluate_recommender(:ones) WHERE metric IN ('rmse', 'mae');

-- repeated events are one row of the history, and none of what is to be found
CREATE VIEW repeated AS SELECT user_id, movie_id, rated_at, 1.5 AS weight FROM chosen
	UNION ALL SELECT user_id, movie_id, rated_at + interval '1 day', 0.5 FROM chosen WHERE movie_id % 3 = 0;
SELECT train('repeated') AS repeated \gset
SELECT r.train_ratings = c.train_ratings AND r.test_ratings = c.test_ratings AS same_rows
	FROM recommender_models AS r, recommender_models AS c WHERE r.model_id = :repeated AND c.model_id = :model;
-- live: a weight counts, as the sum of its events, whatever their order
SELECT movie_id AS first FROM movies ORDER BY movie_id LIMIT 1 \gset
CREATE VIEW twice AS SELECT * FROM repeated UNION ALL
	SELECT 9001, m, timestamptz '2020-01-01', 4 FROM generate_series(20, 30) AS m;
CREATE VIEW summed AS SELECT user_id, movie_id, rated_at, weight FROM repeated UNION ALL
	SELECT 9001, m, timestamptz '2020-01-01', w FROM generate_series(30, 20, -1) AS m, unnest(ARRAY[1, 2, 1]) AS w;
BEGIN;
ALTER VIEW repeated RENAME TO before;
ALTER VIEW twice RENAME TO repeated;
CREATE TEMPORARY TABLE one AS SELECT * FROM recommend(9001, 50, 5, :repeated, order_by => 'relevance');
ALTER VIEW repeated RENAME TO twice;
ALTER VIEW summed RENAME TO repeated;
CREATE TEMPORARY TABLE other AS SELECT * FROM recommend(9001, 50, 5, :repeated, order_by => 'relevance');
SELECT count(*),
	bool_and(one.movie_id = other.movie_id AND abs(one.retrieval_score - other.retrieval_score) < 1e-5) AS same
	FROM one JOIN other USING (rank);
SELECT count(*) FILTER (WHERE movie_id BETWEEN 20 AND 30) AS seen FROM one;
ROLLBACK;

-- everything serves
SELECT count(*) FROM recommend(1, 50, 5);
SELECT count(*) FROM recommend(1, 400, 400, exclude_seen => false);
-- to all users what each one gets, whatever the order asked for, also from few candidates
BEGIN;
CREATE TEMPORARY TABLE everyone AS SELECT * FROM recommend_all(6, 5);
SELECT count(DISTINCT user_id), count(*) FILTER (WHERE a IS DISTINCT FROM s) AS differing
	FROM everyone AS a FULL JOIN (SELECT u.user_id, r.* FROM (SELECT DISTINCT user_id FROM everyone) AS u,
		recommend(u.user_id, 6, 5, order_by => 'rating') AS r) AS s USING (user_id, rank);
SELECT count(*) AS differing FROM everyone AS a FULL JOIN (SELECT u.user_id, r.* FROM
		(SELECT DISTINCT user_id FROM everyone) AS u, recommend(u.user_id, 6, 5) AS r) AS s USING (user_id, rank)
	WHERE a IS DISTINCT FROM s;
COMMIT;
SELECT count(*) > 1 AS explained FROM explain_recommendation(1, :first);
SELECT count(*) FROM similar_movies(:first, 5);
SELECT status FROM recommender_health();
SELECT total_users, total_movies, total_ratings FROM recommender_stats();
SELECT ratings = (SELECT count(*) FROM chosen WHERE user_id = 1) AS counted FROM user_profile(1);
SELECT ratings = (SELECT count(*) FROM chosen WHERE movie_id = :first) AS counted FROM movie_details(:first);

\set ECHO none
SELECT drop_recommender(model_id) FROM recommender_models WHERE comment = 'dataset_events' \g /dev/null
DROP SCHEMA dataset_events CASCADE;
