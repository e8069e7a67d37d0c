# perl test/style.pl [--fix] FILE...: PostgreSQL's layout, as pgindent leaves it,
# of C; of SQL and Markdown only white space and width.
#
# Like pgindent, and unlike clang-format, this leaves the breaking of lines to
# the author: how a long list of arguments is grouped says something.  It sets
# what is mechanical, and names what else is against the style:
#
#	set		names that are declared stand twelve columns right of where the
#			declaration starts, comments beside code in column 33 (where the text
#			on the left is too long, at the next possible place); indentation by
#			tabs of four; no white space at the end of a line, no two blank lines
#	named	lines over 100 columns, // comments, braces that share a line with
#			code, a function's type on the line of its name, if( without a blank,
#			char* x for char *x, (int)x for (int) x
#
#			functions of over 50 lines or with more than 8 parameters
#
# In SQL and Markdown the width is 120 columns.  Strings, names in COMMENT ON and
# psql's commands do not count, nor do tables of Markdown.
#
# Prints each difference; fails if there is any.  With --fix it writes the files.
use strict;
use warnings;

use constant { TAB => 4, NAME => 12, COMMENT => 32, WIDTH => 100, TEXT_WIDTH => 120 };
use constant { BODY => 50, PARAMETERS => 8 };

my $TYPE = qr/(?:(?:static|extern|const|volatile|unsigned|signed|long|struct|enum|union)\ )*\w+/x;
my $DECLARED = qr/\w+(?:\[[^\]]*\])*\s*(?:=[^=]|;|,|:(?!:)|=$).*/;
my $NOT_A_TYPE = qr/^(?:return|goto|else|case|typedef|struct|enum|union|static|const|extern|do)$/;
my $PLAIN_TYPE = qr/(?:char|bool|short|int|long|float|double|u?int\d+(?:_t)?|[Ss]ize(?:_t)?|Oid|Datum)/;
my $STRING = qr/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/;

# The column after the text, with tabs as wide as they are.
sub width
{
	my $column = 0;
	$column = $_ eq "\t" ? $column + TAB - $column % TAB : $column + 1 for split //, $_[0];
	return $column;
}

# The white space from one column to another, as pgindent writes it.
sub blank
{
	my ($from, $to) = @_;
	my $space = '';
	return ' ' x ($to - $from) if $from % TAB == TAB - 1 && $to - $from <= TAB;
	while ($from - $from % TAB + TAB <= $to)
	{
		$space .= "\t";
		$from += TAB - $from % TAB;
	}
	return $space . ' ' x ($to - $from);
}

# The line with its white space at the start moved by some columns.
sub indented
{
	my ($line, $by) = @_;
	my ($lead, $text) = $line =~ /^(\s*)(.*)/;
	return $text eq '' ? '' : blank(0, width($lead) + $by) . $text;
}

