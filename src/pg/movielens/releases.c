/*
 * releases.c: what the MovieLens releases look like.
 *
 *	ml-1m		movies.dat users.dat ratings.dat	"::" between fields, Latin-1
 *	ml-10m		movies.dat ratings.dat				the same in UTF-8, half stars
 *	ml-100k		u.item u.user u.data u.genre		"|" or tab, Latin-1, a flag per genre
 *	others		movies.csv ratings.csv				CSV in UTF-8 with a header, half stars
 *
 * The descriptions below the parsers have all of this; adding a release means
 * adding one.  What a release is made of comes from its files: no genre, gender or
 * occupation is named here.
 */
#include "postgres.h"

#include <sys/stat.h>

#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "pg/movielens/releases.h"
#include "pg/util/title.h"

/* The last second of the year 9999. */
#define MAX_EPOCH INT64CONST(253402300799)

/* How the CSV releases write that a movie has no genres. */
#define NO_GENRES "(no genres listed)"

static Datum
id_datum(LineReader *reader, const char *name, const char *field)
{
	return Int32GetDatum((int32) line_integer(reader, name, field, PG_INT32_MAX));
}

/*
 * Set the value to the field as a text, or leave it NULL when it is empty.
 */
static void
set_text(const char *field, Datum *value, bool *null)
{
	*null = (field[0] == '\0');
	if (!*null)
		*value = CStringGetTextDatum(field);
}

/*
 * Set the columns of movies: movie_id, title, genres, year.
 */
static void
set_movie(LineReader *reader, const char *id, const char *title, const char *genres, Datum *values,
		  bool *nulls)
{
	int			year = title_year(title, strlen(title));

	if (title[0] == '\0')
		line_malformed(reader, "The title is empty.");
	if (strchr(title, '\n') != NULL || strchr(title, '\r') != NULL)
		line_malformed(reader, "The title goes on in the next line: a quote is missing.");

	values[0] = id_datum(reader, "movie_id", id);
	nulls[0] = false;
	set_text(title, &values[1], &nulls[1]);
	if (strcmp(genres, NO_GENRES) != 0)
		set_text(genres, &values[2], &nulls[2]);
	values[3] = Int32GetDatum(year);
	nulls[3] = (year == 0);
}

/* MovieID, Title, Genres separated by | */
static void
parse_movie(LineReader *reader, char **fields, const GenreNames *genres, Datum *values, bool *nulls)
{
	set_movie(reader, fields[0], fields[1], fields[2], values, nulls);
}

/* movie id, title, release date, video release date, URL, a flag per genre */
static void
parse_movie_flags(LineReader *reader, char **fields, const GenreNames *genres, Datum *values,
				  bool *nulls)
{
	char	  **flags = fields + 5;
	StringInfoData joined;

	initStringInfo(&joined);
	for (int genre = 0; genre < genres->count; genre++)
	{
		if (line_integer(reader, genres->names[genre], flags[genre], 1) == 1)
			appendStringInfo(&joined, "%s%s", joined.len > 0 ? "|" : "", genres->names[genre]);
	}
	set_movie(reader, fields[0], fields[1], joined.data, values, nulls);
}

/* UserID, Gender, Age, Occupation (a number), Zip-code */
static void
parse_user(LineReader *reader, char **fields, const GenreNames *genres, Datum *values, bool *nulls)
{
	values[0] = id_datum(reader, "user_id", fields[0]);
	set_text(fields[1], &values[1], &nulls[1]);
	values[2] = id_datum(reader, "age", fields[2]);
	values[3] = id_datum(reader, "occupation", fields[3]);
	set_text(fields[4], &values[4], &nulls[4]);
	nulls[0] = nulls[2] = nulls[3] = false;
}

/* user id, age, gender, occupation (a word), zip code */
static void
parse_user_words(LineReader *reader, char **fields, const GenreNames *genres, Datum *values,
				 bool *nulls)
{
	values[0] = id_datum(reader, "user_id", fields[0]);
	set_text(fields[2], &values[1], &nulls[1]);
	values[2] = id_datum(reader, "age", fields[1]);
	set_text(fields[3], &values[3], &nulls[3]);
	set_text(fields[4], &values[4], &nulls[4]);
	nulls[0] = nulls[2] = false;
}

/* UserID, MovieID, Rating, seconds since 1970 */
static void
parse_rating(LineReader *reader, char **fields, const GenreNames *genres, Datum *values,
			 bool *nulls)
{
	int64		seconds = line_integer(reader, "timestamp", fields[3], MAX_EPOCH);

	values[0] = id_datum(reader, "user_id", fields[0]);
	values[1] = id_datum(reader, "movie_id", fields[1]);
	values[2] = Float4GetDatum(line_rating(reader, fields[2]));
	values[3] = TimestampTzGetDatum(time_t_to_timestamptz((pg_time_t) seconds));
	memset(nulls, false, 4 * sizeof(bool));
}

