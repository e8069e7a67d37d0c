/*
 * gate.c: whether a new model is better than what is served.
 *
 * The judge is the NDCG@10 of the order by relevance on the validation rows of
 * the new training: for the new model, for popularity, and for the active
 * model as it would have answered.  The active model was usually trained
 * before these rows existed, so it has not seen them; where it has, it looks
 * better than it is, and the gate stays shut rather than open.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "../num/arena.h"
#include "../num/relevance.h"
#include "cache.h"
#include "gate.h"
#include "recode.h"
#include "tick.h"

/* The rows' films as indices into another model's catalogue. */
static int32 *
map_movies(const Ratings *ratings, const CachedModel *model)
{
	const int64 *ids = image_section(model->header, IMAGE_MOVIE_IDS);
	int32	   *index = palloc_extended(sizeof(int32) * (Size) ratings->n_movies, MCXT_ALLOC_HUGE);
	int32	   *movie = palloc_extended(sizeof(int32) * (Size) ratings->n_rows, MCXT_ALLOC_HUGE);

	for (int32 i = 0; i < ratings->n_movies; i++)
		index[i] = id_find(ids, model->header->n_movies, ratings->movie_ids[i]);
	for (int64 row = 0; row < ratings->n_rows; row++)
		movie[row] = index[ratings->movie[row]];
	return movie;
}

/* The active model's NDCG on the validation rows. */
static double
active_ndcg(const CachedModel *active, const Dataset *dataset)
{
	Ratings		ratings;
	void	   *scratch;

	recode_ratings(&ratings, dataset, active);
	ratings.movie = map_movies(&dataset->ratings, active);
	scratch = MemoryContextAllocHuge(CurrentMemoryContext,
									 relevance_scratch(active->header) + ARENA_ALIGN);
	return relevance_ndcg(active->header, &ratings, tick,
						  (void *) TYPEALIGN(ARENA_ALIGN, scratch));
}

/*
 * gate_open: whether the new model may become the active one; a NOTICE says
 * why not.
 */
bool
gate_open(int32 model_id, const Dataset *dataset, double ndcg, double popularity_ndcg)
{
	CachedModel *active = cache_find(0);
	double		before;

	if (isnan(ndcg))
	{
		ereport(NOTICE,
				(errmsg("model %d is not activated", model_id),
				 errdetail("There are no liked validation ratings to judge it by."),
				 errhint("Raise validation_fraction, or use activate_recommender().")));
		return false;
	}
	if (!(ndcg > popularity_ndcg))
	{
		ereport(NOTICE,
				(errmsg("model %d is not activated", model_id),
				 errdetail("Its validation NDCG@10 is %.4f, that of popularity %.4f.",
						   ndcg, popularity_ndcg)));
		return false;
	}
	if (active == NULL)
		return true;
	before = active_ndcg(active, dataset);
	if (!(ndcg > before))
	{
		ereport(NOTICE,
				(errmsg("model %d is not activated", model_id),
				 errdetail("Its validation NDCG@10 is %.4f, that of the active model %d %.4f.",
						   ndcg, active->entry.model_id, before)));
		return false;
	}
	return true;
}
