# perl test/layers.pl: check that src keeps to the layers of src/ORDER, and
# src/num to what pure code may use.  Prints each offence; fails if any.
use strict;
use warnings;

my $FORBIDDEN_HEADERS = qr/^(?:postgres|fmgr|stdio|malloc|pthread|unistd|.*\/.*)\b/;
my $FORBIDDEN_CALLS = qr/\b(malloc|calloc|realloc|free|alloca|strdup|\w*printf|exit|abort|palloc\w*|
	pfree|ereport|elog|CHECK_FOR_INTERRUPTS)\s*\(/x;

my $offences = 0;

sub offence
{
	my ($path, $line, $what) = @_;
	print "$path:$line: $what\n";
	$offences++;
	return;
}

sub read_file
{
	my ($path) = @_;
	open my $file, '<', $path or die "$path: $!\n";
	local $/ = undef;
	return scalar <$file>;
}

# Directory and name to place, counted from the top.
my (%place, $directory, $count);
for (split /\n/, read_file('src/ORDER'))
{
	next if /^#|^\s*$/;
	if (/^(\S+)$/) { $directory = $1; }
	elsif (/^\t(\w+(?:, \w+)*)/)
	{
		$count++;
		$place{$directory}{$_} = $count for split /, /, $1;
	}
}

sub check
{
	my ($dir, $path) = @_;
	my ($own) = $path =~ m{(\w+)\.[ch]$};
	my $text = read_file($path);

	# Comments and strings out, their lines kept.
	$text =~ s{(/\*.*?\*/)}{ (my $lines = $1) =~ tr/\n//cd; $lines }gse;
	return offence($path, 1, "\"$own\" has no place in src/ORDER") unless $place{$dir}{$own};

	my $number = 0;
	for my $line (split /\n/, $text)
	{
		$number++;
		if ($line =~ /^\s*#\s*include\s+"(?:num\/)?(\w+)\.h"/ && $1 ne $own)
		{
			my $included = $place{$dir}{$1};
			next if !$included && $dir ne 'src/num' && $place{'src/num'}{$1};
			offence($path, $number, "\"$1\" is not above \"$own\" in src/ORDER")
			  if $included && $included > $place{$dir}{$own};
			offence($path, $number, "\"$1\" does not belong to src/num")
			  if !$included && $dir eq 'src/num';
		}
		next unless $dir eq 'src/num';
		offence($path, $number, "src/num must not include <$1>")
		  if $line =~ /^\s*#\s*include\s+<(.*)>/ && $1 =~ $FORBIDDEN_HEADERS;
		$line =~ s/"(?:[^"\\]|\\.)*"//g;
		offence($path, $number, "src/num must not call $1")
		  if $line !~ /^\s*#/ && $line =~ $FORBIDDEN_CALLS;
	}
	return;
}

for my $dir (sort keys %place)
{
	check($dir, $_) for sort glob "$dir/*.[ch]";
}
exit($offences ? 1 : 0);