# A declaration with its name in the right column, and how far that moved it.
sub align_name
{
	my ($line) = @_;
	return ($line, 0)
	  unless $line =~ /^(\t+)($TYPE)([ \t]+)(\**)((?:const )?$DECLARED)$/
	  || $line =~ /^()($TYPE)([ \t]+)(\**)($DECLARED|\w+\(.*)$/;
	my ($indent, $type, $gap, $stars, $rest) = ($1, $2, $3, $4, $5);
	my ($first) = $type =~ /^(\w+)/;
	return ($line, 0) if $type =~ $NOT_A_TYPE || $first =~ /^(?:return|goto|else|case|typedef)$/;

	my $from = width("$indent$type");
	my $to   = width($indent) + NAME - length $stars;
	$to = $from + 1 if $to <= $from;
	my $moved = $indent . $type . blank($from, $to) . "$stars$rest";
	return ($moved, width($moved) - width($line));
}

# Code and the comment beside it, apart; code alone when there is none.
sub beside
{
	my ($line) = @_;
	return $line unless $line =~ m{^((?:[^"'/]|$STRING|/(?![*]))*?\S)\s*(/\*.*)$};
	my ($code, $comment) = ($1, $2);
	return $line if $comment =~ m{\*/.};
	return ($code, $comment);
}

# The text with all set that can be set.
sub set
{
	my @out;
	my ($moved, $depth, $in_comment, $comment_column, $in_macro) = (0, 0, 0, undef, 0);
	for my $line (split /\n/, $_[0])
	{
		$line =~ s/\s+$//;
		if ($in_comment)
		{
			my $by = defined $comment_column ? $comment_column + 1 - width($line =~ /^(\s*)/) : 0;
			$in_comment = 0 if $line =~ m{\*/};
			push @out, indented($line, $by);
			next;
		}
		if ($line =~ m{^\s*/\*})
		{
			($in_comment, $comment_column) = (1, undef) if $line !~ m{\*/};
			push @out, indented($line, 0);
			next;
		}
		my $macro = $in_macro || $line =~ /^\s*#/;
		$in_macro = $macro && $line =~ /\\$/;
		if ($in_macro || $line eq '')
		{
			push @out, $line if $line ne '' || (@out && $out[-1] ne '');
			next;
		}

		my ($code, $comment) = beside($line);
		if (!$macro)
		{
			# A statement of several lines moves as one.
			if ($depth > 0) { $code = indented($code, $moved); }
			else            { ($code, $moved) = align_name(indented($code, 0)); }
			(my $bare = $code) =~ s/$STRING//g;
			$depth += ($bare =~ tr/(//) - ($bare =~ tr/)//);
		}
		if (defined $comment)
		{
			my $from = width($code);
			$comment_column = $from < COMMENT ? COMMENT : $from + TAB - $from % TAB;
			$code .= blank($from, $comment_column) . $comment;
			$in_comment = $comment !~ m{\*/};
		}
		push @out, $code;
	}
	pop @out while @out && $out[-1] eq '';
	return join '', map { "$_\n" } @out;
}

# What is against the style in a line, given the next one.
sub faults
{
	my ($line, $next) = @_;
	my @faults;
	push @faults, 'over ' . WIDTH . ' columns' if width($line) > WIDTH;
	return @faults if $line =~ /^\s*\*|\\$/;

	(my $code = $line) =~ s/$STRING/""/g;
	$code =~ s{/\*.*}{};
	$code =~ s/\s+$//;
	push @faults, 'a // comment'                  if $code =~ m{//};
	push @faults, 'a brace beside code'           if $code =~ /(?:\)|\belse|\bdo)\s*\{$|\}\s*else\b/ && $code !~ /\([A-Z]\w*\) \{$/;
	push @faults, 'a blank is missing before ('   if $code =~ /\b(?:if|for|while|switch)\(/;
	push @faults, 'write "type *name"'            if $code =~ /\b$PLAIN_TYPE\* \w/;
	push @faults, 'a blank is missing after cast' if $code =~ /(?<!\w)\($PLAIN_TYPE(?: \*+)?\)[\w(&]/;
	push @faults, 'the type of a function belongs on a line of its own'
	  if $next eq '{' && $code =~ /^$TYPE[ \t*]+\w+\(.*\)$/;
	return @faults;
}

# What is against the style in the functions of a file, by the number of the line.
sub function_faults
{
	my ($text) = @_;
	my %faults;
	while ($text =~ /^(\w+)\(([^{};]*)\)\n\{\n(.*?)^\}/gms)
	{
		my ($name, $parameters, $body) = ($1, $2, $3);
		my $line = substr($text, 0, $-[0]) =~ tr/\n//;
		1 while $parameters =~ s/\([^()]*\)//;
		push @{ $faults{$line} }, "$name has more than " . PARAMETERS . ' parameters'
		  if ($parameters =~ tr/,//) + 1 > PARAMETERS;
		push @{ $faults{$line} }, "$name is over " . BODY . ' lines'
		  if ($body =~ tr/\n//) > BODY;
	}
	return \%faults;
}

# SQL or Markdown with its white space set.
sub set_text
{
	my @out = map { s/\s+$//r } split /\n/, $_[0];
	pop @out while @out && $out[-1] eq '';
	return join '', map { "$_\n" } @out;
}

# The text as its width is measured: without what cannot be broken.
sub breakable
{
	my ($text, $path) = @_;
	utf8::decode($text);
	return $text =~ s/^\|.*//gmr if $path =~ /\.md$/;
	$text =~ s{(--[^\n]*)|'((?:[^']|\'\')*)'}{ $1 // "'" . "\n" x ($2 =~ tr/\n//) . "'" }ge;
	$text =~ s{\$\$.*?\$\$}{\$\$}g;
	return $text =~ s/^(?:COMMENT ON |\\).*//gmr;
}

my $fix = @ARGV && $ARGV[0] eq '--fix' && shift @ARGV;
my $failed = 0;
for my $path (@ARGV)
{
	open my $in, '<', $path or die "$path: $!\n";
	my $old = do { local $/ = undef; <$in> };
	close $in;

	my $is_text = $path =~ /\.(?:sql|md)$/;
	my $new = $is_text ? set_text($old) : set($old);
	if ($fix && $new ne $old)
	{
		open my $out, '>', $path or die "$path: $!\n";
		print $out $new;
		close $out or die "$path: $!\n";
		$old = $new;
	}

	my @is = split /\n/, $is_text ? breakable($old, $path) : $old, -1;
	my @should = split /\n/, $new, -1;
	if ($old ne $new)
	{
		my $at = 0;
		my @was = split /\n/, $old, -1;
		$at++ while $at < @was && $at < @should && $was[$at] eq $should[$at];
		printf "%s:%d: make format writes: %s\n", $path, $at + 1, $should[$at] // '(end of file)';
		$failed = 1;
	}
	my $function_faults = $is_text ? {} : function_faults($old);
	for my $i (0 .. $#is)
	{
		my @faults =
			!$is_text ? (faults($is[$i], $is[ $i + 1 ] // ''), @{ $function_faults->{$i} // [] })
		  : width($is[$i]) > TEXT_WIDTH ? 'over ' . TEXT_WIDTH . ' columns'
		  :                               ();
		for my $fault (@faults)
		{
			printf "%s:%d: %s\n", $path, $i + 1, $fault;
			$failed = 1;
		}
	}
}
exit $failed;
