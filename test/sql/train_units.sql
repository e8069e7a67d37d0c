-- Ratings have no unit: times a factor and plus a number they train the same model,
-- however small, large or far from zero they are, but for what rounding grows to in training.
\set ECHO none
\set sample `echo "$MLREC_SAMPLE"`
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
CREATE SCHEMA train_units;
SET search_path = train_units, public;
SELECT load_movielens(:'sample') \g /dev/null
CREATE TABLE unit (name text, factor float8, added float8, tolerance float8);
INSERT INTO unit VALUES ('plain', 1, 0, 0), ('hundredth', 0.01, 0, 0.01), ('twentyfold', 20, 0, 0.01),
	('thousand more', 1, 1000, 0.01), ('a million more', 1, 1e6, 0.02), ('tiny', 1e-30, 0, 0.01), ('huge', 1e30, 0, 0.01);
CREATE TABLE few AS SELECT * FROM ratings WHERE user_id % 4 = 1;
CREATE TABLE trained (name text, model_id int);
DO $$
DECLARE
	u unit;
BEGIN
	FOR u IN SELECT * FROM unit LOOP
		EXECUTE format('CREATE VIEW v AS SELECT user_id, movie_id, %s + %s * rating::float8 AS rating, rated_at FROM few',
			u.added, u.factor);
		INSERT INTO trained SELECT u.name, max(model_id) FROM train_recommender('v', activate => false,
			retrieval_epochs => 2, ranking_epochs => 2, learning_rate => 3e-3, workers => 0,
			like_threshold => u.added + u.factor * 4 * (1 - 1e-6));
		DROP VIEW v;
	END LOOP;
END $$;
CREATE TABLE measured AS
	SELECT u.*, (metrics->'live'->'mlrec'->'all'->>'rmse')::float8 / factor AS rmse,
		(metrics->'static'->'mlrec'->'all'->>'auc_retrieval')::float8 AS auc,
		(metrics->'static'->'mlrec'->'all'->>'ndcg@10')::float8 AS ndcg,
		(metrics->'live'->'bias'->'all'->>'rmse')::float8 / factor AS bias
	FROM trained JOIN unit u USING (name) JOIN recommender_models USING (model_id);
\set ECHO all

SELECT m.name, abs(m.rmse - plain.rmse) <= m.tolerance AS same_rmse,
	abs(m.bias - plain.bias) <= m.tolerance AS same_bias,
	abs(m.auc - plain.auc) <= 0.01 AS same_auc, abs(m.ndcg - plain.ndcg) <= 0.02 AS same_ndcg
FROM measured m, measured plain WHERE plain.name = 'plain' ORDER BY m.factor, m.added;

\set ECHO none
SELECT drop_recommender(model_id) FROM trained \g /dev/null
DROP SCHEMA train_units CASCADE;
