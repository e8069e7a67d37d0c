-- api.sql: schema mlrec_api, the functions that are offered over HTTP, and the
-- roles that may call them.  To be run by psql, in the database that has the
-- extension, by a role that may create roles and grant rights on the relations:
--
--   psql -X -v ON_ERROR_STOP=1 -f api.sql
--
-- It may be run again: after training on other relations, so that mlrec_web may
-- read those too, and after an upgrade of mlrec.
--
-- All functions return json and take their arguments by name.  They run with
-- the rights of the caller, under row security too.  app.py calls them, and so
-- does PostgREST (db-schemas = "mlrec_api", db-anon-role = "mlrec_web").
--
-- mlrec_web       may call all but rate(), and read the relations of the models
-- mlrec_web_rate  may call rate() as well, and write the active model's ratings
\set ON_ERROR_STOP on
SET client_min_messages = warning;

BEGIN;

-- The extension may be in any schema.  Bodies between BEGIN ATOMIC and END are
-- parsed now, so they need no search_path later.
SELECT (SELECT extnamespace::regnamespace FROM pg_extension WHERE extname = 'mlrec') AS mlrec \gset
\if :{?mlrec}
\else
	DO $$ BEGIN RAISE 'the extension mlrec is not in database "%"', current_database()
		USING HINT = 'CREATE EXTENSION mlrec;'; END $$;
\endif

DO $$
DECLARE
	name text;
BEGIN
	FOREACH name IN ARRAY ARRAY['mlrec_web', 'mlrec_web_rate'] LOOP
		IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
			EXECUTE format('CREATE ROLE %I NOLOGIN', name);
		END IF;
	END LOOP;
END $$;
GRANT mlrec_web TO mlrec_web_rate;

DROP SCHEMA IF EXISTS mlrec_api CASCADE;
CREATE SCHEMA mlrec_api;
COMMENT ON SCHEMA mlrec_api IS 'mlrec over HTTP: functions that return json';

-- ---------------------------------------------------------------------------
-- The five of the service
-- ---------------------------------------------------------------------------

CREATE FUNCTION mlrec_api.health() RETURNS json
	LANGUAGE sql STABLE
	BEGIN ATOMIC
		SELECT json_build_object('status', status, 'detail', detail)
		FROM :mlrec.recommender_health();
	END;
COMMENT ON FUNCTION mlrec_api.health() IS
	'{"status", "detail"}: status is ok if recommendations can be served, else what is missing';

CREATE FUNCTION mlrec_api.stats() RETURNS json
	LANGUAGE sql STABLE
	BEGIN ATOMIC
		SELECT json_build_object(
			'total_users', s.total_users, 'total_movies', s.total_movies,
			'total_ratings', s.total_ratings, 'total_genres', s.total_genres,
			'model', s.model_id, 'trained_at', s.trained_at,
			'metrics', (SELECT json_build_object(
				'rmse', coalesce(max(value) FILTER (WHERE metric = 'rmse' AND protocol = 'live'),
					max(value) FILTER (WHERE metric = 'rmse')),
				'mae', coalesce(max(value) FILTER (WHERE metric = 'mae' AND protocol = 'live'),
					max(value) FILTER (WHERE metric = 'mae')),
				'auc_rating', coalesce(max(value) FILTER (WHERE metric = 'auc_rating' AND protocol = 'live'),
					max(value) FILTER (WHERE metric = 'auc_rating')),
				'auc_retrieval', coalesce(max(value) FILTER (WHERE metric = 'auc_retrieval' AND protocol = 'live'),
					max(value) FILTER (WHERE metric = 'auc_retrieval')),
				'recall_at_200', max(value) FILTER (WHERE metric = 'recall@200'),
				'ndcg_at_10', max(value) FILTER (WHERE metric = 'ndcg@10'),
				'hit_at_10', max(value) FILTER (WHERE metric = 'hit@10'))
				FROM :mlrec.recommender_metrics AS m
				WHERE m.model_id = s.model_id AND system = 'mlrec' AND protocol IN ('static', 'live')
					AND (users = 'all' AND list_order IS NULL
						OR users = 'warm' AND list_order = 'relevance' AND protocol = 'static')))
		FROM :mlrec.recommender_stats() AS s;
	END;
