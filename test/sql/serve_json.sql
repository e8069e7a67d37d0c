-- recommend_json gives what recommend gives, as one object of a fixed shape.
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA serve_json;
SET search_path = serve_json, public;
\getenv dir PG_ABS_SRCDIR
\i :dir/small_world.sql
\set ECHO all

SELECT json_object_keys(recommend_json(4, 80, 3));
SELECT j ->> 'user_id' AS user_id, j ->> 'gender' AS gender, j ->> 'age' AS age,
	json_typeof(j -> 'age') AS age_is, json_array_length(j -> 'recommendations') AS n
FROM recommend_json(4, 80, 3) j;
SELECT json_object_keys(recommend_json(4, 80, 3) -> 'recommendations' -> 0);
SELECT count(*) FROM json_to_recordset(recommend_json(4, 80, 80) -> 'recommendations')
	AS j (rank int, movie_id bigint, title text, genres text, year int, ranking_score real,
		retrieval_score real)
	NATURAL JOIN recommend(4, 80, 80);

-- The other arguments mean what they mean to recommend.
\set options 'candidates => ARRAY[3, 5, 7, 9, 11, 13, 15, 17, 19, 21], exclude => ARRAY[5], exclude_seen => false, order_by => ''relevance'', diversity => 0.4'
WITH j AS (
	SELECT j.* FROM json_to_recordset(recommend_json(4, 80, 7, :options) -> 'recommendations')
		AS j (rank int, movie_id bigint, title text, genres text, year int, ranking_score real,
			retrieval_score real)),
	r AS (SELECT * FROM recommend(4, 80, 7, :options))
SELECT (SELECT count(*) FROM j) AS n, (SELECT count(*) FROM (TABLE j EXCEPT TABLE r) d) AS only_json,
	(SELECT count(*) FROM (TABLE r EXCEPT TABLE j) d) AS only_rows;
\set VERBOSITY terse
SELECT recommend_json(4, model_id => 0);
\set VERBOSITY default
SELECT recommend_json(4, order_by => 'taste');

-- Somebody unknown; nothing to recommend; a title that needs quoting.
SELECT (recommend_json(1000)::jsonb - 'recommendations') AS stranger;
SELECT recommend_json(4, 80, 0) -> 'recommendations' AS none;
UPDATE movies SET title = E'"\\/\t' || title;
SELECT count(*) FROM json_to_recordset(recommend_json(4, 80, 80) -> 'recommendations') AS j (title text)
WHERE title LIKE E'"\\\\/\tMovie%';

-- Without users there are no attributes.
UPDATE mlrec_model SET users = NULL WHERE model_id = :model;
SELECT (recommend_json(4)::jsonb - 'recommendations') AS attributes;

\set ECHO none
SELECT drop_recommender(:model) \g /dev/null
DROP SCHEMA serve_json CASCADE;
