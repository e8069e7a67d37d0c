# perl table.pl FILE: print rows of fields separated by tabs as one table, with
# a last column that says whether the target is met.

use strict;
use warnings;

# "<= 1.8" asks for a ratio, "<= 15 ms" for our own value in that unit.
sub verdict
{
	my ($ours, $ratio, $target) = @_;
	my ($sense, $limit, $unit) = $target =~ /^([<>]=) ([\d.]+)(?: (\S+))?$/ or return '';
	my $value = $ratio;
	if ($unit)
	{
		($value) = $ours =~ /^([\d.e+-]+) \Q$unit\E$/ or return '?';
	}
	return ($sense eq '<=' ? $value <= $limit : $value >= $limit) ? 'yes' : 'NO';
}

my @rows = ([ 'what', 'ours', 'peer or limit', 'its', 'ratio', 'target', 'met' ]);
while (<>)
{
	chomp;
	my ($what, $ours, $peer, $its, $ratio, $target) = split /\t/, $_, -1;
	push @rows, [ $what, $ours, $peer, $its, $ratio, $target, verdict($ours, $ratio, $target) ];
}

my @width;
for my $row (@rows)
{
	for my $i (0 .. $#$row)
	{
		$width[$i] = length $row->[$i] if length $row->[$i] > ($width[$i] // 0);
	}
}
for my $n (0 .. $#rows)
{
	my $row = $rows[$n];
	# numbers to the right, words to the left
	my @cells = map { sprintf '%' . ($_ =~ /^[134]$/ ? '' : '-') . $width[$_] . 's', $row->[$_] } 0 .. $#$row;
	(my $line = '| ' . join(' | ', @cells) . ' |') =~ s/ \| -( +)\|/ | -$1|/g;
	print "$line\n";
	print '|' . join('|', map { '-' x ($_ + 2) } @width) . "|\n" if $n == 0;
}
