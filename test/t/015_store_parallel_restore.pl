# pg_restore brings models back, with any number of jobs: it copies the tables in
# whatever order suits it.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('restore');
$node->init;
$node->append_conf('postgresql.conf', 'max_connections = 30');
$node->start;

my $small_world = (slurp_file('test/small_world.sql') =~ s/ \\gset/;/r);
my $train = 'SELECT * FROM train_recommender(retrieval_epochs => 1, ranking_epochs => 1';

# One model; several, one of them dropped, in a schema of their own; and none that
# is active, of the generated sample.
my %databases = (
	one => "CREATE EXTENSION mlrec; $small_world",
	several => qq{CREATE SCHEMA app; CREATE EXTENSION mlrec SCHEMA app; CREATE SCHEMA "My Data";
		SET search_path = "My Data", app; $small_world; $train, seed => 1); $train, seed => 2);
		SELECT drop_recommender(2); SELECT activate_recommender(1);
		ALTER DATABASE several SET search_path = "My Data", app},
	sample => "CREATE EXTENSION mlrec; SELECT load_movielens('$ENV{MLREC_SAMPLE}'); $train); SELECT deactivate_recommender()");
my @questions = (
	'SELECT status, detail FROM recommender_health()',
	'SELECT model_id, active, ratings, movies, users, metrics, created_at, size_bytes FROM recommender_models ORDER BY 1',
	'SELECT m.model_id, r.* FROM recommender_models m, recommend(5, 80, 20, m.model_id) r ORDER BY 1, 2',
	'SELECT * FROM movie_embeddings ORDER BY model_id, movie_id',
	'SELECT last_value, is_called FROM mlrec_model_id',
	q{SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid = 'mlrec_model'::regclass ORDER BY 1});

sub answers
{
	my ($database) = @_;
	return join "\n", map { $node->safe_psql($database, $_) } @questions;
}

for my $database (sort keys %databases)
{
	my $directory = "$ENV{MLREC_SCRATCH}/$database.dump";
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, $databases{$database});
	my $expected = answers($database);
	$node->command_ok([ 'pg_dump', '-Fd', '-j', '2', '-f', $directory, $node->connstr($database) ], "pg_dump of $database");
	for my $jobs (1, 2, 4, 8)
	{
		$node->safe_psql('postgres', 'DROP DATABASE IF EXISTS restored; CREATE DATABASE restored');
		$node->command_ok([ 'pg_restore', '-j', $jobs, '--exit-on-error', '-d', $node->connstr('restored'), $directory ],
			"pg_restore of $database with $jobs jobs");
		$node->safe_psql('postgres', 'ALTER DATABASE restored SET search_path = "My Data", app')
		  if $database eq 'several';
		is(answers('restored'), $expected, 'the restored database answers like the old one');
		is($node->safe_psql('restored', 'SELECT count(*) FROM mlrec_model_chunk c
				WHERE NOT EXISTS (SELECT FROM recommender_models m WHERE m.model_id = c.model_id)'),
			'0', 'and has nothing more');
	}
}

$node->stop;
done_testing();
