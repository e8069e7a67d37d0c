-- A training that runs away says so, and stores nothing.
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA train_diverged;
SET search_path = train_diverged, public;
CREATE TABLE movies AS SELECT m::bigint AS movie_id, 'Movie ' || m AS title, 'a|b' AS genres
FROM generate_series(1, 30) m;
CREATE TABLE ratings AS SELECT u::bigint AS user_id, m::bigint AS movie_id, 1 + u * m % 5 AS rating,
	timestamptz '2020-01-01 00:00Z' + (u * 100 + m) * interval '1 min' AS rated_at
FROM generate_series(1, 40) u, generate_series(1, 30) m;
\set ECHO queries
SELECT count(*) FROM train_recommender(learning_rate => 1, softmax_weight => 100, comment => 'runaway');
\echo :SQLSTATE
SELECT count(*) FROM recommender_models WHERE comment = 'runaway';
\set ECHO none
DROP SCHEMA train_diverged CASCADE;
