# activate => 'if_better' lets only a better model serve, and says why another
# one does not; going on from a model that has seen the test part is warned of.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('node');
$node->init;
$node->start;
$node->safe_psql('postgres', "CREATE EXTENSION mlrec; SELECT load_movielens('$ENV{MLREC_SAMPLE}')");

# Trains with options; returns the model's id, whether it is active, and what
# was said besides how the epochs went.
sub train
{
	my ($options, $before) = @_;
	my ($out, $said);
	$node->psql('postgres', ($before // '') .
		"SELECT max(model_id) FROM train_recommender(workers => 0, refit => false, $options)",
		stdout => \$out, stderr => \$said, on_error_die => 1);
	my $active = $node->safe_psql('postgres', "SELECT active FROM recommender_models WHERE model_id = $out");
	$said =~ s/^.*(?:epoch \d|relevance: |ranking: |is a like).*(?:\n(?:DETAIL|HINT): .*)*\n?//mg;
	return ($out, $active, $said);
}
sub sql { return $node->safe_psql('postgres', $_[0]); }

my $good = "retrieval_epochs => 16, ranking_epochs => 1, activate => 'if_better'";
my $poor = "retrieval_epochs => 1, ranking_epochs => 1, learning_rate => 1e-7, activate => 'if_better'";
my $number = qr/0\.\d{4}/;

my ($id, $active, $said) = train("$good, validation_fraction => 0");
is($active, 'f', 'a model that cannot be judged does not serve');
like($said, qr/NOTICE:  model $id is not activated\nDETAIL:  There are no liked validation ratings to judge it by\.\nHINT:  Raise validation_fraction, or use activate_recommender\(\)\./,
	'and this is why');

# Fewer users than five do not tell, and popularity's order is taken.
($id, $active, $said) = train("$poor, validation_fraction => 0.0001");
is($active, 'f', 'nor does one that is no better than popularity');
like($said, qr/NOTICE:  model $id is not activated\nDETAIL:  Its validation NDCG\@10 is $number, that of popularity $number\./,
	'and this is why');

# The early ones serve.
sql('CREATE TABLE later AS SELECT * FROM ratings ORDER BY rated_at DESC, user_id DESC, movie_id DESC LIMIT 6000;
	DELETE FROM ratings r USING later l WHERE (r.user_id, r.movie_id) = (l.user_id, l.movie_id)');
($id, $active, $said) = train($good);
is($active, 't', 'the first that is better than popularity serves');
is($said, '', 'and nothing is said');
my $first = $id;
is(sql("SELECT (relevance->>'validation_ndcg\@10')::float > (relevance->>'popularity_ndcg\@10')::float
	FROM recommender_models WHERE model_id = $id"), 't', 'its figures are kept');

# On the same ratings, models are compared by what they reached on them.
sql("UPDATE mlrec_model SET relevance = jsonb_set(relevance, '{validation_ndcg\@10}', '0.9876') WHERE active");
($id, $active, $said) = train($good);
is($active, 'f', 'one that is worse than the active one does not serve');
like($said, qr/DETAIL:  Its NDCG\@10 on the validation ratings of its own training is $number, that of the active model $first 0\.9876\./,
	'and this is why');
is(sql('SELECT model_id FROM recommender_models WHERE active'), $first, 'the active one goes on serving');
my $serve = 'DO $$ BEGIN PERFORM count(*) FROM generate_series(1, 100) u, recommend(u); END $$;';
($id, $active, $said) = train($good, $serve x 3);
like($said, qr/that of the active model $first 0\.9876\./, 'the same after the session has served from it');
sql("UPDATE mlrec_model SET relevance = jsonb_set(relevance, '{validation_ndcg\@10}', '0.0123') WHERE active");
($id, $active, $said) = train("$good, seed => 2");
is($active, 't', 'one that is better than the active one serves');
is($said, '', 'and nothing is said');

# When ratings have come since, they decide: the figures above no longer count.
($id) = train($poor =~ s/if_better/true/r);
sql("UPDATE mlrec_model SET relevance = jsonb_set(relevance, '{validation_ndcg\@10}', '0.9876') WHERE active");
sql('INSERT INTO ratings SELECT * FROM later');
(my $new, $active, $said) = train($good);
is($active, 't', 'one that is better on ratings new to both serves');
sql("UPDATE mlrec_model SET relevance = jsonb_set(relevance, '{validation_ndcg\@10}', '0.9876') WHERE active");
($new, $active, $said) = train("$poor, from_model => $new");
like($said, qr/DETAIL:  Its (?:validation NDCG\@10 is|NDCG\@10 on the validation ratings of its own training) /,
	'on the same ratings there are none that are new to both');

# Going on from a model that was trained on more.
($id, $active, $said) = train("$good, test_fraction => 0.1");
($new, $active, $said) = train("$good, from_model => $id, test_fraction => 0.1");
unlike($said, qr/WARNING/, 'a test part that is later is one');
($new, $active, $said) = train("$good, from_model => $id");
like($said, qr/WARNING:  model $id was trained on 4757 of the 9514 test ratings/, 'one that was seen is none');

$node->stop;
done_testing();
