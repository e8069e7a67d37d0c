# perl test/layers.pl: check that src keeps to its layers, and src/num to what
# pure code may use.  Prints each offence; fails if there is any.
#
# The layers are the folders, in the order below.  A file may include the headers
# of its own folder and of those above it in this list.  What an include means is
# decided by the file that it resolves to, not by how it is spelled.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Find qw(find);

my @LAYERS = qw(
  num/base num/data num/net num/model num/index num/eval num/train num
  pg/util pg/embedding pg/movielens pg/store pg/data pg/catalogue pg/serve pg/evaluate pg/train pg
);
my $FORBIDDEN_HEADERS = qr/^(?:postgres|fmgr|stdio|malloc|pthread|unistd|.*\/.*)\b/;
my $FORBIDDEN_CALLS = qr/\b(malloc|calloc|realloc|free|alloca|strdup|\w*printf|exit|abort|palloc\w*|
	pfree|ereport|elog|CHECK_FOR_INTERRUPTS)\s*\(/x;

# Who may call BLAS: training.  What serving computes must have the same bits in
# any company, which BLAS does not promise.
my %CALLS_BLAS = map { $_ => 1 } qw(src/num/net/layers.c src/pg/mlrec.c);

my %layer;
@layer{@LAYERS} = 0 .. $#LAYERS;
my $src = abs_path('src') // die "there is no src here\n";
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

# The path below src that an include leads to; nothing if it leads elsewhere.
sub resolve
{
	my ($from, $spelled) = @_;
	for my $candidate (dirname($from) . "/$spelled", "src/$spelled", $spelled)
	{
		next unless -e $candidate;
		my $real = abs_path($candidate);
		return substr $real, 1 + length $src if index($real, "$src/") == 0;
	}
	return;
}

sub check_include
{
	my ($path, $number, $own, $what) = @_;
	my ($quote, $spelled) = $what =~ /^(["<])([^">]+)[">]/;
	return offence($path, $number, "cannot tell what \"$what\" includes") unless defined $spelled;

	offence($path, $number, "must not call BLAS") if $spelled =~ /cblas/ && !$CALLS_BLAS{$path};
	my $target = resolve($path, $spelled);
	if (!defined $target)
	{
		offence($path, $number, "src/num must not include $what")
		  if $own =~ /^num/ && ($quote eq '"' || $spelled =~ $FORBIDDEN_HEADERS);
		return;
	}
	offence($path, $number, "write \"$target\"") if $quote ne q(") || $spelled ne $target;
	my $folder = dirname($target);
	return offence($path, $number, "\"$folder\" has no place in test/layers.pl")
	  unless exists $layer{$folder};
	offence($path, $number, "\"$folder\" is not above \"$own\" in test/layers.pl")
	  if $layer{$folder} > $layer{$own};
	return;
}

sub check
{
	my ($path) = @_;
	my ($own) = dirname($path) =~ m{^src/(.*)};
	return offence($path, 1, "\"$own\" has no place in test/layers.pl") unless exists $layer{$own};

	# Comments out, their lines kept; continued lines joined.
	my $text = read_file($path);
	$text =~ s{("(?:[^"\\\n]|\\.)*")|/\*.*?\*/}{ my $all = $&; my $lines = $all =~ tr/\n//; $1 // ' ' . "\n" x $lines }gse;
	1 while $text =~ s/\\\n([^\n]*\n?)/$1\n/;

	my $number = 0;
	for my $line (split /\n/, $text)
	{
		$number++;
		check_include($path, $number, $own, $1)
		  if $line =~ /^\s*(?:#|%:|\?\?=)\s*(?:include|include_next|import)\b\s*(.*?)\s*$/;
		next unless $own =~ /^num/;
		$line =~ s/"(?:[^"\\]|\\.)*"//g;
		offence($path, $number, "src/num must not call $1")
		  if $line !~ /^\s*#/ && $line =~ $FORBIDDEN_CALLS;
	}
	return;
}

my @files;
find({ no_chdir => 1, wanted => sub { push @files, $_ if /\.[ch]$/ } }, 'src/num', 'src/pg');
check($_) for sort @files;
exit($offences ? 1 : 0);
