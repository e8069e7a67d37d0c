/*
 * ivf_tune.c: see ivf_tune.h.
 *
 * The queries are users' vectors, which are the queries that will come: movies like
 * a movie are easier to find than movies for a user.
 *
 * The bound factor that a movie needs to be found is known without searching: it is
 * the one with which the bound of its block reaches the threshold that the exact
 * search ended with.  A search with a smaller bound factor has a lower threshold,
 * and so finds no less.  The bound factors that suffice for a share of the movies
 * are the levels.
 *
 * This is done for several k, and the largest bound factor is taken.  The first few
 * movies need more than the others, and a caller may want no more than these.  In
 * most models the need falls with k.  But where a taste is a tight cluster of
 * movies, finding those says nothing of finding the next cluster, which is what a
 * user wants who has seen the first.
 *
 * Then all queries run again with the bound factor of each level, to measure its
 * recall and the share of the blocks that it scans.
 */
#include "num/index/ivf_tune.h"

#include <math.h>
#include <string.h>

#include "num/index/scan_kernels.h"

#define MAX_QUERIES 200
#define BOUND_FACTORS 1024		/* steps of a bound factor from 0 to 1 */
#define SHALLOW 10
#define DEEP 2000

static const float target[IVF_LEVELS] = {0.9f, 0.95f, 0.98f, 0.99f, 0.995f, 0.999f};
static const int32_t depth[IVF_DEPTHS] = {SHALLOW, IVF_MEASURED, DEEP};

void
ivf_measure_carve(IvfMeasure *measure, Arena *arena, int32_t n_lists)
{
	measure->threshold = ARENA_ARRAY(arena, float, N_IVF_ORDERS * MAX_QUERIES);
	measure->needed = ARENA_ARRAY(arena, int64_t, N_IVF_ORDERS * IVF_DEPTHS * (BOUND_FACTORS + 1));
	measure->found = ARENA_ARRAY(arena, int64_t, N_IVF_ORDERS * IVF_LEVELS);
	measure->scanned = ARENA_ARRAY(arena, int64_t, N_IVF_ORDERS * IVF_LEVELS);
	measure->entries = ARENA_ARRAY(arena, TopkEntry, DEEP);
	measure->scratch = ARENA_ARRAY(arena, float, 2 * n_lists);
}

static IvfHeader *
index_of(const IvfMeasure *measure)
{
	return (IvfHeader *) model_file_section(measure->file, MODEL_FILE_INDEX);
}

void
ivf_measure_begin(IvfMeasure *measure, void *file, const int32_t *list, const int32_t *block)
{
	int32_t		n_users = ((const ModelFileHeader *) file)->n_users;

	measure->file = file;
	measure->list = list;
	measure->block = block;
	measure->n_queries = n_users < MAX_QUERIES ? n_users : MAX_QUERIES;
	measure->at = 0;
	index_of(measure)->n_queries = measure->n_queries;
	ivf_open(&measure->lists, index_of(measure));
	memset(measure->needed, 0, sizeof(int64_t) * N_IVF_ORDERS * IVF_DEPTHS * (BOUND_FACTORS + 1));
	memset(measure->found, 0, sizeof(int64_t) * N_IVF_ORDERS * IVF_LEVELS);
	memset(measure->scanned, 0, sizeof(int64_t) * N_IVF_ORDERS * IVF_LEVELS);
}

/* ---------------------------------------------------------------------------
 * Queries
 * ------------------------------------------------------------------------- */

/* A user's query in one of the orders, and what it searches. */
typedef struct UserQuery
{
	ScanMovies	movies;
	ScanQuery	query;
	Codes		codes;
} UserQuery;

static void
open_query(const IvfMeasure *measure, UserQuery *query, int32_t number, IvfOrder order)
{
	const ModelFileHeader *header = measure->file;
	bool		by_logit = order == IVF_BY_LOGIT;
	int64_t		user = (int64_t) number * header->n_users / measure->n_queries;
	const float *vectors = model_file_section(header, MODEL_FILE_USER_VECTORS);

	query->movies.vectors = model_file_section(header, MODEL_FILE_MOVIE_VECTORS);
	query->movies.bias = by_logit ? model_file_section(header, MODEL_FILE_MOVIE_POPULARITY) : NULL;
	query->movies.skip = NULL;
	scan_prepare(&query->query, vectors + user * VECTOR_DIMS,
				 by_logit ? header->temperature : 1, scan_level());
	codes_open(&query->codes, model_file_section(header, MODEL_FILE_MOVIE_CODES));
}

/* Searches for the k best, in measure->entries; returns the blocks scanned. */
static int32_t
run_query(IvfMeasure *measure, const UserQuery *query, float bound_factor, int32_t k, Topk *topk)
{
	topk_init(topk, measure->entries, k);
	return ivf_search(topk, &query->movies, index_of(measure), &query->codes, bound_factor,
					  &query->query, NULL, measure->scratch);
}

