# tally.pl STATEMENTS STDERR FILE...: of what psql said of the statements of calls.pl,
# with VERBOSITY verbose, a line for each error: its SQLSTATE, whether it was raised by
# one of our FILEs, and if it should not be, the statement.  Losses and leaks as well.
use strict;
use warnings;

my ($statements, $errors, @files) = @ARGV;
my %ours = map { s{.*/}{}r => 1 } @files;
my (%statement, $number, $state, $message);

open my $in, '<:encoding(UTF-8)', $statements or die "$statements: $!\n";
while (<$in>) {
	if (/^\\warn \@(\d+)/) { $number = $1; }
	elsif ($number && !/^ROLLBACK/) { $statement{$number} .= $_; }
}
close $in;
binmode STDOUT, ':encoding(UTF-8)';

# Not an answer that a user should get, whatever the question.
sub bad { my ($number, $what) = @_; print "BAD $what: ", substr($statement{$number} // '?', 0, 3000), "\n"; }

$number = 0;
open $in, '<:encoding(UTF-8)', $errors or die "$errors: $!\n";
while (<$in>) {
	if (/^\@(\d+)$/) { $number = $1; }
	elsif (/(?:ERROR|FATAL|PANIC):  (\w{5}): (.*)/) { ($state, $message) = ($1, $2); print "ERROR $state\n"; }
	elsif (/^LOCATION:  \S+, (\S+):\d+/ && defined $state) {
		my $file = $1 =~ s{.*/}{}r;
		if ($state eq 'XX000') {
			print "INTERNAL $state $file $message\n";
			bad($number, "$state $message ($file)") if $ours{$file};
		}
		undef $state;
	}
	elsif (/WARNING: .*(?:leak|detected write past|problem in|not closed)/) { bad($number, $_ =~ s/\n//r); }
	elsif (/server closed the connection|connection to server was lost/) { bad($number, 'the connection is lost'); last; }
}
print "DONE $number\n";
