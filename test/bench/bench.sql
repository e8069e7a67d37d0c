-- What the benchmark measures with, inside the server.

-- The data is not here yet.
SET check_function_bodies = off;

CREATE SCHEMA bench;

-- Whom recommendations are timed for: users spread over the ids.
CREATE FUNCTION bench.users(n integer) RETURNS TABLE (user_id bigint) LANGUAGE sql STABLE AS
	'SELECT user_id::bigint FROM users ORDER BY user_id % 61, user_id LIMIT n';

CREATE FUNCTION bench.median(times float8[]) RETURNS float8 LANGUAGE sql IMMUTABLE AS
	'SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY t) FROM unnest(times) AS t';

-- Median milliseconds of a call with the parameter $1 over the arguments, each
-- `rounds` times after one round that is not counted.  The statement is planned
-- once, as an application's prepared statement is.
CREATE FUNCTION bench.per_call(statement text, arguments bigint[], rounds integer) RETURNS float8
LANGUAGE plpgsql AS $$
DECLARE
	started timestamptz;
	times float8[];
	result float8;
BEGIN
	EXECUTE format($f$
		CREATE OR REPLACE FUNCTION bench.one_call(arguments bigint[], rounds integer)
		RETURNS float8 LANGUAGE plpgsql AS $body$
		DECLARE
			started timestamptz;
			times float8[] := '{}';
			argument bigint;
		BEGIN
			FOR round IN 0 .. rounds LOOP
				FOREACH argument IN ARRAY arguments LOOP
					started := clock_timestamp();
					PERFORM %s;
					IF round > 0 THEN
						times := times || 1000 * extract(epoch FROM clock_timestamp() - started)::float8;
					END IF;
				END LOOP;
			END LOOP;
			RETURN bench.median(times);
		END
		$body$
	$f$, replace(statement, '$1', 'argument'));
	EXECUTE 'SELECT bench.one_call($1, $2)' INTO result USING arguments, rounds;
	RETURN result;
END
$$;

-- Milliseconds of one statement, once.
CREATE FUNCTION bench.once(statement text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	started timestamptz := clock_timestamp();
BEGIN
	EXECUTE statement;
	RETURN 1000 * extract(epoch FROM clock_timestamp() - started);
END
$$;

-- Kilobytes of memory that are this backend's own: not pages of files, which are
-- the system's cache, whether others map them at this moment or not.
CREATE FUNCTION bench.private_memory() RETURNS bigint LANGUAGE sql VOLATILE AS $$
	SELECT substring(pg_read_file('/proc/self/smaps_rollup') FROM 'Anonymous: *(\d+) kB')::bigint
$$;
