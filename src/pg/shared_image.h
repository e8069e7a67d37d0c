/*
 * shared_image.h: one copy of a large model for all backends.
 */
#ifndef MLREC_SHARED_IMAGE_H
#define MLREC_SHARED_IMAGE_H

#include "postgres.h"

typedef struct SharedImage
{
	int			fd;				/* holds the shared lock; -1: not open */
	bool		published;		/* under its final name, not ours alone */
	const void *map;			/* NULL: not mapped */
	Size		size;
	char		path[MAXPGPATH];
} SharedImage;

/* Names the file of an image; touches nothing. */
extern void shared_image_init(SharedImage *image, int32 model_id, uint64 checksum, Size size);

/* Maps the file if another backend has made it; false if there is none. */
extern bool shared_image_open(SharedImage *image);

/*
 * Makes the file: begin, any number of writes, then publish, which maps it.
 * All return false when the system refuses, after a line in the server log;
 * shared_image_close then cleans up.
 */
extern bool shared_image_begin(SharedImage *image);
extern bool shared_image_write(SharedImage *image, const void *data, Size length);
extern bool shared_image_publish(SharedImage *image);

/* Lets go of the file and removes it if nobody else uses it.  Never throws. */
extern void shared_image_close(SharedImage *image);

#endif							/* MLREC_SHARED_IMAGE_H */
