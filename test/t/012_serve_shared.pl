# One copy of a large model for all sessions: made once, mapped by all, gone with
# its model, and never needed to be right.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('shared');
$node->init;
$node->append_conf('postgresql.conf', "mlrec.share_models_above = 0\nrestart_after_crash = on\nmax_prepared_transactions = 2");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION mlrec');
$node->safe_psql('postgres', slurp_file('test/small_world.sql') =~ s/ \\gset/;/r);

my $directory = $node->data_dir . '/base/pgsql_tmp';
my $question = q{SELECT string_agg(movie_id::text, ' ' ORDER BY rank) FROM recommend(5, 80, 80)};
my $train = q{SELECT max(model_id) FROM train_recommender(retrieval_epochs => 1, ranking_epochs => 1)};

sub files { my @files = sort map { s{.*/}{}r } glob "$directory/pgsql_tmp_mlrec*"; return @files; }
sub is_mapped
{
	my ($session) = @_;
	my $maps = slurp_file('/proc/' . $session->query('SELECT pg_backend_pid()') =~ s/\s//gr . '/maps');
	return $maps =~ /pgsql_tmp_mlrec/ ? 1 : 0;
}

my $expected = $node->safe_psql('postgres', "SET mlrec.share_models_above = -1; $question");
is(scalar files(), 0, 'no file for who does not share');
is($node->safe_psql('postgres', $question), $expected, 'the same answer from a shared copy');
is(scalar files(), 1, 'one file');
my ($file) = files();
my $made = (stat "$directory/$file")[9];
is($node->safe_psql('postgres', $question), $expected, 'the same answer in the next session');
is_deeply([ files() ], [$file], 'from the same file');

SKIP:
{
	skip 'no /proc here', 2 unless -d '/proc/self';
	my @sessions = map { $node->background_psql('postgres') } 1 .. 3;
	is($_->query($question) =~ s/\n//r, $expected, 'answer') for @sessions[ 0 .. 1 ];
	is(is_mapped($sessions[0]) + is_mapped($sessions[1]), 2, 'sessions map the file');
	is(is_mapped($sessions[2]), 0, 'but not one that has not asked');
	$_->quit for @sessions;
}

# Its model is dropped: the file goes at COMMIT, not at ROLLBACK; who has it
# keeps it until he asks again.
my $session = $node->background_psql('postgres');
$session->query($question);
my $second = $node->safe_psql('postgres', $train);
is($node->safe_psql('postgres', 'SELECT count(*) FROM recommend(5)'), '10', 'a second model');
is(scalar files(), 2, 'has a second file');
$node->safe_psql('postgres', "BEGIN; SELECT drop_recommender($second); ROLLBACK");
is(scalar files(), 2, 'which a drop that is rolled back leaves');
$node->safe_psql('postgres', "SELECT drop_recommender($second); SELECT activate_recommender(1)");
is_deeply([ files() ], [$file], 'and a drop removes');
is($session->query($question) =~ s/\n//r, $expected, 'the first model is served on');

# Dropped in a prepared transaction: who has the file keeps it, others serve
# without until the end, and then there is none, or again one.
my $third = $node->safe_psql('postgres', $train);
my $third_answer = $node->safe_psql('postgres', $question);
is(scalar files(), 2, 'a third model has a file');
$session->query($question);
$node->safe_psql('postgres', "BEGIN; SELECT drop_recommender($third); PREPARE TRANSACTION 'drop'");
is($session->query($question) =~ s/\n//r, $third_answer, 'a drop that is prepared takes nothing from who serves');
is($node->safe_psql('postgres', $question), $third_answer, 'nor from who comes then');
$node->safe_psql('postgres', "ROLLBACK PREPARED 'drop'");
is($node->safe_psql('postgres', $question), $third_answer, 'and may be rolled back');
is(scalar files(), 2, 'after which there is a file again');
$node->safe_psql('postgres', "BEGIN; SELECT drop_recommender($third); SELECT activate_recommender(1); PREPARE TRANSACTION 'drop'");
is($node->safe_psql('postgres', $question), $third_answer, 'it is served until COMMIT PREPARED');
$node->safe_psql('postgres', "COMMIT PREPARED 'drop'");
is_deeply([ files() ], [$file], 'which leaves no file');
is($session->query($question) =~ s/\n//r, $expected, 'and the other model');
$node->safe_psql('postgres', "BEGIN; $train; SELECT count(*) FROM recommend(5); PREPARE TRANSACTION 'train'");
$node->safe_psql('postgres', "ROLLBACK PREPARED 'train'");
is_deeply([ files() ], [$file], 'a training that was prepared and rolled back leaves no file');

# A user is forgotten: the file that knows them goes at COMMIT, by whichever way, and
# stays at ROLLBACK, when none of the one that would have been is left.
my $forget = 'SELECT forget_user(%d); SELECT count(*) FROM recommend(6)';
my @before = files();
for my $way ('ROLLBACK', "PREPARE TRANSACTION 'forget'; ROLLBACK PREPARED 'forget'")
{
	$node->safe_psql('postgres', 'BEGIN; ' . sprintf($forget, 7) . "; $way");
	$node->safe_psql('postgres', $question);
	is_deeply([ files() ], \@before, "the file stays: $way");
}
my $user = 7;
for my $way ('COMMIT', "PREPARE TRANSACTION 'forget'; COMMIT PREPARED 'forget'")
{
	$node->safe_psql('postgres', 'BEGIN; ' . sprintf($forget, $user++) . "; $way");
	$node->safe_psql('postgres', $question);
	my @after = files();
	is(scalar @after, 1, "one file: $way");
	isnt($after[0], $before[0], 'another one');
	@before = @after;
}
$node->safe_psql('postgres', 'BEGIN; SAVEPOINT s; ' . sprintf($forget, $user) . '; ROLLBACK TO s; COMMIT');
$node->safe_psql('postgres', $question);
is_deeply([ files() ], \@before, 'the file stays: ROLLBACK TO');
$session->query($question);
is_deeply([ files() ], \@before, 'a session that had the old one maps the new one');

# Who comes between PREPARE and COMMIT PREPARED is served, and leaves no file.
$node->safe_psql('postgres', 'BEGIN; ' . sprintf($forget, $user) . "; PREPARE TRANSACTION 'forget'");
is($node->safe_psql('postgres', $question), $session->query($question) =~ s/\n//r, 'served while a forgetting is prepared');
$node->safe_psql('postgres', "COMMIT PREPARED 'forget'");
is_deeply([ grep { $_ eq $before[0] } files() ], [], 'of which no file is left');
$session->query($question);
($file) = files();
$session->quit;

# What is left of models that are no more goes when the next file is made.
append_to_file("$directory/$_", 'x')
  for 'pgsql_tmp_mlrec.999999.1.5.1', "$file.999999", $file =~ s/\.1\.(\d+)\.(\d+)$/.77.5.1/r;
$node->safe_psql('postgres', "$train; SELECT * FROM recommend(5)");
is(scalar files(), 2, 'left-over files are cleared away');
$node->safe_psql('postgres', 'SELECT activate_recommender(1)');

# A file cut short is not used.
unlink "$directory/$_" for files();
append_to_file("$directory/$file", 'x');
is($node->safe_psql('postgres', $question), $expected, 'a damaged file does no harm');
unlink "$directory/$_" for files();

# A file that cannot be removed does not stop the COMMIT, only leaves a line in the log.
my $stuck = $node->safe_psql('postgres', $train);
$node->safe_psql('postgres', $question);
my ($its) = grep { /\.$stuck\.\d+\.\d+$/ } files();
unlink "$directory/$its";
mkdir "$directory/$its";
is($node->safe_psql('postgres', "SELECT drop_recommender($stuck); SELECT count(*) FROM recommender_models WHERE model_id = $stuck"),
	"\n0", 'a model is dropped whose file cannot be removed');
like(slurp_file($node->logfile), qr/LOG:  could not remove file "[^"]*\Q$its\E"/, 'which the log tells');
rmdir "$directory/$its";
$node->safe_psql('postgres', 'SELECT activate_recommender(1)');

# No place for files: a private copy, a line in the log, no error.
SKIP:
{
	skip 'root may write everywhere', 1 if $> == 0;
	rmdir $directory;
	append_to_file($directory, 'in the way');
	is($node->safe_psql('postgres', $question), $expected, 'it works without files');
	unlink $directory;
}

# After a crash.
$node->safe_psql('postgres', $question);
is(scalar files(), 1, 'a file before the crash');
$session = $node->background_psql('postgres', on_error_stop => 0);
$session->query($question);
my $pid = $session->query('SELECT pg_backend_pid()') =~ s/\s//gr;
kill 'KILL', $pid;
$node->poll_query_until('postgres', 'SELECT true');
is($node->safe_psql('postgres', $question), $expected, 'the same answer after a crash');
is(scalar files(), 1, 'and one file');
$node->restart;
is(scalar files(), 0, 'none after a restart');

# The database goes.
$node->safe_psql('postgres', $question);
$node->safe_psql('postgres', 'CREATE DATABASE other TEMPLATE template0');
$node->safe_psql('other', 'CREATE EXTENSION mlrec');
$node->safe_psql('other', slurp_file('test/small_world.sql') =~ s/ \\gset/;/r);
$node->safe_psql('other', 'SELECT * FROM recommend(5)');
is(scalar files(), 2, 'a file for each database');
$node->safe_psql('postgres', 'DROP DATABASE other');
$node->safe_psql('postgres', "$train; SELECT * FROM recommend(5)");
is(scalar files(), 2, 'that of a dropped database is cleared away, that of a model is not');

$node->stop;
done_testing();
