# What the scripts of this directory share: messages, a work directory that
# goes away whatever happens, and a throw-away server in it that sees the
# extension without its being installed into the system.  To be sourced by bash.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

say() { printf '%s\n' "$*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }

# die MESSAGE [HINT...]
die() {
	printf '%s: %s\n' "$(basename "$0")" "$1" >&2
	shift
	[ $# = 0 ] || printf '  %s\n' "$@" >&2
	exit 1
}

# Make calls these scripts, and they call make: for a build of its own, with the
# variables of the first one's command line, but none of its other flags.
unset MFLAGS MAKELEVEL
jobs=$(nproc 2>/dev/null || echo 1)
if [[ " ${MAKEFLAGS:-}" =~ \ -j([0-9]+) ]]; then jobs=${BASH_REMATCH[1]}; fi
case ${MAKEFLAGS:-} in
	*' -- '*) export MAKEFLAGS=" -- ${MAKEFLAGS#* -- }" ;;
	*) unset MAKEFLAGS ;;
esac

# A shell that does not know ML1M=~/x for an assignment leaves the ~ to us.
case ${ML1M:-} in
	'~' | '~/'*) export ML1M=$HOME${ML1M#'~'} ;;
esac

# Building writes into the tree.
check_writable() {
	local closed
	closed=$(find "$top" -path "$top/.git" -prune -o -path "$top/data" -prune -o \
		-type d ! -writable -print -quit 2>/dev/null)
	[ -z "$closed" ] ||
		die "$closed may not be written by $(id -un): take it over (chown -R), or build in a copy of your own"
}

# The pg_config of a server that is here with all that building and testing need:
# $PG_CONFIG, or else the newest under Debian's root, or else the one on the path.
# A server without headers has the rest of PGXS all the same.
find_pg_config() {
	local candidate
	for candidate in ${PG_CONFIG:-$(ls -d /usr/lib/postgresql/*/bin/pg_config 2>/dev/null | sort -rV) pg_config}; do
		have "$candidate" || continue
		[ -x "$("$candidate" --bindir)/initdb" ] || continue
		[ -e "$("$candidate" --pgxs)" ] || continue
		[ -e "$("$candidate" --includedir-server)/postgres.h" ] || continue
		command -v "$candidate"
		return
	done
	return 1
}

# PostgreSQL refuses to run as root: as root, its programs run as "postgres".
# They start in $work: the directory of the caller may be closed to that user.
as_server() (
	cd "$work"
	if [ "$(id -u)" = 0 ]; then
		exec runuser -u postgres -- "$@"
	else
		exec "$@"
	fi
)

# Make $work, a directory that the server may read and write, and see to it
# that it and a server in it are gone at the end, on errors and ^C too.  The path
# of a socket in it may not have more than 107 bytes, nor blanks a path that make
# installs to.
make_work() {
	local place
	if [ "$(id -u)" = 0 ] && ! id postgres >/dev/null 2>&1; then
		die "there is no user called postgres, and root may not run a server" "Call this as another user than root."
	fi
	umask 022
	trap clean_up EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	for place in "${TMPDIR:-/tmp}" /tmp /var/tmp; do
		if [[ ${#place} -gt 60 || $place = *[!A-Za-z0-9_./+-]* || $place != /* ]]; then
			say "TMPDIR=$place is no path for a server's socket; taking /tmp"
			unset TMPDIR
			continue
		fi
		work=$(mktemp -d "$place/mlrec.XXXXXX") || continue
		chmod 755 "$work"
		[ "$(id -u)" != 0 ] || chown postgres "$work"
		if as_server test -w "$work"; then return; fi
		rm -rf "$work"
	done
	die "there is no directory for temporary files that the server can reach" \
		"Set TMPDIR to one that its user may enter."
}

clean_up() {
	local status=$?
	trap '' HUP INT TERM
	[ -n "${work:-}" ] || exit $status
	if [ -e "$work/data/postmaster.pid" ]; then
		as_server "$bindir/pg_ctl" -D "$work/data" -m immediate -s stop >/dev/null 2>&1 || true
	fi
	cd /
	rm -rf "$work"
	exit $status
}

# Build the extension and lay it out under $work/inst, as a package would.
build() {
	bindir=$("$PG_CONFIG" --bindir)
	say "building for $("$PG_CONFIG" --version)"
	make -C "$top" --no-print-directory -s -j "$jobs" PG_CONFIG="$PG_CONFIG" ${CC:+CC="$CC"} all
	make -C "$top" --no-print-directory -s PG_CONFIG="$PG_CONFIG" DESTDIR="$work/inst" install >/dev/null
	chmod -R a+rX "$work/inst"
	write_settings >"$work/settings.conf"
}

# What make format lays out.
source_files() {
	(cd "$top" && find ./*.md sql src test '(' -name '*.[ch]' -o -name '*.sql' -o -name '*.md' ')' | LC_ALL=C sort)
}

# Two checks that need nothing but perl; each prints what is wrong.
check_layers() (cd "$top" && perl test/layers.pl)
# shellcheck disable=SC2046
check_format() (cd "$top" && perl test/style.pl $(source_files))

# The settings with which a server finds the extension under $work/inst.
# Debian's PostgreSQL has extension_destdir; 18 and later have
# extension_control_path.
write_settings() {
	case $("$bindir/postgres" --describe-config | cut -f 1) in
		*extension_destdir*)
			echo "extension_destdir = '$work/inst'" ;;
		*extension_control_path*)
			echo "extension_control_path = '$work/inst$("$PG_CONFIG" --sharedir):\$system'" ;;
		*)
			die "this PostgreSQL finds extensions only where it is installed" \
				"Use Debian's PostgreSQL, or 18 or later." ;;
	esac
	echo "dynamic_library_path = '$work/inst$("$PG_CONFIG" --pkglibdir):\$libdir'"
	echo "fsync = off"
}

# Start a server on a socket in $work, for which PGHOST and the like are set.
start_server() {
	as_server "$bindir/initdb" -D "$work/data" -U postgres -A trust -E UTF8 --locale=C --no-sync >/dev/null
	as_server tee -a "$work/data/postgresql.conf" <"$work/settings.conf" >/dev/null
	as_server tee -a "$work/data/postgresql.conf" >/dev/null <<-CONF
		listen_addresses = ''
		unix_socket_directories = '$work'
		port = 5432
		shared_buffers = 128MB
		max_wal_size = 2GB
	CONF
	as_server "$bindir/pg_ctl" -D "$work/data" -l "$work/log" -s -w start || {
		tail -n 20 "$work/log" >&2
		die "the server did not start"
	}
	export PGHOST=$work PGPORT=5432 PGUSER=postgres PGDATABASE=postgres
	unset PGSERVICE PGOPTIONS PGPASSFILE PGSSLMODE
}

# Copy MovieLens 1M, if it is here, to where the server may read it: from $ML1M
# or else from data/ml-1m.  Sets ml1m to the copy, or to nothing.
stage_ml1m() {
	local from=${ML1M:-$top/data/ml-1m} file
	ml1m=
	if [ -z "${ML1M:-}" ] && [ ! -e "$from/ratings.dat" ]; then return; fi
	check_ml1m "$from"
	mkdir -p "$work/ml-1m"
	for file in movies users ratings; do
		cp "$from/$file.dat" "$work/ml-1m/"
	done
	chmod -R u+w,a+rX "$work/ml-1m"
	ml1m=$work/ml-1m
}

# check_ml1m DIRECTORY: its three files are there.
check_ml1m() {
	local from=$1 file other
	[ -d "$from" ] || die "ML1M=$from is no directory" "It names the one with movies.dat, users.dat and ratings.dat."
	for file in ratings movies users; do
		[ -r "$from/$file.dat" ] && continue
		[ ! -e "$from/$file.dat" ] || die "$from/$file.dat may not be read by $(id -un)"
		for other in ratings.csv u.data ml-1m/ratings.dat; do
			[ ! -e "$from/$other" ] || die "ML1M=$from is not MovieLens 1M: it has $other, but no $file.dat" \
				"ML1M names the directory with movies.dat, users.dat and ratings.dat." \
				"Other releases are loaded by SELECT * FROM load_movielens('directory')."
		done
		die "there is no $file.dat in $from" "MovieLens 1M has movies.dat, users.dat and ratings.dat."
	done
}

# Write the generated sample to $work/sample.
stage_sample() {
	mkdir -p "$work/sample"
	perl "$top/test/sample/generate" "$work/sample"
	sample=$work/sample
}
