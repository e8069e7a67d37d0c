# Standbys, one behind another, serve without an error while the primary trains,
# activates and drops, and end with the model that it ends with.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf', 'mlrec.share_models_above = 0');
$primary->start;
$primary->safe_psql('postgres', 'CREATE EXTENSION mlrec');
$primary->safe_psql('postgres', slurp_file('test/small_world.sql') =~ s/ \\gset/;/r);
$primary->backup('base');
my $first = PostgreSQL::Test::Cluster->new('first');
$first->init_from_backup($primary, 'base', has_streaming => 1);
$first->start;
$first->backup('base');
my $second = PostgreSQL::Test::Cluster->new('second');
$second->init_from_backup($first, 'base', has_streaming => 1);
$second->start;

# Each asks without a pause, in one connection, until it is told that it is over.
my $script = "$ENV{MLREC_SCRATCH}/cascade.sql";
append_to_file($script, "\\set u random(1, 60)\n" .
	"SELECT 1 / (count(*) = 10)::int FROM recommend(:u);\nSELECT 1 / (count(*) = 20)::int FROM recommend_all(20, 2, ARRAY[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);\n");
my $answered = qr/progress: .* [1-9]\d*\.\d+ tps/;
my @clients;
for my $standby ($first, $second)
{
	my ($out, $err) = ('', '');
	push @clients, { out => \$out, err => \$err, name => $standby->name,
		run => IPC::Run::start([ 'pgbench', '-n', '-f', $script, '-T', '600', '-P', '1', $standby->connstr('postgres') ],
			'>', \$out, '2>', \$err, IPC::Run::timeout(600)) };
}

for my $seed (1 .. 3)
{
	$primary->safe_psql('postgres', "SELECT * FROM train_recommender(retrieval_epochs => 2, ranking_epochs => 2, seed => $seed)");
	$primary->safe_psql('postgres', "SELECT drop_recommender($seed); VACUUM mlrec_model, mlrec_model_chunk");
	$primary->safe_psql('postgres', "INSERT INTO ratings SELECT $seed, movie_id, 5, now() FROM recommend($seed, 80, 3)");
	$primary->safe_psql('postgres', "INSERT INTO movies VALUES (500 + $seed, 'New', 'War')");
}
$primary->wait_for_catchup($first);
$first->wait_for_catchup($second, 'replay', $primary->lsn('flush'));
my $list = "SELECT detail, string_agg(r::text, ' ' ORDER BY rank) FROM recommender_health(), recommend(5, 80, 80) r GROUP BY detail";
my $expected = $primary->safe_psql('postgres', $list);
like($expected, qr/^model 4/, 'the primary serves its last model');
is($first->safe_psql('postgres', $list), $expected, 'so does the standby');
is($second->safe_psql('postgres', $list), $expected, 'and the one behind it');

for my $client (@clients)
{
	ok(IPC::Run::pumpable($client->{run}), "$client->{name} still serves");
	$client->{run}->pump until ${ $client->{err} } =~ $answered || !IPC::Run::pumpable($client->{run});
	$client->{run}->signal('INT');
	$client->{run}->finish;
	unlike(${ $client->{err} }, qr/ERROR|FATAL|aborted/, "$client->{name} has met no error");
	like(${ $client->{err} }, $answered, 'and was answered');
}
for my $standby ($first, $second)
{
	is($standby->safe_psql('postgres', "SELECT count(*) FROM pg_ls_tmpdir() WHERE name ~ 'mlrec'"), '1',
		$standby->name . ' has the shared file of one model');
}

$_->stop for $second, $first, $primary;
done_testing();
