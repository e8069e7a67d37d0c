-- Whatever is on the search path of a superuser, before pg_catalog even, no
-- operator, function, type or table of it is run or read by any function of the
-- extension.
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA search_path_traps;
SET search_path = search_path_traps, public;
\getenv dir PG_ABS_SRCDIR
\i :dir/small_world.sql
SELECT set_config('traps.model', :'model', false) \g /dev/null
\getenv sample MLREC_SAMPLE
SELECT set_config('traps.sample', :'sample', false) \g /dev/null
ALTER TABLE users ADD COLUMN note numeric;
ALTER TABLE ratings DROP CONSTRAINT ratings_pkey;
ALTER TABLE ratings ALTER rating TYPE numeric;

-- The schema of traps: every operator and every function that a query could mean,
-- over all pairs of types that it could have there.
CREATE SCHEMA traps;
CREATE SCHEMA loaded;
DO $$
DECLARE
	types text[] := ARRAY['int2', 'int4', 'int8', 'float4', 'float8', 'numeric', 'text', 'bool', 'timestamptz', 'regclass',
		'int8[]', 'text[]'];
	a text;
	b text;
	op text;
	result text;
BEGIN
	FOREACH a IN ARRAY types LOOP
		FOREACH op IN ARRAY ARRAY['count', 'sum', 'avg', 'min', 'max', 'unnest', 'btrim', 'trunc', 'abs', 'to_json', 'float8',
				'float4', 'numeric', 'int8', 'int4', 'text', 'title_year', 'genre_list', 'current_schema', 'mlrec_activation'] LOOP
			EXECUTE format('CREATE FUNCTION traps.%I(%s) RETURNS %s LANGUAGE plpgsql AS
				''BEGIN RAISE ''''function %s(%s)''''; END''', op, a, a, op, a);
		END LOOP;
		FOREACH b IN ARRAY types LOOP
			FOREACH op IN ARRAY ARRAY['=', '<>', '<', '>', '<=', '>=', '~~', '+', '-', '*', '/', '||'] LOOP
				result := CASE WHEN op ~ '[+*/%|-]' THEN a ELSE 'bool' END;
				EXECUTE format('CREATE FUNCTION traps.%I(%s, %s) RETURNS %s LANGUAGE plpgsql AS
					''BEGIN RAISE ''''operator %s(%s, %s)''''; END''', 'op ' || op, a, b, result, op, a, b);
				EXECUTE format('CREATE OPERATOR traps.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = traps.%I)', op, a, b, 'op ' || op);
			END LOOP;
		END LOOP;
	END LOOP;
	-- Tables and types of the names that the extension's own have, and the system's.
	EXECUTE (SELECT string_agg(format('CREATE TABLE traps.%I ()', relname), ';') FROM pg_class WHERE relname ~ '^recommender_[a-z]*$');
	FOREACH a IN ARRAY ARRAY['int4', 'int8', 'float4', 'float8', 'numeric', 'text', 'regclass', 'embedding'] LOOP
		EXECUTE format('CREATE DOMAIN traps.%I AS bool CHECK (false)', a);
	END LOOP;
END $$;