COMMENT ON FUNCTION mlrec_api.stats() IS
'how many users, movies, ratings and genres there are now, the active model, when it was trained, and its test metrics:
errors and AUC of all users, live, or static where the split is random; what is found in lists by relevance for users with training ratings, static. null: not measured';

CREATE FUNCTION mlrec_api.active_model(OUT ratings text, OUT movies text, OUT users text, OUT epochs jsonb)
	LANGUAGE sql STABLE
	BEGIN ATOMIC
		SELECT m.ratings, m.movies, m.users, m.epochs FROM :mlrec.recommender_models AS m WHERE m.active;
	END;
COMMENT ON FUNCTION mlrec_api.active_model() IS 'relations and training epochs of the active model; nulls if there is none';

CREATE FUNCTION mlrec_api.has_column(relation text, name text) RETURNS boolean
	LANGUAGE sql STABLE
	BEGIN ATOMIC
		SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = relation::regclass AND attname = name
			AND attnum > 0 AND NOT attisdropped);
	END;
COMMENT ON FUNCTION mlrec_api.has_column(text, text) IS
	'whether a relation of the model has a column; ratings need not have rating or rated_at';

-- The relations of a model are known by name only.
CREATE FUNCTION mlrec_api.best_rated(user_id bigint, n integer) RETURNS json
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog
	AS $$
DECLARE
	ratings text;
	movies text;
	answer json;
BEGIN
	SELECT a.ratings, a.movies INTO ratings, movies FROM mlrec_api.active_model() AS a;
	IF ratings IS NULL OR NOT mlrec_api.has_column(ratings, 'rating') THEN
		RETURN '[]';
	END IF;
	EXECUTE format(
		'SELECT coalesce(json_agg(b), ''[]'') FROM (
			SELECT r.movie_id, m.title, m.genres, r.rating FROM %s AS r LEFT JOIN %s AS m
			ON m.movie_id = r.movie_id WHERE r.user_id = $1
			ORDER BY r.rating DESC, %s r.movie_id LIMIT $2) AS b',
		ratings, coalesce(movies, '(SELECT 0 AS movie_id, '''' AS title, '''' AS genres LIMIT 0)'),
		CASE WHEN mlrec_api.has_column(ratings, 'rated_at') THEN 'r.rated_at DESC,' END)
		INTO answer USING user_id, n;
	RETURN answer;
END $$;
COMMENT ON FUNCTION mlrec_api.best_rated(bigint, integer) IS
	'[{"movie_id", "title", "genres", "rating"}]: the n movies that a user has rated highest, the latest first among equals; none where the ratings are events';

CREATE FUNCTION mlrec_api.user_profile(user_id bigint) RETURNS json
	LANGUAGE sql STABLE
	BEGIN ATOMIC
		SELECT json_build_object(
			'user_id', p.user_id, 'gender', p.gender, 'age', p.age, 'occupation', p.occupation,
			'ratings', p.ratings, 'mean_rating', p.mean_rating,
			'favorite_genres', coalesce(p.favorite_genres, '{}'),
			'best_rated', mlrec_api.best_rated(p.user_id, 10))
		FROM :mlrec.user_profile(user_profile.user_id) AS p;
	END;
COMMENT ON FUNCTION mlrec_api.user_profile(bigint) IS
	'who a user is, how many movies they have rated and how, their favorite genres and the ten movies that they have rated highest; null for an unknown user';

CREATE FUNCTION mlrec_api.movie_details(movie_id bigint) RETURNS json
	LANGUAGE sql STABLE
	BEGIN ATOMIC
		SELECT json_build_object(
			'movie_id', d.movie_id, 'title', d.title, 'genres', d.genres, 'year', d.year,
			'ratings', d.ratings, 'mean_rating', d.mean_rating)
		FROM :mlrec.movie_details(movie_details.movie_id) AS d;
	END;
COMMENT ON FUNCTION mlrec_api.movie_details(bigint) IS
	'what is known of a movie, how many ratings it has and their mean; null for an unknown movie';

