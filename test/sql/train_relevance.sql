-- The weights of relevance follow the training and the validation part: the same ratings
-- give the same ones, whether or not there is a test part behind.
\getenv sample MLREC_SAMPLE
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA train_relevance;
SET search_path = train_relevance, public;
SELECT * FROM load_movielens(:'sample') \g /dev/null
CREATE FUNCTION train(relation regclass, test_fraction float8, validation_fraction float8, seed int) RETURNS int
BEGIN ATOMIC
	SELECT max(t.model_id) FROM train_recommender(relation, test_fraction => test_fraction,
		validation_fraction => validation_fraction, seed => seed, batch_size => 512, retrieval_epochs => 6,
		ranking_epochs => 1, workers => 0, activate => false, comment => 'train_relevance') t;
END;
\set ECHO all

SELECT train('ratings', 0.2, 0.2, 1) AS whole \gset
CREATE TABLE early AS SELECT * FROM ratings ORDER BY rated_at, user_id, movie_id
	LIMIT (SELECT train_ratings FROM recommender_models WHERE model_id = :whole);
SELECT train('early', 0, 0.2, 1) AS early \gset
SELECT w.train_ratings = e.train_ratings AS same_ratings, e.test_ratings,
	abs((e.relevance->>'cosine')::float8 / (w.relevance->>'cosine')::float8 - 1) < 0.1 AS same_cosine,
	abs((e.relevance->>'rating')::float8 - (w.relevance->>'rating')::float8) < 0.1 AS same_rating,
	(w.relevance->>'cosine')::float8 > 0.1 AS learned
	FROM recommender_models AS w, recommender_models AS e WHERE w.model_id = :whole AND e.model_id = :early;

\set ECHO none
SELECT drop_recommender(model_id) FROM recommender_models WHERE comment = 'train_relevance' \g /dev/null
DROP SCHEMA train_relevance CASCADE;
