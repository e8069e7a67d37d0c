/*
 * recommend_batch.c: a batch of users through the networks together.
 *
 * The users' vectors are computed at once, and scored against the movies as a
 * product of two matrices.  The movies come in blocks, so that memory is bounded
 * by the batch, not by users times movies:
 *
 *		scores [users of the batch][movies of the block] -> a heap per user
 *
 * There is no mask per user.  What a user has seen gets a score of -INFINITY
 * in the block's scores, and no score of that kind comes into the heap.
 *
 * The product sums in another order than a search for one user (scan.h), so of
 * two movies with nearly the same score one user's list could have the one here and
 * the other there.  Therefore scores that may be among the best, a small part of
 * all, are computed again as the search does it.  By relevance the score is the
 * logit, else the cosine, as in recommend.c.
 *
 * The candidates of some users at a time go through the ranking network, with
 * the movies' halves of its first layer computed once for all users, as long as
 * the catalogue is not too large for that (see rank_pairs.h).
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "storage/shmem.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "num/net/dense.h"
#include "pg/serve/recommend_batch.h"

#define BLOCK_MOVIES 4096

/*
 * More than two sums of the products of VECTOR_DIMS numbers of two unit vectors
 * can differ by: each is off by less than VECTOR_DIMS * 2^-24.  The share of its
 * temperature and of itself that two sums of a logit can differ by.
 */
#define SCORE_ERROR 1e-5f

/* Halves are kept of at most so many movies: 8 MB. */
#define MAX_HALVES 16384

static void *
allocate(Size size, Size count)
{
	return palloc_extended(mul_size(size, Max(count, 1)), MCXT_ALLOC_HUGE);
}

Batch *
batch_create(const Serving *serving, const RecommendRequest *request, ReturnSetInfo *result)
{
	const Model *model = serving->model->model;
	Batch	   *batch = palloc0(sizeof(Batch));
	int32		k = recommend_candidates(serving, request);
	int32		rows = PAIR_ROWS + k;

	batch->serving = serving;
	batch->request = request;
	batch->result = result;
	batch->context = AllocSetContextCreate(CurrentMemoryContext, "mlrec batch",
										   ALLOCSET_DEFAULT_SIZES);
	batch->k = k;
	batch->workspace.items = allocate(sizeof(Recommendation), k);
	batch->vectors = allocate(sizeof(float), BATCH_USERS * VECTOR_DIMS);
	batch->temperatures = allocate(sizeof(float), BATCH_USERS);
	batch->rank_vectors = allocate(sizeof(float), BATCH_USERS * VECTOR_DIMS);
	batch->halves = allocate(sizeof(float), BATCH_USERS * PAIR_HALF);
	batch->tower_scratch = allocate(sizeof(float), model_users_scratch(model, BATCH_USERS));
	batch->scores = allocate(sizeof(float), BATCH_USERS * BLOCK_MOVIES);
	batch->items = allocate(sizeof(Recommendation) * BATCH_USERS, Min(request->n, k));
	batch->pairs = allocate(sizeof(RankPair), rows);
	batch->ratings = allocate(sizeof(float), rows);
	batch->rank_scratch = allocate(sizeof(float), pairs_scratch(rows));
	return batch;
}

BatchSlot *
batch_add_user(Batch *batch, int64 user_id)
{
	BatchSlot  *slot;

	if (batch->n_slots == BATCH_USERS)
		batch_finish(batch);
	slot = &batch->slots[batch->n_slots++];
	slot->state = user_state_create(batch->context);
	user_state_begin(slot->state, batch->serving->model, &batch->serving->relations,
					 batch->serving->clock, user_id);
	return slot;
}

/* ---------------------------------------------------------------------------
 * Retrieval
 * ------------------------------------------------------------------------- */

static int
compare_int32(const void *a, const void *b)
{
	int32		x = *(const int32 *) a;
	int32		y = *(const int32 *) b;

	return x < y ? -1 : x > y;
}

/* Lists what the user of a slot has seen. */
static void
list_seen(BatchSlot *slot, const Catalogue *catalogue)
{
	const UserState *state = slot->state;
	int32		n = 0;

	slot->seen = allocate(sizeof(int32), state->n_seen + state->n_other);
	for (int32 i = 0; i < state->n_seen; i++)
		slot->seen[n++] = state->seen[i].movie;
	for (int32 i = 0; i < state->n_other; i++)
	{
		int32		movie = catalogue_find(catalogue, state->other[i].movie_id);

		if (movie >= 0)
			slot->seen[n++] = movie;
	}
	qsort(slot->seen + state->n_seen, n - state->n_seen, sizeof(int32), compare_int32);
	slot->n_seen = n;
	slot->next_seen = 0;
}

/* By what the score of movies has the cosine of the user of a slot. */
static float
score_scale(const Batch *batch, int32 slot)
{
	return batch->request->by_relevance ? batch->temperatures[slot] : 1;
}

