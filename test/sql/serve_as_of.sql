-- As of a moment only what was rated before is known, and how long ago; a session
-- needs no user.
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA serve_as_of;
SET search_path = serve_as_of, public;
\getenv dir PG_ABS_SRCDIR
\i :dir/small_world.sql
\set VERBOSITY terse
SELECT max(rated_at) AS last, min(rated_at) + interval '90 min' AS early FROM ratings WHERE user_id = 17 \gset
\set ECHO all

-- The same as if the later ratings had never been, whatever the order and the list.
CREATE TABLE past AS
	SELECT order_by, r.* FROM unnest(ARRAY['rating', 'relevance']) order_by,
		recommend(17, 80, 80, order_by => order_by, as_of => :'early') r;
BEGIN;
DELETE FROM ratings WHERE user_id = 17 AND rated_at >= :'early';
SELECT count(*) > 100 AS many, bool_and(r = t) AS same FROM past t JOIN LATERAL (
	SELECT t.order_by, r.* FROM recommend(17, 80, 80, order_by => t.order_by, as_of => :'early') r) r
	USING (order_by, rank);
ROLLBACK;
SELECT count(*) > 0 AS rated_later FROM past JOIN ratings USING (movie_id) WHERE user_id = 17;
SELECT count(*) AS rated_before FROM past JOIN ratings USING (movie_id) WHERE user_id = 17 AND rated_at < :'early';

-- How long ago counts, until nothing is left; a moment to come knows everything.
SELECT user_temperature(17, as_of => :'last'::timestamptz + interval '1 min') <> user_temperature(17) AS fades,
	user_temperature(17, as_of => :'last'::timestamptz + interval '1 year') = user_temperature(17) AS faded,
	user_temperature(17, as_of => NULL) = user_temperature(17) AS now,
	(SELECT array_agg(r) FROM recommend(17, as_of => now() + interval '1 year') r) =
		(SELECT array_agg(r) FROM recommend(17) r) AS later;

-- A rating that this transaction writes after its start counts.
BEGIN;
INSERT INTO ratings SELECT 17, movie_id, 5, clock_timestamp() FROM recommend(17, 80, 1);
SELECT count(*) AS as_before FROM recommend(17, 80, 80) r JOIN ratings USING (movie_id) WHERE user_id = 17;
ROLLBACK;

-- A session is a user unknown to everybody, who rates the same in that order.
BEGIN;
INSERT INTO ratings SELECT 900, m, r, now() - (6 - i) * interval '1 ms'
	FROM unnest(ARRAY[5, 70, 3, 41, 22], ARRAY[5, 4, 1, 3, 5]) WITH ORDINALITY u (m, r, i);
SELECT order_by, count(*) AS movies, bool_and(s = u) AS same
FROM unnest(ARRAY['rating', 'relevance']) order_by, LATERAL (
	SELECT s, u FROM recommend(NULL, 80, 80, order_by => order_by, history => ARRAY[5, 70, 3, 41, 22],
		history_ratings => ARRAY[5, 4, 1, 3, 5]) s JOIN recommend(900, 80, 80, order_by => order_by) u USING (rank)) r
GROUP BY order_by ORDER BY order_by;
SELECT count(*) > 0 AS reasons, bool_and(s IS NOT DISTINCT FROM u) AS same
FROM explain_recommendation(NULL, 1, 9, history => ARRAY[5, 70, 3, 41, 22], history_ratings => ARRAY[5, 4, 1, 3, 5]) s
FULL JOIN explain_recommendation(900, 1, 9) u USING (title);
ROLLBACK;
SELECT user_temperature(NULL, history => ARRAY[5, 70]) <>
	user_temperature(NULL, history => ARRAY[70, 5]) AS order_tells;
SELECT count(*) FROM recommend(NULL, 80, 80, history => ARRAY[5, NULL, -1, 70, 5],
	history_ratings => ARRAY[5, 4, 3, NULL, 2]);
SELECT count(*) FROM recommend(NULL, 80, 80, history => '{}');
SELECT recommend_json(NULL, 80, 1, history => ARRAY[5])->'user_id' AS nobody;

-- Neither or both cannot be answered.
SELECT * FROM recommend(NULL);
SELECT * FROM recommend(17, history => ARRAY[5]);
SELECT * FROM recommend(NULL, history_ratings => ARRAY[5]);
SELECT * FROM recommend(NULL, history => ARRAY[5, 6], history_ratings => ARRAY[5]);

\set ECHO none
SELECT drop_recommender(:model) \g /dev/null
DROP SCHEMA serve_as_of CASCADE;
