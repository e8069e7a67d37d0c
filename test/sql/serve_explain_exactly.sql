-- A contribution is what the movie's relevance loses when the rating is deleted;
-- the popularity part is what the ratings say of the movie alone.
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA serve_explain_exactly;
SET search_path = serve_explain_exactly, public;
\getenv dir PG_ABS_SRCDIR
\i :dir/small_world.sql
-- A model that popularity, cosine and rating all count for: users like movies of their
-- own parity.
INSERT INTO ratings SELECT u, (u * 13 + i * 7) % 80 + 1, 1,
	timestamptz '2001-01-01 00:00Z' + u * interval '60 min' + i * interval '20 min'
	FROM generate_series(1, 40) u, generate_series(1, 40) i ON CONFLICT DO NOTHING;
UPDATE ratings SET rating = CASE WHEN (user_id + movie_id) % 2 = 0 THEN 4 + movie_id % 2 ELSE 1 + movie_id % 3 END;
UPDATE mlrec_model SET active = false WHERE active;
SELECT max(model_id) AS model
FROM train_recommender(retrieval_epochs => 20, ranking_epochs => 20, learning_rate => 3e-3, like_threshold => 4,
	seed => 3) \gset
\set ECHO all

-- Relevance by its formula, as far as it is not popularity.
CREATE FUNCTION taste(u bigint, movie bigint) RETURNS float8 LANGUAGE sql VOLATILE AS $$
	SELECT user_temperature(u) * retrieval_score + (relevance->>'rating')::float8 * ranking_score
	FROM recommend(u, candidates => ARRAY[movie], exclude_seen => false) r, recommender_models m
	WHERE m.active
$$;
CREATE FUNCTION without(u bigint, seen bigint, movie bigint) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	score float8;
	old ratings;
BEGIN
	DELETE FROM ratings r WHERE r.user_id = u AND r.movie_id = seen RETURNING * INTO old;
	score := taste(u, movie);
	INSERT INTO ratings VALUES (old.*);
	RETURN score;
END $$;

-- All at one moment.
BEGIN;
CREATE TABLE question AS
	SELECT u AS user_id, movie_id FROM (VALUES (8), (10), (38)) u (u), recommend(u, 80, 80) WHERE rank % 20 = 1;
CREATE TABLE truth AS
	SELECT q.user_id, q.movie_id, r.movie_id AS because_movie_id,
		taste(q.user_id, q.movie_id) - without(q.user_id, r.movie_id, q.movie_id) AS contribution
	FROM question q JOIN ratings r USING (user_id);
CREATE TABLE told AS
	SELECT user_id, movie_id, e.* FROM question, explain_recommendation(user_id, movie_id, 1000) e;

SELECT count(*) > 50 AS many,
	count(*) FILTER (WHERE abs(e.contribution - t.contribution) > 1e-4) AS wrong,
	count(*) FILTER (WHERE e.contribution IS NULL AND t.contribution > 1e-4) AS kept_back,
	count(*) FILTER (WHERE t.contribution IS NULL) AS made_up
FROM truth t FULL JOIN (SELECT * FROM told WHERE because_movie_id IS NOT NULL) e
	USING (user_id, movie_id, because_movie_id);

-- With two reasons asked for, they are the two strongest.
SELECT bool_and(c.contribution >= 0.9999 * m.second) AS strongest
FROM question q, explain_recommendation(user_id, movie_id, 2) c,
	LATERAL (SELECT contribution AS second FROM truth t
		WHERE t.user_id = q.user_id AND t.movie_id = q.movie_id
		ORDER BY contribution DESC OFFSET 1 LIMIT 1) m
WHERE because_movie_id IS NOT NULL;

COMMIT;

-- How similar two movies are is the cosine of their vectors.
SELECT bool_and(abs(similarity - inner_product(a.embedding, b.embedding)) < 1e-5) AS cosines
FROM told JOIN movie_embeddings a USING (movie_id) JOIN movie_embeddings b
	ON b.model_id = a.model_id AND b.movie_id = because_movie_id
WHERE a.model_id = :model;

-- Popularity: the likes among the latest eighth of the training part, or 25 for each
-- movie if that is more, those of its last moment all included.
CREATE TABLE training AS
	SELECT movie_id, rating, rated_at FROM ratings, mlrec_model
	WHERE model_id = :model AND (rated_at, user_id, movie_id) <=
		(timestamptz '2000-01-01 00:00Z' + boundary_time * interval '1 microsecond', boundary_user, boundary_movie);
SELECT count(*) = train_ratings AS all_of_it FROM training, recommender_models
WHERE model_id = :model GROUP BY train_ratings;
CREATE TABLE recent AS
	SELECT * FROM training WHERE rated_at >= (
		SELECT rated_at FROM training ORDER BY rated_at DESC
		OFFSET (SELECT least(count(*), greatest(ceil(count(*) / 8.0), 25 * (SELECT count(*) FROM movies))) - 1
			FROM training) LIMIT 1);
SELECT bool_and(abs(contribution - (m.relevance->>'popularity')::float8 *
		ln(1 + (SELECT count(*) FROM recent r WHERE r.movie_id = t.movie_id AND rating >= 4))) < 1e-4) AS same
FROM told t, recommender_models m WHERE title = 'popularity' AND m.active;

\set ECHO none
SELECT drop_recommender(model_id) FROM recommender_models WHERE ratings ~ 'serve_explain_exactly' \g /dev/null
DROP SCHEMA serve_explain_exactly CASCADE;
