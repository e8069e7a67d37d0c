-- What tests of serving include: 80 movies, 40 users and their ratings in the
-- current schema, and a model of them, hastily trained, which is the active
-- one.  Its id is in :model.  Without validation nothing that the networks say
-- is left out.
CREATE TABLE movies AS
	SELECT m AS movie_id, 'Movie ' || m || ' (' || 1950 + m % 50 || ')' AS title,
		(ARRAY['Drama', 'Comedy|Drama', 'War', 'Comedy'])[1 + m % 4] AS genres
	FROM generate_series(1, 80) m;
ALTER TABLE movies ADD PRIMARY KEY (movie_id);
CREATE TABLE users AS
	SELECT u AS user_id, (ARRAY['F', 'M'])[1 + u % 2] AS gender, 10 * (u % 5) AS age,
		u % 3 AS occupation
	FROM generate_series(1, 40) u;
ALTER TABLE users ADD PRIMARY KEY (user_id);
CREATE TABLE ratings AS
	SELECT u AS user_id, (u * 13 + i * 7) % 80 + 1 AS movie_id,
		1 + (u * 3 + i * 2) % 5 AS rating,
		timestamptz '2001-01-01 00:00Z' + u * interval '60 min' + i * interval '20 min' AS rated_at
	FROM generate_series(1, 40) u, LATERAL generate_series(1, 1 + u * 11 % 20) i;
ALTER TABLE ratings ADD PRIMARY KEY (user_id, movie_id);

SELECT max(model_id) AS model
FROM train_recommender(retrieval_epochs => 2, ranking_epochs => 2, validation_fraction => 0, seed => 3) \gset