#define MOVIE_COLUMNS \
	"movie_id pg_catalog.int4 NOT NULL, title pg_catalog.text NOT NULL," \
	" genres pg_catalog.text, year pg_catalog.int4"
#define USER_COLUMNS(occupation) \
	"user_id pg_catalog.int4 NOT NULL, gender pg_catalog.text, age pg_catalog.int4," \
	" occupation " occupation ", zip_code pg_catalog.text"
#define RATING_COLUMNS \
	"user_id pg_catalog.int4 NOT NULL, movie_id pg_catalog.int4 NOT NULL," \
	" rating pg_catalog.float4 NOT NULL, rated_at pg_catalog.timestamptz NOT NULL"
#define RATING_INDEX "movie_id"

static const Source movies_dat = {
	.file = "movies.dat",
	.format = {.separator = "::", .wide = 1},
	.nfields = 3,
	.parse = parse_movie,
	.columns = MOVIE_COLUMNS,
};

static const Source users_dat = {
	.file = "users.dat",
	.format = {.separator = "::"},
	.nfields = 5,
	.parse = parse_user,
	.columns = USER_COLUMNS("pg_catalog.int4"),
};

static const Source ratings_dat = {
	.file = "ratings.dat",
	.format = {.separator = "::"},
	.nfields = 4,
	.parse = parse_rating,
	.columns = RATING_COLUMNS,
	.index = RATING_INDEX,
};

static const Source movies_100k = {
	.file = "u.item",
	.format = {.separator = "|"},
	.nfields = 5,
	.genre_flags = true,
	.parse = parse_movie_flags,
	.columns = MOVIE_COLUMNS,
};

static const Source users_100k = {
	.file = "u.user",
	.format = {.separator = "|"},
	.nfields = 5,
	.parse = parse_user_words,
	.columns = USER_COLUMNS("pg_catalog.text"),
};

static const Source ratings_100k = {
	.file = "u.data",
	.format = {.separator = "\t"},
	.nfields = 4,
	.parse = parse_rating,
	.columns = RATING_COLUMNS,
	.index = RATING_INDEX,
};

static const Source movies_csv = {
	.file = "movies.csv",
	.format = {.separator = NULL},
	.nfields = 3,
	.header = "movieId,title,genres",
	.parse = parse_movie,
	.columns = MOVIE_COLUMNS,
};

static const Source ratings_csv = {
	.file = "ratings.csv",
	.format = {.separator = NULL},
	.nfields = 4,
	.header = "userId,movieId,rating,timestamp",
	.parse = parse_rating,
	.columns = RATING_COLUMNS,
	.index = RATING_INDEX,
};

/* In the order of looking: a release comes before one with fewer files. */
static const Release releases[] = {
	{.sources = {&movies_dat, &users_dat, &ratings_dat}},
	{.sources = {&movies_dat, NULL, &ratings_dat}},
	{.sources = {&movies_100k, &users_100k, &ratings_100k}, .genres_file = "u.genre"},
	{.sources = {&movies_csv, NULL, &ratings_csv}, .always_utf8 = true},
};

char *
release_path(const char *directory, const char *file)
{
	return psprintf("%s/%s", directory, file);
}

static bool
has_file(const char *directory, const char *file)
{
	char	   *path = release_path(directory, file);
	struct stat status;

	if (stat(path, &status) == 0)
		return true;
	if (errno != ENOENT)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not stat file \"%s\": %m", path)));
	return false;
}

const Release *
release_recognize(const char *directory)
{
	for (int i = 0; i < lengthof(releases); i++)
	{
		const Release *release = &releases[i];
		bool		complete = release->genres_file == NULL ||
			has_file(directory, release->genres_file);

		for (int table = 0; complete && table < RELEASE_TABLES; table++)
			complete = release->sources[table] == NULL ||
				has_file(directory, release->sources[table]->file);
		if (complete)
			return release;
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_FILE),
			 errmsg("no MovieLens release in directory \"%s\"", directory),
			 errhint("Expected movies.dat and ratings.dat, with users.dat or without; "
					 "or u.data, u.item, u.user and u.genre; or movies.csv and ratings.csv.")));
	return NULL;				/* keep the compiler quiet */
}

void
release_read_genres(const char *path, Relation target, GenreNames *genres)
{
	static const LineFormat format = {.separator = "|", .skip_blank = true};
	LineReader	reader;
	char	   *fields[2];

	genres->count = 0;
	lines_open(&reader, target, path, &format, "LATIN1");
	while (lines_next(&reader, fields, 2))
	{
		if (genres->count == RELEASE_MAX_GENRES)
			line_malformed(&reader, "There are more than %d genres.", RELEASE_MAX_GENRES);
		if (fields[0][0] == '\0')
			line_malformed(&reader, "The name of the genre is empty.");
		if (line_integer(&reader, "number of the genre", fields[1], PG_INT32_MAX) != genres->count)
			line_malformed(&reader, "Expected genre number %d, found %s.", genres->count,
						   fields[1]);
		genres->names[genres->count++] = pstrdup(fields[0]);
	}
	lines_close(&reader);
}
