/*
 * activation.c: whether a new model is better than what is served.
 *
 * The measure is the NDCG@10 of the order by relevance on the validation rows of
 * the new training, of the users who count (judges.h), where it must be above
 * that of the active model.  An order that is no better than popularity's has become
 * popularity's (relevance.h), and does not pass.  The new model has not seen these
 * rows, for it is judged before it is trained on them as well; the active one,
 * refitted in its time, may have learned some of them by heart.  To compare the two as
 * they are would shut the gate for ever.  So they are compared
 *
 * - on the validation rows that are later than all that the active model was
 *   trained on, if there are enough of them;
 * - else each by what it reached in its own training, before it was refitted:
 *   much the same rows, or the very same where no ratings have come since.
 *
 * A model of other relations has seen none of the rows, and answers them all.
 */
#include "postgres.h"

#include <math.h>

#include "num/eval/relevance.h"
#include "pg/data/remap.h"
#include "pg/store/cache.h"
#include "pg/train/activation.h"
#include "pg/util/huge_alloc.h"
#include "pg/util/interrupts.h"

/* So many liked rows are enough to compare by. */
#define ENOUGH_ROWS 100

/* The rows' movies as indices into another model's catalogue. */
static int32 *
map_movies(const Ratings *ratings, const CachedModel *model)
{
	const int64 *ids = model_file_section(model->header, MODEL_FILE_MOVIE_IDS);
	int32	   *index = palloc_extended(sizeof(int32) * (Size) ratings->n_movies, MCXT_ALLOC_HUGE);
	int32	   *movie = palloc_extended(sizeof(int32) * (Size) ratings->n_rows, MCXT_ALLOC_HUGE);

	for (int32 i = 0; i < ratings->n_movies; i++)
		index[i] = id_find(ids, model->header->n_movies, ratings->movie_ids[i]);
	for (int64 row = 0; row < ratings->n_rows; row++)
		movie[row] = index[ratings->movie[row]];
	return movie;
}

static double
validation_ndcg(const ModelFileHeader *file, const Ratings *ratings)
{
	void	   *scratch = alloc_aligned(relevance_scratch(file, ratings), 0);
	double		ndcg = relevance_ndcg(file, ratings, check_interrupts, scratch);

	free_aligned(scratch);
	return ndcg;
}

/* The active model's NDCG on the validation rows, by the ratings given. */
static double
active_ndcg(const CachedModel *active, const Dataset *dataset, const float *rating)
{
	Ratings		ratings;

	remap_ratings(&ratings, dataset, active);
	ratings.movie = map_movies(&dataset->ratings, active);
	ratings.rating = rating;
	return validation_ndcg(active->header, &ratings);
}

bool
activation_is_later(const Ratings *ratings, int32 user, int64 row, const StoreEntry *model)
{
	RatingKey	key = {
		ratings->time[row], ratings->user_ids[user], ratings->movie_ids[ratings->movie[row]]
	};
	RatingKey	boundary = {model->boundary_time, model->boundary_user, model->boundary_movie};

	return rating_key_after(&key, &boundary);
}

bool
activation_has_boundary(const StoreEntry *model)
{
	return model->boundary_time != 0 || model->boundary_user != 0 || model->boundary_movie != 0;
}

/*
 * The ratings without likes among the validation rows that the active model
 * has been trained on, palloc'd.  *n_liked is how many likes are left there.
 */
static float *
forget_seen(const Ratings *ratings, const CachedModel *active, int64 *n_liked)
{
	Size		size = sizeof(float) * (Size) ratings->n_rows;
	float	   *rating = memcpy(palloc_extended(size, MCXT_ALLOC_HUGE), ratings->rating, size);

	*n_liked = 0;
	for (int32 user = 0; user < ratings->n_users; user++)
		for (int32 i = ratings->n_train[user]; i < ratings->n_trainval[user]; i++)
		{
			int64		row = ratings->start[user] + i;

			if (!activation_is_later(ratings, user, row, &active->entry))
				rating[row] = -INFINITY;
			*n_liked += rating[row] >= active->header->like_threshold;
		}
	return rating;
}

/* Whether the model is better than the active one; a NOTICE says why not. */
static bool
beats_active(const NewModel *new_model, const CachedModel *active)
{
	const Dataset *dataset = new_model->dataset;
	const Ratings *ratings = &dataset->ratings;
	const char *rows = "the validation ratings";
	double		ndcg = new_model->ndcg;
	double		before;

	if (strcmp(active->entry.ratings, new_model->relation) != 0)
		before = active_ndcg(active, dataset, ratings->rating);
	else
	{
		int64		n_liked = 0;
		float	   *unseen = NULL;

		if (activation_has_boundary(&active->entry))
			unseen = forget_seen(ratings, active, &n_liked);
		if (n_liked >= ENOUGH_ROWS)
		{
			Ratings		later = *ratings;

			later.rating = unseen;
			rows = "the validation ratings that are new to both";
			ndcg = validation_ndcg(new_model->file, &later);
			before = active_ndcg(active, dataset, unseen);
		}
		else if (active->entry.relevance == NULL ||
				 !store_json_number(active->entry.relevance, ACTIVATION_NDCG, &before))
			return true;
		else
			rows = "the validation ratings of its own training";
	}
	if (ndcg > before)
		return true;
	ereport(NOTICE,
			(errmsg("model %d is not activated", new_model->model_id),
			 errdetail("Its NDCG@10 on %s is %.4f, that of the active model %d %.4f.",
					   rows, ndcg, active->entry.model_id, before)));
	return false;
}

bool
activation_gate_passes(const NewModel *new_model)
{
	CachedModel *active;

	if (isnan(new_model->ndcg))
	{
		ereport(NOTICE,
				(errmsg("model %d is not activated", new_model->model_id),
				 errdetail("There are no liked validation ratings to judge it by."),
				 errhint("Raise validation_fraction, or use activate_recommender().")));
		return false;
	}
	if (!(new_model->ndcg > new_model->popularity_ndcg) &&
		relevance_is_popularity(new_model->file) && !new_model->file->in_order)
	{
		ereport(NOTICE,
				(errmsg("model %d is not activated", new_model->model_id),
				 errdetail("Its validation NDCG@10 is %.4f, that of popularity %.4f.",
						   new_model->ndcg, new_model->popularity_ndcg)));
		return false;
	}
	active = cache_find(0);
	return active == NULL || beats_active(new_model, active);
}
