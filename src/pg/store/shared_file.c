/*
 * shared_file.c: one copy of a large model for all backends.
 *
 * The truth about a model is in the extension's tables.  But a model of a
 * million movies has hundreds of megabytes, and a copy of it in each connection
 * is out of the question.  So the first backend that needs a large model file
 * writes it into a file, and all map that file read-only: they share the pages
 * of the operating system's cache.  This needs no shared_preload_libraries,
 * and works on a standby, where tables cannot be written but files can.
 *
 * A file is written under the name of a draft and given its own by link(),
 * which is atomic and fails if somebody else was faster: nobody ever sees half
 * a model file.  The name tells database, model, checksum and format version, so a
 * file is never out of date.  Its blocks are written by write(), not through
 * the mapping, where a full disk would be a SIGBUS.
 *
 * The file stays when the last backend that mapped it ends: the next connection
 * finds it and serves at once.  (Removing it then, by a lock that each user
 * holds, was tried.  Where connections come one at a time, each had to write
 * the file again, and its first answer took five times as long.)  It goes
 *
 *	- when its model is dropped: at COMMIT, or at PREPARE TRANSACTION (remove_files
 *	  in store.c); on a standby
 *	  when a session notices that had served from it;
 *	- when a backend that makes another file finds that the model, as it is in the
 *	  file, or its whole database, is no more;
 *	- when the server starts, and after a crash: the file lives in
 *	  base/pgsql_tmp under a name that begins with pgsql_tmp, and the server
 *	  clears such files away.  Backups leave them out for the same reason.
 *
 * To remove it is safe at any moment.  Who has mapped it keeps it, who comes
 * later makes a new one.
 *
 * Whenever the system refuses something the caller falls back to a private
 * copy; a model can be served as long as its tables can be read.
 */
#include "postgres.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file_perm.h"
#include "common/file_utils.h"
#include "miscadmin.h"
#include "storage/fd.h"

#include "num/model/model_file.h"
#include "pg/store/shared_file.h"

#define DIRECTORY "base/" PG_TEMP_FILES_DIR
#define PREFIX PG_TEMP_FILE_PREFIX "_mlrec."

/* The system refused; the caller will manage without. */
static void
log_refusal(const char *what, const char *path)
{
	ereport(LOG,
			(errcode_for_file_access(),
			 errmsg("could not %s file \"%s\": %m", what, path),
			 errdetail("The recommender model is kept in private memory instead.")));
}

/* The name of the file while it is being written. */
static void
draft_path(char *path, const SharedFile *file)
{
	snprintf(path, MAXPGPATH, "%s.%d", file->path, MyProcPid);
}

static int
open_file(const char *path, int flags)
{
	int			fd;

	if (!AcquireExternalFD())
		return -1;
	fd = BasicOpenFile(path, flags | O_CLOEXEC | PG_BINARY);
	if (fd < 0)
		ReleaseExternalFD();
	return fd;
}

static void
close_file(int fd)
{
	close(fd);
	ReleaseExternalFD();
}

