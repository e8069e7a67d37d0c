/*
 * ivf_tune.c: see ivf_tune.h.
 *
 * The search is tried with users' vectors, which are the queries that will come:
 * movies like a movie are easier to find than movies for a user.
 *
 * What margin a movie needs to be found can be told without searching: that at
 * which its block reaches the bar that the exact search ended with.  A search with
 * a smaller margin has a lower bar, and so finds no less.  The margins that do for
 * a share of the movies are the levels.
 *
 * The answers are looked at to several depths, and the largest margin is taken.
 * The first few movies of all need more than the others, and somebody may want no
 * more than these.  Most models need the less the deeper one looks.  But where a
 * taste is a tight bunch of movies, finding those tells nothing of finding the next
 * bunch, which is what a user wants who has seen the first.
 *
 * Then all queries are asked again with the margin of each level, to tell what it
 * really finds and how much it looks at.
 */
#include "num/index/ivf_tune.h"

#include <math.h>
#include <string.h>

#include "num/index/scan_kernels.h"

#define MAX_QUERIES 200
#define BOUND_FACTORS 1024		/* steps of a margin from 0 to 1 */
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
 * Asking
 * ------------------------------------------------------------------------- */

/* A user's query in one of the orders, and what it is asked of. */
typedef struct Asked
{
	ScanMovies	movies;
	ScanQuery	query;
	Codes		codes;
} Asked;

static void
open_query(const IvfMeasure *measure, Asked *asked, int32_t query, IvfOrder order)
{
	const ModelFileHeader *header = measure->file;
	bool		by_logit = order == IVF_BY_LOGIT;
	int64_t		user = (int64_t) query * header->n_users / measure->n_queries;
	const float *vectors = model_file_section(header, MODEL_FILE_USER_VECTORS);

	asked->movies.rows = model_file_section(header, MODEL_FILE_MOVIE_VECTORS);
	asked->movies.bias = by_logit ? model_file_section(header, MODEL_FILE_MOVIE_POPULARITY) : NULL;
	asked->movies.skip = NULL;
	scan_prepare(&asked->query, vectors + user * VECTOR_DIMS,
				 by_logit ? header->temperature : 1, scan_level());
	codes_open(&asked->codes, model_file_section(header, MODEL_FILE_MOVIE_CODES));
}

/* The k best come to measure->entries; returns how many blocks were looked into. */
static int32_t
ask(IvfMeasure *measure, const Asked *asked, float bound_factor, int32_t k, Topk *topk)
{
	topk_init(topk, measure->entries, k);
	return ivf_search(topk, &asked->movies, index_of(measure), &asked->codes, bound_factor,
					  &asked->query,
					  NULL, measure->scratch);
}

/* ---------------------------------------------------------------------------
 * Margins
 * ------------------------------------------------------------------------- */

/* The margin, in steps, with which a movie's block reaches the bar. */
static int
needed_bound_factor(const IvfMeasure *measure, const Asked *asked, int32_t movie, float threshold)
{
	const CodeBlock *block = &asked->codes.blocks[measure->block[movie]];
	float		possible = block->norm * asked->query.norm;
	float		score;
	float		missing;

	scan_scores(&score, &asked->query, measure->lists.centroids, &measure->list[movie], 1);
	missing = threshold - score - scan_upper_bound(block, &asked->query, asked->movies.bias != NULL,
												   0);
	if (!(missing > 0))
		return 0;
	return missing < possible ? (int) ceilf(missing / possible * BOUND_FACTORS) : BOUND_FACTORS;
}

static int64_t *
needed_by(const IvfMeasure *measure, IvfOrder order, int which)
{
	return measure->needed + (order * IVF_DEPTHS + which) * (BOUND_FACTORS + 1);
}

/* Asks exactly: how hard are the answers to find? */
static void
ask_exactly(IvfMeasure *measure, int32_t query, IvfOrder order)
{
	Asked		asked;

	open_query(measure, &asked, query, order);
	for (int which = 0; which < IVF_DEPTHS; which++)
	{
		int64_t    *needed = needed_by(measure, order, which);
		Topk		topk;
		float		threshold;

		ask(measure, &asked, 1, depth[which], &topk);
		threshold = scan_threshold(&topk);
		if (depth[which] == IVF_MEASURED)
			measure->threshold[order * MAX_QUERIES + query] = threshold;
		for (int32_t i = 0; i < topk.n; i++)
			needed[needed_bound_factor(measure, &asked, topk.entry[i].index, threshold)]++;
	}
}

/* Raises the margins to the least ones that reach the targets. */
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

/* Asks with the margin of each level: what is found, and what does it take? */
static void
try_levels(IvfMeasure *measure, int32_t query, IvfOrder order)
{
	float		threshold = measure->threshold[order * MAX_QUERIES + query];
	Asked		asked;

	open_query(measure, &asked, query, order);
	for (int level = 0; level < IVF_LEVELS; level++)
	{
		int			which = order * IVF_LEVELS + level;
		float		bound_factor = index_of(measure)->level[order][level].bound_factor;
		Topk		topk;

		measure->scanned[which] += ask(measure, &asked, bound_factor, IVF_MEASURED, &topk);
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

/* One query in one step: in the first round exactly, in the second with all margins. */
bool
ivf_measure_step(IvfMeasure *measure)
{
	bool		exactly = measure->at < measure->n_queries;
	int32_t		query;

	if (measure->n_queries == 0)
		return false;
	query = measure->at++ % measure->n_queries;
	for (int order = 0; order < N_IVF_ORDERS; order++)
	{
		if (exactly)
			ask_exactly(measure, query, order);
		else
			try_levels(measure, query, order);
		for (int which = 0; which < IVF_DEPTHS && measure->at == measure->n_queries; which++)
			raise_bound_factors(index_of(measure)->level[order], needed_by(measure, order, which));
		if (measure->at == 2 * measure->n_queries)
			set_levels(measure, order);
	}
	return measure->at < 2 * measure->n_queries;
}
