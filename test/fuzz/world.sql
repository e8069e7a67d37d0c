-- What test/fuzz/run asks about: the generated sample with a model that is active,
-- a small world with one that is not, one of events, and relations that are odd in
-- every way that a column can be.  Model 1 is the active one.
\set ON_ERROR_STOP on
SET client_min_messages = error;
CREATE EXTENSION mlrec;
\getenv sample MLREC_SAMPLE
\getenv small SMALL_WORLD
SELECT count(*) FROM load_movielens(:'sample');
SELECT count(*) FROM train_recommender(retrieval_epochs => 1, ranking_epochs => 1, refit => false);

CREATE SCHEMA small;
SET search_path = small, public;
\i :small
CREATE VIEW plays AS SELECT user_id, movie_id, rating AS weight, rated_at FROM ratings;
SELECT count(*) FROM train_recommender('plays', retrieval_epochs => 1, ranking_epochs => 1);
RESET search_path;
SELECT activate_recommender(1);

CREATE SCHEMA odd;
CREATE TABLE odd.nothing_rated (user_id bigint, movie_id bigint, rating real, rated_at timestamptz);
CREATE TABLE odd.no_movies (movie_id bigint, title text, genres text);
CREATE TABLE odd.no_columns ();
CREATE TABLE odd.extremes AS
	SELECT u AS user_id, m AS movie_id, r AS rating, t AS rated_at
	FROM unnest(ARRAY[-9223372036854775808, -1, 0, 1, 2, NULL]) u,
		unnest(ARRAY[9223372036854775807, 0, 3, NULL]) m,
		unnest(ARRAY['NaN', 'Infinity', 1e308, 5e-324, -0.0, 3, NULL]::float8[]) r,
		unnest(ARRAY['-infinity', 'infinity', '2001-01-01', NULL]::timestamptz[]) t;
CREATE VIEW odd.finite AS
	SELECT * FROM odd.extremes
	WHERE user_id IS NOT NULL AND movie_id IS NOT NULL AND rating BETWEEN -1e300 AND 1e308 AND isfinite(rated_at);
CREATE VIEW odd.huge AS
	SELECT user_id, movie_id, ('1e' || 10 * rating)::numeric AS rating, rated_at FROM small.ratings;
CREATE VIEW odd.texts AS
	SELECT user_id::text, movie_id::text, rating::text, rated_at::text FROM small.ratings;
CREATE VIEW odd.jsons AS
	SELECT to_json(user_id) AS user_id, to_json(movie_id) AS movie_id, to_json(rating) AS rating FROM small.ratings;
CREATE VIEW odd.fails AS
	SELECT user_id, movie_id, 1 / (rating - 3) AS rating, rated_at FROM small.ratings;
CREATE VIEW odd.endless AS
	SELECT g AS user_id, g % 7 AS movie_id, g % 5 AS rating, now() AS rated_at
	FROM generate_series(1, 9223372036854775807) g;
CREATE VIEW odd.equal AS
	SELECT user_id, movie_id, 3 AS rating, timestamptz '2001-01-01' AS rated_at FROM small.ratings;
CREATE VIEW odd.one AS SELECT * FROM small.ratings LIMIT 1;
CREATE VIEW odd.dates AS
	SELECT user_id::int2, movie_id::int4, rating::money, rated_at::date FROM small.ratings;
CREATE VIEW odd.milliseconds AS
	SELECT user_id, movie_id, rating, (extract(epoch FROM rated_at) * 1000)::int8 AS rated_at
	FROM small.ratings;
CREATE VIEW odd.again AS
	SELECT * FROM small.ratings
	UNION ALL SELECT user_id, movie_id, rating, rated_at + '1 s' FROM small.ratings;
CREATE TABLE odd.movies AS SELECT m AS movie_id,
	(ARRAY[NULL, '', '(9999)', '(((((1999)', repeat('x', 100000), 'Amélie (2001)', '七人の侍 (1954)',
		E'\n\t'])[1 + m % 8] AS title,
	(ARRAY[NULL, '', '|', '||||', repeat('a|', 5000),
		(SELECT string_agg(g::text, '|') FROM generate_series(1, 5000) g), ' Drama | Drama '])[1 + m % 7] AS genres
	FROM generate_series(-10, 80) m;
