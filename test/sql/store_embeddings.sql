-- The vectors of movies and users are relations like others.
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA store_embeddings;
SET search_path = store_embeddings, public;
\getenv dir PG_ABS_SRCDIR
\i :dir/small_world.sql
\set ECHO all

SELECT count(*), count(DISTINCT movie_id), bool_and(dims(embedding) = 64) AS dims,
	bool_and(abs(norm(embedding) - 1) < 1e-5) AS unit
FROM movie_embeddings WHERE model_id = :model;
SELECT count(*) > 0 AS users, count(*) = count(DISTINCT user_id) AS once, bool_and(dims(embedding) = 64) AS dims,
	bool_and(abs(norm(embedding) - 1) < 1e-5) AS unit
FROM user_embeddings WHERE model_id = :model;
SELECT relname, format_type(atttypid, atttypmod) FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
WHERE relname IN ('movie_embeddings', 'user_embeddings') AND attname = 'embedding' ORDER BY relname;

-- Of all models; of one that does not exist.
SELECT max(model_id) AS other FROM train_recommender(retrieval_epochs => 1, ranking_epochs => 1) \gset
SELECT count(*) FROM movie_embeddings WHERE model_id IN (:model, :other);
SELECT drop_recommender(:other);
SELECT count(*) FROM movie_embeddings WHERE model_id = -1;

-- A user of the training without news is where the model puts him now.
SELECT max(abs(r.retrieval_score - inner_product(u.embedding, m.embedding))) < 1e-4 AS same
FROM user_embeddings u
JOIN movie_embeddings m USING (model_id)
JOIN recommend(5, 80, 80, :model) r USING (movie_id)
WHERE model_id = :model AND u.user_id = 5;

\set ECHO none
SELECT drop_recommender(:model) \g /dev/null
DROP SCHEMA store_embeddings CASCADE;
