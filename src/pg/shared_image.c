/*
 * shared_image.c: one copy of a large model for all backends.
 *
 * The truth about a model is in the extension's tables.  But a model of a
 * million films has hundreds of megabytes, and a copy of it in each connection
 * is out of the question.  So the first backend that needs a large image
 * writes it into a file, and all map that file read-only: they share the pages
 * of the operating system's cache.  This needs no shared_preload_libraries and
 * no setting, and works on a standby, where tables cannot be written but files
 * can.
 *
 * The file lives in base/pgsql_tmp under a name that begins with pgsql_tmp.
 * The server clears such files away when it starts and after a crash, and
 * backups leave them out.  In ordinary life we do that ourselves:
 *
 *	- Each user holds a shared flock() on the file for as long as it is mapped.
 *	- Who leaves asks for the exclusive lock without waiting.  Whoever gets it
 *	  is the last one and removes the file.
 *	- A newcomer may open the file just before it is removed.  So after locking
 *	  he checks that the name still leads to the file that he holds, and
 *	  otherwise starts again.
 *
 * A file is written under another name and given its own by link(), which is
 * atomic and fails if somebody else was faster: nobody ever sees half an image
 * or two files for one model.  The name tells database, model, checksum and
 * format version, so a file is never out of date.  Its blocks are written by
 * write(), not through the mapping, where a full disk would be a SIGBUS.
 *
 * Whenever the system refuses something the caller falls back to a private
 * copy; a model can be served as long as its tables can be read.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file_perm.h"
#include "miscadmin.h"
#include "storage/fd.h"

#include "../num/image.h"
#include "shared_image.h"

#define DIRECTORY "base/" PG_TEMP_FILES_DIR

/* How long to wait for one who is just removing the file. */
#define LOCK_ATTEMPTS 100
#define LOCK_PAUSE 1000			/* microseconds */

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
draft_path(char *path, const SharedImage *image)
{
	snprintf(path, MAXPGPATH, "%s.%d", image->path, MyProcPid);
}

/* Whether the name leads to the file that is open as fd. */
static bool
is_named(int fd, const char *path)
{
	struct stat open_file;
	struct stat named_file;

	return fstat(fd, &open_file) == 0 && stat(path, &named_file) == 0 &&
		open_file.st_dev == named_file.st_dev && open_file.st_ino == named_file.st_ino;
}

static int
open_file(const char *path, int flags)
{
	int			fd;

	if (!AcquireExternalFD())
		return -1;
	/* not for the programs of COPY ... PROGRAM: they would hold the lock */
	fd = BasicOpenFile(path, flags | O_CLOEXEC | PG_BINARY);
	if (fd < 0)
		ReleaseExternalFD();
	return fd;
}

static void
close_file(SharedImage *image)
{
	close(image->fd);
	ReleaseExternalFD();
	image->fd = -1;
}

static bool
map_file(SharedImage *image)
{
	void	   *map = mmap(NULL, image->size, PROT_READ, MAP_SHARED, image->fd, 0);

	if (map == MAP_FAILED)
	{
		log_refusal("map", image->path);
		return false;
	}
	image->map = map;
	return true;
}

/*
 * shared_image_init: names the file of an image.
 */
void
shared_image_init(SharedImage *image, int32 model_id, uint64 checksum, Size size)
{
	memset(image, 0, sizeof(SharedImage));
	image->fd = -1;
	image->size = size;
	snprintf(image->path, MAXPGPATH, "%s/%s_mlrec.%u.%d." UINT64_FORMAT ".%d",
			 DIRECTORY, PG_TEMP_FILE_PREFIX, MyDatabaseId, model_id, checksum, IMAGE_VERSION);
}

/*
 * shared_image_open: maps the file if it is there; false if not, or if it
 * cannot be used.
 */
bool
shared_image_open(SharedImage *image)
{
	struct stat status;

	for (int attempt = 0; attempt < LOCK_ATTEMPTS; attempt++)
	{
		image->fd = open_file(image->path, O_RDONLY);
		if (image->fd < 0)
			return false;
		if (flock(image->fd, LOCK_SH | LOCK_NB) == 0 && is_named(image->fd, image->path))
		{
			image->published = true;
			if (fstat(image->fd, &status) == 0 && status.st_size == image->size &&
				map_file(image))
				return true;
			shared_image_close(image);
			return false;
		}
		close_file(image);
		pg_usleep(LOCK_PAUSE);
	}
	return false;
}

/*
 * shared_image_begin: starts the file under the name of a draft.
 */
bool
shared_image_begin(SharedImage *image)
{
	char		draft[MAXPGPATH];

	draft_path(draft, image);
	image->fd = open_file(draft, O_RDWR | O_CREAT | O_TRUNC);
	if (image->fd < 0 && errno == ENOENT && MakePGDirectory(DIRECTORY) == 0)
		image->fd = open_file(draft, O_RDWR | O_CREAT | O_TRUNC);
	if (image->fd < 0)
	{
		log_refusal("create", draft);
		return false;
	}
	if (flock(image->fd, LOCK_SH | LOCK_NB) != 0)
	{
		log_refusal("lock", draft);
		return false;
	}
	return true;
}

/*
 * shared_image_write: the next `length` bytes of the image.
 */
bool
shared_image_write(SharedImage *image, const void *data, Size length)
{
	const char *at = data;

	while (length > 0)
	{
		ssize_t		written = write(image->fd, at, length);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
		{
			log_refusal("write", image->path);
			return false;
		}
		at += written;
		length -= written;
	}
	return true;
}

/*
 * shared_image_publish: maps the written file and gives it its name.  If
 * somebody else has been faster, our file stays without a name and serves only
 * us.
 */
bool
shared_image_publish(SharedImage *image)
{
	char		draft[MAXPGPATH];
	bool		linked;

	if (!map_file(image))
		return false;
	draft_path(draft, image);
	linked = link(draft, image->path) == 0;
	if (!linked && errno != EEXIST)
		log_refusal("link", image->path);
	unlink(draft);
	image->published = true;
	return true;
}

/*
 * shared_image_close: lets go of the file and removes it if nobody else uses
 * it.  Also ends a draft that was not published.
 */
void
shared_image_close(SharedImage *image)
{
	if (image->map != NULL)
		munmap(unconstify(void *, image->map), image->size);
	image->map = NULL;
	if (image->fd < 0)
		return;

	if (!image->published)
	{
		char		draft[MAXPGPATH];

		draft_path(draft, image);
		unlink(draft);
	}
	else if (flock(image->fd, LOCK_EX | LOCK_NB) == 0 && is_named(image->fd, image->path))
		unlink(image->path);
	close_file(image);
}
