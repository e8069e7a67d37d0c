# With as many workers as there are to be had, none if need be, and with others
# who train and serve meanwhile, a training gives the same model.
use strict;
use warnings;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('workers');
$node->init;
$node->append_conf('postgresql.conf', 'max_prepared_transactions = 5');
$node->start;
$node->safe_psql('postgres', "
	CREATE EXTENSION mlrec;
	SELECT load_movielens('$ENV{MLREC_SAMPLE}')");

my $train = 'SELECT max(model_id) FROM train_recommender(workers => %s, retrieval_epochs => 2, ranking_epochs => 2)';
my $checksum = 'SELECT checksum FROM mlrec_model WHERE model_id = %s';

sub trained
{
	my ($workers, $settings) = @_;
	my $model = $node->safe_psql('postgres', ($settings // '') . sprintf $train, $workers);
	return $node->safe_psql('postgres', sprintf $checksum, $model);
}

my $expected = trained(0);
isnt($expected, '', 'alone');
is(trained(1), $expected, 'with a worker');
is(trained(3), $expected, 'with three workers');
is(trained(3, 'SET max_parallel_workers = 1;'), $expected, 'three asked for, one allowed');
is(trained(3, 'SET max_parallel_workers = 0;'), $expected, 'three asked for, none allowed');
is(trained(2, 'SET force_parallel_mode = regress;'), $expected, 'in a server that does everything in parallel')
	if $node->safe_psql('postgres', "SELECT count(*) FROM pg_settings WHERE name = 'force_parallel_mode'");
is(trained(2, 'SET default_transaction_isolation = serializable;'), $expected, 'serializable');

# Who asked for workers is warned, once, when there are fewer; who did not is told.
# Gives the messages about workers, each with its detail and hint.
sub told
{
	my ($workers, $allowed) = @_;
	my ($status, $out, $error) = $node->psql('postgres',
		"SET max_parallel_workers = $allowed;" . sprintf $train, $workers);
	return join '', grep { /training goes on/ } split /^(?=psql)/m, $error;
}
my $why = "The server has no more background workers to spare.";
like(told(3, 1), qr/^psql\S* WARNING:  training goes on with 1 of 3 workers\nDETAIL:  $why\nHINT:  [^\n]+$/, 'told of two missing');
like(told('NULL', 0), qr/^psql\S* NOTICE:  training goes on with 0 of 1 workers\n/, 'told of the usual one missing');
is(told(3, 3), '', 'nothing to tell');
is(told(0, 0), '', 'none asked for');

for my $setting ('max_worker_processes = 0', 'max_worker_processes = 2', 'dynamic_shared_memory_type = mmap',
	'dynamic_shared_memory_type = sysv', "shared_preload_libraries = 'mlrec'")
{
	$node->append_conf('postgresql.conf', $setting);
	$node->restart;
	is(trained(3), $expected, $setting);
}
$node->append_conf('postgresql.conf', "max_worker_processes = 8\ndynamic_shared_memory_type = posix");
$node->restart;

# Three train at once, with workers for all and without, while one serves.
my @sessions;
for my $workers (3, 3, 0)
{
	my $session = { output => '' };
	$session->{run} = IPC::Run::start(
		[ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', sprintf($train, $workers) ],
		'>', \$session->{output}, '2>', '/dev/null',
		IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	push @sessions, $session;
}
my @answers = map { $node->safe_psql('postgres', 'SELECT count(*) FROM recommend(1) a, recommend(2) b') } 1 .. 10;
is("@answers", '100 ' x 9 . '100', 'others are served meanwhile');
for my $session (@sessions)
{
	$session->{run}->finish;
	is($node->safe_psql('postgres', sprintf $checksum, $session->{output} || 0), $expected,
		'one of three trainings at once');
}
is($node->safe_psql('postgres', 'SELECT count(*) FROM recommender_models WHERE active'), '1', 'one of them is active');

# Clients vanish, notices held back: their trainings end at the next epoch, and
# the workers are there for others.
$node->append_conf('postgresql.conf', 'max_parallel_workers = 2');
$node->reload;
@sessions = map {
	IPC::Run::start(
		[ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', 'SET client_min_messages = error', '-c',
			'SELECT count(*) FROM train_recommender(retrieval_epochs => 1000, patience => 1000)' ],
		'>', '/dev/null', '2>', '/dev/null') } 1 .. 2;
my $busy = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker'";
ok($node->poll_query_until('postgres', $busy, '2'), 'two trainings have taken all workers');
like(told(1, 2), qr/0 of 1 workers/, 'a third one gets none');
$_->kill_kill for @sessions;
ok($node->poll_query_until('postgres', $busy, '0'), 'abandoned trainings end');
is(told(1, 2), '', 'and there are workers again');
$node->append_conf('postgresql.conf', 'max_parallel_workers = 8');
$node->reload;

# The two phases of a COMMIT may lie apart, and a restart between them.
my $model = $node->safe_psql('postgres',
	'BEGIN; ' . sprintf($train, 1) . "; PREPARE TRANSACTION 'training'");
is($node->safe_psql('postgres', sprintf $checksum, $model), '', 'prepared, not there yet');
$node->restart;
$node->safe_psql('postgres', "COMMIT PREPARED 'training'");
is($node->safe_psql('postgres', sprintf $checksum, $model), $expected, 'there after COMMIT PREPARED');
is($node->safe_psql('postgres', 'SELECT model_id FROM recommender_stats()'), $model, 'and active');

$node->stop;
done_testing();
