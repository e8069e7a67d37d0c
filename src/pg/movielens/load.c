/*
 * load.c: load_movielens(), which turns a MovieLens release into tables.
 *
 * A release is recognized by its files; releases.c knows what is in them.
 * The rows go straight into new tables in one pass over each file (lines.c,
 * bulk.c), then the primary key, the index and the statistics follow.  Doing
 * the key last is much faster, and costs a search for the line of a duplicate
 * only when there is one.
 *
 * Everything happens in the caller's transaction, so an error leaves nothing
 * behind.  There is no foreign key from ratings to movies or users: training
 * takes ratings of unknown movies, so the tables have to take them as well.
 */
#include "postgres.h"

#include <sys/stat.h>

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "port.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "pg/movielens/bulk.h"
#include "pg/movielens/lines.h"
#include "pg/movielens/releases.h"
#include "pg/util/compat.h"

static const char *const table_names[RELEASE_TABLES] = {"movies", "users", "ratings"};
static const char *const table_keys[RELEASE_TABLES] = {"movie_id", "user_id", "user_id, movie_id"};

/* What loading one table needs to know. */
typedef struct Load
{
	const Source *source;
	char	   *path;			/* of the source */
	const char *encoding;		/* of the source */
	char	   *genres_path;	/* of the names of its genre flags, if it has any */
	const char *key;			/* columns of the primary key */
	char	   *table;			/* quoted name */
	Oid			relation;
} Load;

PG_FUNCTION_INFO_V1(mlrec_load_movielens);

/*
 * Reading files through COPY's reader bypasses the check that the command
 * makes, so make the same one.  It comes before anything else touches the
 * file system, so that nobody can probe it.
 */
static void
check_may_read_files(void)
{
	if (!has_privs_of_role(GetUserId(), ROLE_PG_READ_SERVER_FILES))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to read files of the server"),
				 errdetail("load_movielens() is for superusers and roles with the privileges of "
						   "pg_read_server_files, as COPY from a file is."),
				 errhint("GRANT pg_read_server_files to the role, or create the tables "
						 "and fill them with \\copy.")));
}

static void
check_directory(const char *directory)
{
	struct stat status;

	if (!is_absolute_path(directory))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("relative path not allowed: \"%s\"", directory),
				 errhint("Give the absolute path of a directory on the server's machine.")));
	if (stat(directory, &status) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not open directory \"%s\": %m", directory),
				 errhint("The server reads the files: the path is one on its machine, "
						 "and its operating system user must be able to read it.")));
	if (!S_ISDIR(status.st_mode))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a directory", directory),
				 errhint("Give the directory that the release was unpacked into.")));
}

/*
 * The oid of the schema to load into, which must not have one of the tables
 * yet that the release makes.
 */
static Oid
check_schema(const char *schema, const Release *release)
{
	Oid			namespace = get_namespace_oid(schema, true);

	if (!OidIsValid(namespace))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_SCHEMA),
				 errmsg("schema \"%s\" does not exist", schema),
				 errhint("Create it with CREATE SCHEMA first.")));
	for (int table = 0; table < RELEASE_TABLES; table++)
	{
		if (release->sources[table] != NULL &&
			OidIsValid(get_relname_relid(table_names[table], namespace)))
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_TABLE),
					 errmsg("relation \"%s\" already exists in schema \"%s\"",
							table_names[table], schema),
					 errhint("Nothing is overwritten. Drop or rename it, "
							 "or load into another schema.")));
	}
	return namespace;
}

static void
execute(const char *command)
{
	int			result = SPI_execute(command, false, 0);

	if (result < 0)
		elog(ERROR, "could not execute \"%s\": %s", command, SPI_result_code_string(result));
}

/*
 * Pass over the first line of a file that has a header, which must be the
 * one that is expected.
 */
static void
skip_header(LineReader *reader, const Source *source)
{
	char	   *fields[LINE_MAX_FIELDS];
	StringInfoData header;

	if (source->header == NULL)
		return;
	initStringInfo(&header);
	if (lines_next(reader, fields, source->nfields))
	{
		for (int field = 0; field < source->nfields; field++)
			appendStringInfo(&header, "%s%s", field > 0 ? "," : "", fields[field]);
	}
	if (strcmp(header.data, source->header) != 0)
		line_malformed(reader, "Expected the header \"%s\", found \"%s\".", source->header,
					   header.data);
	pfree(header.data);
}

/*
 * Fill the new table from its file.  Returns the number of rows.
 */
static uint64
fill_table(const Load *load)
{
	const Source *source = load->source;
	BulkWriter *writer = bulk_open(load->relation);
	GenreNames	genres = {0};
	LineReader	reader;
	char	   *fields[LINE_MAX_FIELDS];

	if (source->genre_flags)
		release_read_genres(load->genres_path, writer->relation, &genres);
	lines_open(&reader, writer->relation, load->path, &source->format, load->encoding);
	skip_header(&reader, source);
	while (lines_next(&reader, fields, source->nfields + genres.count))
	{
		TupleTableSlot *slot = bulk_next(writer);
		MemoryContext caller = MemoryContextSwitchTo(writer->batch_context);

		CHECK_FOR_INTERRUPTS();
		source->parse(&reader, fields, &genres, slot->tts_values, slot->tts_isnull);
		MemoryContextSwitchTo(caller);
		bulk_put(writer);
	}
	lines_close(&reader);
	return bulk_close(writer);
}

