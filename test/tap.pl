# perl test/tap.pl LIBRARY FILE...: run TAP tests, two at a time, with the
# server's test modules from LIBRARY; print the sum as the other suites do.
use strict;
use warnings;
use TAP::Harness;

my ($library, @files) = @ARGV;
my $harness = TAP::Harness->new({ lib => [$library], jobs => 2, failures => 1, timer => 1 });
my $result = $harness->runtests(@files);

# A file that dies before its plan has no failed test of its own.
my %broken = map { $_ => 1 } $result->parse_errors, $result->exit, $result->wait;
delete @broken{ $result->failed };
my $failed = keys %broken;
for my $parser ($result->parsers(@files))
{
	$failed += $parser->failed;
}
printf "%d passed, %d failed\n", scalar $result->passed, $failed;
exit($failed || !$result->passed ? 1 : 0);
