/*
 * exported.h: images of small data sets, from parameters trained or not.
 */
#ifndef EXPORTED_H
#define EXPORTED_H

#include "num/base/arena.h"
#include "num/train/export.h"
#include "small_ratings.h"

/*
 * An image, sealed; the caller frees it.  names: the genres, then the values of
 * each attribute, each with its NUL.
 */
static inline ImageHeader *
exported_image(const SmallRatings *data, const StageShape *const *shape,
			   const float *const *params, const char *names, size_t names_length)
{
	ExportInput input = {
		.ratings = &data->ratings,
		.films = &data->films,
		.params = {params[RETRIEVAL], params[RANKING]},
		.shape = {shape[RETRIEVAL], shape[RANKING]},
		.names = names,
		.names_length = names_length,
	};
	ImageHeader header = {
		.min_rating = 1,
		.max_rating = 5,
		.like_threshold = LIKE_THRESHOLD,
		.max_year = 1,
	};
	ImageHeader *image = aligned_alloc(IMAGE_ALIGN, export_layout(&header, &input));
	void	   *scratch = aligned_alloc(ARENA_ALIGN, export_scratch(&input));

	export_image(image, &header, &input, small_tick, scratch);
	image_seal(image);
	free(scratch);
	return image;
}

static inline Model *
exported_open(const ImageHeader *image)
{
	size_t		size = (model_size() + IMAGE_ALIGN - 1) / IMAGE_ALIGN * IMAGE_ALIGN;
	Model	   *model = aligned_alloc(IMAGE_ALIGN, size);

	model_open(model, image);
	return model;
}

#endif							/* EXPORTED_H */
