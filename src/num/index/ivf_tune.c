/*
 * ivf_tune.c: see ivf_measure.h.
 *
 * The search is tried with users' vectors, which are the queries that will come:
 * films like a film are easier to find than films for a user.
 *
 * What margin a film needs to be found can be told without searching: that at
 * which its block reaches the bar that the exact search ended with.  A search with
 * a smaller margin has a lower bar, and so finds no less.  The margins that do for
 * a share of the films are the levels.
 *
 * The answers are looked at to several depths, and the largest margin is taken.
 * The first few films of all need more than the others, and somebody may want no
 * more than these.  Most models need the less the deeper one looks.  But where a
 * taste is a tight bunch of films, finding those tells nothing of finding the next
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
#define MARGINS 1024			/* steps of a margin from 0 to 1 */
#define SHALLOW 10
#define DEEP 2000

static const float target[IVF_LEVELS] = {0.9f, 0.95f, 0.98f, 0.99f, 0.995f, 0.999f};
static const int32_t depth[IVF_DEPTHS] = {SHALLOW, IVF_MEASURED, DEEP};

void
ivf_measure_carve(IvfMeasure *measure, Arena *arena, int32_t n_lists)
{
	measure->bar = ARENA_ARRAY(arena, float, N_IVF_ORDERS * MAX_QUERIES);
	measure->needed = ARENA_ARRAY(arena, int64_t, N_IVF_ORDERS * IVF_DEPTHS * (MARGINS + 1));
	measure->found = ARENA_ARRAY(arena, int64_t, N_IVF_ORDERS * IVF_LEVELS);
	measure->looked = ARENA_ARRAY(arena, int64_t, N_IVF_ORDERS * IVF_LEVELS);
	measure->entries = ARENA_ARRAY(arena, TopkEntry, DEEP);
	measure->scratch = ARENA_ARRAY(arena, float, 2 * n_lists);
}

static IvfHeader *
index_of(const IvfMeasure *measure)
{
	return (IvfHeader *) image_section(measure->image, IMAGE_INDEX);
}

void
ivf_measure_begin(IvfMeasure *measure, void *image, const int32_t *list, const int32_t *block)
{
	int32_t		n_users = ((const ImageHeader *) image)->n_users;

	measure->image = image;
	measure->list = list;
	measure->block = block;
	measure->n_queries = n_users < MAX_QUERIES ? n_users : MAX_QUERIES;
	measure->at = 0;
	index_of(measure)->n_queries = measure->n_queries;
	ivf_open(&measure->lists, index_of(measure));
	memset(measure->needed, 0, sizeof(int64_t) * N_IVF_ORDERS * IVF_DEPTHS * (MARGINS + 1));
	memset(measure->found, 0, sizeof(int64_t) * N_IVF_ORDERS * IVF_LEVELS);
	memset(measure->looked, 0, sizeof(int64_t) * N_IVF_ORDERS * IVF_LEVELS);
}

/* ---------------------------------------------------------------------------
 * Asking
 * ------------------------------------------------------------------------- */

/* A user's query in one of the orders, and what it is asked of. */
typedef struct Asked
{
	ScanFilms	films;
	ScanQuery	query;
	Codes		codes;
} Asked;

static void
open_query(const IvfMeasure *measure, Asked *asked, int32_t query, IvfOrder order)
{
	const ImageHeader *header = measure->image;
	bool		likeliest = order == IVF_LIKELIEST;
	int64_t		user = (int64_t) query * header->n_users / measure->n_queries;
	const float *vectors = image_section(header, IMAGE_USER_VECTORS);

	asked->films.rows = image_section(header, IMAGE_MOVIE_VECTORS);
	asked->films.bias = likeliest ? image_section(header, IMAGE_MOVIE_POPULARITY) : NULL;
	asked->films.skip = NULL;
	scan_prepare(&asked->query, vectors + user * VECTOR_DIMS,
				 likeliest ? header->temperature : 1, scan_level());
	codes_open(&asked->codes, image_section(header, IMAGE_MOVIE_CODES));
}

