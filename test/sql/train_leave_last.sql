-- split => 'leave_last' keeps the last rating of each user for the test, and lets the
-- one before decide.
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA train_leave_last;
SET search_path = train_leave_last, public;
\getenv dir PG_ABS_SRCDIR
\i :dir/small_world.sql
CREATE FUNCTION train() RETURNS int
BEGIN ATOMIC
	SELECT max(t.model_id) FROM train_recommender(split => 'leave_last', retrieval_epochs => 3, ranking_epochs => 2,
		like_threshold => 4, activate => 'false') t;
END;
\set ECHO all

SELECT train() AS last \gset
SELECT test_ratings = (SELECT count(DISTINCT user_id) FROM ratings) AS one_of_each_user,
	train_ratings + test_ratings = (SELECT count(*) FROM ratings) AS all_others, options->>'split' AS split
FROM recommender_models WHERE model_id = :last;

-- Measured at the last rating of each user, knowing all others.
CREATE TABLE measured AS SELECT * FROM evaluate_recommender(:last, 20, 10);
SELECT DISTINCT protocol FROM measured ORDER BY protocol;
CREATE TABLE test AS SELECT DISTINCT ON (user_id) * FROM ratings ORDER BY user_id, rated_at DESC;
SELECT m.value = count(*) AS asked, abs(h.value - avg((EXISTS (
		SELECT FROM recommend(t.user_id, 20, 10, :last, order_by => 'relevance', as_of => t.rated_at) r
		WHERE r.movie_id = t.movie_id))::int)) < 1e-6 AS as_served
FROM test t, measured m, measured h
WHERE (m.protocol, m.system, m.users, m.metric) = ('live_lists', 'mlrec', 'all', 'n_queries')
	AND (h.protocol, h.system, h.users, h.metric) = ('live_lists', 'mlrec', 'all', 'hit@10')
GROUP BY m.value, h.value;

-- Training has not seen them.
UPDATE ratings r SET rating = 6 - r.rating FROM test t WHERE (r.user_id, r.movie_id) = (t.user_id, t.movie_id);
SELECT train() AS again \gset
SELECT count(*) AS movies, bool_and(a.embedding = b.embedding) AS same
FROM movie_embeddings a JOIN movie_embeddings b USING (movie_id) WHERE a.model_id = :last AND b.model_id = :again;

\set ECHO none
SELECT drop_recommender(model_id) FROM recommender_models WHERE ratings ~ 'train_leave_last' \g /dev/null
DROP SCHEMA train_leave_last CASCADE;
