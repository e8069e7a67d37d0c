# Under a limit on the address space everything ends, in success or in an error, and
# the server is sound afterwards.  FULL=1 tries every 5 MB.
use strict;
use warnings;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'there is no prlimit or no /proc here'
	unless -d '/proc/self' && eval { run_log([ 'prlimit', '--version' ]) };

my $node = PostgreSQL::Test::Cluster->new('memory');
$node->init;
$node->append_conf('postgresql.conf', "shared_buffers = 16MB\nlog_min_messages = log");
$node->start;
$node->safe_psql('postgres', "
	CREATE EXTENSION mlrec;
	SELECT load_movielens('$ENV{MLREC_SAMPLE}');
	SELECT train_recommender(retrieval_epochs => 1, ranking_epochs => 1)");
my $postmaster = (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0];

# Serving takes no buffer for products.
sub data_size
{
	my ($pid) = @_;
	return slurp_file("/proc/$pid/status") =~ /^VmData:\s*(\d+) kB/m ? $1 : undef;
}
for my $question ('SELECT count(*) FROM recommend(1, 200, 10)', 'SELECT recommend_json(1)', 'SELECT predict_rating(1, 1)',
	'SELECT count(*) FROM explain_recommendation(1, 1)', 'SELECT count(*) FROM similar_movies(1)')
{
	my $session = $node->background_psql('postgres');
	my $pid = $session->query('SELECT pg_backend_pid()') =~ s/\s//gr;
	$session->query('SELECT count(*) FROM movies, ratings WHERE user_id = 1');
	my $before = data_size($pid);
	$session->query($question);
	my $grown = data_size($pid) - $before;
	cmp_ok($grown, '<=', 4096, "$question takes at most 4 MB");
	note("VmData + $grown kB");
	$session->quit;
}

# New processes of the server, workers too, have the limit that its first one has.
sub limit
{
	my ($bytes) = @_;
	run_log([ 'prlimit', '--pid', $postmaster, "--as=$bytes:" ]) or die 'prlimit failed';
}

my @statements = (
	"SELECT load_movielens('$ENV{MLREC_SAMPLE}', 'short')",
	'SELECT 1 / (count(*) = 10)::int FROM recommend(1, 200, 10)',
	'SELECT count(*) FROM recommend_all(200, 10)',
	'SELECT count(*) FROM explain_recommendation(1, 1)',
	'SELECT count(*) FROM evaluate_recommender()',
	'SELECT count(*) FROM train_recommender(retrieval_epochs => 1, ranking_epochs => 1, activate => false, workers => %d)',
	'SELECT 1 / (count(*) = 10)::int FROM recommend(2, 200, 10)');

# try(MEGABYTES, WORKERS, SHARED): the messages of each statement's errors.  A client
# that has to wait for two minutes has met a server that hangs.
sub try
{
	my ($megabytes, $workers, $shared) = @_;
	my $script = join "\n", '\set ON_ERROR_ROLLBACK on', "SET mlrec.share_models_above = $shared;", 'BEGIN;',
		'CREATE SCHEMA short;', (map { "\\warn =\n" . sprintf("$_;", $workers) } @statements), 'ROLLBACK;', '';
	my ($out, $err) = ('', '');
	limit($megabytes << 20);
	my $client = IPC::Run::start([ 'psql', '-XAtq', '-v', 'VERBOSITY=verbose', '-d', $node->connstr('postgres') ],
		'<', \$script, '>', \$out, '2>', \$err, IPC::Run::timeout(120));
	my $ended = eval { $client->finish; 1 };
	$client->kill_kill unless $ended;
	limit('unlimited');
	return $ended ? $err : undef;
}

my $refusal = qr/^53200 |^55000 parallel worker failed|^58P01 could not load library/;
my (@trained, @refused);
for (my $megabytes = 125; $megabytes <= 400; $megabytes += $ENV{FULL} ? 5 : 50)
{
	my $step = $megabytes / 5;
	my $errors = try($megabytes, $step % 3, int($step / 10) % 2 ? -1 : 0);
	ok(defined $errors, "$megabytes MB: everything ends") or next;
	my ($start, @each) = split /^=\n/m, $errors;
	unlike($start, qr/ERROR|FATAL/, 'there is a connection');
	for my $i (0 .. $#statements)
	{
		my ($error) = $each[$i] =~ /ERROR:  (\w+: .*)/;
		like($error =~ s/://r, $refusal, "statement $i is refused for want of memory") if $error;
	}
	push @{ $each[5] =~ /ERROR/ ? \@refused : \@trained }, $each[5];
	my ($status, $out, $err) = $node->psql('postgres', 'SELECT count(*) FROM recommend(1, 200, 10)');
	is("$status $out $err", '0 10 ', 'and the server serves on');
}
like($refused[0], qr/DETAIL:  Each process that trains reserves 128 MB of address space/, 'training says what it lacks');
unlike($trained[-1] // 'ERROR', qr/ERROR/, 'and succeeds with enough');

my $log = slurp_file($node->logfile);
unlike($log, qr/terminated by signal|PANIC|TRAP|terminating any other/, 'no process has crashed');
$node->stop;
done_testing();
