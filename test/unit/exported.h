/*
 * exported.h: model files of small data sets, from parameters trained or not.
 */
#ifndef EXPORTED_H
#define EXPORTED_H

#include "num/base/arena.h"
#include "num/train/export.h"
#include "small_ratings.h"

/*
 * A model file, finalized; the caller frees it.  names: the genres, then the values of
 * each attribute, each with its NUL.
 */
static inline ModelFileHeader *
exported_model_file(const SmallRatings *data, const StageShape *const *shape,
					const float *const *params, const char *names, size_t names_length,
					RelevanceOrder order)
{
	ExportInput input = {
		.ratings = &data->ratings,
		.movie_stats = &data->movie_stats,
		.params = {params[STAGE_RETRIEVAL], params[STAGE_RANKING]},
		.shape = {shape[STAGE_RETRIEVAL], shape[STAGE_RANKING]},
		.names = names,
		.names_length = names_length,
		.order = order,
	};
	ModelFileHeader header = {
		.share = 1,
		.min_rating = 1,
		.max_rating = 5,
		.like_threshold = LIKE_THRESHOLD,
		.max_year = 1,
	};
	ModelFileHeader *file = aligned_alloc(MODEL_FILE_ALIGN, export_layout(&header, &input));
	void	   *scratch = aligned_alloc(ARENA_ALIGN, export_scratch(&input));

	export_model_file(file, &header, &input, small_check_interrupts, scratch);
	model_file_finalize(file);
	free(scratch);
	return file;
}

static inline Model *
exported_open(const ModelFileHeader *file)
{
	size_t		size = (model_size() + MODEL_FILE_ALIGN - 1) / MODEL_FILE_ALIGN * MODEL_FILE_ALIGN;
	Model	   *model = aligned_alloc(MODEL_FILE_ALIGN, size);

	model_open(model, file);
	return model;
}

#endif							/* EXPORTED_H */
