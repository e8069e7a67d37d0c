# Movies are read again when they may have changed, and not when only ratings have.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('unchanged');
$node->init;
$node->append_conf('postgresql.conf', 'autovacuum = off');
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION mlrec');
$node->safe_psql('postgres', slurp_file('test/small_world.sql') =~ s/ \\gset/;/r);

my $session = $node->background_psql('postgres');
my $rating = 0;

# Somebody rates something: there is no equal snapshot afterwards.
sub rate { $node->safe_psql('postgres', 'INSERT INTO ratings VALUES (' . (1000 + $rating++) . ', 1, 5, now())'); }

# How often the session has looked into movies, and how often it does so for an
# answer: for the titles at least.
sub looked
{
	return $session->query(q{SELECT pg_stat_get_xact_numscans('movies'::regclass)
		+ pg_stat_get_xact_numscans('movies_pkey'::regclass)}) =~ s/\s//gr;
}

sub looks
{
	$session->query('BEGIN');
	my $before = looked();
	$session->query('SELECT count(*) FROM recommend(5)');
	my $looks = looked() - $before;
	$session->query('COMMIT');
	return $looks;
}

# Whether a movie can be recommended, as the session sees it.
sub offered
{
	my ($movie) = @_;
	return $session->query("SELECT count(*) FROM recommend(5, candidates => ARRAY[$movie], exclude_seen => false)") =~ s/\s//gr;
}

is(looks(), 2, 'the first answer reads the movies');
rate();
is(looks(), 2, 'as does any other, while nothing says that they are the same');
$node->safe_psql('postgres', 'VACUUM movies');
looks();
rate();
is(looks(), 1, 'after a vacuum they are known not to have changed');
$session->query('BEGIN; INSERT INTO ratings VALUES (999, 1, 5, now()); COMMIT');
is(looks(), 1, 'whoever it is who writes ratings');

$node->safe_psql('postgres', q{INSERT INTO movies VALUES (1001, 'Another (2000)', 'War')});
is(offered(1001), 1, 'a movie that comes is there');
rate();
is(looks(), 3, 'and the movies are read, and what the new one is');
$node->safe_psql('postgres', 'VACUUM movies');
is(looks(), 3, 'once more after the next vacuum');
rate();
is(looks(), 1, 'and then no more');
is(offered(1001), 1, 'the movie is there');

my $other = $node->background_psql('postgres');
$other->query('BEGIN; DELETE FROM movies WHERE movie_id = 1001');
rate();
is(offered(1001), 1, 'a movie whose deletion is not committed is there');
$other->query('COMMIT');
is(offered(1001), 0, 'and then is not');
$node->safe_psql('postgres', 'VACUUM movies');
rate();
is(offered(1001), 0, 'nor after the vacuum');
$other->query('BEGIN; DELETE FROM movies WHERE movie_id = 7; ROLLBACK');
is(offered(7), 1, 'a movie whose deletion was rolled back is there');
$node->safe_psql('postgres', 'VACUUM movies');
rate();
looks();

$session->query('BEGIN; DELETE FROM movies WHERE movie_id = 7');
is(offered(7), 0, 'what the session deletes is gone');
$session->query('SAVEPOINT s; DELETE FROM movies WHERE movie_id = 8');
is(offered(8), 0, 'in a subtransaction too');
$session->query('ROLLBACK TO s');
is(offered(8), 1, 'until that is rolled back');
$session->query('ROLLBACK');
is(offered(7), 1, 'and the rest');

# One who has an old snapshot keeps the movies that he sees.
$session->query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
$node->safe_psql('postgres', 'DELETE FROM movies WHERE movie_id = 9');
$node->safe_psql('postgres', 'VACUUM movies');
is(offered(9), 1, 'an old snapshot has the movies of its time');
$session->query('COMMIT');
is(offered(9), 0, 'a new one those of now');

# All that holds of a heap that is scanned as it is.  What is anything else is
# read for each answer, though nothing says that it changed.
$node->safe_psql('postgres', q{
	ALTER TABLE movies RENAME TO heap_movies;
	CREATE TABLE plain (LIKE heap_movies INCLUDING ALL); INSERT INTO plain TABLE heap_movies;
	CREATE ROLE reader; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader; VACUUM});

