-- A large catalogue is searched exactly, and below mlrec.recall 1 by an index, with the recall that was promised.
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA serve_recall;
SET search_path = serve_recall, public;

-- Twenty thousand movies of six kinds, and users who like two kinds each.
CREATE TABLE movies AS
	SELECT m AS movie_id, 'Movie ' || m || ' (' || 1950 + m % 50 || ')' AS title,
		(ARRAY['Drama', 'Comedy', 'War', 'Crime', 'Horror', 'Musical'])[1 + m % 6] AS genres
	FROM generate_series(1, 20000) m;
ALTER TABLE movies ADD PRIMARY KEY (movie_id);
CREATE TABLE ratings AS
	SELECT u AS user_id, m AS movie_id, CASE WHEN (m + u) % 6 < 2 THEN 5 ELSE 2 END AS rating,
		timestamptz '2001-01-01 00:00Z' + min(u * interval '60 min' + i * interval '1 min') AS rated_at
	FROM generate_series(1, 400) u, generate_series(1, 100) i,
		-- some movies are rated by many
		LATERAL (SELECT 1 + (hashint8(u * 1000 + i)::bigint & 65535) ^ 2 / 4294967296 * 20000 AS place) p,
		LATERAL (SELECT least(place::int, 20000) AS m) movie
	GROUP BY u, m;
ALTER TABLE ratings ADD PRIMARY KEY (user_id, movie_id);
SELECT max(model_id) AS model FROM train_recommender(retrieval_epochs => 3, ranking_epochs => 1, refit => false,
	validation_fraction => 0, test_fraction => 0, seed => 1) \gset

CREATE VIEW queries AS SELECT user_id, embedding AS e FROM user_embeddings
	WHERE model_id = :model AND user_id % 8 = 0;
-- The share of the movies in `best` that `answers` has, too.
CREATE FUNCTION recall(best text, answers text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	recall float8;
BEGIN
	EXECUTE format('SELECT count(f.movie_id)::float8 / count(*) FROM %I b LEFT JOIN %I f USING (user_id, movie_id)',
		best, answers) INTO recall;
	RETURN recall;
END $$;
\set ECHO all

-- At recall 1 the answer is the best by the operator.
SHOW mlrec.recall;
SELECT retrieval FROM recommender_stats();
CREATE TABLE nearest AS SELECT user_id, n.* FROM queries, nearest_movies(e, 200) n;
SELECT count(*) AS wrong FROM (SELECT * FROM queries LIMIT 5) q, LATERAL (
	SELECT movie_id, rank() OVER (ORDER BY m.embedding <=> q.e) FROM movie_embeddings m WHERE model_id = :model) r
	JOIN nearest n USING (movie_id) WHERE n.user_id = q.user_id AND r.rank > 205;
CREATE TABLE likely AS SELECT user_id, r.movie_id FROM queries, recommend(user_id, 200, 200, order_by => 'relevance') r;

-- Below that, the index promises what it finds and says how little it looks at.
SET mlrec.recall = 0.95;
CREATE TABLE told AS SELECT regexp_match(retrieval, '^inverted file of (\d+) lists, measured with (\d+) users: '
	'recall ([\d.]+) in ([\d.]+) % of the movies; by relevance ([\d.]+) in ([\d.]+) %$')::float8[] AS n
	FROM recommender_stats();
SELECT n[1] AS lists, n[2] AS users, n[3] >= 0.95 AS recall, n[4] < 50 AS share, n[5] >= 0.95 AS recall_by_relevance,
	n[6] < 50 AS share_by_relevance FROM told;
CREATE TABLE nearly AS SELECT user_id, n.* FROM queries, nearest_movies(e, 200) n;
SELECT recall('nearest', 'nearly') BETWEEN 0.93 AND 1 AS as_promised,
	abs(recall('nearest', 'nearly') - n[3]) < 0.03 AS as_measured FROM told;
CREATE TABLE nearly_likely AS SELECT user_id, r.movie_id
	FROM queries, recommend(user_id, 200, 200, order_by => 'relevance') r;
SELECT recall('likely', 'nearly_likely') BETWEEN 0.93 AND 1 AS as_promised FROM told;

-- It is another search than the exact one.
SET mlrec.recall = 0.1;
CREATE TABLE hardly AS SELECT user_id, n.* FROM queries, nearest_movies(e, 200) n;
SELECT recall('nearest', 'hardly') < 1 AS misses_some;

-- Filters hold, and never leave too few.
SELECT count(*), count(*) FILTER (WHERE movie_id > 100) AS wrong FROM recommend(8, 200, 20,
	exclude => ARRAY(SELECT m FROM generate_series(101, 20000) m), exclude_seen => false);
SELECT count(*) FROM nearest_movies((SELECT e FROM queries LIMIT 1), 15000);

\set ECHO none
RESET mlrec.recall;
SELECT drop_recommender(:model) \g /dev/null
DROP SCHEMA serve_recall CASCADE;