-- A single expression, so that it costs no more than recommend_json itself.
CREATE FUNCTION mlrec_api.recommend(user_id bigint, top_k_retrieve integer DEFAULT 200,
		top_n_final integer DEFAULT 10, order_by text DEFAULT 'rating', diversity double precision DEFAULT 0,
		exclude_seen boolean DEFAULT true, candidates bigint[] DEFAULT NULL,
		exclude bigint[] DEFAULT NULL)
	RETURNS json LANGUAGE sql STABLE
	BEGIN ATOMIC
		SELECT :mlrec.recommend_json(user_id, top_k_retrieve, top_n_final, order_by => order_by,
			diversity => round(diversity::numeric, 6)::real, exclude_seen => exclude_seen, candidates => candidates,
			exclude => exclude);
	END;
COMMENT ON FUNCTION mlrec_api.recommend IS
'{"user_id", "gender", "age", "occupation", "recommendations": [{"rank", "movie_id", "title", "genres", "year", "ranking_score", "retrieval_score"}]}
top_n_final movies, ordered by rating or relevance, of the top_k_retrieve that are retrieved; arguments as of mlrec''s recommend()';

-- ---------------------------------------------------------------------------
-- What the page asks besides
-- ---------------------------------------------------------------------------

CREATE FUNCTION mlrec_api.similar_movies(movie_id bigint, n integer DEFAULT 10) RETURNS json
	LANGUAGE sql STABLE
	BEGIN ATOMIC
		SELECT coalesce(json_agg(s), '[]')
		FROM :mlrec.similar_movies(similar_movies.movie_id, similar_movies.n) AS s;
	END;
COMMENT ON FUNCTION mlrec_api.similar_movies(bigint, integer) IS
	'[{"rank", "movie_id", "title", "genres", "year", "similarity"}]: the movies most similar to one';

CREATE FUNCTION mlrec_api.explain(user_id bigint, movie_id bigint, n integer DEFAULT 5) RETURNS json
	LANGUAGE sql STABLE
	BEGIN ATOMIC
		SELECT coalesce(json_agg(e), '[]')
		FROM :mlrec.explain_recommendation(explain.user_id, explain.movie_id, explain.n) AS e;
	END;
COMMENT ON FUNCTION mlrec_api.explain(bigint, bigint, integer) IS
	'[{"because_movie_id", "title", "your_rating", "similarity", "contribution"}]: what speaks for a movie; the last is popularity';

CREATE FUNCTION mlrec_api.explore() RETURNS json
	LANGUAGE sql STABLE
	BEGIN ATOMIC
		SELECT json_build_object(
			'ratings', (SELECT coalesce(json_agg(r), '[]')
				FROM :mlrec.rating_distribution(m.ratings::regclass) AS r
				WHERE m.ratings IS NOT NULL),
			'genres', (SELECT coalesce(json_agg(g), '[]')
				FROM :mlrec.genre_summary(m.ratings::regclass, m.movies::regclass) AS g
				WHERE m.movies IS NOT NULL),
			'demographics', (SELECT coalesce(json_agg(d), '[]')
				FROM :mlrec.user_demographics(m.ratings::regclass, m.users::regclass) AS d
				WHERE m.users IS NOT NULL),
			'training', coalesce(m.epochs, '[]'))
		FROM mlrec_api.active_model() AS m;
	END;
COMMENT ON FUNCTION mlrec_api.explore() IS
	'{"ratings", "genres", "demographics", "training"}: the data of the active model and the epochs of its training, each as rows; empty where there is no such relation';

-- The only one that writes.  It writes for guests, so that a public page cannot
-- change what a user has said.
CREATE FUNCTION mlrec_api.rate(user_id bigint, movie_id bigint, rating double precision) RETURNS json
	LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog
	AS $$
DECLARE
	ratings text;
	set_time text := '';
	time_column text := '';
	time_value text := '';
	time_type text;
	per_second bigint := 1;
	written bigint;