/* The k best come to measure->entries; returns how many blocks were looked into. */
static int32_t
ask(IvfMeasure *measure, const Asked *asked, float margin, int32_t k, Topk *topk)
{
	topk_init(topk, measure->entries, k);
	return ivf_search(topk, &asked->films, index_of(measure), &asked->codes, margin, &asked->query,
					  NULL, measure->scratch);
}

/* ---------------------------------------------------------------------------
 * Margins
 * ------------------------------------------------------------------------- */

/* The margin, in steps, with which a film's block reaches the bar. */
static int
needed_margin(const IvfMeasure *measure, const Asked *asked, int32_t film, float bar)
{
	const CodeBlock *block = &asked->codes.blocks[measure->block[film]];
	float		possible = block->norm * asked->query.norm;
	float		score;
	float		missing;

	scan_scores(&score, &asked->query, measure->lists.origins, &measure->list[film], 1);
	missing = bar - score - scan_reach(block, &asked->query, asked->films.bias != NULL, 0);
	if (!(missing > 0))
		return 0;
	return missing < possible ? (int) ceilf(missing / possible * MARGINS) : MARGINS;
}

static int64_t *
needed_by(const IvfMeasure *measure, IvfOrder order, int which)
{
	return measure->needed + (order * IVF_DEPTHS + which) * (MARGINS + 1);
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
		float		bar;

		ask(measure, &asked, 1, depth[which], &topk);
		bar = scan_bar(&topk);
		if (depth[which] == IVF_MEASURED)
			measure->bar[order * MAX_QUERIES + query] = bar;
		for (int32_t i = 0; i < topk.n; i++)
			needed[needed_margin(measure, &asked, topk.entry[i].index, bar)]++;
	}
}

/* Raises the margins to the least ones that reach the targets. */
static void
raise_margins(IvfLevel *levels, const int64_t *needed)
{
	int64_t		all = 0;
	int64_t		found = 0;
	int			level = 0;

	for (int margin = 0; margin <= MARGINS; margin++)
		all += needed[margin];
	for (int margin = 0; margin <= MARGINS; margin++)
	{
		found += needed[margin];
		for (; level < IVF_LEVELS && (double) found >= (double) target[level] * all; level++)
			levels[level].margin = fmaxf(levels[level].margin, (float) margin / MARGINS);
	}
}

/* ---------------------------------------------------------------------------
 * Levels
 * ------------------------------------------------------------------------- */

/* Asks with the margin of each level: what is found, and what does it take? */
static void
try_levels(IvfMeasure *measure, int32_t query, IvfOrder order)
{
	float		bar = measure->bar[order * MAX_QUERIES + query];
	Asked		asked;

	open_query(measure, &asked, query, order);
	for (int level = 0; level < IVF_LEVELS; level++)
	{
		int			which = order * IVF_LEVELS + level;
		float		margin = index_of(measure)->level[order][level].margin;
		Topk		topk;

		measure->looked[which] += ask(measure, &asked, margin, IVF_MEASURED, &topk);
		for (int32_t i = 0; i < topk.n; i++)
			measure->found[which] += topk.entry[i].score >= bar;
	}
}

static void
set_levels(IvfMeasure *measure, IvfOrder order)
{
	double		n_films = (double) measure->n_queries * IVF_MEASURED;
	double		n_blocks = (double) measure->n_queries *
		measure->lists.first_block[measure->lists.n];

	for (int i = 0; i < IVF_LEVELS; i++)
	{
		IvfLevel   *level = &index_of(measure)->level[order][i];

		level->promise = target[i];
		level->recall = (float) ((double) measure->found[order * IVF_LEVELS + i] / n_films);
		level->share = (float) ((double) measure->looked[order * IVF_LEVELS + i] / n_blocks);
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
			raise_margins(index_of(measure)->level[order], needed_by(measure, order, which));
		if (measure->at == 2 * measure->n_queries)
			set_levels(measure, order);
	}
	return measure->at < 2 * measure->n_queries;
}
