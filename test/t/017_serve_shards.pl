# Users on two shards.  A hub trains on all of them through foreign partitions and
# publishes models and movies; each shard serves its own users; a router sends a
# call to the shard of its user.  Answers are those of one server that has it all.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $hub = PostgreSQL::Test::Cluster->new('hub');
$hub->init(allows_streaming => 'logical');
$hub->append_conf('postgresql.conf', 'max_prepared_transactions = 4');
$hub->start;

sub lacks
{
	my ($extension) = @_;
	return $hub->safe_psql('postgres', "SELECT count(*) FROM pg_available_extensions WHERE name = '$extension'") eq '0';
}
if (lacks('postgres_fdw'))
{
	$hub->stop;
	plan skip_all => 'postgres_fdw is not installed';
}
my $ratings = 'user_id integer, movie_id integer, rating integer, rated_at timestamptz';
my $users = 'user_id integer, gender text, age integer, occupation integer';

# The shards.  Which one a user is on, hub and router tell by the last bit of the id.
my @shards;
for my $i (0, 1)
{
	my $shard = PostgreSQL::Test::Cluster->new("shard$i");
	$shard->init;
	$shard->start;
	$shard->safe_psql('postgres', qq{
		CREATE EXTENSION mlrec;
		CREATE TABLE movies (movie_id integer PRIMARY KEY, title text, genres text);
		CREATE TABLE ratings ($ratings, PRIMARY KEY (user_id, movie_id), CHECK ((user_id & 1) = $i));
		CREATE TABLE users ($users, PRIMARY KEY (user_id), CHECK ((user_id & 1) = $i));
		CREATE FUNCTION rate(user_id bigint, movie_id bigint, rating int) RETURNS void
			LANGUAGE sql AS 'INSERT INTO ratings VALUES (\$1, \$2, \$3, now())'});
	push @shards, $shard;
}

# The hub: everything in local tables, for comparison, and through the shards.
$hub->safe_psql('postgres', 'CREATE EXTENSION mlrec; CREATE EXTENSION postgres_fdw; CREATE SCHEMA local');
$hub->safe_psql('postgres', 'SET search_path = local, public; ' . (slurp_file('test/small_world.sql') =~ s/ \\gset/;/r));
$hub->safe_psql('postgres', qq{
	CREATE TABLE movies (movie_id integer PRIMARY KEY, title text, genres text);
	INSERT INTO movies TABLE local.movies;
	CREATE TABLE ratings ($ratings) PARTITION BY LIST ((user_id & 1));
	CREATE TABLE users ($users) PARTITION BY LIST ((user_id & 1))});
for my $i (0, 1)
{
	my ($host, $port) = ($shards[$i]->host, $shards[$i]->port);
	$hub->safe_psql('postgres', qq{
		CREATE SERVER shard$i FOREIGN DATA WRAPPER postgres_fdw
			OPTIONS (host '$host', port '$port', dbname 'postgres', fetch_size '10000', batch_size '1000');
		CREATE USER MAPPING FOR CURRENT_USER SERVER shard$i;
		CREATE FOREIGN TABLE ratings_$i PARTITION OF ratings FOR VALUES IN ($i) SERVER shard$i OPTIONS (table_name 'ratings');
		CREATE FOREIGN TABLE users_$i PARTITION OF users FOR VALUES IN ($i) SERVER shard$i OPTIONS (table_name 'users')});
}
$hub->safe_psql('postgres', 'INSERT INTO ratings SELECT * FROM local.ratings; INSERT INTO users SELECT * FROM local.users');
$hub->safe_psql('postgres', 'CREATE PUBLICATION models FOR TABLE mlrec_model, mlrec_model_chunk, movies');
is($shards[$_]->safe_psql('postgres', 'SELECT count(*), count(DISTINCT user_id & 1) FROM users'), '20|1', "shard $_ has its users")
  for 0, 1;