/* The users' vectors and empty heaps. */
static void
prepare_slots(Batch *batch)
{
	const Model *model = batch->serving->model->model;
	UserInput  *inputs = palloc(sizeof(UserInput) * BATCH_USERS);

	for (int32 i = 0; i < batch->n_slots; i++)
	{
		BatchSlot  *slot = &batch->slots[i];

		inputs[i] = slot->state->input;
		list_seen(slot, batch->serving->catalogue);
		topk_init(&slot->topk, allocate(sizeof(TopkEntry), batch->k), batch->k);
	}
	model_users(model, inputs, batch->n_slots, batch->vectors, batch->temperatures,
				batch->rank_vectors, batch->tower_scratch);
	for (int32 i = 0; i < batch->n_slots; i++)
		scan_prepare(&batch->slots[i].query, batch->vectors + (Size) i * VECTOR_DIMS,
					 score_scale(batch, i), scan_level());
	model_user_halves(model, batch->rank_vectors, batch->n_slots, batch->halves);
}

/* Movies of the catalogue, up to BLOCK_MOVIES */
typedef struct MovieRange
{
	int32		first;
	int32		count;
	const float *popularity;	/* what is added to their scores; NULL: nothing */
} MovieRange;

/* Makes scores of a block's cosines; what may not be shown gets none. */
static void
add_popularity(float *scores, const MovieRange *block, const uint8 *hidden, float scale)
{
	for (int32 i = 0; i < block->count; i++)
	{
		float		popularity = block->popularity != NULL ? block->popularity[i] : 0;

		scores[i] = hidden[i] ? -INFINITY : scale * scores[i] + popularity;
	}
}

/*
 * Offers a block by scores that may be off by SCORE_ERROR.  A score that is off may
 * be in the place of another that is off the other way, therefore twice the error.
 */
static void
offer_block(BatchSlot *slot, const Catalogue *catalogue, const MovieRange *block,
			const float *scores, float scale)
{
	int32		kept[BLOCK_MOVIES];
	float		exact[BLOCK_MOVIES];
	float		threshold = fmaxf(scan_threshold(&slot->topk),
								  topk_bound(scores, block->count, slot->topk.k));
	int32		n = 0;

	threshold -= 2 * SCORE_ERROR * (scale + fabsf(threshold));
	for (int32 i = 0; i < block->count; i++)
	{
		kept[n] = i;
		n += scores[i] > threshold;
	}
	scan_scores(exact, &slot->query, catalogue_vector(catalogue, block->first), kept, n);
	for (int32 i = 0; i < n; i++)
	{
		exact[i] += block->popularity != NULL ? block->popularity[kept[i]] : 0;
		kept[i] += block->first;
	}
	topk_push_some(&slot->topk, exact, kept, n);
}

/* Scores the movies of a block for all users of the batch. */
static void
score_block(Batch *batch, const MovieRange *block)
{
	const Catalogue *catalogue = batch->serving->catalogue;
	int32		end = block->first + block->count;

	CHECK_FOR_INTERRUPTS();
	dense_scores(batch->scores, BLOCK_MOVIES, batch->vectors, batch->n_slots,
				 catalogue_vector(catalogue, block->first), block->count);
	for (int32 i = 0; i < batch->n_slots; i++)
	{
		BatchSlot  *slot = &batch->slots[i];
		float	   *scores = batch->scores + (Size) i * BLOCK_MOVIES;
		float		scale = score_scale(batch, i);

		for (; slot->next_seen < slot->n_seen && slot->seen[slot->next_seen] < end;
			 slot->next_seen++)
			scores[slot->seen[slot->next_seen] - block->first] = -INFINITY;
		add_popularity(scores, block, catalogue->hidden + block->first, scale);
		offer_block(slot, catalogue, block, scores, scale);
	}
}

/* The model's movies and the fresh ones are two arrays. */
static void
score_movies(Batch *batch)
{
	const Catalogue *catalogue = batch->serving->catalogue;
	const float *popularity = batch->request->by_relevance ?
		model_file_section(batch->serving->model->header, MODEL_FILE_MOVIE_POPULARITY) : NULL;
	MovieRange	block = {0};

	for (; block.first < catalogue->n_known; block.first += block.count)
	{
		block.count = Min(BLOCK_MOVIES, catalogue->n_known - block.first);
		block.popularity = popularity != NULL ? popularity + block.first : NULL;
		score_block(batch, &block);
	}
	block.popularity = NULL;
	for (; block.first < catalogue->n_movies; block.first += block.count)
	{
		block.count = Min(BLOCK_MOVIES, catalogue->n_movies - block.first);
		score_block(batch, &block);
	}
}

/* ---------------------------------------------------------------------------
 * Ranking
 * ------------------------------------------------------------------------- */

