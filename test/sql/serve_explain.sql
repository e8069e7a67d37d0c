-- explain_recommendation names ratings whose absence would make the movie less
-- relevant, and predict_rating ignores what is asked for.
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA serve_explain;
SET search_path = serve_explain, public;
\getenv dir PG_ABS_SRCDIR
\i :dir/small_world.sql
\set ECHO all

CREATE TEMP TABLE target AS SELECT movie_id FROM recommend(10, 80, 1);
CREATE TEMP TABLE reasons AS
	SELECT e.* FROM target t, explain_recommendation(10, t.movie_id, 1000) e;

SELECT bool_and(r.rating = e.your_rating AND m.title = e.title) AS own_ratings,
	bool_and(contribution > 0) AS speak_for_it, bool_and(similarity BETWEEN -1 AND 1) AS bounded
FROM reasons e JOIN ratings r ON r.user_id = 10 AND r.movie_id = because_movie_id
JOIN movies m USING (movie_id);
SELECT because_movie_id, title, your_rating, similarity, contribution IS NOT NULL AS has_contribution
FROM reasons WHERE because_movie_id IS NULL;
SELECT count(*) FROM target, explain_recommendation(10, movie_id, 0);
SELECT count(*) <= 3 AS at_most FROM target, explain_recommendation(10, movie_id, 2);

-- The first reason first; in descending order.
SELECT bool_and(contribution <= before) AS ordered FROM (
	SELECT because_movie_id, contribution, lag(contribution) OVER () AS before FROM reasons) r
WHERE because_movie_id IS NOT NULL AND before IS NOT NULL;

-- The movie itself is never a reason, even if it has been rated; and what it was
-- rated with does not tell what it would be rated with.
INSERT INTO ratings SELECT 10, movie_id, 5, now() FROM target;
SELECT count(*) FROM target t, explain_recommendation(10, t.movie_id, 1000)
WHERE because_movie_id = t.movie_id;
CREATE TEMP TABLE predicted AS SELECT predict_rating(10, movie_id) AS rating FROM target;
UPDATE ratings SET rating = 1 WHERE user_id = 10 AND movie_id = (SELECT movie_id FROM target);
SELECT predict_rating(10, movie_id) = rating AS same FROM target, predicted;
DELETE FROM ratings WHERE user_id = 10 AND movie_id = (SELECT movie_id FROM target);
SELECT predict_rating(10, movie_id) = rating AS same FROM target, predicted;
SELECT predict_rating(10, t.movie_id) = f.ranking_score AS as_recommended
FROM target t JOIN recommend(10, 80, 80) f USING (movie_id);

-- Of somebody with many ratings the strongest are found without leaving out each.
BEGIN;
INSERT INTO ratings SELECT 2000, m, 1 + m * 7 % 5, now() FROM generate_series(2, 80) m;
CREATE TEMP TABLE strongest ON COMMIT DROP AS
	SELECT n, rank() OVER (PARTITION BY n ORDER BY contribution DESC) AS rank, because_movie_id, contribution
	FROM (VALUES (5), (1000)) AS asked (n), explain_recommendation(2000, 1, n) WHERE because_movie_id IS NOT NULL;
SELECT count(*) FILTER (WHERE n = 5) AS five,
	count(*) - count(DISTINCT (rank, because_movie_id)) AS same
FROM strongest WHERE rank <= 5;
ROLLBACK;

-- Somebody without ratings has no reasons but popularity.
SELECT title FROM explain_recommendation(1000, 1);

\set ECHO none
SELECT drop_recommender(:model) \g /dev/null
DROP SCHEMA serve_explain CASCADE;
