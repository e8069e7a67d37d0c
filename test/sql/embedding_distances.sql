-- Distances are right, finite and within their range; misfits are refused.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS mlrec;
\set ECHO none
\getenv dir PG_ABS_SRCDIR
\i :dir/refusal.sql
\set ECHO all

SELECT '[1,2]'::embedding <-> '[4,6]', '[1,2]'::embedding <#> '[3,4]', '[1,0]'::embedding <=> '[0,1]';
SELECT l2_distance('[1,2]', '[4,6]'::embedding), inner_product('[1,2]', '[3,4]'::embedding),
       cosine_similarity('[1,1]', '[-2,-2]'::embedding);
SELECT dims('[1,2,3]'::embedding), norm('[3,4]'::embedding), normalize('[3,4]'::embedding);

-- Every size up to 130, against SQL.
CREATE TEMP TABLE pairs AS
SELECT n, array_agg(sin(i * 3 + n)::real ORDER BY i) AS a, array_agg(cos(i * 5 - n)::real ORDER BY i) AS b
FROM generate_series(1, 130) n, generate_series(1, n) i GROUP BY n;
WITH expected AS (
    SELECT n, sum(x::float8 * y) AS product, sqrt(sum((x::float8 - y) ^ 2)) AS l2,
           sqrt(sum(x::float8 ^ 2)) AS norm_a, sqrt(sum(y::float8 ^ 2)) AS norm_b
    FROM pairs, unnest(a, b) AS t(x, y) GROUP BY n
), actual AS (
    SELECT n, a::embedding AS a, b::embedding AS b FROM pairs
)
SELECT count(*),
       max(abs((a <-> b) - l2)) < 1e-5 AS l2,
       max(abs(inner_product(a, b) - product)) < 1e-5 AS inner_product,
       max(abs((a <#> b) + product)) < 1e-5 AS negative_inner_product,
       max(abs(cosine_similarity(a, b) - product / norm_a / norm_b)) < 1e-6 AS cosine_similarity,
       max(abs((a <=> b) - 1 + product / norm_a / norm_b)) < 1e-6 AS cosine_distance,
       max(abs(norm(a) - norm_a)) < 1e-5 AS norm,
       max(abs(norm(normalize(a)) - 1)) < 1e-6 AS normalize,
       bool_and(dims(a) = n) AS dims
FROM expected JOIN actual USING (n);

-- A vector with itself and with its multiples: never beyond 1.
SELECT count(*) FILTER (WHERE e <=> e <> 0) AS not_zero,
       count(*) FILTER (WHERE cosine_similarity(e, e) <> 1) AS not_one,
       count(*) FILTER (WHERE abs(cosine_similarity(e, f)) > 1 OR NOT e <=> f BETWEEN 0 AND 2) AS beyond
FROM (SELECT a::embedding, a::embedding * array_fill(0.3, ARRAY[n])::embedding FROM pairs
      UNION ALL
      SELECT a::embedding, a::embedding * array_fill(-7, ARRAY[n])::embedding FROM pairs) t(e, f);

-- A zero vector has no direction.
SELECT '[0,0]'::embedding <=> '[1,2]' AS left, '[1,2]'::embedding <=> '[0,0]' AS right,
       cosine_similarity('[0,-0]', '[0,0]'::embedding) AS both;
SELECT norm('[0,0]'::embedding), normalize('[0,-0]'::embedding), '[0,0]'::embedding <-> '[3,4]', '[0,0]'::embedding <#> '[3,4]';

-- The ends of what a float holds.
SELECT round(('[3e38,3e38]'::embedding <=> '[-3e38,3e38]')::numeric, 9) AS right_angle,
       '[3e38,3e38]'::embedding <=> '[3e38,3e38]' AS same,
       '[1e-45,0]'::embedding <=> '[1e-45,0]' AS tiny,
       '[1e-30,0]'::embedding <=> '[0,1e-30]' AS tiny_right_angle;
SELECT round((('[3e38,0]'::embedding <-> '[-3e38,0]') / 6e38)::numeric, 6) AS far,
       round((('[1e-40]'::embedding <-> '[3e-40]') / 2e-40)::numeric, 4) AS near,
       round((inner_product('[3e38,3e38]', '[3e38,3e38]'::embedding) / 1.8e77)::numeric, 6) AS large,
       round((inner_product('[1e-30]', '[1e-30]'::embedding) / 1e-60)::numeric, 6) AS small,
       round((norm('[3e38,4e37]'::embedding) / 3.026549190e38)::numeric, 6) AS long;
SELECT normalize('[3e38,3e38]'::embedding), normalize('[1e-45,0]'::embedding);

-- Different dimensions: both are named.
SELECT pg_temp.refusal(format('SELECT ''[1,2,3]''::embedding %s ''[1,2]''', operator))
FROM unnest(ARRAY['<->', '<#>', '<=>']) operator;
SELECT pg_temp.refusal(format('SELECT %s(''[1]'', ''[1,2]''::embedding)', function))
FROM unnest(ARRAY['l2_distance', 'inner_product', 'cosine_similarity', 'cosine_distance']) function;

SELECT '[1]'::embedding <-> NULL AS l2, '[1]'::embedding <#> NULL AS product, '[1]'::embedding <=> NULL AS cosine,
       dims(NULL::embedding), norm(NULL::embedding), normalize(NULL::embedding);
