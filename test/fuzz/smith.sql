-- What sqlsmith is shown instead of the catalogue: views and functions of ours over
-- those that return sets, which it never calls, and a pg_proc, found before the
-- server's own, that has little but mlrec's functions.
\set ON_ERROR_STOP on
SET client_min_messages = error;
DROP VIEW IF EXISTS odd.endless, odd.fails;
CREATE SCHEMA smith;
CREATE VIEW smith.recommended AS
	SELECT u.user_id, r.* FROM small.users u,
		LATERAL recommend(u.user_id, 50, 5) AS r(n, movie_id, title, genres, year, score, cosine);
CREATE VIEW smith.recommended_all AS SELECT * FROM recommend_all(50, 3, ARRAY[1, 2, 3, 1000]);
CREATE VIEW smith.explained AS
	SELECT u.user_id, r.* FROM small.users u, LATERAL explain_recommendation(u.user_id, u.user_id + 3) r;
CREATE VIEW smith.similar AS
	SELECT m.movie_id AS of, r.* FROM small.movies m, LATERAL similar_movies(m.movie_id, 3) r;
CREATE VIEW smith.nearest AS
	SELECT v.id, r.* FROM odd.vectors v, LATERAL nearest_movies(v.e, 3) r WHERE dims(v.e) = 64;
CREATE VIEW smith.profiles AS SELECT u.age AS years, r.* FROM small.users u, LATERAL user_profile(u.user_id) r;
CREATE VIEW smith.details AS SELECT m.genres AS of, r.* FROM small.movies m, LATERAL movie_details(m.movie_id) r;
CREATE VIEW smith.looks AS
	SELECT a.rating, a.share, b.*, c.*
	FROM rating_distribution('small.ratings') a, genre_summary('small.ratings', 'small.movies') b, recommender_health() c;
CREATE VIEW smith.most AS
	SELECT * FROM most_rated_movies(5, 'small.ratings', 'small.movies')
	UNION ALL SELECT * FROM top_rated_movies(5, 2, 'small.ratings', 'small.movies');
CREATE FUNCTION smith.recommend(u bigint, k int, n int, m int, c bigint[], e bigint[], s boolean,
		o text, d real, t timestamptz, h bigint[], r real[])
	RETURNS bigint[] STABLE LANGUAGE sql
	AS 'SELECT array_agg(movie_id) FROM public.recommend(u, k, n, m, c, e, s, o, d, t, h, r)';
CREATE FUNCTION smith.recommend(u bigint, n int) RETURNS bigint[] STABLE LANGUAGE sql
	AS 'SELECT array_agg(movie_id) FROM public.recommend(u, top_n_final => n)';
CREATE FUNCTION smith.recommend_all(k int, n int, u bigint[]) RETURNS bigint[] STABLE LANGUAGE sql
	AS 'SELECT array_agg(movie_id) FROM public.recommend_all(k, n, u)';
CREATE FUNCTION smith.explain(u bigint, m bigint, n int, t timestamptz) RETURNS real[] STABLE LANGUAGE sql
	AS 'SELECT array_agg(contribution) FROM public.explain_recommendation(u, m, n, t)';
CREATE FUNCTION smith.similar(m bigint, n int) RETURNS real[] STABLE LANGUAGE sql
	AS 'SELECT array_agg(similarity) FROM public.similar_movies(m, n)';
CREATE FUNCTION smith.nearest(e embedding, n int) RETURNS bigint[] STABLE LANGUAGE sql
	AS 'SELECT array_agg(movie_id) FROM public.nearest_movies(e, n)';
CREATE FUNCTION smith.genres(r regclass, m regclass) RETURNS bigint STABLE LANGUAGE sql
	AS 'SELECT sum(ratings) FROM public.genre_summary(r, m)';
CREATE FUNCTION smith.most(n int, r regclass, m regclass) RETURNS bigint STABLE LANGUAGE sql
	AS 'SELECT sum(ratings) FROM public.most_rated_movies(n, r, m)';
CREATE FUNCTION smith.profile(u bigint) RETURNS text[] STABLE LANGUAGE sql
	AS 'SELECT favorite_genres FROM public.user_profile(u)';
CREATE FUNCTION smith.vectors(m int) RETURNS embedding STABLE LANGUAGE sql
	AS 'SELECT public.avg(embedding) FROM public.recommender_movie_vectors(m)';
CREATE FUNCTION smith.bigints(a bigint, b bigint) RETURNS bigint[] IMMUTABLE LANGUAGE sql
	AS 'SELECT ARRAY[a, b, a]';
CREATE FUNCTION smith.reals(a real, b real) RETURNS real[] IMMUTABLE LANGUAGE sql AS 'SELECT ARRAY[a, b, a]';
CREATE FUNCTION smith.vector(a real, b int) RETURNS embedding IMMUTABLE LANGUAGE sql
	AS 'SELECT array_fill(a, ARRAY[b % 70])::public.embedding';
GRANT USAGE ON SCHEMA smith TO reader;
GRANT SELECT ON ALL TABLES IN SCHEMA smith TO reader;
CREATE VIEW smith.pg_proc AS SELECT p.* FROM pg_catalog.pg_proc p
	WHERE p.pronamespace = 'smith'::regnamespace
		OR EXISTS (SELECT FROM pg_depend d
			WHERE d.objid = p.oid AND d.classid = 'pg_catalog.pg_proc'::regclass AND d.deptype = 'e'
				AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'mlrec'))
		OR p.pronamespace = 'pg_catalog'::regnamespace
			AND p.proname IN ('abs', 'int8', 'float4', 'float8', 'text', 'lower', 'length', 'count', 'now',
			'array_append', 'array_cat', 'cardinality', 'to_timestamp', 'mod', 'sqrt', 'repeat', 'regclass', 'array_remove');
GRANT SELECT ON smith.pg_proc TO PUBLIC;