/* ---------------------------------------------------------------------------
 * Bound factors
 * ------------------------------------------------------------------------- */

/* The bound factor, in steps, with which a movie's block reaches the threshold. */
static int
needed_bound_factor(const IvfMeasure *measure, const UserQuery *query, int32_t movie,
					float threshold)
{
	const CodeBlock *block = &query->codes.blocks[measure->block[movie]];
	float		possible = block->norm * query->query.norm;
	float		score;
	float		missing;

	scan_scores(&score, &query->query, measure->lists.centroids, &measure->list[movie], 1);
	missing = threshold - score -
		scan_upper_bound(block, &query->query, query->movies.bias != NULL, 0);
	if (!(missing > 0))
		return 0;
	return missing < possible ? (int) ceilf(missing / possible * BOUND_FACTORS) : BOUND_FACTORS;
}

static int64_t *
needed_by(const IvfMeasure *measure, IvfOrder order, int which)
{
	return measure->needed + (order * IVF_DEPTHS + which) * (BOUND_FACTORS + 1);
}

/* Searches exactly, and counts the bound factors that the movies found need. */
static void
count_needed(IvfMeasure *measure, int32_t number, IvfOrder order)
{
	UserQuery	query;

	open_query(measure, &query, number, order);
	for (int which = 0; which < IVF_DEPTHS; which++)
	{
		int64_t    *needed = needed_by(measure, order, which);
		Topk		topk;
		float		threshold;

		run_query(measure, &query, 1, depth[which], &topk);
		threshold = scan_threshold(&topk);
		if (depth[which] == IVF_MEASURED)
			measure->threshold[order * MAX_QUERIES + number] = threshold;
		for (int32_t i = 0; i < topk.n; i++)
			needed[needed_bound_factor(measure, &query, topk.entry[i].index, threshold)]++;
	}
}

/* Raises the bound factors to the smallest ones that reach the targets. */
static void
raise_bound_factors(IvfLevel *levels, const int64_t *needed)
{
	int64_t		all = 0;
	int64_t		found = 0;
	int			level = 0;

	for (int bound_factor = 0; bound_factor <= BOUND_FACTORS; bound_factor++)
		all += needed[bound_factor];
	for (int bound_factor = 0; bound_factor <= BOUND_FACTORS; bound_factor++)
	{
		found += needed[bound_factor];
		for (; level < IVF_LEVELS && (double) found >= (double) target[level] * all; level++)
			levels[level].bound_factor = fmaxf(levels[level].bound_factor, (float) bound_factor /
											   BOUND_FACTORS);
	}
}

/* ---------------------------------------------------------------------------
 * Levels
 * ------------------------------------------------------------------------- */

/* Searches with the bound factor of each level; counts what is found and scanned. */
static void
measure_levels(IvfMeasure *measure, int32_t number, IvfOrder order)
{
	float		threshold = measure->threshold[order * MAX_QUERIES + number];
	UserQuery	query;

	open_query(measure, &query, number, order);
	for (int level = 0; level < IVF_LEVELS; level++)
	{
		int			which = order * IVF_LEVELS + level;
		float		bound_factor = index_of(measure)->level[order][level].bound_factor;
		Topk		topk;

		measure->scanned[which] += run_query(measure, &query, bound_factor, IVF_MEASURED, &topk);
		for (int32_t i = 0; i < topk.n; i++)
			measure->found[which] += topk.entry[i].score >= threshold;
	}
}

static void
set_levels(IvfMeasure *measure, IvfOrder order)
{
	double		n_movies = (double) measure->n_queries * IVF_MEASURED;
	double		n_blocks = (double) measure->n_queries *
		measure->lists.first_block[measure->lists.n];

	for (int i = 0; i < IVF_LEVELS; i++)
	{
		IvfLevel   *level = &index_of(measure)->level[order][i];

		level->promise = target[i];
		level->recall = (float) ((double) measure->found[order * IVF_LEVELS + i] / n_movies);
		level->share = (float) ((double) measure->scanned[order * IVF_LEVELS + i] / n_blocks);
	}
}

/* One query a step: in the first round exactly, in the second with all levels. */
bool
ivf_measure_step(IvfMeasure *measure)
{
	bool		exactly = measure->at < measure->n_queries;
	int32_t		number;

	if (measure->n_queries == 0)
		return false;
	number = measure->at++ % measure->n_queries;
	for (int order = 0; order < N_IVF_ORDERS; order++)
	{
		if (exactly)
			count_needed(measure, number, order);
		else
			measure_levels(measure, number, order);
		for (int which = 0; which < IVF_DEPTHS && measure->at == measure->n_queries; which++)
			raise_bound_factors(index_of(measure)->level[order], needed_by(measure, order, which));
		if (measure->at == 2 * measure->n_queries)
			set_levels(measure, order);
	}
	return measure->at < 2 * measure->n_queries;
}