CREATE VIEW odd.movies_twice AS SELECT * FROM small.movies UNION ALL SELECT * FROM small.movies;
CREATE VIEW odd.movies_with_years AS
	SELECT *, (ARRAY['NaN', '1e300', '1999', NULL])[1 + movie_id % 4]::float8 AS year FROM small.movies;
CREATE VIEW odd.users AS
	SELECT user_id, to_json(gender) AS gender, ARRAY[age] AS age, point(occupation, 0) AS occupation FROM small.users;
CREATE VIEW odd.many_users AS
	SELECT user_id, md5(user_id::text) AS gender, repeat('y', 3000) || user_id AS age FROM small.users;
CREATE TABLE odd.parted (LIKE small.ratings) PARTITION BY HASH (user_id);
CREATE TABLE odd.part PARTITION OF odd.parted FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE odd.other PARTITION OF odd.parted FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO odd.parted SELECT * FROM small.ratings;
CREATE TABLE odd.guarded AS SELECT * FROM small.ratings;
CREATE POLICY even ON odd.guarded USING (user_id % 2 = 0);
ALTER TABLE odd.guarded ENABLE ROW LEVEL SECURITY;

-- Embeddings, as they come in tables: null, long, stored out of line, and with an index.
CREATE TABLE odd.vectors (id serial, e embedding);
INSERT INTO odd.vectors (e) SELECT embedding FROM movie_embeddings WHERE model_id = 1 LIMIT 40;
INSERT INTO odd.vectors (e) VALUES (NULL), ('[0,0]'), ('[1e38,-1e38]'), ('[1e-45,0]'), ('[1,2]'), ('[1,2,3]');
INSERT INTO odd.vectors (e) SELECT array_agg(g::real)::embedding FROM generate_series(1, 16000) g;
CREATE INDEX ON odd.vectors USING hash (e);
CREATE TABLE odd.typed (e embedding(2));
CREATE TABLE odd.received (e embedding);

-- Trigger functions where they do not belong.
CREATE TABLE odd.triggered (model_id text, active int, x embedding);
CREATE TRIGGER a BEFORE INSERT OR UPDATE OR DELETE ON odd.triggered
	FOR EACH ROW EXECUTE FUNCTION mlrec_model_changed();
CREATE TABLE odd.triggered2 (x embedding);
CREATE TRIGGER a BEFORE INSERT OR UPDATE OR DELETE ON odd.triggered2
	FOR EACH ROW EXECUTE FUNCTION mlrec_model_removed();
CREATE TABLE odd.triggered3 (model_id int, active boolean);
CREATE TRIGGER a AFTER INSERT OR UPDATE OR DELETE ON odd.triggered3
	FOR EACH ROW EXECUTE FUNCTION mlrec_model_removed();
CREATE TABLE odd.triggered4 (active boolean, model_id int);
CREATE TRIGGER a BEFORE INSERT OR UPDATE OR DELETE ON odd.triggered4
	FOR EACH ROW EXECUTE FUNCTION mlrec_model_activated();
CREATE TABLE odd.triggered5 (x int);
CREATE TRIGGER a BEFORE INSERT OR UPDATE OR DELETE ON odd.triggered5
	FOR EACH STATEMENT EXECUTE FUNCTION mlrec_model_activated();

CREATE ROLE reader LOGIN;
GRANT USAGE ON SCHEMA small, odd TO reader;
GRANT SELECT ON ALL TABLES IN SCHEMA public, small, odd TO reader;
REVOKE ALL ON mlrec_model, mlrec_model_chunk FROM reader;
ALTER ROLE reader SET search_path = small, public;

-- What there is to call, by name and types of arguments.
CREATE VIEW odd.callable AS
	SELECT p.oid::regproc::text AS name, p.prokind AS kind, p.proretset AS set, p.pronargdefaults AS defaults,
		coalesce((SELECT string_agg(format_type(t, NULL), ';' ORDER BY i)
			FROM unnest(p.proargtypes) WITH ORDINALITY a(t, i)), '') AS types,
		coalesce((SELECT string_agg(n, ';' ORDER BY i)
			FROM unnest(p.proargnames) WITH ORDINALITY a(n, i) WHERE i <= p.pronargs), '') AS names
	FROM pg_depend d JOIN pg_proc p ON d.objid = p.oid
	WHERE d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
		AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'mlrec')
	ORDER BY 1, 5;
ANALYZE;
