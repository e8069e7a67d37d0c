# Models go where the data goes: pg_dump and restore into another database,
# into another schema, without the relations, and DROP EXTENSION.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('dump');
$node->init;
$node->start;

my @questions = ('SELECT * FROM app.recommend(5, 80, 20)', 'SELECT * FROM app.recommend_all(20, 2)',
	'SELECT model_id, active, ratings, movies, users, metrics, created_at FROM app.recommender_models',
	'SELECT * FROM app.movie_embeddings ORDER BY model_id, movie_id');

sub answers { my ($database) = @_; return join "\n", map { $node->safe_psql($database, $_) } @questions; }

$node->safe_psql('postgres', 'CREATE DATABASE old');
$node->safe_psql('old', q{
	CREATE SCHEMA "My Data";
	CREATE SCHEMA app;
	CREATE EXTENSION mlrec SCHEMA app;
	SET search_path = "My Data", app;
} . (slurp_file('test/small_world.sql') =~ s/ \\gset/;/r) . q{
	SELECT * FROM train_recommender(retrieval_epochs => 1, ranking_epochs => 1, activate => false);
});
my $expected = answers('old');

my $file = "$ENV{MLREC_SCRATCH}/models.dump";
$node->command_ok([ 'pg_dump', '-Fc', '-f', $file, $node->connstr('old') ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE new');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('new'), $file ], 'pg_restore');
is(answers('new'), $expected, 'the restored database answers like the old one');
is($node->safe_psql('new', q{SET search_path = "My Data", app;
		SELECT min(model_id) > (SELECT max(model_id) FROM recommender_models)
		FROM train_recommender(retrieval_epochs => 1, ranking_epochs => 1)}),
	't', 'new models get new numbers');

# Only the models, where the relations are not; they come later.
$node->safe_psql('postgres', 'CREATE DATABASE bare');
$node->safe_psql('bare', 'CREATE SCHEMA app; CREATE EXTENSION mlrec SCHEMA app');
$node->command_ok(
	[ 'pg_restore', '--exit-on-error', '--data-only', '-n', 'app', '-d', $node->connstr('bare'), $file ],
	'models are restored without their relations');
my ($status, $out, $error) = $node->psql('bare', 'SELECT * FROM app.recommend(1)');
like($error, qr/relation "My Data".ratings of recommender model \d+ does not exist/,
	'serving says what is missing');
$node->safe_psql('bare', q{
	CREATE SCHEMA "My Data";
	CREATE TABLE "My Data".ratings (user_id int, movie_id int, rating real, rated_at timestamptz);
	CREATE TABLE "My Data".movies (movie_id int, title text, genres text);
	CREATE TABLE "My Data".users (user_id int, gender text);
	INSERT INTO "My Data".movies SELECT m, 'Movie', 'War' FROM generate_series(1, 5) m});
is($node->safe_psql('bare', 'SELECT count(*) FROM app.recommend(1)'), '5',
	'and works as soon as they are there');

# Into a database of another encoding, with names beyond ASCII: movies and users
# that come afterwards are known by them.
$node->safe_psql('postgres', "CREATE DATABASE latin1 TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'");
$node->safe_psql('postgres', "CREATE DATABASE utf8 TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'");
$node->safe_psql('postgres', "CREATE DATABASE ascii TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'");
my $small_world = (slurp_file('test/small_world.sql') =~ s/ \\gset/;/r);
my $accents = q{
	UPDATE movies SET genres = replace(replace(genres, 'Drama', U&'Com\00E9die'), 'War', U&'Krieg\00DF');
	ALTER TABLE users ALTER gender TYPE text;
	UPDATE users SET gender = U&'M\00E4nner' WHERE gender = 'M';
	SELECT max(model_id) FROM train_recommender(retrieval_epochs => 2, ranking_epochs => 2);
	INSERT INTO movies VALUES (900, 'Fresh', U&'Com\00E9die');
	INSERT INTO users (user_id, gender) VALUES (900, U&'M\00E4nner')};
my $newcomers = 'SELECT movie_id, ranking_score, retrieval_score FROM recommend(900, 80, 80) ORDER BY rank';
$node->safe_psql('latin1', "SET client_encoding = 'UTF8'; CREATE EXTENSION mlrec; $small_world; $accents");
$expected = $node->safe_psql('latin1', $newcomers);
like($expected, qr/^900\|/m, 'a fresh movie among the answers');
$node->command_ok([ 'pg_dump', '-Fc', '-f', $file, $node->connstr('latin1') ], 'pg_dump of LATIN1');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('utf8'), $file ], 'restored as UTF8');
is($node->safe_psql('utf8', $newcomers), $expected, 'names are known in another encoding');
$node->safe_psql('utf8', "UPDATE movies SET genres = 'Unknown' WHERE movie_id = 900");
isnt($node->safe_psql('utf8', $newcomers), $expected, 'which makes a difference');
$node->safe_psql('ascii', "CREATE EXTENSION mlrec; $small_world; " . ($accents =~ s/U&'([^']*)\\00(..)([^']*)'/E'$1\\x$2$3'/gr));
is($node->safe_psql('ascii', $newcomers), $expected, 'and bytes without an encoding likewise');

# The extension goes as a whole and comes back empty.
$node->safe_psql('new', 'DROP EXTENSION mlrec');
is($node->safe_psql('new', q{SELECT count(*) FROM pg_class WHERE relname LIKE 'recommender%'}),
	'0', 'DROP EXTENSION leaves no table');
$node->safe_psql('new', 'CREATE EXTENSION mlrec SCHEMA app');
($status, $out, $error) = $node->psql('new', 'SELECT * FROM app.recommend(1)');
like($error, qr/no recommender model is active/, 'created again, it has no models');

# In one session, while it has them cached.
is($node->safe_psql('old', q{
		SET client_min_messages = warning;
		SELECT count(*) FROM app.recommend(5);
		DROP EXTENSION mlrec;
		CREATE EXTENSION mlrec SCHEMA app;
		SET search_path = "My Data", app;
		SELECT count(*) > 0 FROM train_recommender(retrieval_epochs => 1, ranking_epochs => 1);
		SELECT count(*) FROM recommend(5)}),
	"10\nt\n10", 'dropped and created again under a session that serves');

$node->stop;
done_testing();