-- Run a statement with the traps on the path, and return what it raises.
CREATE FUNCTION run(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text;
BEGIN
	SET LOCAL client_min_messages = error;
	PERFORM pg_catalog.set_config('search_path', 'traps, pg_catalog, search_path_traps, public', true);
	EXECUTE statement;
	PERFORM pg_catalog.set_config('search_path', 'search_path_traps, public', true);
	RETURN NULL;
EXCEPTION WHEN OTHERS THEN
	PERFORM pg_catalog.set_config('search_path', 'search_path_traps, public', true);
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT;
	RETURN message;
END $$;
\set ECHO all

-- The traps work.
SELECT run(statement) FROM (VALUES ($$SELECT 1::pg_catalog.numeric = 1$$), ($$SELECT nullif(1::pg_catalog.numeric, 0)$$),
	($$SELECT sum(1)$$), ($$SELECT 1 IN (2, 3)$$), ($$SELECT * FROM search_path_traps.movies JOIN search_path_traps.ratings USING (movie_id)$$),
	($$SELECT * FROM recommender_models$$)) AS s (statement);

CREATE TABLE called (names text, statement text);
INSERT INTO called VALUES
	('train_recommender mlrec_activation', $$SELECT * FROM public.train_recommender(retrieval_epochs => 1, ranking_epochs => 1, activate => false, comment => 'traps')$$),
	('train_recommender', $$SELECT * FROM public.train_recommender('search_path_traps.ratings', 'search_path_traps.movies', 'search_path_traps.users',
		retrieval_epochs => 1, ranking_epochs => 1, activate => 'if_better', from_model => MODEL, split => 'random', comment => 'traps')$$),
	('activate_recommender mlrec_model_activated', 'SELECT public.activate_recommender(MODEL)'),
	('evaluate_recommender', 'SELECT * FROM public.evaluate_recommender()'),
	('load_movielens', $$SELECT * FROM public.load_movielens(SAMPLE, 'loaded')$$),
	('rating_distribution', 'SELECT * FROM public.rating_distribution()'),
	('most_rated_movies', 'SELECT * FROM public.most_rated_movies()'),
	('top_rated_movies', 'SELECT * FROM public.top_rated_movies(min_ratings => 1)'),
	('lowest_rated_movies', 'SELECT * FROM public.lowest_rated_movies(min_ratings => 1)'),
	('genre_summary', 'SELECT * FROM public.genre_summary()'),
	('user_demographics', 'SELECT * FROM public.user_demographics()'),
	('user_profile', 'SELECT * FROM public.user_profile(6)'),
	('movie_details', 'SELECT * FROM public.movie_details(6)'),
	('title_year genre_list', $$SELECT public.title_year('One (1991)'), public.genre_list('a|b')$$),
	('recommend', 'SELECT * FROM public.recommend(6, candidates => ARRAY[1,2,3], exclude => ARRAY[3], diversity => 0.5)'),
	('recommend', $$SELECT * FROM public.recommend(6, model_id => MODEL, order_by => 'relevance')$$),
	('recommend_json', 'SELECT public.recommend_json(6)'),
	('recommend_all', 'SELECT * FROM public.recommend_all()'),
	('recommend_all', 'SELECT * FROM public.recommend_all(user_ids => ARRAY[6, 7])'),
	('predict_rating', 'SELECT public.predict_rating(6, 1)'),
	('user_temperature', 'SELECT public.user_temperature(6)'),
	('similar_movies', 'SELECT * FROM public.similar_movies(1)'),
	('nearest_movies embedding array_to_embedding', 'SELECT * FROM public.nearest_movies(pg_catalog.array_fill(0.5, ARRAY[64])::public.embedding(64))'),
	('explain_recommendation', 'SELECT * FROM public.explain_recommendation(6, 1)'),
	('recommender_stats', 'SELECT * FROM public.recommender_stats()'),
	('recommender_health', 'SELECT * FROM public.recommender_health()'),
	('recommender_movie_vectors', 'SELECT * FROM public.movie_embeddings'),
	('recommender_user_vectors', 'SELECT * FROM public.user_embeddings'),
	('mlrec_model_changed', 'UPDATE public.mlrec_model SET comment = comment'),
	('embedding_in embedding_out embedding_typmod_in embedding_typmod_out', $$SELECT '[1]'::public.embedding(1)$$),
	('embedding_send embedding_to_real_array dims norm normalize', $$SELECT public.embedding_send(e), e::pg_catalog.float4[], public.dims(e), public.norm(e),
		normalize(e) FROM (SELECT '[1]'::public.embedding AS e) AS e$$),
	('l2_distance inner_product negative_inner_product cosine_similarity cosine_distance', $$SELECT public.l2_distance(e, e), public.inner_product(e, e),
		public.negative_inner_product(e, e), public.cosine_similarity(e, e), public.cosine_distance(e, e)
		FROM (SELECT '[1]'::public.embedding AS e) AS e$$),
	('embedding_add embedding_sub embedding_mul', $$SELECT e + e, e - e, e * e FROM (SELECT '[1]'::public.embedding AS e) AS e$$),
	('embedding_lt embedding_le embedding_eq embedding_ne embedding_ge embedding_gt embedding_cmp', $$SELECT e < e, e <= e, e = e, e <> e, e >= e, e > e,
		public.embedding_cmp(e, e) FROM (SELECT '[1]'::public.embedding AS e) AS e$$),
	('embedding_hash embedding_hash_extended', $$SELECT public.embedding_hash(e), public.embedding_hash_extended(e, 1) FROM (SELECT '[1]'::public.embedding AS e) AS e$$),
	('sum avg embedding_accum embedding_sum embedding_avg', $$SELECT public.sum(e), public.avg(e) FROM (SELECT '[1]'::public.embedding AS e) AS e$$),
	('forget_user', 'SELECT public.forget_user(-1)'),
	('deactivate_recommender', 'SELECT public.deactivate_recommender()'),
	('drop_recommender mlrec_model_removed', 'SELECT public.drop_recommender(MODEL)');

-- Nothing is left out, but what SQL cannot call in this way,
SELECT DISTINCT p.proname FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid
WHERE d.classid = 'pg_proc'::regclass AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
	AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'mlrec')
	AND p.proname NOT IN (SELECT unnest(string_to_array(names, ' ')) FROM called) ORDER BY 1;
-- and nothing is trapped.
SELECT names, run(replace(replace(statement, 'MODEL', current_setting('traps.model')),
	'SAMPLE', quote_literal(current_setting('traps.sample')))) AS trapped
FROM called;

\set ECHO none
SELECT drop_recommender(model_id) FROM recommender_models WHERE comment = 'traps' \g /dev/null
SET client_min_messages = error;
DROP SCHEMA search_path_traps, traps, loaded CASCADE;
