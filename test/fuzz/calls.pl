# calls.pl SEED COUNT FUNCTIONS DIRECTORY OWNER: COUNT random statements for psql that call
# what mlrec has, as FUNCTIONS tells it (the rows of odd.callable in world.sql, unaligned),
# each after a \warn with its number.  Arguments have the right types and mostly values
# that nobody would give.  DIRECTORY is one that the server can read and we can write.
# With OWNER 1 there is what only an owner may do as well: training, damage to stored
# models, changes of the relations; in transactions that are rolled back.
use strict;
use warnings;

my ($seed, $count, $functions, $directory, $owner) = @ARGV;
srand($seed);

sub one { return $_[ int rand @_ ]; }
sub chance { return rand() < $_[0]; }
sub quoted { my $text = shift; $text =~ s/'/''/g; return "'$text'"; }

# ---------------------------------------------------------------------------
# Values
# ---------------------------------------------------------------------------

my @floats = qw(0 -0 1 -1 0.5 3 1e-7 5e-324 1e-45 1.4e-45 3.4028235e38 1e38 -1e38 1e308 -1.7976931348623157e308 NaN Infinity -Infinity);
my @ints   = (0, 1, 2, 3, -1, 5, 10, 40, 200, 16000, 16001, 65536, 65537, 2147483647, -2147483648);
my @texts  = (
	'', ' ', 'rating', 'relevance', 'RATING', 'chronological', 'random', 'leave_last', 'true', 'false', 'if_better',
	'Movie (1999)', '(2147483648)', '((((', '(0000)', '(19 9)', "(\x{0661}999)", '|', '||||', ' a | a |b', '(no genres listed)',
	"%s%n%d", "a'b\"c\\d", "\x{1f600}\x{1f600}", "\x{65e5}\x{672c}\x{8a9e} (1954)", "\x{41f}\x{440}\x{438}\x{432}\x{435}\x{442}",
	"caf\x{e9}", "e\x{301}", "\x{feff}x", "\x{1}\x{7f}", "\n\t\r", 'NULL', 'ratings; DROP TABLE ratings', 'a.b.c.d', '/dev/null',
	'/dev/zero', '/etc', '/nowhere', '.', '~');

sub float { return chance(0.3) ? sprintf('%.6g', exp(rand(180) - 90) * one(1, -1)) : one(@floats); }
sub int4 { return chance(0.4) ? int(rand 700) : chance(0.1) ? int(rand(2**32) - 2**31) : one(@ints); }
sub int8 { return chance(0.1) ? one('9223372036854775807', '-9223372036854775808', '2147483648', '-2147483649') : int4(); }

sub text {
	return one(@texts) if chance(0.9);
	return join '', map { chr one(32 .. 126, 0x100 .. 0x120, 0x4e00) } 1 .. rand 40;
}

# An array of up to so many elements as SQL, most of them sound.
sub array {
	my ($type, $element, $most) = @_;
	my $shape = rand;
	return "NULL::$type" if $shape < 0.08;
	return "'{}'::$type" if $shape < 0.16;
	return "'{NULL}'::$type" if $shape < 0.20;
	my @values = map { chance(0.03) ? 'NULL' : $element->() } 1 .. 1 + rand $most;
	return "'{{" . join(',', @values) . '},{' . join(',', reverse @values) . "}}'::$type" if $shape < 0.26;
	if ($shape < 0.32) {
		my $first = one(-5, 0, 7, 2147483000);
		return "'[$first:" . ($first + $#values) . ']={' . join(',', @values) . "}'::$type";
	}
	return "array_fill(" . one(1, 5, 40) . "::$type" =~ s/\[\]$//r . ", ARRAY[" . one(1000, 100000) . "])" if $shape < 0.34;
	return "ARRAY(SELECT generate_series(" . one(1, -50, 300) . ", " . one(400, 5000) . "))::$type" if $shape < 0.40;
	return "'{" . join(',', @values) . "}'::$type";
}

sub embedding {
	my $shape = rand;
	return 'NULL::embedding' if $shape < 0.04;
	return '(SELECT e FROM odd.vectors WHERE id = ' . int(1 + rand(chance(0.8) ? 40 : 48)) . ')' if $shape < 0.45;
	return '(SELECT embedding FROM movie_embeddings WHERE model_id = ' . one(1, 2, 3, 9) . ' LIMIT 1 OFFSET ' . int(rand 80) . ')'
		if $shape < 0.50;
	return quoted(text()) . '::embedding' if $shape < 0.52;
	return array('real[]', \&float, 70) . '::embedding' if $shape < 0.55;
	return array(one('int[]', 'float8[]', 'numeric[]'), \&int4, 70) . '::embedding' . one('', '(3)', '(64)', '(0)') if $shape < 0.58;
	return '(' . embedding() . one(' + ', ' - ', ' * ') . embedding() . ')' if $shape < 0.62;
	return 'normalize(' . embedding() . ')' if $shape < 0.65;
	return '(' . embedding() . ')::real[]::embedding' if $shape < 0.67;
	return "'[" . join(',', (one('1', '0', '1e38', '-1e-45')) x one(16000, 16001, 5000)) . "]'::embedding" if $shape < 0.675;
	my $dims = chance(0.8) ? 64 : one(1, 2, 3, 65);
	my $odd = chance(0.3);
	return "'[" . join(',', map { $odd ? float() : sprintf '%.4f', rand(2) - 1 } 1 .. $dims) . "]'::embedding";
}

my @ratings = map { "odd.$_" } qw(nothing_rated extremes finite huge texts jsons fails equal one dates milliseconds again parted guarded);
my @movies  = qw(odd.movies odd.movies_twice odd.movies_with_years odd.no_movies);
my @users   = qw(odd.users odd.many_users);

sub regclass {
	my $name = shift // '';
	return 'NULL::regclass' if chance(0.25);
	return one('0', '4294967295', '999999', "'pg_class'", "'odd.vectors_id_seq'", "'odd.no_columns'", "'mlrec_model_pkey'",
		"'odd.endless'", "'odd.vectors'", "'mlrec_model'", "'recommender_models'", "'pg_toast.pg_toast_1262'", "'nowhere'") . '::regclass'
		if chance(0.15);
	return "'" . one(@ratings, @movies, @users, qw(ratings movies users)) . "'::regclass" if chance(0.1);
	return "'" . one($name eq 'ratings' ? (@ratings, 'small.plays', ('small.ratings') x 6)
		: $name eq 'movies' ? (@movies, ('small.movies') x 3) : (@users, ('small.users') x 2)) . "'::regclass";
}

sub moment {
	return 'now()' if chance(0.2);
	return one("'-infinity'", "'infinity'", "'4714-11-24 00:00+00 BC'", "'294276-12-31 23:59:59.999999+00'", "'1970-01-01'", 'NULL', "'2001-01-02'")
		. '::timestamptz' if chance(0.6);
	return 'to_timestamp(' . int(rand 2e9) . ')';
}

my %value = (
	'integer'            => sub { int4() },
	'bigint'             => sub { chance(0.5) ? int(rand 640) - 20 : int8() },
	'smallint'           => sub { int(rand 65536) - 32768 },
	'oid'                => sub { one(0, 1, 16384, 4294967295) },
	'real'               => sub { quoted(float()) . '::real' },
	'double precision'   => sub { quoted(float()) . '::float8' },
	'boolean'            => sub { one('true', 'false') },
	'text'               => sub { chance(0.02) ? 'repeat(' . quoted(text()) . ', ' . one(1000, 100000) . ')' : quoted(text()) },
	'name'               => sub { quoted(one('fuzz', 'odd', 'pg_catalog', 'nowhere', '', 'pg_temp', 'x' x 80)) },
	'bytea'              => sub { "'\\x" . join('', map { sprintf '%02x', rand 256 } 1 .. rand 80) . "'::bytea" },
	'cstring'            => sub { quoted(chance(0.5) ? text() : '[' . join(',', map { float() } 0 .. rand 5) . one(']', '', ',]', ']]')) . '::cstring' },
	'cstring[]'          => sub { array('cstring[]', sub { one(2, 3, 64, 0, -1, 16001, '99999999999', 'x') }, 3) },
	'text[]'             => sub { array('text[]', sub { '"a"' }, 5) },
	'bigint[]'           => sub { array('bigint[]', chance(0.7) ? sub { int rand 420 } : \&int8, one(3, 30, 300)) },
	'integer[]'          => sub { array('int[]', \&int4, 70) },
	'real[]'             => sub { array('real[]', chance(0.7) ? sub { one(1 .. 5) } : \&float, one(3, 30, 300)) },
	'double precision[]' => sub { array('float8[]', \&float, 70) },
	'numeric[]'          => sub { array('numeric[]', sub { chance(0.1) ? one('1e400', '-1e400', '1e-400') : float() }, 70) },
	'regclass'           => \&regclass,
	'embedding'          => \&embedding,
	'timestamp with time zone' => \&moment,
	'mlrec_activation'   => sub { one("'true'", "'false'", "'if_better'", "'x'", 'true', 'NULL') . '::mlrec_activation' },
	'internal'           => sub { one('NULL', "'x'") . '::internal' },
);

# What a random value would nearly always be refused for.
my %sound = (
	top_k_retrieve => sub { one(1, 5, 20, 200, 400, 1000, 2147483647) },
	top_n_final    => sub { one(0, 1, 5, 10, 200, 1000, 2147483647) },
	n              => sub { one(0, 1, 5, 10, 100, 2147483647, 'NULL') },
	model_id       => sub { one('NULL', 'NULL', 1, 2, 3, 0) },
	order_by       => sub { one("'rating'", "'relevance'", 'NULL') },
	diversity      => sub { one('0', '0.3', '1', '1e-30') },
	test_fraction  => sub { one(0, 0.2, 0.5, 0.9) },
	validation_fraction => sub { one(0, 0.05, 0.5) },
	split          => sub { one("'chronological'", "'random'", "'leave_last'") },
	batch_size     => sub { one(1, 7, 64, 2048, 65536) },
	learning_rate  => sub { one('1e-3', '1e-7', '1') },
	retrieval_epochs => sub { one(1, 2) },
	ranking_epochs => sub { one(1, 2) },
	patience       => sub { one(0, 1, 1000) },
	workers        => sub { one(0, 0, 1, 3, 'NULL') },
	like_threshold => sub { one('NULL', '0', '3', '1e300') },
	softmax_weight => sub { one('0', '0.3', '100') },
	from_model     => sub { one('NULL', 'NULL', 1, 2, 3) },
);

# argument NAME TYPE SOUND: as often as SOUND says one that is in range.
sub argument {
	my ($name, $type, $sound) = @_;
	return "NULL::$type" if chance(0.05);
	return $sound{$name}->() if $sound{$name} && chance($sound);
	my $make = $value{$type} or return "NULL::$type";
	return $make->($name);
}

# ---------------------------------------------------------------------------
# Statements
# ---------------------------------------------------------------------------

my (@callable, %callable);
open my $list, '<', $functions or die "$functions: $!\n";
while (<$list>) {
	chomp;
	my ($name, $kind, $set, $defaults, $types, $names) = split /\|/, $_, -1;
	my $f = {
		name => $name, kind => $kind, set => $set eq 't', defaults => $defaults,
		types => [ split /;/, $types ], names => [ split /;/, $names ],
	};
	push @callable, $f;
	push @{ $callable{$name} }, $f;
}
close $list;
die "there is nothing to call in $functions\n" if !@callable;

# Those of the models count more, those that take long less.
my @slow  = qw(train_recommender evaluate_recommender load_movielens);
my @often = grep { $_->{types}[0] && grep { /bigint|regclass/ } @{ $_->{types} } } @callable;

sub function {
	my $f = chance(0.5) ? one(@callable) : one(@often);
	return $f if !grep { $_ eq $f->{name} } @slow;
	return chance($f->{name} eq 'train_recommender' ? 0.25 : 0.5) ? $f : function();
}

# The arguments of a call; those with defaults by name, if at all.
sub arguments {
	my ($f) = @_;
	my @types = @{ $f->{types} };
	my $sound = $f->{name} eq 'train_recommender' ? one(0.9, 1, 1) : one(0.2, 0.8, 0.97);
	my $needed = @types - $f->{defaults};
	my @arguments;
	for my $i (0 .. $#types) {
		my $name = $f->{names}[$i] // '';
		next if $i >= $needed && chance(0.4);
		push @arguments, ($i >= $needed ? "$name => " : '') . argument($name, $types[$i], $sound);
	}
	# each movie of a session has its rating
	if ("@arguments" =~ /history_ratings =>/ && chance(0.8)) {
		@arguments = grep { !/^history/ } @arguments;
		$arguments[0] = 'NULL' if chance(0.9);
		my @movies = map { int rand(chance(0.05) ? 1e6 : 420) } 0 .. rand one(3, 30, 300);
		push @arguments, "history => '{" . join(',', @movies) . "}'",
			"history_ratings => '{" . join(',', map { one(1 .. 5, 'NULL', chance(0.02) ? float() : 3) } @movies) . "}'";
	}
	# training for as long as it likes is not what is tried here
	if ($f->{name} eq 'train_recommender') {
		for my $name ('ratings', 'retrieval_epochs', 'ranking_epochs') {
			push @arguments, "$name => " . ($name eq 'ratings' ? regclass($name) : 1) if !grep { /^$name =>/ } @arguments;
		}
	}
	if ($f->{name} eq 'load_movielens' && chance(0.5)) {
		@arguments = (quoted(one("$directory/release", $directory, "$directory/../sample")), quoted(one('public', 'fuzz', 'odd')));
	}
	return join ', ', @arguments;
}

sub call { my $f = function(); return $f->{name} . '(' . arguments($f) . ')'; }

sub aggregate {
	my $arguments = one('', 'DISTINCT ') . 'x';
	my $order = chance(0.2) && $arguments eq 'x' ? ' ORDER BY x DESC' : '';
	my $over = chance(0.2) && $arguments eq 'x' && !$order ? ' OVER (ORDER BY y ROWS BETWEEN ' . one('1 PRECEDING', 'UNBOUNDED PRECEDING', 'CURRENT ROW')
		. ' AND ' . one('CURRENT ROW', '1 FOLLOWING', 'UNBOUNDED FOLLOWING') . ')' : '';
	my $from = chance(0.5) ? 'odd.vectors AS v(y, x)'
		: '(VALUES ' . join(', ', map { "($_, " . embedding() . ')' } 1 .. 1 + rand 5) . ') v(y, x)';
	my $where = chance(0.3) ? ' WHERE ' . one('dims(x) = 64', 'dims(x) = 2', 'false', 'x IS NULL') : '';
	return 'SELECT ' . one('sum', 'avg', 'sum', 'avg', 'count', 'array_agg') . "($arguments$order)"
		. (chance(0.2) ? " FILTER (WHERE y % 2 = 0)" : '') . "$over FROM $from$where" . ($over || chance(0.7) ? '' : ' GROUP BY y % 3');
}

sub operator {
	return 'SELECT ' . embedding() . ' ' . one('<->', '<#>', '<=>', '+', '-', '*', '<', '<=', '=', '<>', '>=', '>') . ' ' . embedding();
}

sub table {
	return one(
		'SELECT a.id, b.id FROM odd.vectors a JOIN odd.vectors b ON a.e ' . one('=', '<', '<>') . ' b.e',
		'SELECT id FROM odd.vectors ORDER BY e ' . one('<->', '<=>', '<#>') . ' ' . embedding() . ' LIMIT 3',
		'SELECT e FROM odd.vectors ORDER BY e' . one('', ' DESC'),
		'SELECT count(*) FROM odd.vectors WHERE e = ' . embedding(),
		'INSERT INTO odd.typed VALUES (' . embedding() . ')',
		'INSERT INTO odd.typed SELECT e FROM odd.vectors WHERE dims(e) = ' . one(2, 3),
		'SELECT * FROM movie_embeddings WHERE model_id = ' . int4() . ' LIMIT 3',
		'SELECT * FROM user_embeddings WHERE user_id = ' . int8() . ' LIMIT 3',
		'SELECT * FROM recommender_models', 'SELECT * FROM recommender_metrics',
		'SELECT movie_id, embedding <=> ' . embedding() . ' FROM movie_embeddings ORDER BY 2 LIMIT 5');
}

sub select_call {
	my $f = function();
	my $call = "$f->{name}(" . arguments($f) . ')';
	return "SELECT $call" if !$f->{set} || chance(0.15);
	return "SELECT * FROM $call" if chance(0.6);
	return "SELECT * FROM $call LIMIT " . int(rand 4) if chance(0.4);
	return "SELECT * FROM $call WITH ORDINALITY" if chance(0.2);
	return "SELECT count(*) FROM $call x, " . call() . ' y' if chance(0.1);
	return "SELECT * FROM (SELECT user_id FROM users ORDER BY user_id LIMIT 3) u, LATERAL $call x";
}

sub lateral {
	return 'SELECT u.user_id, r.* FROM (SELECT * FROM ' . one('users', 'small.users', 'odd.many_users', 'odd.extremes') . ' LIMIT '
		. int(1 + rand 4) . ') u, LATERAL ' . one(
			'recommend(u.user_id, top_n_final => ' . argument('top_n_final', 'integer', 0.8) . ')',
			'recommend(u.user_id, exclude => ' . $value{'bigint[]'}->() . ')',
			'recommend(NULL, history => ' . $value{'bigint[]'}->() . ', history_ratings => ' . $value{'real[]'}->() . ')',
			'explain_recommendation(u.user_id, ' . int(rand 420) . ')',
			'user_profile(u.user_id)', 'similar_movies(u.user_id)') . ' r';
}

sub query {
	my $kind = rand;
	return $kind < 0.62 ? select_call() : $kind < 0.72 ? operator() : $kind < 0.80 ? aggregate() : $kind < 0.88 ? table() : lateral();
}

sub cursor {
	return 'BEGIN; DECLARE c ' . one('', 'SCROLL ', 'NO SCROLL ') . 'CURSOR ' . one('', 'WITH HOLD ') . 'FOR ' . query() . '; FETCH '
		. one(1, 3, 0, 'ALL') . ' FROM c; FETCH ' . one('BACKWARD 2', 'FIRST', 'LAST', 'ABSOLUTE 2', 'ALL') . ' FROM c; '
		. one('', 'CLOSE c; ') . one('COMMIT', 'ROLLBACK') . '; CLOSE ALL;';
}

# A binary form that was not made by embedding_send.
sub received {
	my $dims = one(0, 1, 2, 3, 64, 16000, 16001, 65535);
	my $value = pack('nn', $dims, one(0, 0, 1, 65535)) . pack('N*', map { one(0, 0x3f800000, 0x7fc00000, 0x7f800000, 0xff7fffff, int rand 2**32) }
		1 .. ($dims > 100 ? one(2, 100) : $dims) + one(0, 0, 0, 1, -1));
	$value = substr $value, 0, rand length $value if chance(0.2);
	my $rest = pack('n', 1) . pack('N', chance(0.9) ? length $value : one(2**32 - 1, 2**31, 0, 70000)) . $value . pack('n', 65535);
	my $all = "PGCOPY\n\xff\r\n\0" . pack('NN', 0, 0) . $rest;
	return q(\copy odd.received from program 'perl -e "print pack q(H*), shift" ) . unpack('H*', $all) . q(' (format binary));
}

my @settings = (
	(map { "mlrec.recall = $_" } 0.5, 0.9, 1), (map { "mlrec.share_models_above = '$_'" } -1, 0, '1MB'), "mlrec.training_memory = '1MB'",
	"search_path = ''", 'search_path = odd, small, public', 'work_mem = 64', 'enable_seqscan = off', 'enable_indexscan = off', 'enable_hashagg = off',
	'force_parallel_mode = on', 'max_parallel_workers = 0', 'extra_float_digits = -15', 'row_security = off', 'DateStyle = German',
	'IntervalStyle = sql_standard', 'jit = off', 'transaction_read_only = on', 'plan_cache_mode = force_generic_plan', "role = reader",
	(map { "statement_timeout = $_" } 1, 2, 5, 20, 100), 'client_min_messages = debug5', 'bytea_output = escape', 'default_toast_compression = pglz');

# What becomes of the relations and the models while somebody asks.
my @changes = (
	'DELETE FROM movies WHERE movie_id % 3 = 0', 'DELETE FROM movies', 'TRUNCATE movies', 'DROP TABLE movies CASCADE', 'TRUNCATE ratings',
	'ALTER TABLE movies RENAME COLUMN title TO name', 'ALTER TABLE movies DROP COLUMN genres', 'ALTER TABLE movies ALTER title TYPE bytea USING NULL',
	'ALTER TABLE ratings RENAME TO elsewhere', 'ALTER TABLE ratings ALTER rating TYPE numeric', 'ALTER TABLE ratings ALTER rating TYPE text',
	'ALTER TABLE users ALTER user_id TYPE text', 'DROP TABLE users CASCADE', "UPDATE users SET gender = repeat('x', 100000)",
	'ALTER TABLE ratings ALTER rating TYPE float8', 'ALTER TABLE ratings DROP CONSTRAINT ratings_pkey',
	"ALTER TABLE ratings ALTER rating TYPE float8; INSERT INTO ratings SELECT 1, movie_id, 'NaN', now() FROM movies ON CONFLICT DO NOTHING",
	"INSERT INTO ratings SELECT 1, movie_id, 5, now() FROM movies ON CONFLICT DO NOTHING", 'INSERT INTO movies SELECT g FROM generate_series(1, 100000, 7) g ON CONFLICT DO NOTHING',
	"UPDATE movies SET title = '', genres = repeat('Drama|', 1000)", 'ALTER TABLE movies ENABLE ROW LEVEL SECURITY; SET LOCAL role = reader',
	'SELECT forget_user(generate_series(1, 30))', 'SELECT deactivate_recommender()', 'SELECT activate_recommender(2)', 'SELECT activate_recommender(3)',
	'SELECT drop_recommender(1)', 'TRUNCATE mlrec_model', 'TRUNCATE mlrec_model_chunk', 'DELETE FROM mlrec_model_chunk WHERE chunk_no = 0',
	'DELETE FROM mlrec_model', 'UPDATE mlrec_model SET model_id = -model_id', 'DROP EXTENSION mlrec CASCADE', 'ALTER SCHEMA small RENAME TO large',
	'LOCK TABLE ratings');

sub json {
	my $depth = shift // 0;
	my $kind = rand;
	return one('null', 'true', '1', '-1', '1e300', '1e-300', '0.2', '""', '"random"', '"chronological"', '"x"', '[]', '{}') if $kind < 0.6 || $depth > 2;
	return '[' . join(',', map { json($depth + 1) } 1 .. rand 4) . ']' if $kind < 0.75;
	return '{' . join(',', map { '"' . one(qw(split test_fraction static live mlrec all warm rmse history user_ids cosine popularity rating temperature)) . '":'
		. json($depth + 1) } 1 .. rand 5) . '}';
}

sub damage {
	my $where = ' WHERE model_id = ' . one(1, 1, 2, 3);
	return "UPDATE mlrec_model_chunk SET data = overlay(data placing " . $value{bytea}->() . " from 1 + " . int(rand 2000) . ")$where AND chunk_no = " . one(0, 0, 0, 1)
		if chance(0.3);
	return "UPDATE mlrec_model_chunk SET data = substr(data, 1 + " . int(rand 5) . ", greatest(0, length(data) - " . int(rand 100) . "))$where" if chance(0.2);
	return "UPDATE mlrec_model SET " . one('options', 'metrics', 'relevance', 'epochs') . " = '" . json() . "'$where" if chance(0.4);
	# one key of what is there
	return "UPDATE mlrec_model SET " . one(map { my $c = $_; "$c = jsonb_set($c, ARRAY[(SELECT k FROM jsonb_object_keys($c) k ORDER BY random() LIMIT 1)], '" . json() . "')" }
		qw(options metrics relevance)) . $where if chance(0.4);
	return "UPDATE mlrec_model SET " . one(qw(train_ratings test_ratings seed boundary_time boundary_user boundary_movie size_bytes checksum)) . ' = ' . int8() . $where if chance(0.6);
	return "UPDATE mlrec_model SET " . one(qw(ratings movies users comment)) . ' = ' . quoted(one(@texts, @ratings, @movies, @users, 'public.ratings', 'small.movies')) . $where;
}

sub triggered {
	my $table = 'odd.triggered' . one('', 2 .. 5);
	return one("INSERT INTO $table VALUES (NULL)", "INSERT INTO $table DEFAULT VALUES; UPDATE $table SET " . one('model_id = NULL', 'active = NULL', 'x = NULL')
		. "; DELETE FROM $table; TRUNCATE $table");
}

sub statement {
	my $kind = rand;
	return 'BEGIN; SET LOCAL ' . one(@settings) . '; ' . query() . '; ROLLBACK;' if $kind < 0.10;
	return cursor() if $kind < 0.14;
	return 'PREPARE p AS ' . query() . '; EXECUTE p; EXECUTE p; DEALLOCATE ALL;' if $kind < 0.18;
	return 'CREATE TEMP TABLE t AS ' . query() . '; DROP TABLE IF EXISTS t;' if $kind < 0.20;
	return 'EXPLAIN (ANALYZE, VERBOSE) ' . query() . ';' if $kind < 0.22;
	return 'BEGIN; SAVEPOINT s; ' . query() . '; ROLLBACK TO s; ' . query() . '; ROLLBACK;' if $kind < 0.25;
	if ($owner && $kind < 0.40) {
		my $change = chance(0.5) ? one(@changes) : chance(0.8) ? damage() : triggered();
		return one(query() . '; ', '') . "BEGIN; $change; " . query() . '; ' . one('', query() . '; ') . 'ROLLBACK; ' . one('', query() . ';');
	}
	return received() if $owner && $kind < 0.42;
	my $query = query();
	return "BEGIN; $query; ROLLBACK;" if $query =~ /\b(drop|deactivate|forget|load|train)_/ && chance(0.9);
	return "$query;";
}

binmode STDOUT, ':encoding(UTF-8)';
for my $number (1 .. $count) {
	my $statement = statement();
	$statement =~ s/\s*\n\s*/ /g if $statement !~ /'[^']*\n/;
	print "\\warn \@$number\n$statement\n";
	# whatever became of a transaction
	print "ROLLBACK;\n" if $statement =~ /BEGIN/;
}
