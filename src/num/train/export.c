/*
 * export.c: see export.h.
 */
#include "num/train/export.h"

#include <math.h>
#include <string.h>

#include "num/base/arena.h"
#include "num/index/ivf_build.h"
#include "num/net/dense.h"
#include "num/net/tower.h"

/* Users or movies at a time. */
#define EXPORT_ROWS 512

/* Work space, carved from the caller's. */
typedef struct ExportWork
{
	void		(*check_interrupts) (void);
	Model	   *model;
	UserInput  *inputs;			/* [EXPORT_ROWS] */
	int32_t    *ids;
	float	   *x;
	float	   *hidden;
	float	   *temperature;
	float	   *ranking;
	float	   *scratch;
	void	   *index;			/* to make the index in */
} ExportWork;

static void
carve(ExportWork *work, Arena *arena, const ExportInput *input)
{
	const StageShape *retrieval = input->shape[STAGE_RETRIEVAL];

	work->model = arena_take(arena, 1, model_size());
	work->inputs = ARENA_ARRAY(arena, UserInput, EXPORT_ROWS);
	work->ids = ARENA_ARRAY(arena, int32_t, EXPORT_ROWS);
	work->x = ARENA_ARRAY(arena, float, EXPORT_ROWS * retrieval->movie_inputs);
	work->hidden = ARENA_ARRAY(arena, float, EXPORT_ROWS * retrieval->movie_hidden);
	work->temperature = ARENA_ARRAY(arena, float, EXPORT_ROWS);
	work->ranking = ARENA_ARRAY(arena, float, EXPORT_ROWS * VECTOR_DIMS);
	work->scratch = ARENA_ARRAY(arena, float, users_scratch(retrieval, EXPORT_ROWS));
	work->index = arena_take(arena, 1, ivf_scratch(input->ratings->n_movies));
}

size_t
export_scratch(const ExportInput *input)
{
	ExportWork	work;
	Arena		arena = {NULL, 0};

	carve(&work, &arena, input);
	return arena.used;
}

uint64_t
export_layout(ModelFileHeader *header, const ExportInput *input)
{
	const Ratings *ratings = input->ratings;

	header->n_users = input->shape[STAGE_RETRIEVAL]->n_users;
	header->n_movies = ratings->n_movies;
	header->n_genres = ratings->n_genres;
	memcpy(header->n_values, ratings->n_values, sizeof(header->n_values));
	header->history = input->shape[STAGE_RETRIEVAL]->history;
	header->mean_rating = input->movie_stats->mean_rating;
	header->deviation = input->movie_stats->deviation;
	header->second = input->second;
	header->length[MODEL_FILE_NAMES] = input->names_length;
	ivf_layout(header);
	return model_file_layout(header);
}

/* A section of the model file, to be written. */
static void *
section(void *file, ModelFileSection which)
{
	return (char *) file + ((ModelFileHeader *) file)->offset[which];
}

static void
fill_ids(void *file, const ExportInput *input)
{
	const Ratings *ratings = input->ratings;
	int64_t    *user_ids = section(file, MODEL_FILE_USER_IDS);
	int32_t    *user_ratings = section(file, MODEL_FILE_USER_RATINGS);
	uint8_t    *flags = section(file, MODEL_FILE_MOVIE_FLAGS);

	for (int32_t user = 0; user < ratings->n_users; user++)
		if (ratings->n_train[user] > 0)
		{
			*user_ids++ = ratings->user_ids[user];
			*user_ratings++ = ratings->n_trainval[user];
		}
	memcpy(section(file, MODEL_FILE_MOVIE_IDS), ratings->movie_ids,
		   sizeof(int64_t) * ratings->n_movies);
	for (int32_t movie = 0; movie < ratings->n_movies; movie++)
		flags[movie] = (ratings->movie_listed[movie] ? MOVIE_LISTED : 0) |
			(input->movie_stats->ratings[movie] > 0 ? MOVIE_TRAINED : 0);
}

