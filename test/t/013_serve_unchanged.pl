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

$_->quit for $session, $other;
$node->stop;
done_testing();
