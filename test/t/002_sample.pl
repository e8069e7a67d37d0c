# The generated sample is the same, byte for byte, on every machine: what the
# tests expect of it holds everywhere.
use strict;
use warnings;
use Digest::MD5;
use Test::More;

my %expected = (
	'movies.dat'  => '3f0cd197b8b5d4639e70c93eb85e540c',
	'users.dat'   => '3ccfe0d289dfd0d37c4f9d9530976ae1',
	'ratings.dat' => '027c747bbf214a56bf41372b424b21f5');

for my $name (sort keys %expected)
{
	open my $file, '<:raw', "$ENV{MLREC_SAMPLE}/$name" or die "$name: $!";
	is(Digest::MD5->new->addfile($file)->hexdigest, $expected{$name}, $name);
}

done_testing();
