-- When columns of its relations are renamed or change their types, a model says
-- so, and what to do; numbers beyond all bounds do not keep it from serving.
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA serve_changed_columns;
SET search_path = serve_changed_columns, public;
\getenv dir PG_ABS_SRCDIR
\i :dir/small_world.sql
-- What a statement raises, with the number of the model taken out.
CREATE FUNCTION error_of(statement text, OUT state text, OUT message text, OUT detail text, OUT hint text)
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state := RETURNED_SQLSTATE, message := MESSAGE_TEXT, detail := PG_EXCEPTION_DETAIL,
		hint := PG_EXCEPTION_HINT;
	detail := regexp_replace(detail, 'model \d+', 'model N');
END
$$;
CREATE TABLE statement AS SELECT * FROM unnest(ARRAY['SELECT * FROM recommend(6)', 'SELECT * FROM recommend_all()',
	'SELECT recommend_json(6)', 'SELECT predict_rating(6, 1)', 'SELECT * FROM similar_movies(1)',
	'SELECT * FROM explain_recommendation(6, 1)', 'SELECT * FROM evaluate_recommender()']) AS statement;
\pset format unaligned
\set ECHO all

SELECT count(*) FROM recommend(6);
ALTER TABLE movies RENAME movie_id TO id;
SELECT count(*), state, message, detail, hint FROM statement, error_of(statement) GROUP BY 2, 3, 4, 5;
SELECT status, detail FROM recommender_health();
ALTER TABLE movies RENAME id TO movie_id;
SELECT count(*) FROM recommend(6);

ALTER TABLE ratings RENAME rating TO stars;
SELECT count(*), state, message, detail, hint FROM statement, error_of(statement) GROUP BY 2, 3, 4, 5;
ALTER TABLE ratings RENAME stars TO rating;
ALTER TABLE users RENAME user_id TO id;
SELECT count(*), state, message, detail, hint FROM statement, error_of(statement) GROUP BY 2, 3, 4, 5;
ALTER TABLE users RENAME id TO user_id;

ALTER TABLE movies ALTER movie_id TYPE text;
SELECT count(*), state, message, detail, hint FROM statement, error_of(statement) GROUP BY 2, 3, 4, 5;
ALTER TABLE movies ALTER movie_id TYPE int USING movie_id::int;
SELECT count(*) FROM recommend(6);

-- A view under the relation's name, as the hint has it.
ALTER TABLE ratings RENAME TO votes;
ALTER TABLE votes RENAME rating TO stars;
CREATE VIEW ratings AS SELECT user_id, movie_id, stars AS rating, rated_at FROM votes;
SELECT count(*) FROM recommend(6);
DROP VIEW ratings;
ALTER TABLE votes RENAME stars TO rating;
ALTER TABLE votes RENAME TO ratings;

-- Far off the scale.
ALTER TABLE ratings ALTER rating TYPE numeric;
UPDATE ratings SET rating = '1e400' WHERE user_id = 6 AND movie_id = (SELECT min(movie_id) FROM ratings WHERE user_id = 6);
SELECT count(*) FROM recommend(6);
SELECT count(*) FROM recommend_all(10, 10, ARRAY[6]);
ALTER TABLE movies ADD year numeric;
INSERT INTO movies VALUES (1000, 'New (1960)', 'Drama', '1e400');
SELECT movie_id, year FROM recommend(6, candidates => ARRAY[1000]);

\set ECHO none
\pset format aligned
SELECT drop_recommender(:model) \g /dev/null
DROP SCHEMA serve_changed_columns CASCADE;
