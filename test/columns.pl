# columns.pl: the part of PostgreSQL's layout that clang-format cannot do, as a
# filter over its output.  Names that are declared stand twelve columns right of
# where the declaration starts, comments beside code in column 33; where the
# text on the left is too long for that, at the next possible place.
use strict;
use warnings;

use constant { TAB => 4, NAME => 12, COMMENT => 32 };

my $TYPE = qr/(?:(?:static|extern|const|volatile|unsigned|signed|long|struct|enum|union)\ )*\w+/x;
my $NOT_A_TYPE = qr/^(?:return|goto|else|case|typedef|struct|enum|union|static|const|extern)$/;

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
	return ' ' if $to - $from == 1;
	while ($from - $from % TAB + TAB <= $to)
	{
		$space .= "\t";
		$from += TAB - $from % TAB;
	}
	return $space . ' ' x ($to - $from);
}

# Move the white space at the start of a line by some columns.
sub shift_line
{
	my ($line, $by) = @_;
	my ($lead, $text) = $line =~ /^(\s*)(.*)/s;
	return $line if $by == 0 || $text eq '';
	return blank(0, width($lead) + $by) . $text;
}

# A declaration with its name in the right column, and how far that moved it.
sub align_name
{
	my ($line) = @_;
	return ($line, 0)
	  unless $line =~ /^(\t*)($TYPE) (\**)(\w+(?:\[[^\]]*\])*(?: =|;|,|:).*)$/
	  || $line =~ /^()($TYPE) (\**)(\w+\(.*)$/;
	my ($indent, $type, $stars, $rest) = ($1, $2, $3, $4);
	my ($first) = $type =~ /^(\w+)/;
	return ($line, 0) if $type =~ $NOT_A_TYPE || $first =~ /^(?:return|goto|else|case|typedef)$/;
	return ($line, 0) if $type =~ /^(?:struct|enum|union) \w+$/ && $rest !~ /[;,=\[]/;

	my $from = width("$indent$type");
	my $to   = width($indent) + NAME - length $stars;
	$to = $from + 1 if $to <= $from;
	return ($indent . $type . blank($from, $to) . "$stars$rest", $to - $from - 1);
}

# Code and the comment beside it, apart; nothing when there is no such comment.
sub beside
{
	my ($line) = @_;
	return unless $line =~ m{^((?:[^"'/]|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|/(?![*]))*?\S)\s*(/\*.*)$};
	my ($code, $comment) = ($1, $2);
	return if $comment =~ m{\*/.*\S} && $comment !~ m{\*/$};
	return ($code, $comment);
}

my ($moved, $depth, $in_comment, $comment_column) = (0, 0, 0, undef);
while (my $line = <STDIN>)
{
	chomp $line;

	# Inside a comment of several lines.
	if ($in_comment)
	{
		$line =~ s/^\s+/blank(0, $comment_column + 1)/e if defined $comment_column;
		$in_comment = 0 if $line =~ m{\*/};
		print "$line\n";
		next;
	}
	if ($line =~ m{^\s*/\*})
	{
		($in_comment, $comment_column) = (1, undef) if $line !~ m{\*/};
		print "$line\n";
		next;
	}

	my ($code, $comment) = beside($line);
	$code = $line unless defined $comment;

	# A statement of several lines moves as one.
	if ($depth > 0) { $code = shift_line($code, $moved); }
	else            { ($code, $moved) = align_name($code); }
	(my $bare = $code) =~ s/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'//g;
	$depth += ($bare =~ tr/(//) - ($bare =~ tr/)//);

	if (defined $comment)
	{
		my $from = width($code);
		$comment_column = $from < COMMENT ? COMMENT : $from + TAB - $from % TAB;
		$code .= blank($from, $comment_column) . $comment;
		$in_comment = $comment !~ m{\*/};
	}
	print "$code\n";
}
