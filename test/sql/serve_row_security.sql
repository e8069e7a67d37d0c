-- Serving reads as the one who asks: privileges, policies and security settings
-- of the relations hold.
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA serve_row_security;
SET search_path = serve_row_security, public;
\getenv dir PG_ABS_SRCDIR
\i :dir/small_world.sql
\set ECHO all

CREATE ROLE serve_row_security_reader;
GRANT USAGE ON SCHEMA serve_row_security TO serve_row_security_reader;
SET ROLE serve_row_security_reader;
SELECT count(*) FROM recommend(6);
SELECT predict_rating(6, 1);
SELECT * FROM recommend_all();
SELECT status FROM recommender_health();
SELECT * FROM movie_embeddings WHERE model_id = :model;
SELECT * FROM user_embeddings WHERE model_id = :model;
RESET ROLE;
GRANT SELECT ON movies, users TO serve_row_security_reader;
SET ROLE serve_row_security_reader;
SELECT count(*) FROM recommend(6);
SELECT count(*) FROM movie_embeddings WHERE model_id = :model;
SELECT * FROM user_embeddings WHERE model_id = :model;
SELECT count(*) FROM similar_movies(1);
RESET ROLE;
GRANT SELECT ON ratings TO serve_row_security_reader;
SET ROLE serve_row_security_reader;
SELECT count(*) FROM recommend(6);
SELECT count(*) > 0 AS listed FROM recommender_models;
SELECT activate_recommender(:model);
SELECT deactivate_recommender();
SELECT drop_recommender(:model);
SELECT * FROM train_recommender();
SELECT 1 FROM mlrec_model;
RESET ROLE;

-- What a policy hides has not been seen and has no say.
CREATE POLICY own ON ratings TO serve_row_security_reader
	USING (user_id = current_setting('serve_row_security.me')::int);
CREATE POLICY age_limit ON movies TO serve_row_security_reader
	USING (movie_id > current_setting('serve_row_security.age')::int);
ALTER TABLE ratings ENABLE ROW LEVEL SECURITY;
ALTER TABLE movies ENABLE ROW LEVEL SECURITY;
SELECT 80 - count(*) AS expected FROM ratings WHERE user_id = 6;
SELECT count(*) FROM recommend(6, 80, 80);
SET ROLE serve_row_security_reader;
SET serve_row_security.me = 6;
SET serve_row_security.age = 0;
SELECT count(*) FROM recommend(6, 80, 80);
SET serve_row_security.me = 7;
SELECT count(*) FROM recommend(6, 80, 80);
SET serve_row_security.age = 60;
SELECT min(movie_id) > 60 AS only_those, count(*) FROM recommend(6, 80, 80);
RESET ROLE;
SELECT 80 - count(*) = (SELECT count(*) FROM recommend(6, 80, 80)) AS all_again
FROM ratings WHERE user_id = 6;

\set ECHO none
SELECT drop_recommender(:model) \g /dev/null
DROP SCHEMA serve_row_security CASCADE;
DROP ROLE serve_row_security_reader;