/* The movies' halves, once there are enough pairs to be worth it. */
static void
compute_movie_halves(Batch *batch)
{
	const Serving *serving = batch->serving;
	const Catalogue *catalogue = serving->catalogue;
	int32		n_known = catalogue->n_known;

	if (batch->movie_halves != NULL || catalogue->n_movies > MAX_HALVES ||
		(int64) batch->n_slots * batch->k < catalogue->n_movies)
		return;
	batch->movie_halves = MemoryContextAlloc(serving->context,
											 sizeof(float) * PAIR_HALF * catalogue->n_movies);
	if (n_known > 0)
		model_movie_halves(serving->model->model, catalogue_rank_vector(catalogue, 0), n_known,
						   batch->movie_halves);
	if (catalogue->n_fresh > 0)
		model_movie_halves(serving->model->model, catalogue_rank_vector(catalogue, n_known),
						   catalogue->n_fresh, batch->movie_halves + (Size) n_known * PAIR_HALF);
}

/* The candidates of a slot as pairs. */
static void
add_pairs(const Batch *batch, int32 slot, RankPair *pairs)
{
	const Topk *topk = &batch->slots[slot].topk;

	for (int32 i = 0; i < topk->n; i++)
	{
		int32		movie = topk->entry[i].index;

		pairs[i].user = batch->rank_vectors + (Size) slot * VECTOR_DIMS;
		pairs[i].user_half = batch->halves + (Size) slot * PAIR_HALF;
		pairs[i].movie = catalogue_rank_vector(batch->serving->catalogue, movie);
		pairs[i].movie_half = batch->movie_halves == NULL ? NULL :
			batch->movie_halves + (Size) movie * PAIR_HALF;
	}
}

/*
 * Movies recommended to the user of a slot, from the predictions of the candidates,
 * go to items; returns their number.
 */
static int32
order_slot(Batch *batch, int32 slot, float *predictions, Recommendation *items)
{
	int32		n;

	batch->workspace.topk = batch->slots[slot].topk;
	batch->workspace.predictions = predictions;
	n = recommend_order(&batch->workspace, batch->serving, batch->request,
						batch->vectors + (Size) slot * VECTOR_DIMS, batch->temperatures[slot]);
	memcpy(items, batch->workspace.items, sizeof(Recommendation) * n);
	return n;
}

/*
 * Ranks the candidates of all slots, of so many together that there are about
 * PAIR_ROWS.  The movies recommended go to batch->items, slot by slot, their
 * numbers to counts; returns the sum of these.
 */
static int32
rank_slots(Batch *batch, int32 *counts)
{
	int32		n_pairs = 0;
	int32		n_items = 0;
	int32		first = 0;		/* slot with candidates among the pairs */

	for (int32 i = 0; i < batch->n_slots; i++)
	{
		float	   *ratings = batch->ratings;

		add_pairs(batch, i, batch->pairs + n_pairs);
		n_pairs += batch->slots[i].topk.n;
		if (n_pairs < PAIR_ROWS && i + 1 < batch->n_slots)
			continue;
		CHECK_FOR_INTERRUPTS();
		model_rank_pairs(batch->serving->model->model, batch->pairs, n_pairs, ratings,
						 batch->rank_scratch);
		for (; first <= i; first++)
		{
			counts[first] = order_slot(batch, first, ratings, batch->items + n_items);
			n_items += counts[first];
			ratings += batch->slots[first].topk.n;
		}
		n_pairs = 0;
	}
	return n_items;
}

/* ---------------------------------------------------------------------------
 * Answering
 * ------------------------------------------------------------------------- */

/* Rows of the result: user_id and the columns of recommend. */
static void
put_rows(Batch *batch, const int32 *counts, const MovieText *texts)
{
	const Recommendation *item = batch->items;

	for (int32 i = 0; i < batch->n_slots; i++)
	{
		for (int32 rank = 1; rank <= counts[i]; rank++)
		{
			Datum		values[1 + RECOMMENDATION_COLUMNS];
			bool		nulls[1 + RECOMMENDATION_COLUMNS];

			values[0] = Int64GetDatum(batch->slots[i].state->user_id);
			nulls[0] = false;
			recommend_columns(item++, texts++, rank, values + 1, nulls + 1);
			tuplestore_putvalues(batch->result->setResult, batch->result->setDesc, values, nulls);
		}
	}
}

void
batch_finish(Batch *batch)
{
	MemoryContext caller = MemoryContextSwitchTo(batch->context);
	int32	   *counts = palloc(sizeof(int32) * BATCH_USERS);
	int32		n;

	if (batch->n_slots > 0)
	{
		prepare_slots(batch);
		if (batch->k > 0)
			score_movies(batch);
		compute_movie_halves(batch);
		n = rank_slots(batch, counts);
		put_rows(batch, counts,
				 recommend_describe(batch->serving, batch->items, n, batch->context));
	}
	batch->n_slots = 0;
	MemoryContextSwitchTo(caller);
	MemoryContextReset(batch->context);
}
