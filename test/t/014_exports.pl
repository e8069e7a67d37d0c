# The module exports the functions of SQL and what the server looks for, nothing else.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;

my ($directory) = slurp_file($ENV{TEMP_CONFIG}) =~ /dynamic_library_path = '([^:]+):/;
my ($list, $errors) = run_command(['nm', '-D', '--defined-only', "$directory/mlrec.so"]);
my @names = sort map { (split)[-1] } split /\n/, $list;

is($errors, '', 'nm can read the module');
is_deeply([grep { !/^(?:pg_finfo_)?mlrec_/ } @names], ['Pg_magic_func', '_PG_init'], 'no name of another form is exported');
ok((grep { $_ eq 'mlrec_recommend' } @names), 'a function of SQL is');
for my $name (grep { /^mlrec_/ && $_ ne 'mlrec_train_worker' } @names)
{
	ok((grep { $_ eq "pg_finfo_$name" } @names), "$name is one");
}

done_testing();
