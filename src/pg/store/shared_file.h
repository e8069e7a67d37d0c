/*
 * shared_file.h: one copy of a large model for all backends.
 */
#ifndef MLREC_STORE_SHARED_FILE_H
#define MLREC_STORE_SHARED_FILE_H

#include "postgres.h"

typedef struct SharedFile
{
	const void *map;			/* NULL: not mapped */
	Size		size;
	int			draft;			/* descriptor of a file being written, -1: none */
	char		path[MAXPGPATH];
} SharedFile;

/* Names the file of a model file; touches nothing. */
extern void shared_file_init(SharedFile *file, int32 model_id, uint64 checksum, Size size);

/* Maps the file if there is one. */
extern bool shared_file_open(SharedFile *file);

/*
 * Makes the file: begin, any number of writes, finish, which maps it, and
 * publish, after which others find it.  All but the last return false when the
 * system refuses, after a line in the server log.
 */
extern bool shared_file_begin(SharedFile *file);
extern bool shared_file_write(SharedFile *file, const void *data, Size length);
extern bool shared_file_finish(SharedFile *file);
extern void shared_file_publish(SharedFile *file);

/* Unmaps the file, or gives up making it.  The file stays.  Never throws. */
extern void shared_file_close(SharedFile *file);

/* The name of the file of a model of this database, palloc'd. */
extern char *shared_file_path(int32 model_id, uint64 checksum);

/* Removes a file if it is there.  Never throws: it is called at COMMIT. */
extern void shared_file_remove(const char *path);

/* Removes the files of models of which exists() knows nothing. */
typedef bool (*SharedFileExists) (Oid database, int32 model_id, uint64 checksum, void *arg);

/*
 * Removes the files of models of which exists() knows nothing, and what was left of
 * drafts.
 */
extern void shared_file_sweep(SharedFileExists exists, void *arg);

#endif							/* MLREC_STORE_SHARED_FILE_H */