# Training, as test/small_world.sql does.
my $train = 'SELECT max(model_id) FROM train_recommender(retrieval_epochs => 2, ranking_epochs => 2, validation_fraction => 0, seed => %s)';
is($hub->safe_psql('postgres', sprintf $train, 3), '2', 'the hub trains on the shards');
is($hub->safe_psql('postgres', 'SELECT count(DISTINCT checksum), count(*) FROM mlrec_model'), '1|2',
	'the model is that of the local tables to the bit');
is($hub->safe_psql('postgres', q{
	SELECT count(*) FROM generate_series(1, 45) u, LATERAL (
		(SELECT * FROM recommend(u, 40, 10) EXCEPT SELECT * FROM recommend(u, 40, 10, model_id => 1)) UNION ALL
		(SELECT * FROM recommend(u, 40, 10, model_id => 1) EXCEPT SELECT * FROM recommend(u, 40, 10))) x}), '0',
	'so are recommendations by the hub');
is($hub->safe_psql('postgres', q{
	BEGIN;
	INSERT INTO ratings SELECT 5, movie_id, 5, now() FROM recommend(5, 80, 3);
	SELECT count(*) FROM recommend(5, 80, 80) JOIN ratings r USING (movie_id) WHERE r.user_id = 5;
	ROLLBACK}), '0', 'what a transaction of the hub wrote on a shard counts in it');
is($hub->safe_psql('postgres', 'SELECT count(*), count(DISTINCT user_id) FROM users u, LATERAL recommend(u.user_id, 40, 2)'),
	'80|40', 'in a join with the users of all shards too');
is($hub->safe_psql('postgres', q{
	SELECT count(*) FROM evaluate_recommender(1, 40, 5) NATURAL FULL JOIN evaluate_recommender(2, 40, 5) e}),
	$hub->safe_psql('postgres', 'SELECT count(*) FROM evaluate_recommender(1, 40, 5)'), 'and in the evaluation');

# Serving by the shards.  The model names public.ratings and so on, as they do.
my $local = $hub->safe_psql('postgres', 'SELECT u, r.* FROM generate_series(1, 45) u, recommend(u, 40, 10, model_id => 1) r ORDER BY 1, 2');
$hub->safe_psql('postgres', 'SELECT drop_recommender(1)');
my $connection = $hub->connstr . ' dbname=postgres';
for my $i (0, 1)
{
	$shards[$i]->safe_psql('postgres', "CREATE SUBSCRIPTION shard$i CONNECTION '$connection' PUBLICATION models");
	$shards[$i]->wait_for_subscription_sync($hub, "shard$i");
}
my $by_shards = join "\n", map {
	$shards[ $_ & 1 ]->safe_psql('postgres', "SELECT $_, r.* FROM recommend($_, 40, 10) r ORDER BY rank") } 1 .. 45;
is($by_shards, $local, 'each shard serves its own users as one server would');
is(join(' ', map { $_->safe_psql('postgres', 'SELECT count(*) FROM recommend_all(40, 2)') } @shards), '40 40', 'all of them');

