# Loading the library leaves a backend with one thread: a BLAS with threads of
# its own would run the server's signal handlers in them.  Training does not
# change that.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $tasks = 'SELECT count(*) FROM pg_ls_dir(format(\'/proc/%s/task\', pg_backend_pid()))';

my $node = PostgreSQL::Test::Cluster->new('load');
$node->init;
$node->start;

$node->safe_psql('postgres', 'CREATE EXTENSION mlrec');
my ($version) = slurp_file('mlrec.control') =~ /default_version = '(.*)'/;
is($node->safe_psql('postgres', "SELECT extversion FROM pg_extension WHERE extname = 'mlrec'"),
	$version, 'the extension is installed in its default version');

SKIP:
{
	skip 'no /proc here', 3 unless -d '/proc/self/task';

	is($node->safe_psql('postgres', "LOAD 'mlrec'; $tasks"),
		'1', 'one thread after LOAD');
	is($node->safe_psql('postgres', "
		SELECT load_movielens('$ENV{MLREC_SAMPLE}') \\g /dev/null
		SELECT train_recommender(retrieval_epochs => 1, ranking_epochs => 1) \\g /dev/null
		$tasks"),
		'1', 'one thread after a training');

	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'mlrec'");
	$node->restart;
	is($node->safe_psql('postgres', $tasks),
		'1', 'one thread when the server has loaded the library');
}

$node->safe_psql('postgres', 'DROP EXTENSION mlrec CASCADE');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_depend WHERE deptype = 'e'
	AND refobjid NOT IN (SELECT oid FROM pg_extension)}),
	'0', 'nothing is left after DROP EXTENSION');

$node->stop;
done_testing();
