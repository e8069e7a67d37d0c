# What the data does not tell, training says, and what can be done about it: once,
# in words that name the relation.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('node');
$node->init;
$node->start;
# Users like the movies of their own parity.
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION mlrec;
CREATE TABLE movies AS SELECT i AS movie_id, 'F' || i AS title, 'Drama'::text AS genres FROM generate_series(1, 60) i;
CREATE TABLE r AS SELECT u AS user_id, m AS movie_id, CASE WHEN (u + m) % 2 = 0 THEN 5 ELSE 1 END AS rating,
		1000000 + abs(hashint4(u * 1000 + m)) % 1000000 AS rated_at
	FROM generate_series(1, 200) u, generate_series(1, 60) m WHERE abs(hashint4(u * 131 + m * 7)) % 100 < 40;
SQL

# Trains on a query's rows; returns what was said besides how the epochs went.
sub told
{
	my ($query, $options) = @_;
	my ($out, $said);
	$node->safe_psql('postgres', "DROP VIEW IF EXISTS seen; CREATE VIEW seen AS $query");
	$node->psql('postgres', "SELECT max(model_id) FROM train_recommender('seen', workers => 0, retrieval_epochs => 1,
		ranking_epochs => 1" . ($options // '') . ")", stdout => \$out, stderr => \$said, on_error_die => 1);
	return join("\n", grep { !/epoch \d|NOTICE:  relevance: / } split /\n/, $said);
}

my $likes = qr/NOTICE:  a rating of 5 or more is a like: 50\.\d % of the training ratings are/;
my $all_well = told('SELECT * FROM r');
like($all_well, $likes, 'a threshold where all is well');
unlike($all_well, qr/WARNING|relation|column|time|event/, 'and nothing of the data');
like(told('SELECT user_id, movie_id, 2 * rating AS rating, rated_at FROM r'),
	qr/a rating of 10 or more is a like: 50\.\d %/, 'the threshold follows the scale');
like(told('SELECT user_id, movie_id, rating / 100.0 AS rating, rated_at FROM r'),
	qr/a rating of 0\.05 or more is a like: 50\.\d %/, 'on any scale');
like(told('SELECT * FROM r', ', like_threshold => 1'),
	qr/WARNING:  a rating of 1 or more is a like: 100\.0 % .*\nDETAIL:  Likes this frequent .*\nHINT:  Set the threshold with like_threshold\./,
	'a threshold below everything is warned of');
like(told('SELECT * FROM r', ', like_threshold => 6'), qr/WARNING:  a rating of 6 .*: 0\.0 % .*\nDETAIL:  Likes this rare /,
	'and one above');

like(told('SELECT user_id, movie_id, rating FROM r'),
	qr/NOTICE:  relation public\.seen has no column "rated_at"\nDETAIL:  The split is random, .* There are no live metrics/,
	'no times');
my ($out, $measured);
$node->psql('postgres', 'SELECT DISTINCT protocol FROM evaluate_recommender()', stdout => \$out, stderr => \$measured);
is($out, 'static', 'what needs times is not measured');
like($measured, qr/NOTICE:  recommender model \d+ has no live metrics\nDETAIL:  Its split is random/, 'and this is why');
like(told("SELECT user_id, movie_id, rating, date '2020-01-01' AS rated_at FROM r"),
	qr/NOTICE:  all times of relation public\.seen are equal\nDETAIL:  The split is random/, 'one time');
like(told("SELECT user_id, movie_id, rating, date '2020-01-01' + (rated_at - 1000000) / 300000 AS rated_at FROM r"),
	qr/NOTICE:  a rating has the time of \d\d % of its user's others\nDETAIL:  In training a fixed random order/,
	'few times');

my $events = qr/are taken as events\nDETAIL:  An event says that a user chose a movie.*\nHINT:  Recommendations are ordered by relevance/;
like(told('SELECT user_id, movie_id, 1 AS rating, rated_at FROM r WHERE rating = 5'),
	qr/NOTICE:  all ratings of relation public\.seen are 1: they $events/, 'ratings that are all equal');
my $said = told('SELECT user_id, movie_id, rated_at FROM r WHERE rating = 5');
like($said, qr/NOTICE:  relation public\.seen has no column "rating": its rows $events/, 'no ratings');
unlike($said, qr/is a like/, 'without a threshold, which events have not');
like(told('SELECT user_id, movie_id, rated_at, 2 AS weight FROM r UNION ALL (SELECT user_id, movie_id, rated_at + 1, 1 FROM r ORDER BY 1, 2 LIMIT 7)'),
	qr/NOTICE:  7 events are of a user and a movie that have an earlier one\nDETAIL:  Each user and movie count once, with the sum/,
	'repeated events');

$node->safe_psql('postgres', 'ALTER TABLE movies RENAME TO elsewhere');
like(told('SELECT * FROM r'), qr/NOTICE:  there is no relation of movies\nDETAIL:  Movies are known by their ids/, 'no movies');

done_testing();