# Makes movies of `statement`, then returns how often `relation` is read for the
# second answer and those after it.
sub reads
{
	my ($statement, $relation, $role) = @_;
	my $count = "SELECT pg_stat_get_xact_numscans('$relation'::regclass)
		+ coalesce((SELECT sum(pg_stat_get_xact_numscans(indexrelid)) FROM pg_index WHERE indrelid = '$relation'::regclass), 0)";
	my @reads;
	$node->safe_psql('postgres', $statement);
	$node->safe_psql('postgres', 'VACUUM');
	$session->query('SET ROLE ' . ($role // 'postgres'));
	$session->query('SELECT count(*) FROM recommend(5)');
	for (1 .. 2)
	{
		$session->query('BEGIN');
		my $before = $session->query($count) =~ s/\s//gr;
		$session->query('SELECT count(*) FROM recommend(5)');
		push @reads, $session->query($count) - $before;
		$session->query('COMMIT');
		rate();
	}
	$session->query('RESET ROLE');
	return "@reads";
}

my $remove = 'ALTER TABLE movies RENAME TO gone; DROP TABLE gone CASCADE';
is(reads('ALTER TABLE plain RENAME TO movies', 'movies'), '1 1', 'a table is read for the titles alone');
is(reads('GRANT SELECT ON movies TO reader', 'movies', 'reader'), '1 1', 'whoever asks');
is(reads('ALTER TABLE movies ENABLE ROW LEVEL SECURITY; CREATE POLICY most ON movies TO reader USING (movie_id < 1000)',
		'movies', 'reader'), '2 2', 'a table with a policy is read twice');
is(reads('SELECT 1', 'movies'), '1 1', 'but not for its owner, who is not bound by it');
is(reads('DROP POLICY most ON movies; CREATE POLICY all_of_it ON movies TO reader USING (true)', 'movies', 'reader'),
	'1 1', 'nor if the policy leaves out nothing');
is(reads('DROP POLICY all_of_it ON movies; CREATE POLICY by_hour ON movies TO reader
		USING (movie_id > 0 OR extract(hour FROM clock_timestamp()) > 25)', 'movies', 'reader'),
	'2 2', 'one that depends on the time of day is asked each time');
is(reads('ALTER TABLE movies DISABLE ROW LEVEL SECURITY; CREATE TABLE child () INHERITS (movies)', 'movies'),
	'2 2', 'a table with a child is read twice');
is(reads("$remove; CREATE VIEW movies AS TABLE heap_movies", 'heap_movies'), '2 2', 'a view');
is(reads('DROP VIEW movies; CREATE VIEW movies AS SELECT * FROM heap_movies WHERE movie_id > random()', 'heap_movies'),
	'2 2', 'a view with a condition');
is(reads('DROP VIEW movies; CREATE TABLE movies (LIKE heap_movies) PARTITION BY RANGE (movie_id);
		CREATE TABLE part PARTITION OF movies DEFAULT; INSERT INTO movies TABLE heap_movies', 'part'),
	'2 2', 'a partitioned table, of one partition too');
is(reads('DROP TABLE movies; CREATE MATERIALIZED VIEW movies AS TABLE heap_movies; GRANT SELECT ON movies TO reader', 'movies'),
	'1 1', 'a materialized view is a heap');
is(reads('DROP MATERIALIZED VIEW movies; CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler;
		CREATE TABLE movies (LIKE heap_movies) USING heap2; INSERT INTO movies TABLE heap_movies', 'movies'),
	'2 2', 'a table of another access method is not one that we know');
is(reads('DROP TABLE movies; CREATE TABLE movies (LIKE heap_movies INCLUDING ALL);
		INSERT INTO movies TABLE heap_movies; GRANT SELECT ON movies TO reader', 'movies'), '1 1', 'a table again');
$session->query('SET enable_seqscan = off');
is(reads('SELECT 1', 'movies'), '10 10', 'its ids may be read through the index; ten titles are');
$session->query('RESET enable_seqscan');

SKIP:
{
	skip 'file_fdw is not installed', 2
	  if $node->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'file_fdw'}) eq '0';
	my $file = $node->data_dir . '/movies.csv';
	append_to_file($file, "7,Seven,War\n8,Eight,War\n");
	$node->safe_psql('postgres', qq{DROP TABLE movies; CREATE EXTENSION file_fdw; CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
		CREATE FOREIGN TABLE movies (movie_id int, title text, genres text) SERVER files OPTIONS (filename '$file', format 'csv')});
	my $list = q{SELECT string_agg(title, ' ' ORDER BY movie_id) FROM recommend(999, exclude_seen => false)};
	is($session->query($list), "Seven Eight", 'a file as a foreign table');
	append_to_file($file, "9,Nine,War\n2000,Fresh,War\n");
	is($session->query($list), "Seven Eight Nine Fresh", 'is read again, though no transaction has changed it');
}

$_->quit for $session, $other;
$node->stop;
done_testing();
