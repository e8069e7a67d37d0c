# perl curves.pl POINTS TABLE PICTURE: points are lines of curve, x and
# milliseconds separated by tabs.  Writes them as a table and as an SVG picture,
# a panel for each curve with both axes logarithmic, where what is linear runs
# along the thin diagonals and what does not depend on x is level.

use strict;
use warnings;

use constant { WIDTH => 330, HEIGHT => 240, LEFT => 58, RIGHT => 26, TOP => 34, BOTTOM => 40 };

my ($points, $table, $picture) = @ARGV;
my (%curve, @names);
open my $in, '<', $points or die "$points: $!\n";
while (<$in>)
{
	chomp;
	my ($name, $x, $y) = split /\t/;
	push @names, $name unless $curve{$name};
	push @{ $curve{$name} }, [ $x, $y ];
}
close $in;

open my $text, '>', $table or die "$table: $!\n";
print $text "| curve | x | milliseconds |\n|---|---|---|\n";
for my $name (@names)
{
	$curve{$name} = [ sort { $a->[0] <=> $b->[0] } @{ $curve{$name} } ];
	printf $text "| %s | %s | %.4g |\n", $name, commas($_->[0]), $_->[1] for @{ $curve{$name} };
}
close $text or die "$table: $!\n";

sub commas
{
	my ($n) = @_;
	1 while $n =~ s/^(\d+)(\d{3})/$1,$2/;
	return $n;
}

sub log10 { return log($_[0]) / log(10); }
sub floor { my ($x) = @_; my $i = int $x; return $i > $x ? $i - 1 : $i; }

# 20000 as 20 k
sub short
{
	my ($n) = @_;
	return $n >= 1e6 ? ($n / 1e6) . ' M' : $n >= 1e3 ? ($n / 1e3) . ' k' : $n;
}

# The decades that hold all values, at least one of them.
sub decades
{
	my @logs = sort { $a <=> $b } map { log10($_) } @_;
	my ($low, $high) = (floor($logs[0]), floor($logs[-1]) + 1);
	return ($low, $high);
}

sub panel
{
	my ($svg, $name, $left, $top) = @_;
	my @at = @{ $curve{$name} };
	my ($x0, $x1) = decades(map { $_->[0] } @at);
	my ($y0, $y1) = decades(map { $_->[1] } @at);
	my ($w, $h) = (WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM);
	my $px = sub { return sprintf '%.1f', $left + LEFT + $w * (log10($_[0]) - $x0) / ($x1 - $x0) };
	my $py = sub { return sprintf '%.1f', $top + TOP + $h * (1 - (log10($_[0]) - $y0) / ($y1 - $y0)) };
	my ($l, $r, $t, $b) = ($left + LEFT, $left + WIDTH - RIGHT, $top + TOP, $top + HEIGHT - BOTTOM);
	my ($what, $by) = split / by /, $name;

	printf $svg qq{<text x="%d" y="%d" class="title">%s, ms</text>\n}, $l, $top + 20, $what;
	printf $svg qq{<text x="%d" y="%d" class="axis" text-anchor="end">%s</text>\n}, $r, $b + 32, $by;
	for my $d ($x0 .. $x1)
	{
		my $x = $px->(10**$d);
		print $svg qq{<line x1="$x" y1="$t" x2="$x" y2="$b" class="grid"/>\n};
		printf $svg qq{<text x="%s" y="%d" text-anchor="middle">%s</text>\n}, $x, $b + 16, short(10**$d);
	}
	for my $d ($y0 .. $y1)
	{
		my $y = $py->(10**$d);
		print $svg qq{<line x1="$l" y1="$y" x2="$r" y2="$y" class="grid"/>\n};
		printf $svg qq{<text x="%d" y="%.1f" text-anchor="end">%s</text>\n}, $l - 6, $y + 4, short(10**$d);
	}
	# the line through the last point on which time is proportional to x
	my ($x, $y) = @{ $at[-1] };
	my $from = 10**$x0 > $x * 10**$y0 / $y ? 10**$x0 : $x * 10**$y0 / $y;
	printf $svg qq{<line x1="%s" y1="%s" x2="%s" y2="%s" class="linear"/>\n},
	  $px->($from), $py->($y * $from / $x), $px->($x), $py->($y);
	printf $svg qq{<polyline points="%s" class="curve"/>\n},
	  join ' ', map { $px->($_->[0]) . ',' . $py->($_->[1]) } @at;
	printf $svg qq{<circle cx="%s" cy="%s" r="3.5" class="point"><title>%s: %.4g ms</title></circle>\n},
	  $px->($_->[0]), $py->($_->[1]), commas($_->[0]), $_->[1]
	  for @at;
	return;
}

my $rows = int((@names + 1) / 2);
open my $svg, '>', $picture or die "$picture: $!\n";
printf $svg qq{<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="11">\n},
  2 * WIDTH, $rows * HEIGHT;
print $svg <<'STYLE';
<style>
svg { background: #fff; } text { fill: #444; } .title { font-size: 13px; fill: #111; }
.grid { stroke: #ddd; } .linear { stroke: #999; stroke-dasharray: 2 4; }
.curve { fill: none; stroke: #1f6fb4; stroke-width: 2; } .point { fill: #1f6fb4; }
</style>
STYLE
panel($svg, $names[$_], ($_ % 2) * WIDTH, int($_ / 2) * HEIGHT) for 0 .. $#names;
print $svg "</svg>\n";
close $svg or die "$picture: $!\n";
