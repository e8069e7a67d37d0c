# What test/citus runs: ratings and users distributed by user_id over two workers,
# movies on every node, models by logical replication.  Training and answers are
# those of local tables, on every node, and follow what changes.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my @nodes;
for my $name ('coordinator', 'worker1', 'worker2')
{
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init;
	$node->append_conf('postgresql.conf', q{
shared_preload_libraries = 'citus'
listen_addresses = '127.0.0.1'
wal_level = logical
max_connections = 200
max_prepared_transactions = 50
max_wal_senders = 10
max_replication_slots = 10
citus.node_conninfo = 'sslmode=disable'
citus.shard_count = 8
citus.enable_version_checks = off
});
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION citus');
	push @nodes, $node;
}
my ($coordinator, @workers) = @nodes;

# As a user at the coordinator.
sub sql { my ($query) = @_; return $coordinator->safe_psql('postgres', $query); }

sql("SELECT citus_set_coordinator_host('127.0.0.1', " . $coordinator->port . ')');
sql("SELECT citus_add_node('127.0.0.1', " . $_->port . ')') for @workers;
note sql('SELECT citus_version()');
sql('CREATE EXTENSION mlrec');
is($_->safe_psql('postgres', q{SELECT count(*) FROM pg_extension WHERE extname = 'mlrec'}), '1', $_->name . ' has the extension')
  for @nodes;

# The same data in local tables, and a model of these.
sql("CREATE SCHEMA local; SELECT load_movielens('$ENV{MLREC_SAMPLE}', 'local')");
my $options = 'retrieval_epochs => 2, ranking_epochs => 2, seed => 3';
my $train = "SELECT max(model_id) FROM train_recommender($options)";
sql("SELECT * FROM train_recommender('local.ratings', 'local.movies', 'local.users', $options)");
sql(q{
	CREATE TABLE ratings (LIKE local.ratings INCLUDING INDEXES);
	CREATE TABLE users (LIKE local.users INCLUDING INDEXES);
	CREATE TABLE movies (LIKE local.movies INCLUDING INDEXES);
	SELECT create_distributed_table('ratings', 'user_id');
	SELECT create_distributed_table('users', 'user_id', colocate_with => 'ratings');
	SELECT create_reference_table('movies');
	INSERT INTO ratings SELECT * FROM local.ratings;
	INSERT INTO users SELECT * FROM local.users;
	INSERT INTO movies SELECT * FROM local.movies});
is(sql('SELECT count(DISTINCT nodename || nodeport) FROM citus_shards WHERE table_name = $$ratings$$::regclass'), '2',
	'both workers have ratings');

is(sql($train), '2', 'training on distributed tables');
is(sql('SELECT count(DISTINCT checksum), count(*) FROM mlrec_model'), '1|2', 'gives the model of local tables to the bit');
is(sql(q{
	SELECT count(*) FROM generate_series(1, 100) u, LATERAL (
		(SELECT * FROM recommend(u, 100, 10) EXCEPT SELECT * FROM recommend(u, 100, 10, model_id => 1)) UNION ALL
		(SELECT * FROM recommend(u, 100, 10, model_id => 1) EXCEPT SELECT * FROM recommend(u, 100, 10))) x}), '0',
	'and to 100 users the same recommendations');
my $local = sql('SELECT u, r.* FROM generate_series(1, 100) u, recommend(u, 100, 10, model_id => 1) r ORDER BY 1, 2');
is(scalar(split /\n/, $local), 1000, 'ten to each');

# What answers by the active model alone.
my $others = q{
	SELECT r::text FROM recommend_all(100, 3) r UNION ALL
	SELECT u || r::text FROM generate_series(1, 30) u, recommend(u, 100, 5, order_by => 'relevance', as_of => '2001-08-11') r UNION ALL
	SELECT r::text FROM recommend(NULL, 100, 5, history => ARRAY[17, 5], history_ratings => ARRAY[5, 4]) r UNION ALL
	SELECT u || r::text FROM generate_series(1, 30) u, explain_recommendation(u, 17) r UNION ALL
	SELECT user_profile(u)::text FROM generate_series(1, 30) u UNION ALL
	SELECT r::text FROM evaluate_recommender() r
	ORDER BY 1};
sql('SELECT activate_recommender(1)');
my $others_local = sql($others);
cmp_ok(scalar(split /\n/, $others_local), '>', 2500, 'lists, explanations, profiles and metrics');
sql('SELECT activate_recommender(2)');
is(sql($others), $others_local, 'are those of local tables, too');
sql('SELECT drop_recommender(1)');

# Models to the workers.
sql('CREATE PUBLICATION models FOR TABLE mlrec_model, mlrec_model_chunk');
my $connection = $coordinator->connstr . ' dbname=postgres';
for my $worker (@workers)
{
	my $name = $worker->name;
	$worker->safe_psql('postgres', "CREATE SUBSCRIPTION $name CONNECTION '$connection' PUBLICATION models");
	$worker->wait_for_subscription_sync($coordinator, $name);
	is($worker->safe_psql('postgres', 'SELECT u, r.* FROM generate_series(1, 100) u, recommend(u, 100, 10) r ORDER BY 1, 2'),
		$local, "$name answers for all users");
	is($worker->safe_psql('postgres', $others), $others_local, '... and all that is asked');
}
sub caught_up { $coordinator->wait_for_catchup($_->name) for @workers; return; }