static void
fill_statistics(void *file, const ExportInput *input)
{
	int32_t		n = input->ratings->n_movies;
	float	   *params = section(file, MODEL_FILE_PARAMETERS);

	memcpy(section(file, MODEL_FILE_MOVIE_BIAS), input->movie_stats->bias, sizeof(float) * n);
	memcpy(section(file, MODEL_FILE_MOVIE_RATINGS), input->movie_stats->ratings, sizeof(int32_t) *
		   n);
	memcpy(section(file, MODEL_FILE_MOVIE_POPULARITY), input->movie_stats->popularity,
		   sizeof(float) * n);
	memcpy(section(file, MODEL_FILE_NAMES), input->names, input->names_length);
	for (int stage = 0; stage < N_STAGES; stage++)
	{
		int64_t		size = stage_size(input->shape[stage]);

		memcpy(params, input->params[stage], sizeof(float) * size);
		params += size;
	}
}

static void
fill_movie_vectors(void *file, const ExportInput *input, ExportWork *work)
{
	const Ratings *ratings = input->ratings;
	float	   *retrieval = section(file, MODEL_FILE_MOVIE_VECTORS);
	float	   *ranking = section(file, MODEL_FILE_MOVIE_RANK_VECTORS);

	for (int32_t from = 0; from < ratings->n_movies; from += EXPORT_ROWS)
	{
		int			left = ratings->n_movies - from;
		int			n = left < EXPORT_ROWS ? left : EXPORT_ROWS;
		int64_t		at = (int64_t) from * VECTOR_DIMS;
		const float *features = ratings->movie_features +
			(int64_t) from * input->shape[STAGE_RETRIEVAL]->n_features;

		for (int i = 0; i < n; i++)
			work->ids[i] = input->movie_stats->ratings[from + i] > 0 ? from + i + 1 : 0;
		movie_tower_predict(retrieval + at, work->hidden, work->x, work->ids, features,
							input->params[STAGE_RETRIEVAL], input->shape[STAGE_RETRIEVAL], n);
		dense_unit(retrieval + at, n);
		movie_tower_predict(ranking + at, NULL, NULL, work->ids, features,
							input->params[STAGE_RANKING], input->shape[STAGE_RANKING], n);
		put_biases(ranking + at, input->movie_stats->bias + from, n);
		work->check_interrupts();
	}
}

/* Users with train ratings, as their training rows show them long after. */
static void
fill_user_vectors(void *file, const ExportInput *input, ExportWork *work)
{
	const Ratings *ratings = input->ratings;
	float	   *out = section(file, MODEL_FILE_USER_VECTORS);
	int			n = 0;

	model_open(work->model, file);
	for (int32_t user = 0; user < ratings->n_users; user++)
	{
		if (ratings->n_train[user] > 0)
			work->inputs[n++] = model_user_input(file, ratings, user, ratings->n_trainval[user]);
		if (n == EXPORT_ROWS || (user == ratings->n_users - 1 && n > 0))
		{
			model_users(work->model, work->inputs, n, out, work->temperature, work->ranking,
						work->scratch);
			work->check_interrupts();
			out += (int64_t) n * VECTOR_DIMS;
			n = 0;
		}
	}
}

/* What large catalogues are searched by; tried with the users' vectors. */
static void
fill_index(void *file, ExportWork *work)
{
	IvfBuilder	builder;

	ivf_begin(&builder, file, work->index);
	while (ivf_step(&builder))
		work->check_interrupts();
}

void
export_model_file(void *file, const ModelFileHeader *header, const ExportInput *input,
				  void (*check_interrupts) (void), void *scratch)
{
	ExportWork	work = {.check_interrupts = check_interrupts};
	Arena		arena = {scratch, 0};
	const float *head = tensor(input->params[STAGE_RETRIEVAL], input->shape[STAGE_RETRIEVAL],
							   TENSOR_HEAD);
	ModelFileHeader *own = file;

	carve(&work, &arena, input);
	memset(file, 0, header->size);
	*own = *header;
	own->temperature = input->order.cosine_weight * expf(head[HEAD_LOG_TEMPERATURE]);
	own->relevance_rating = input->order.rating_weight;
	own->newcomers_popular = input->order.newcomers_popular;
	own->in_order = input->order.live && header->history > 0 && ratings_in_order(input->ratings);
	fill_ids(file, input);
	fill_statistics(file, input);
	fill_movie_vectors(file, input, &work);
	fill_user_vectors(file, input, &work);
	fill_index(file, &work);
}
