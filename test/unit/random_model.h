/*
 * random_model.h: a sound model model file with random parameters, for tests that
 * need a model at work and not a good one.
 */
#ifndef RANDOM_MODEL_H
#define RANDOM_MODEL_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "num/base/rng.h"
#include "num/data/ratings.h"
#include "num/model/model.h"
#include "num/net/tensors.h"

#define RANDOM_MODEL_HISTORY 32

static inline void *
random_model_section(void *file, ModelFileSection section)
{
	return (char *) file + ((ModelFileHeader *) file)->offset[section];
}

static inline void
random_model_vectors(float *out, int64_t n, uint64_t key, float length)
{
	for (int64_t i = 0; i < n; i++, out += VECTOR_DIMS)
	{
		float		norm = 0;

		for (int dim = 0; dim < VECTOR_DIMS; dim++)
		{
			out[dim] = rng_uniform(key, i * VECTOR_DIMS + dim) - 0.5f;
			norm += out[dim] * out[dim];
		}
		for (int dim = 0; dim < VECTOR_DIMS; dim++)
			out[dim] *= length / sqrtf(norm);
	}
}

/* A header for the data, with n_users and n_movies of its own. */
static inline ModelFileHeader
random_model_header(const Ratings *ratings, int32_t n_users, int32_t n_movies)
{
	ModelFileHeader header = {
		.n_users = n_users,
		.n_movies = n_movies,
		.n_genres = ratings->n_genres,
		.mean_rating = 3.5,
		.deviation = 1.25,
		.share = 0.75f,
		.in_order = 1,
		.min_rating = 1,
		.max_rating = 5,
		.like_threshold = 4,
		.max_year = 1,
		.temperature = 5,
		.relevance_rating = 0.7f,
		.history = RANDOM_MODEL_HISTORY,
	};
	uint64_t	n_names = ratings->n_genres;

	for (int a = 0; a < N_ATTRIBUTES; a++)
	{
		header.n_values[a] = ratings->n_values[a];
		n_names += ratings->n_values[a];
	}
	header.length[MODEL_FILE_NAMES] = n_names;
	model_file_layout(&header);
	return header;
}

static inline void
random_model_parameters(void *file, uint64_t seed)
{
	const ModelFileHeader *header = file;
	float	   *params = random_model_section(file, MODEL_FILE_PARAMETERS);

	for (int stage = 0; stage < N_STAGES; stage++)
	{
		StageShape	shape;

		stage_shape(&shape, stage, header->n_users, header->n_movies, header->n_genres,
					header->n_values, header->history);
		stage_init(params, &shape, seed);
		/* embeddings large enough that users differ */
		for (int64_t i = shape.offset[TENSOR_FIRST_TABLE]; i < shape.offset[N_TENSORS]; i++)
			params[i] *= 10;
		/* as is what begins with 0 */
		for (int64_t i = shape.offset[TENSOR_TEMPERATURE];
			 i < shape.offset[TENSOR_RECENT_OFFSET + 1]; i++)
			params[i] = 0.2f * (rng_uniform(seed + 5, i) - 0.5f);
		params += stage_size(&shape);
	}
}

/*
 * A model file that knows the given users and movies, with statistics that any
 * training could have left.  The caller frees it.
 */
static inline void *
random_model_file(const Ratings *ratings, const int64_t *user_ids, int32_t n_users,
				  const int64_t *movie_ids, int32_t n_movies, uint64_t seed)
{
	ModelFileHeader header = random_model_header(ratings, n_users, n_movies);
	void	   *file = aligned_alloc(MODEL_FILE_ALIGN, header.size);
	uint8_t    *flags;
	float	   *bias;
	float	   *popularity;

	memset(file, 0, header.size);
	memcpy(file, &header, sizeof(header));
	memcpy(random_model_section(file, MODEL_FILE_USER_IDS), user_ids, n_users * sizeof(int64_t));
	memcpy(random_model_section(file, MODEL_FILE_MOVIE_IDS), movie_ids, n_movies * sizeof(int64_t));
	flags = random_model_section(file, MODEL_FILE_MOVIE_FLAGS);
	bias = random_model_section(file, MODEL_FILE_MOVIE_BIAS);
	popularity = random_model_section(file, MODEL_FILE_MOVIE_POPULARITY);
	for (int32_t movie = 0; movie < n_movies; movie++)
	{
		flags[movie] = MOVIE_LISTED | (movie % 7 == 3 ? 0 : MOVIE_TRAINED);
		bias[movie] = flags[movie] & MOVIE_TRAINED ? rng_uniform(seed, movie) - 0.5f : 0;
		popularity[movie] = 7 * rng_uniform(seed + 1, movie);
	}
	random_model_parameters(file, seed);
	random_model_vectors(random_model_section(file, MODEL_FILE_MOVIE_VECTORS), n_movies, seed + 2,
						 1);
	random_model_vectors(random_model_section(file, MODEL_FILE_MOVIE_RANK_VECTORS), n_movies, seed +
						 3,
						 2);
	model_file_finalize(file);
	return file;
}

static inline Model *
random_model_open(const void *file)
{
	Model	   *model = aligned_alloc(MODEL_FILE_ALIGN,
									  (model_size() + MODEL_FILE_ALIGN - 1) / MODEL_FILE_ALIGN *
									  MODEL_FILE_ALIGN);

	model_open(model, file);
	return model;
}

#endif							/* RANDOM_MODEL_H */
