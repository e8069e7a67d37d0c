/*
 * shared_file.h: one copy of a large model for all backends.
 */
#ifndef MLREC_STORE_SHARED_FILE_H
#define MLREC_STORE_SHARED_FILE_H

#include "postgres.h"

typedef struct SharedImage
{
	const void *map;			/* NULL: not mapped */
	Size		size;
	int			draft;			/* descriptor of a file being written, -1: none */
	char		path[MAXPGPATH];
} SharedImage;

/* Names the file of an image; touches nothing. */
extern void shared_image_init(SharedImage *image, int32 model_id, uint64 checksum, Size size);

/* Maps the file if there is one. */
extern bool shared_image_open(SharedImage *image);

/*
 * Makes the file: begin, any number of writes, finish, which maps it, and
 * publish, after which others find it.  All but the last return false when the
 * system refuses, after a line in the server log.
 */
extern bool shared_image_begin(SharedImage *image);
extern bool shared_image_write(SharedImage *image, const void *data, Size length);
extern bool shared_image_finish(SharedImage *image);
extern void shared_image_publish(SharedImage *image);

/* Unmaps the file, or gives up making it.  The file stays.  Never throws. */
extern void shared_image_close(SharedImage *image);

/* The name of the file of a model of this database, palloc'd. */
extern char *shared_image_path(int32 model_id, uint64 checksum);

/* Removes a file if it is there.  Never throws: it is called at COMMIT. */
extern void shared_image_remove(const char *path);

/* Removes the files of models of which exists() knows nothing. */
typedef bool (*SharedImageExists) (Oid database, int32 model_id, void *arg);
extern void shared_image_sweep(SharedImageExists exists, void *arg);

#endif							/* MLREC_STORE_SHARED_FILE_H */
