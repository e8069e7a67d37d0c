# A logical subscriber serves the models that replication brings, from its own
# ratings, and follows training, activation, removal and truncation in sessions
# that are open.  Whatever it does with models of its own, replication goes on.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $hub = PostgreSQL::Test::Cluster->new('hub');
$hub->init(allows_streaming => 'logical');
$hub->start;
$hub->safe_psql('postgres', 'CREATE EXTENSION mlrec');
$hub->safe_psql('postgres', slurp_file('test/small_world.sql') =~ s/ \\gset/;/r);
$hub->safe_psql('postgres', 'CREATE PUBLICATION models FOR TABLE mlrec_model, mlrec_model_chunk, movies');

my $node = PostgreSQL::Test::Cluster->new('node');
$node->init;
$node->append_conf('postgresql.conf', 'mlrec.share_models_above = 0');
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION mlrec;
	CREATE TABLE movies (movie_id integer PRIMARY KEY, title text, genres text);
	CREATE TABLE users (user_id integer PRIMARY KEY, gender text, age integer, occupation integer);
	CREATE TABLE ratings (user_id integer, movie_id integer, rating integer, rated_at timestamptz,
		PRIMARY KEY (user_id, movie_id));
	INSERT INTO ratings SELECT u, m, 1 + (u + m) % 5, '2002-01-01'::timestamptz + m * interval '1 h'
		FROM generate_series(101, 120) u, generate_series(1, 10) m;
	INSERT INTO ratings VALUES (100, 3, 5, now())});

my $train = 'SELECT max(model_id) FROM train_recommender(retrieval_epochs => 1, ranking_epochs => 1)';
my $session = $node->background_psql('postgres');

sub asks
{
	my ($query) = @_;
	my $answer = $session->query($query);
	chomp $answer;
	return $answer;
}

# The number of the model that the open session serves from, or 'none'.
sub served
{
	my ($id) = asks('SELECT detail FROM recommender_health()') =~ /^model (\d+)/;
	return $id // 'none';
}

# What the hub says is applied at the subscriber before anything is asked.
sub hub
{
	my ($query) = @_;
	my $answer = $hub->safe_psql('postgres', $query);
	$hub->wait_for_catchup('models');
	return $answer;
}

is(served(), 'none', 'no model before the subscription');
my $connection = $hub->connstr . ' dbname=postgres';
$node->safe_psql('postgres', "CREATE SUBSCRIPTION models CONNECTION '$connection' PUBLICATION models");
$node->wait_for_subscription_sync($hub, 'models');
is(served(), '1', 'an open session serves the first model');
is(asks('SELECT count(*) FROM recommend(100, 80, 80)'), '79', 'with the ratings that are here');
is(asks('SELECT count(*) FROM recommend(5, 80, 80)'), '80', 'and not with those of the hub');

is(hub($train), '2', 'the hub trains another model');
is(served(), '2', 'an open session turns to it');
hub('SELECT activate_recommender(1)');
is(served(), '1', 'and back, when the first one is activated');
hub('BEGIN; SELECT activate_recommender(2); ROLLBACK');
is(served(), '1', 'but not for what is rolled back');
hub('SELECT deactivate_recommender()');
is(served(), 'none', 'it serves none when none is active');
hub('SELECT activate_recommender(1)');

hub("INSERT INTO movies VALUES (500, 'New Movie (2001)', 'War'); DELETE FROM movies WHERE movie_id = 7");
is(asks("SELECT string_agg(title, ' ') FILTER (WHERE movie_id IN (7, 500)) FROM recommend(100, 80, 80)"),
	'New Movie (2001)', 'movies come and go in an open session');

# What the hub says in one transaction, happens in one.
hub('BEGIN; SELECT drop_recommender(1); SELECT activate_recommender(2); COMMIT');
is(served(), '2', 'a model is replaced by another');
is(asks('SELECT count(DISTINCT model_id) FROM mlrec_model_chunk'), '1', 'its weights are gone');
is(asks("SELECT count(*) FROM pg_ls_tmpdir() WHERE name ~ 'mlrec'"), '1', 'so is its shared file');
hub('SELECT drop_recommender(2)');
is(served(), 'none', 'a dropped model is served no more');
is(asks('SELECT count(*) FROM mlrec_model_chunk'), '0', 'nothing is left of it');
is(hub($train), '3', 'another one');
is(served(), '3', 'is served');
hub('TRUNCATE mlrec_model');
is(served(), 'none', 'until all models are truncated');
is(asks('SELECT count(*) FROM mlrec_model_chunk'), '0', 'which removes their weights');
is($hub->safe_psql('postgres', 'SELECT count(*) FROM mlrec_model_chunk'), '0', 'on the hub too');

# Models of the subscriber's own: their numbers, and who is active.
hub($train) for 1 .. 3;
is(served(), '6', 'the hub has trained three more models');
my $own = $node->safe_psql('postgres', $train);
is($own, '1', 'a number that the hub does not use any more is free');
$node->safe_psql('postgres', "ALTER SEQUENCE mlrec_model_id RESTART 4");
$own = $node->safe_psql('postgres', $train);
is($own, '7', 'numbers that are there are passed over');
is(served(), $own, 'the own model is served');
hub('SELECT activate_recommender(4)');
is(served(), '4', 'until the hub activates another one');
$node->safe_psql('postgres', "SELECT activate_recommender($own)");
hub('SELECT activate_recommender(5); SELECT deactivate_recommender()');
is(served(), 'none', 'or none');
$node->safe_psql('postgres', "SELECT activate_recommender($own); SELECT deactivate_recommender()");
is(served(), 'none', 'the subscriber can do without a model as well');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_subscription_stats WHERE apply_error_count + sync_error_count > 0}),
	'0', 'replication met no error') if $node->pg_version >= 15;

# A number that comes while a model of that number is trained.
$node->safe_psql('postgres', "ALTER SEQUENCE mlrec_model_id RESTART 8");
$hub->safe_psql('postgres', "ALTER SEQUENCE mlrec_model_id RESTART 8");
my $holder = $node->background_psql('postgres');
my $trainer = $node->background_psql('postgres');

sub wait_for_waiting
{
	my ($n) = @_;
	$node->poll_query_until('postgres', qq{SELECT count(*) = $n FROM pg_locks
		WHERE relation = 'mlrec_model'::regclass AND NOT granted}) or die "there are not $n that wait";
	return;
}
$holder->query('BEGIN; LOCK mlrec_model IN SHARE ROW EXCLUSIVE MODE');
is($hub->safe_psql('postgres', $train), '8', 'the hub trains a model');
wait_for_waiting(1);
$trainer->query_until(qr/training/, "\\echo training\n$train;\n");
wait_for_waiting(2);
$holder->query('COMMIT');
like($trainer->query('SELECT true'), qr/^9\nt/,
	'one that was trained here meanwhile takes the next number');
$hub->wait_for_catchup('models');
is($node->safe_psql('postgres', q{SELECT string_agg(model_id::text, ' ' ORDER BY model_id) FROM recommender_models}),
	'1 4 5 6 7 8 9', 'all are there');
$_->quit for $holder, $trainer;

$session->quit;
$node->stop;
$hub->stop;
done_testing();