# Joined with distributed users, and sent to where the user is.  The query over a
# shard of users then asks for what is on other shards.
my $nested = 'citus.allow_nested_distributed_execution';
sql("ALTER ROLE CURRENT_USER SET $nested = on");
my $lateral = 'SELECT count(*), count(DISTINCT u.user_id) FROM users u, LATERAL recommend(u.user_id, 40, 2) r';
is(sql($lateral), '1200|600', 'LATERAL over distributed users');
sql("ALTER ROLE CURRENT_USER RESET $nested");
sql("SELECT create_distributed_function('recommend'::regproc, 'user_id', colocate_with => 'ratings')");
my $place = sql('EXPLAIN SELECT * FROM recommend(5)');
like($place, qr/Custom Scan \(Citus Adaptive\)/, 'a call goes to the worker that has the user');
is(sql(join ';', map { "SELECT $_, r.* FROM recommend($_, 100, 10) r ORDER BY rank" } 1 .. 100), $local,
	'and is answered alike');

# Open sessions on all nodes.
my @sessions = map { $_->background_psql('postgres') } @nodes;

sub everywhere
{
	my ($query) = @_;
	return join ' ', map { $_->query($query) =~ s/\s+//gr } @sessions;
}
my $offered = 'SELECT count(*) FROM recommend(7, 1000, 1000, exclude_seen => false) WHERE movie_id = %s AND title IS NOT NULL';
is(everywhere(sprintf $offered, 9999), '0 0 0', 'a movie that does not exist');
sql("INSERT INTO movies VALUES (9999, 'New', 'Drama')");
is(everywhere(sprintf $offered, 9999), '1 1 1', 'is offered everywhere when it does');
sql('DELETE FROM movies WHERE movie_id = 9999');
is(everywhere(sprintf $offered, 9999), '0 0 0', 'and no more when it is deleted');
sql('DELETE FROM movies WHERE movie_id = 17');
is(everywhere('SELECT count(*) FROM recommend(7, 1000, 1000, exclude_seen => false) WHERE title IS NULL'), '0 0 0',
	'nor is one that the model knows');
$_->query('SELECT count(*) FROM recommend(7)') for @sessions;
my $unrated = sql('SELECT max(movie_id) FROM movies WHERE movie_id NOT IN (SELECT movie_id FROM local.ratings WHERE user_id = 7)');
my $seen = "SELECT count(*) FROM recommend(7, 1000, 1000) WHERE movie_id = $unrated";
is(everywhere($seen), '1 1 1', 'a movie that a user has not rated is offered everywhere');
sql("INSERT INTO ratings VALUES (7, $unrated, 5, now())");
is(everywhere($seen), '0 0 0', 'and rated, nowhere');

my $model = q{SELECT split_part(detail, ' ', 2) FROM recommender_health()};
is(everywhere($model) =~ s/[^\d ]//gr, '2 2 2', 'all serve model 2');
is(sql($train), '3', 'another one');
caught_up();
is(everywhere($model) =~ s/[^\d ]//gr, '3 3 3', 'is served by all');
sql('SELECT activate_recommender(2)');
caught_up();
is(everywhere($model) =~ s/[^\d ]//gr, '2 2 2', 'and so is the first, when that is activated');

# A worker that is down.
my $on_first = sql(q{SELECT min(user_id) FROM users WHERE get_shard_id_for_distribution_column('users', user_id) IN
	(SELECT shardid FROM citus_shards WHERE nodeport = } . $workers[0]->port . ')');
my $on_second = sql(q{SELECT min(user_id) FROM users WHERE get_shard_id_for_distribution_column('users', user_id) IN
	(SELECT shardid FROM citus_shards WHERE nodeport = } . $workers[1]->port . ')');
$sessions[2]->quit;
$workers[1]->stop('immediate');
is($workers[0]->safe_psql('postgres', "SELECT count(*) FROM recommend($on_first)"), '10', 'without a worker the other serves its users');
is(sql("SELECT count(*) FROM recommend($on_first)"), '10', 'also by way of the coordinator');
my ($status, $out, $error) = $coordinator->psql('postgres', "SELECT count(*) FROM recommend($on_second)");
isnt($status, 0, 'who is on the other gets an error');
($status, $out, $error) = $coordinator->psql('postgres', $train);
isnt($status, 0, 'as does a training');
sql('SELECT activate_recommender(3)');
$workers[1]->start;
caught_up();
is($_->safe_psql('postgres', $model) =~ s/\D//gr, '3', $_->name . ' knows of an activation meanwhile') for @nodes;
is(sql("SELECT count(*) FROM recommend($on_second)"), '10', 'when it is back, it serves');

$_->quit for @sessions[ 0, 1 ];
$_->stop for reverse @nodes;
done_testing();
