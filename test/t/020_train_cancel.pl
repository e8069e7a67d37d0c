# A training that is cancelled, times out, loses a worker or its server ends at
# once, whatever it is about, and leaves nothing: no model, no worker, no shared
# memory, no temporary file.
use strict;
use warnings;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = PostgreSQL::Test::Cluster->new('cancel');
$node->init;
# Shared memory as files that can be counted without those of other servers.
$node->append_conf('postgresql.conf', q{
	dynamic_shared_memory_type = mmap
	restart_after_crash = on
	max_prepared_transactions = 5
	mlrec.share_models_above = 0
});
$node->start;
$node->safe_psql('postgres', "
	CREATE EXTENSION mlrec;
	SELECT load_movielens('$ENV{MLREC_SAMPLE}');
	CREATE VIEW slow AS SELECT * FROM ratings WHERE pg_sleep(0.01) IS NOT NULL;
	CREATE VIEW remains AS SELECT
		(SELECT count(*) FROM mlrec_model) AS models,
		(SELECT count(*) FROM mlrec_model_chunk) AS chunks,
		(SELECT count(*) FROM pg_stat_activity WHERE backend_type ~ 'parallel' OR query ~ '^SELECT.*FROM train_recommender') AS backends,
		(SELECT count(*) FROM pg_locks WHERE locktype = 'relation' AND relation = 'mlrec_model'::regclass
			AND mode <> 'AccessShareLock') AS locks,
		(SELECT count(*) FROM pg_ls_dir('pg_dynshmem')) AS segments,
		(SELECT count(*) FROM pg_ls_tmpdir()) AS files");
my $clean = $node->safe_psql('postgres', 'SELECT * FROM remains');
like($clean, qr/^0\|0\|0\|0\|\d\|0$/, 'nothing is there before');

# What remains, once the workers are gone, which may take a moment longer.
sub remains
{
	my $remains;
	for (1 .. 50)
	{
		$remains = $node->safe_psql('postgres', 'SELECT * FROM remains');
		last if $remains eq $clean;
		sleep 0.1;
	}
	return $remains;
}

# Starts a training in a session of its own; waits until it says something.
sub start_training
{
	my ($arguments, $said, $settings) = @_;
	my %session = (output => '', pid => undef);
	$session{run} = IPC::Run::start(
		[ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres') ],
		'<', \($session{input} = ($settings // '') . "SELECT 'pid ' || pg_backend_pid();
			SELECT 'epochs ' || count(*) FROM train_recommender($arguments);\n"),
		'>&', \$session{output},
		IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	$session{run}->pump until $session{output} =~ /pid (\d+)/;
	$session{output} =~ /pid (\d+)/ and $session{pid} = $1;
	if (defined $said)
	{
		$session{run}->pump until $session{output} =~ $said || $session{output} =~ /ERROR|FATAL/;
	}
	return \%session;
}

# Its last words, and how long they took.
sub end_training
{
	my ($session) = @_;
	my $start = time;
	eval { $session->{run}->finish };
	return time - $start;
}

my $endless = 'retrieval_epochs => 1000, ranking_epochs => 1000, patience => 1000';
my @moments = (
	[ 'reading',              "'slow', $endless",                                     undef ],
	[ 'the first epoch',      "batch_size => 1, $endless",                            undef ],
	[ 'retrieval',            $endless,                                               qr/retrieval epoch 2:/ ],
	[ 'retrieval, alone',     "workers => 0, $endless",                               qr/retrieval epoch 2:/ ],
	[ 'retrieval, with all',  "workers => 3, $endless",                               qr/retrieval epoch 2:/ ],
	[ 'large batches',        "batch_size => 65536, workers => 3, $endless",          qr/retrieval epoch 2:/ ],
	[ 'ranking',              "retrieval_epochs => 1, ranking_epochs => 1000, patience => 1000", qr/ranking epoch 2:/ ],
	[ 'ranking, alone',       "workers => 0, retrieval_epochs => 1, ranking_epochs => 1000, patience => 1000", qr/ranking epoch 1:/ ]);

for my $moment (@moments)
{
	my ($name, $arguments, $said) = @$moment;
	my $session = start_training($arguments, $said);
	sleep 0.3 unless $said;
	$node->safe_psql('postgres', "SELECT pg_cancel_backend($session->{pid})");
	my $seconds = end_training($session);
	like($session->{output}, qr/canceling statement due to user request/, "$name: cancelled");
	cmp_ok($seconds, '<', 5, "$name: at once");
	is(remains(), $clean, "$name: nothing is left");
}

# At all sorts of moments near the end; a training that is ready first is well, too.
my $short = 'retrieval_epochs => 1, ranking_epochs => 1, refit => true';
for my $step (0 .. 15)
{
	my $session = start_training($short, qr/ranking epoch 1:/);
	sleep 0.03 * $step;
	$node->safe_psql('postgres', "SELECT pg_cancel_backend($session->{pid})");
	end_training($session);
	if ($session->{output} =~ /canceling statement/)
	{
		is(remains(), $clean, "cancelled $step steps after the ranking: nothing is left");
	}
	else
	{
		like($session->{output}, qr/epochs \d+$/, "not cancelled $step steps after the ranking: a model");
		is($node->safe_psql('postgres', 'SELECT count(*) FROM recommend(1)'), '10', 'which recommends');
		$node->safe_psql('postgres', 'SELECT drop_recommender(model_id) FROM recommender_models');
	}
}

# By a timeout; the session can go on, even within the same transaction.
for my $milliseconds (1, 100, 400, 700)
{
	my ($status, $out, $error) = $node->psql('postgres',
		"SET statement_timeout = '$milliseconds ms'; SELECT * FROM train_recommender($endless)");
	like($error, qr/canceling statement due to statement timeout/, "timeout after $milliseconds ms");
	is(remains(), $clean, 'nothing is left');
}
is($node->safe_psql('postgres', "
		SET client_min_messages = warning;
		SET statement_timeout = '700 ms';
		BEGIN;
		SAVEPOINT s;
		DO \$\$ BEGIN
			PERFORM train_recommender($endless);
		EXCEPTION WHEN query_canceled THEN RAISE WARNING 'caught';
		END \$\$;
		SET LOCAL statement_timeout = 0;
		SELECT count(*) > 0 FROM train_recommender(retrieval_epochs => 1, ranking_epochs => 1);
		SELECT count(*) FROM recommend(1);
		ROLLBACK TO s;
		SELECT count(*) FROM recommender_models;
		COMMIT"),
	"t\n10\n0", 'a training after one that was cancelled in the same transaction');
is(remains(), $clean, 'and rolled back');

# Its session is terminated.
my $session = start_training($endless, qr/retrieval epoch 2:/);
$node->safe_psql('postgres', "SELECT pg_terminate_backend($session->{pid})");
end_training($session);
like($session->{output}, qr/terminating connection due to administrator command/, 'terminated');
is(remains(), $clean, 'terminated: nothing is left');

# A worker is terminated, or cancelled: the training fails, and the server goes on.
for my $end ('pg_terminate_backend', 'pg_cancel_backend')
{
	$session = start_training("workers => 2, $endless", qr/retrieval epoch 2:/);
	is($node->safe_psql('postgres',
			"SELECT count(*) FROM (SELECT $end(pid) FROM pg_stat_activity WHERE backend_type = 'parallel worker' LIMIT 1) e"),
		'1', "$end of a worker");
	my $seconds = end_training($session);
	like($session->{output}, qr/ERROR|FATAL/, "$end of a worker: the training fails");
	cmp_ok($seconds, '<', 5, "$end of a worker: at once");
	is(remains(), $clean, "$end of a worker: nothing is left");
}

# A worker crashes: by PostgreSQL's rules all sessions end and the server recovers.
$session = start_training("workers => 2, $endless", qr/retrieval epoch 2:/);
my $worker = $node->safe_psql('postgres', "SELECT min(pid) FROM pg_stat_activity WHERE backend_type = 'parallel worker'");
kill 'KILL', $worker;
end_training($session);
like($session->{output}, qr/terminating connection because of crash of another server process|server closed the connection/,
	'the crash of a worker ends the session');
$node->poll_query_until('postgres', 'SELECT 1', '1');
is(remains(), $clean, 'after a crash nothing is left');
is($node->safe_psql('postgres', 'SELECT count(*) > 0 FROM train_recommender(retrieval_epochs => 1, ranking_epochs => 1)'),
	't', 'and the next training ends well');

# The server is stopped.
$node->safe_psql('postgres', 'SELECT drop_recommender(model_id) FROM recommender_models');
$session = start_training($endless, qr/retrieval epoch 2:/);
my $start = time;
$node->stop('fast');
cmp_ok(time - $start, '<', 30, 'the server stops while a session trains');
end_training($session);
$node->start;
is(remains(), $clean, 'and nothing is left when it is back');

$node->stop;
done_testing();
