# A hot standby serves like its primary, and follows it: new ratings, new movies,
# another model, none at all.
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
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

my @queries = (
	'SELECT * FROM recommend(5, 80, 80)',
	'SELECT * FROM recommend_all(20, 3)',
	'SELECT recommend_json(5, 80, 3)',
	'SELECT * FROM similar_movies(7)',
	'SELECT * FROM explain_recommendation(5, 7)',
	'SELECT predict_rating(5, 7)',
	'SELECT * FROM recommender_health()',
	'SELECT * FROM recommender_stats()',
	'SELECT * FROM movie_embeddings ORDER BY movie_id',
	'SELECT model_id, active, ratings, train_ratings FROM recommender_models');

sub same_answers
{
	my ($when) = @_;
	$primary->wait_for_catchup($standby);
	my @differ = grep { $primary->safe_psql('postgres', $_) ne $standby->safe_psql('postgres', $_) } @queries;
	is("@differ", '', "the standby answers like the primary $when");
	return;
}

same_answers('at first');
like($standby->safe_psql('postgres', 'SELECT string_agg(name, \' \') FROM pg_ls_tmpdir()'),
	qr/pgsql_tmp_mlrec/, 'and shares the model between its sessions');

# One session sees it all happen.
my $session = $standby->background_psql('postgres');
sub asks { my $answer = $session->query($_[0]); chomp $answer; return $answer; }
asks('SELECT count(*) FROM recommend(5)');

# Ratings of long ago: what has just been rated counts less from moment to moment.
$primary->safe_psql('postgres', q{INSERT INTO ratings SELECT 5, movie_id, 5, timestamptz '2003-01-01' FROM recommend(5, 80, 3)});
same_answers('after more ratings');
is(asks('SELECT count(*) FROM recommend(5, 80, 80) JOIN ratings r USING (movie_id) WHERE r.user_id = 5'),
	'0', 'new ratings count in a session that was there before');

$primary->safe_psql('postgres', q{INSERT INTO movies VALUES (500, 'New Movie (2001)', 'War')});
same_answers('after a new movie');
is(asks('SELECT title FROM recommend(5, 100, 100) WHERE movie_id = 500'), 'New Movie (2001)',
	'a new movie appears in a session that was there before');

my $before = asks('SELECT string_agg(ranking_score::text, \' \') FROM recommend(5)');
$primary->safe_psql('postgres', 'SELECT * FROM train_recommender(retrieval_epochs => 1, ranking_epochs => 1)');
same_answers('with another model');
isnt(asks('SELECT string_agg(ranking_score::text, \' \') FROM recommend(5)'), $before,
	'a session that was there before serves from the new model');

my ($status, $out, $error) = $standby->psql('postgres', 'SELECT * FROM train_recommender()');
like($error, qr/cannot execute train_recommender\(\)/, 'no training on a standby');
($status, $out, $error) = $standby->psql('postgres', 'SELECT activate_recommender(1)');
like($error, qr/cannot execute activate_recommender\(\)/, 'no activation on a standby');

$primary->safe_psql('postgres', 'SELECT drop_recommender(model_id) FROM recommender_models');
$primary->wait_for_catchup($standby);
($status, $out, $error) = $standby->psql('postgres', 'SELECT * FROM recommend(5)');
like($error, qr/no recommender model is active/, 'no model, no recommendation');

$session->quit;
$standby->stop;
$primary->stop;
done_testing();
