/*
 * export.h: from trained parameters to the image that is stored and served.
 */
#ifndef MLREC_TRAIN_EXPORT_H
#define MLREC_TRAIN_EXPORT_H

#include "num/data/statistics.h"
#include "num/model/model.h"
#include "num/net/tensors.h"

/* What an image is made of. */
typedef struct ExportInput
{
	const Ratings *ratings;
	const FilmStatistics *films;
	const float *params[N_STAGES];
	const StageShape *shape[N_STAGES];
	const char *names;			/* for IMAGE_NAMES */
	size_t		names_length;
} ExportInput;

/*
 * Completes the header's counts and layout; its ratings, years and threshold
 * are the caller's.  Returns the size of the image.
 */
extern uint64_t export_layout(ImageHeader *header, const ExportInput *input);

/* Bytes of scratch that export_image needs. */
extern size_t export_scratch(const ExportInput *input);

/*
 * Fills an image of header->size bytes, 64-byte aligned: all sections, with
 * the vectors of films and users computed.  The order by relevance is that of
 * retrieval; relevance_tune does better.  The image is not sealed yet.  tick is
 * called now and then, and may not return.
 */
extern void export_image(void *image, const ImageHeader *header, const ExportInput *input,
						 void (*tick) (void), void *scratch);

#endif							/* MLREC_TRAIN_EXPORT_H */