BEGIN
	SELECT a.ratings INTO ratings FROM mlrec_api.active_model() AS a;
	IF ratings IS NULL THEN
		RAISE 'no recommender model is active' USING ERRCODE = '55000';
	ELSIF user_id < 1000000000 THEN
		RAISE 'user % is not a guest', user_id USING ERRCODE = '42501',
			HINT = 'Guests have numbers from 1000000000 on.';
	ELSIF mlrec_api.movie_details(movie_id) IS NULL THEN
		RAISE 'movie % is unknown', movie_id USING ERRCODE = 'P0002';
	END IF;
	IF NOT mlrec_api.has_column(ratings, 'rating') THEN
		RAISE 'relation % has events, not ratings', ratings USING ERRCODE = '42703';
	END IF;
	SELECT atttypid::regtype INTO time_type FROM pg_attribute
		WHERE attrelid = ratings::regclass AND attname = 'rated_at' AND NOT attisdropped;
	IF time_type IN ('bigint', 'integer') THEN
		-- a number of seconds as large is in the year 5138
		EXECUTE format('SELECT CASE WHEN rated_at > 100000000000 THEN 1000 ELSE 1 END FROM %s LIMIT 1', ratings)
			INTO per_second;
		time_value := format('extract(epoch FROM now()) * %s', coalesce(per_second, 1));
	ELSIF time_type IS NOT NULL THEN
		time_value := 'now()';
	END IF;
	IF time_type IS NOT NULL THEN
		set_time := ', rated_at = ' || time_value;
		time_column := ', rated_at';
		time_value := ', ' || time_value;
	END IF;
	-- Two requests of a guest at once: the second finds the row of the first.
	PERFORM pg_advisory_xact_lock(hashtext('mlrec_api.rate'), hashint8(user_id));
	EXECUTE format('UPDATE %s SET rating = $3%s WHERE user_id = $1 AND movie_id = $2', ratings, set_time)
		USING user_id, movie_id, rating;
	GET DIAGNOSTICS written = ROW_COUNT;
	IF written = 0 THEN
		EXECUTE format('INSERT INTO %s (user_id, movie_id, rating%s) VALUES ($1, $2, $3%s)', ratings,
			time_column, time_value) USING user_id, movie_id, rating;
	END IF;
	RETURN json_build_object('user_id', user_id, 'movie_id', movie_id, 'rating', rating);
END $$;
COMMENT ON FUNCTION mlrec_api.rate(bigint, bigint, double precision) IS
	'{"user_id", "movie_id", "rating"}: write a guest''s rating of a movie, now; guests have numbers from 1000000000 on';

-- ---------------------------------------------------------------------------
-- Who may
-- ---------------------------------------------------------------------------

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mlrec_api FROM PUBLIC;
GRANT USAGE ON SCHEMA mlrec_api TO mlrec_web;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA mlrec_api TO mlrec_web;
REVOKE EXECUTE ON FUNCTION mlrec_api.rate FROM mlrec_web;
GRANT EXECUTE ON FUNCTION mlrec_api.rate TO mlrec_web_rate;

CREATE TEMP TABLE read_relations ON COMMIT DROP AS
	SELECT m.active, r.relation::regclass, r.relation = m.ratings AS is_ratings
	FROM :mlrec.recommender_models AS m, unnest(ARRAY[m.ratings, m.movies, m.users]) AS r (relation)
	WHERE to_regclass(r.relation) IS NOT NULL;
DO $$
DECLARE
	r record;
BEGIN
	FOR r IN SELECT t.*, relnamespace::regnamespace AS schema
			FROM read_relations AS t JOIN pg_class AS c ON c.oid = t.relation LOOP
		EXECUTE format('GRANT USAGE ON SCHEMA %s TO mlrec_web', r.schema);
		EXECUTE format('GRANT SELECT ON %s TO mlrec_web', r.relation);
		IF r.active AND r.is_ratings THEN
			EXECUTE format('GRANT INSERT, UPDATE ON %s TO mlrec_web_rate', r.relation);
		END IF;
	END LOOP;
	IF NOT FOUND THEN
		RAISE WARNING 'there is no model yet: run this again after training, for the rights on its relations';
	END IF;
END $$;

COMMIT;