static bool
map_file(SharedFile *file, int fd)
{
	void	   *map = mmap(NULL, file->size, PROT_READ, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
	{
		log_refusal("map", file->path);
		return false;
	}
	file->map = map;
	return true;
}

char *
shared_file_path(int32 model_id, uint64 checksum)
{
	return psprintf("%s/%s%u.%d." UINT64_FORMAT ".%d", DIRECTORY, PREFIX, MyDatabaseId,
					model_id, checksum, MODEL_FILE_VERSION);
}

/*
 * shared_file_init: names the file of a model file.
 */
void
shared_file_init(SharedFile *file, int32 model_id, uint64 checksum, Size size)
{
	char	   *path = shared_file_path(model_id, checksum);

	memset(file, 0, sizeof(SharedFile));
	file->draft = -1;
	file->size = size;
	strlcpy(file->path, path, MAXPGPATH);
	pfree(path);
}

/*
 * shared_file_open: maps the file; false if there is none, or if it cannot be
 * used.
 */
bool
shared_file_open(SharedFile *file)
{
	struct stat status;
	int			fd = open_file(file->path, O_RDONLY);
	bool		mapped;

	if (fd < 0)
		return false;
	mapped = fstat(fd, &status) == 0 && status.st_size == file->size && map_file(file, fd);
	close_file(fd);
	return mapped;
}

/*
 * shared_file_begin: starts the file under the name of a draft.
 */
bool
shared_file_begin(SharedFile *file)
{
	char		draft[MAXPGPATH];

	draft_path(draft, file);
	file->draft = open_file(draft, O_RDWR | O_CREAT | O_TRUNC);
	if (file->draft < 0 && errno == ENOENT && MakePGDirectory(DIRECTORY) == 0)
		file->draft = open_file(draft, O_RDWR | O_CREAT | O_TRUNC);
	if (file->draft < 0)
		log_refusal("create", draft);
	return file->draft >= 0;
}

/*
 * shared_file_write: the next `length` bytes of the model file.
 */
bool
shared_file_write(SharedFile *file, const void *data, Size length)
{
	const char *at = data;

	while (length > 0)
	{
		ssize_t		written = write(file->draft, at, length);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
		{
			if (written == 0)
				errno = ENOSPC;
			log_refusal("write", file->path);
			return false;
		}
		at += written;
		length -= written;
	}
	return true;
}

/* The draft is done, one way or the other. */
static void
end_draft(SharedFile *file)
{
	char		draft[MAXPGPATH];

	draft_path(draft, file);
	unlink(draft);
	close_file(file->draft);
	file->draft = -1;
}

/*
 * shared_file_finish: maps the written file, which has no name yet.
 */
bool
shared_file_finish(SharedFile *file)
{
	return map_file(file, file->draft);
}

/*
 * shared_file_publish: gives the file its name.  If that is refused, or
 * somebody else has been faster, ours stays without a name and serves only us.
 */
void
shared_file_publish(SharedFile *file)
{
	char		draft[MAXPGPATH];

	draft_path(draft, file);
	if (link(draft, file->path) != 0 && errno != EEXIST)
		log_refusal("link", file->path);
	end_draft(file);
}

void
shared_file_close(SharedFile *file)
{
	if (file->map != NULL)
		munmap(unconstify(void *, file->map), file->size);
	file->map = NULL;
	if (file->draft >= 0)
		end_draft(file);
}

/* ---------------------------------------------------------------------------
 * Clearing away
 * ------------------------------------------------------------------------- */

/*
 * shared_file_remove: nothing here may fail, or a COMMIT that has been written
 * down would.
 */
void
shared_file_remove(const char *path)
{
	if (unlink(path) != 0 && errno != ENOENT)
		ereport(LOG,
				(errcode_for_file_access(),
				 errmsg("could not remove file \"%s\": %m", path)));
}

/* Whether a file of ours belongs to nobody. */
static bool
is_garbage(const char *name, SharedFileExists exists, void *arg)
{
	unsigned int database;
	int			model_id;
	uint64		checksum;
	int			version;
	int			pid;
	int			n = sscanf(name, PREFIX "%u.%d." UINT64_FORMAT ".%d.%d",
						   &database, &model_id, &checksum, &version, &pid);

	if (n == 5 && kill(pid, 0) != 0 && errno == ESRCH)
		return true;			/* the draft of one who is no more */
	return n >= 4 && !exists(database, model_id, checksum, arg);
}

void
shared_file_sweep(SharedFileExists exists, void *arg)
{
	DIR		   *directory = AllocateDir(DIRECTORY);
	struct dirent *entry;
	char		path[MAXPGPATH];

	if (directory == NULL)
		return;
	while ((entry = ReadDirExtended(directory, DIRECTORY, LOG)) != NULL)
	{
		if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) != 0 ||
			!is_garbage(entry->d_name, exists, arg))
			continue;
		snprintf(path, MAXPGPATH, "%s/%s", DIRECTORY, entry->d_name);
		shared_file_remove(path);
	}
	FreeDir(directory);
}