/*
 * The table holds a key twice: find the first line of the file that repeats
 * one, and raise the error.  Rows lie in the table in the order of the lines.
 */
static void
report_duplicate(const Load *load)
{
	bool		isnull;
	int64		header = load->source->header != NULL ? 1 : 0;
	int64		line;
	int64		first;
	HeapTuple	tuple;
	TupleDesc	columns;

	execute(psprintf("SELECT line, first, key FROM ("
					 " SELECT line, pg_catalog.min(line) OVER (PARTITION BY %s) AS first,"
					 "  pg_catalog.concat_ws(', ', %s) AS key"
					 " FROM (SELECT pg_catalog.row_number() OVER (ORDER BY ctid) AS line, %s"
					 "  FROM %s) AS numbered) AS keyed"
					 " WHERE line OPERATOR(pg_catalog.>) first ORDER BY line LIMIT 1",
					 load->key, load->key, load->key, load->table));
	if (SPI_processed != 1)
		elog(ERROR, "no duplicate key in table %s", load->table);

	tuple = SPI_tuptable->vals[0];
	columns = SPI_tuptable->tupdesc;
	line = DatumGetInt64(SPI_getbinval(tuple, columns, 1, &isnull)) + header;
	first = DatumGetInt64(SPI_getbinval(tuple, columns, 2, &isnull)) + header;
	ereport(ERROR,
			(errcode(ERRCODE_UNIQUE_VIOLATION),
			 errmsg("duplicate key in line " INT64_FORMAT " of file \"%s\"", line, load->path),
			 errdetail("Key (%s)=(%s) is in line " INT64_FORMAT " already.",
					   load->key, SPI_getvalue(tuple, columns, 3), first),
			 errhint("Nothing has been loaded. Remove one of the lines, "
					 "or unpack the release again.")));
}

/*
 * Add the primary key to the filled table.  It is tried in a subtransaction,
 * because the search for a duplicate must run queries after the failure.
 */
static void
add_primary_key(const Load *load)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData *volatile failure = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		execute(psprintf("ALTER TABLE %s ADD PRIMARY KEY (%s)", load->table, load->key));
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		failure = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;

	if (failure != NULL && failure->sqlerrcode == ERRCODE_UNIQUE_VIOLATION)
		report_duplicate(load);
	if (failure != NULL)
		ReThrowError(failure);
}

/*
 * Create and fill one table of the release.  Returns the number of rows and
 * sets load->relation.
 */
static uint64
load_table(Load *load, const char *name, Oid namespace)
{
	uint64		rows;

	execute(psprintf("CREATE TABLE %s (%s)", load->table, load->source->columns));
	load->relation = get_relname_relid(name, namespace);
	rows = fill_table(load);
	add_primary_key(load);
	if (load->source->index != NULL)
		execute(psprintf("CREATE INDEX ON %s (%s)", load->table, load->source->index));
	execute(psprintf("ANALYZE %s", load->table));
	return rows;
}

static void
return_row(ReturnSetInfo *result, Oid relation, uint64 rows)
{
	Datum		values[2];
	bool		nulls[2] = {false, false};

	values[0] = ObjectIdGetDatum(relation);
	values[1] = Int64GetDatum((int64) rows);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * Load every table of the release, a row of the result for each.
 */
static void
load_release(ReturnSetInfo *result, const Release *release, const char *directory,
			 const char *schema, Oid namespace)
{
	char	   *movies = release_path(directory, release->sources[RELEASE_MOVIES]->file);
	const char *encoding = release->always_utf8 ? "UTF8" : lines_text_encoding(movies);

	SPI_connect();
	for (int table = 0; table < RELEASE_TABLES; table++)
	{
		const Source *source = release->sources[table];
		Load		load = {.source = source, .encoding = encoding};
		uint64		rows;

		if (source == NULL)
			continue;
		load.path = release_path(directory, source->file);
		if (source->genre_flags)
			load.genres_path = release_path(directory, release->genres_file);
		load.key = table_keys[table];
		load.table = quote_qualified_identifier(schema, table_names[table]);
		rows = load_table(&load, table_names[table], namespace);
		return_row(result, load.relation, rows);
	}
	SPI_finish();
}

/*
 * load_movielens(directory text, into_schema name)
 * RETURNS TABLE(relation regclass, rows bigint)
 */
Datum
mlrec_load_movielens(PG_FUNCTION_ARGS)
{
	const Release *release;
	char	   *directory;
	char	   *schema;
	Oid			namespace;

	PreventCommandIfReadOnly("load_movielens()");
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("directory must not be NULL"),
				 errhint("Give the absolute path of a directory on the server's machine.")));
	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("there is no schema to load into"),
				 errhint("Name one with into_schema, or set search_path.")));

	directory = text_to_cstring(PG_GETARG_TEXT_PP(0));
	schema = pstrdup(NameStr(*PG_GETARG_NAME(1)));
	check_may_read_files();
	check_directory(directory);
	canonicalize_path(directory);
	release = release_recognize(directory);
	namespace = check_schema(schema, release);

	InitMaterializedSRF(fcinfo, 0);
	load_release((ReturnSetInfo *) fcinfo->resultinfo, release, directory, schema, namespace);
	return (Datum) 0;
}