# The router.
SKIP:
{
	skip 'plproxy is not installed', 8 if lacks('plproxy');
	my $router = PostgreSQL::Test::Cluster->new('router');
	$router->init;
	$router->start;
	my @places = map { "p$_ 'host=" . $shards[$_]->host . ' port=' . $shards[$_]->port . " dbname=postgres'" } 0, 1;
	$router->safe_psql('postgres', qq{
		CREATE EXTENSION plproxy;
		CREATE SERVER shards FOREIGN DATA WRAPPER plproxy OPTIONS ($places[0], $places[1]);
		CREATE USER MAPPING FOR PUBLIC SERVER shards;
		CREATE FUNCTION shard_of(user_id bigint) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT (user_id & 1)::int';
		CREATE FUNCTION recommend(user_id bigint, top_k_retrieve int DEFAULT 200, top_n_final int DEFAULT 10)
			RETURNS TABLE (rank int, movie_id bigint, title text, genres text, year int, ranking_score real, retrieval_score real)
			LANGUAGE plproxy AS 'CLUSTER ''shards''; RUN ON shard_of(user_id);';
		CREATE FUNCTION recommend_all(top_k_retrieve int DEFAULT 200, top_n_final int DEFAULT 10)
			RETURNS TABLE (user_id bigint, rank int, movie_id bigint, title text, genres text, year int, ranking_score real, retrieval_score real)
			LANGUAGE plproxy AS 'CLUSTER ''shards''; RUN ON ALL;';
		CREATE FUNCTION recommender_health() RETURNS TABLE (status text, detail text)
			LANGUAGE plproxy AS 'CLUSTER ''shards''; RUN ON ALL;';
		CREATE FUNCTION rate(user_id bigint, movie_id bigint, rating int) RETURNS void
			LANGUAGE plproxy AS 'CLUSTER ''shards''; RUN ON shard_of(user_id);'});
	is($router->safe_psql('postgres', 'SELECT u, r.* FROM generate_series(1, 45) u, recommend(u, 40, 10) r ORDER BY 1, 2'),
		$local, 'the router answers as one server would');
	is($router->safe_psql('postgres', 'SELECT count(*), count(DISTINCT user_id) FROM recommend_all(40, 2)'), '80|40', 'for all users too');

	my $session = $router->background_psql('postgres');
	is($session->query('SELECT count(*) FROM recommend(9, 80, 80) WHERE movie_id = 2'), '1', 'a movie is recommended');
	$session->query('SELECT rate(9, 2, 5)');
	is($session->query('SELECT count(*) FROM recommend(9, 80, 80) WHERE movie_id = 2'), '0', 'until it is rated, by way of the router');
	is($hub->safe_psql('postgres', 'SELECT count(*) FROM ratings WHERE user_id = 9 AND movie_id = 2'), '1', 'which the hub knows');

	# While the hub trains and activates, all is answered.
	my $script = "$ENV{MLREC_SCRATCH}/shards.sql";
	append_to_file($script, "\\set u random(1, 60)\nSELECT 1 / (count(*) = 10)::int FROM recommend(:u, 80);\n" .
		"SELECT 1 / (count(*) = 80)::int FROM recommend_all(40, 2);\n");
	my $answered = qr/progress: .* [1-9]\d*\.\d+ tps/;
	my ($out, $err) = ('', '');
	my $client = IPC::Run::start([ 'pgbench', '-n', '-f', $script, '-T', '600', '-P', '1', $router->connstr('postgres') ],
		'>', \$out, '2>', \$err, IPC::Run::timeout(600));
	for my $seed (1 .. 3)
	{
		$hub->safe_psql('postgres', sprintf $train, $seed);
		$hub->safe_psql('postgres', "SELECT drop_recommender(1 + $seed); INSERT INTO movies VALUES (500 + $seed, 'New', 'War')");
	}
	$hub->wait_for_catchup("shard$_") for 0, 1;
	is($session->query(q{SELECT count(*) FROM recommender_health() WHERE detail ~ '^model 5'}), '2', 'the last model is served by all shards');
	is($session->query(q{SELECT count(*) FROM recommend(9, 100, 100) WHERE movie_id > 500}), '3', 'with the new movies');
	$session->quit;
	ok(IPC::Run::pumpable($client), 'the client still asks');
	$client->pump until $err =~ $answered || !IPC::Run::pumpable($client);
	$client->signal('INT');
	$client->finish;
	unlike($err, qr/ERROR|FATAL|aborted/, 'it has met no error');
	like($err, $answered, 'and was answered');

	# A shard that is down takes its own users with it, and no others.
	$shards[1]->stop('immediate');
	is($router->safe_psql('postgres', 'SELECT count(*) FROM recommend(8)'), '10', 'without a shard the others serve');
	my ($status, $answer, $error) = $router->psql('postgres', 'SELECT count(*) FROM recommend(9)');
	isnt($status, 0, 'whose users get an error');
	$shards[1]->start;
	is($router->safe_psql('postgres', 'SELECT count(*) FROM recommend(9)'), '10', 'until it is back');
	$router->stop;
}

$_->stop for @shards, $hub;
done_testing();
