# Every statement of README.md works as written: the ```sql blocks, in order, in
# one session, on the generated sample.  Where a block is followed by a block of
# output, that has the columns which the block's last statement returns.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# What the manual takes for granted: its reader's own tables and roles.
my $given = q{
CREATE ROLE data_team;
CREATE TABLE app_users (id bigint, name text);
INSERT INTO app_users VALUES (1, 'Ada'), (2, 'Edgar');
CREATE TABLE articles (id int, name text, tags text);
INSERT INTO articles SELECT i, 'Article ' || i, 'a|b' FROM generate_series(1, 30) i;
CREATE TABLE reviews (customer int, article int, stars int, at timestamptz);
INSERT INTO reviews SELECT c, a, 1 + (c * a) % 5, timestamptz '2020-01-01' + (c * 30 + a) * interval '1 min'
  FROM generate_series(1, 40) c, generate_series(1, 30) a WHERE (c + a) % 3 = 0;
CREATE TABLE votes AS SELECT customer AS voter, article, stars > 2 AS up FROM reviews;
CREATE TABLE plays AS SELECT customer AS listener, article AS song, 10 * stars AS seconds, at FROM reviews;
CREATE TABLE products AS SELECT 'sku-' || id AS sku, name, tags FROM articles;
CREATE TABLE orders AS SELECT md5(customer::text)::uuid AS customer, 'sku-' || article AS sku, stars AS quantity, at
  FROM reviews;
};

# The statements of the manual, with the headings they are under and, if a block
# of output follows, its first line.
sub blocks
{
	my @blocks;
	my ($heading, $fence, $text) = ('', undef, '');
	my $follows = 0;
	for my $line (split /\n/, slurp_file('README.md'))
	{
		if (!defined $fence)
		{
			if ($line =~ /^```(\w*)$/) { ($fence, $text) = ($1, ''); }
			elsif ($line =~ /\S/)
			{
				$heading = $1 if $line =~ /^#+ (.*)/;
				$follows = 0;
			}
			next;
		}
		if ($line ne '```')
		{
			$text .= "$line\n";
			next;
		}
		if ($fence eq 'sql')
		{
			push @blocks, { heading => $heading, sql => $text };
			$follows = 1;
		}
		elsif ($fence eq '' && $follows)
		{
			my @lines = grep { !/^NOTICE:|^\.\.\./ } split /\n/, $text;
			$blocks[-1]{columns} = join '|', map { s/^\s+|\s+$//gr } split /\|/, $lines[0];
			$follows = 0;
		}
		undef $fence;
	}
	return @blocks;
}

my @blocks = blocks();
cmp_ok(scalar @blocks, '>=', 12, 'the manual has statements');
cmp_ok(scalar(grep { defined $_->{columns} } @blocks), '>=', 3, 'the manual shows results');

my $node = PostgreSQL::Test::Cluster->new('manual');
$node->init;
$node->start;
$node->safe_psql('postgres', $given);

my $session = '';
for my $i (0 .. $#blocks)
{
	$blocks[$i]{sql} =~ s{/srv/ml-1m}{$ENV{MLREC_SAMPLE}};
	$session .= "\\echo block $i\n$blocks[$i]{sql}";
}
my ($out, $err);
my $status = $node->psql('postgres', $session, stdout => \$out, stderr => \$err,
	extra_params => [ '-A', '-P', 'tuples_only=off' ], on_error_stop => 1);
my @answers = split /^block \d+\n/m, "$out\n", -1;
shift @answers;

is($status, 0, 'the session ends without an error')
  or diag("in \"$blocks[$#answers]{heading}\": $err");
for my $i (0 .. $#blocks)
{
	my ($block, $answer) = ($blocks[$i], $answers[$i]);
	ok(defined $answer, "$block->{heading}: the statements work") or next;
	next unless defined $block->{columns};
	my @results = split /^\(\d+ rows?\)\n/m, $answer;
	my ($columns, @rows) = split /\n/, $results[-1];
	is($columns, $block->{columns}, "$block->{heading}: the columns are those shown");
	cmp_ok(scalar @rows, '>', 0, "$block->{heading}: there are rows");
}

$node->stop;
done_testing();
