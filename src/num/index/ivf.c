/*
 * ivf.c: see ivf.h.
 *
 * A list has a centroid, the mean of its vectors, and what is coded are the
 * residuals.  So one product for each list gives the score that all its movies have
 * in common, and an upper bound: no score exceeds it by more than the length of the
 * residual times that of the query, plus the popularity if the score is the logit.
 * What cannot reach the threshold, the k-th best score so far, is skipped, lists
 * first, then blocks.
 *
 * In 64 dimensions a residual hardly ever points along the query.  In practice at
 * most a share of its length counts, four tenths or so.  That share is the bound
 * factor; a search with one below 1 is approximate, and many times faster.
 *
 * (Scanning a fixed number of lists, those with the nearest centroids, was tried.
 * By cosine it did as well where movies spread evenly, and needed 18 times as many
 * lists where they crowd, as in a model that has hardly learned yet.  By logit,
 * where a popular movie may be in any list, it needed 14 times as many, whatever
 * was done to the order of the lists.  And here nothing needs to be done for a
 * large k, or where movies are skipped: the threshold is low then, and more is
 * scanned.)
 */
#include "num/index/ivf.h"

#include <math.h>
#include <string.h>

#include "num/index/scan_kernels.h"

/*
 * Smaller catalogues have no index.  With this many movies an exact search takes 0.3
 * times as long with it, 0.2 ms less; with 100,000 movies 0.2 times as long.
 */
#define MIN_LISTED 20000

#define MOVIES_PER_LIST 256
#define MAX_LISTS 4096

/* Lists that are scanned first, best first, so that the threshold is high for the others */
#define N_FIRST 32

/* Blocks between two checks for interrupts */
#define CHECK_BLOCKS 16384

/* ---------------------------------------------------------------------------
 * Layout
 * ------------------------------------------------------------------------- */

int32_t
ivf_count_lists(int32_t n_movies)
{
	int32_t		n = n_movies / MOVIES_PER_LIST;

	return n_movies < MIN_LISTED ? 0 : n > MAX_LISTS ? MAX_LISTS : n;
}

int32_t
ivf_max_blocks(int32_t n_movies)
{
	return code_blocks(n_movies) + ivf_count_lists(n_movies);
}

static uint64_t
index_size(int32_t n_lists)
{
	return sizeof(IvfHeader) + (uint64_t) n_lists *
		(VECTOR_DIMS * sizeof(float) + sizeof(CodeBlock)) +
		((uint64_t) n_lists + 1) * sizeof(int32_t);
}

void
ivf_layout(ModelFileHeader *header)
{
	int32_t		n = header->n_movies;

	header->length[MODEL_FILE_MOVIE_CODES] = n < MIN_LISTED ? 0 : codes_size(ivf_max_blocks(n));
	header->length[MODEL_FILE_INDEX] = n < MIN_LISTED ? 0 : index_size(ivf_count_lists(n));
}

void
ivf_open(IvfLists *lists, const void *index)
{
	lists->n = ((const IvfHeader *) index)->n_lists;
	lists->centroids = (float *) ((IvfHeader *) index + 1);
	lists->bounds = (CodeBlock *) (lists->centroids + (int64_t) lists->n * VECTOR_DIMS);
	lists->first_block = (int32_t *) (lists->bounds + lists->n);
}

bool
ivf_is_sound(const void *index, uint64_t size, const void *codes)
{
	const IvfHeader *header = index;
	IvfLists	lists;

	if (size < sizeof(IvfHeader) || header->n_lists < 1 || index_size(header->n_lists) > size)
		return false;
	ivf_open(&lists, index);
	if (lists.first_block[0] != 0 ||
		lists.first_block[lists.n] != ((const CodesHeader *) codes)->n_blocks)
		return false;
	for (int32_t list = 0; list < lists.n; list++)
		if (lists.first_block[list] > lists.first_block[list + 1])
			return false;
	return true;
}

IvfLevel
ivf_level(const void *index, IvfOrder order, float recall)
{
	const IvfHeader *header = index;

	for (int i = 0; i < IVF_LEVELS; i++)
	{
		const IvfLevel *level = &header->level[order][i];

		if (level->promise > 0 && level->promise >= recall)
			return *level;
	}
	return (IvfLevel) {1, 1, 1, 1};
}

/* ---------------------------------------------------------------------------
 * Searching
 * ------------------------------------------------------------------------- */

typedef struct Search
{
	CodeScan	scan;
	IvfLists	lists;
	float	   *score;			/* [n], of the centroids */
	float	   *upper_bound;	/* [n], of the scores of the list; -INFINITY: scanned */
	int32_t		n_checked;		/* blocks scanned at the last check for interrupts */
	void (*check_interrupts) (void);
} Search;

size_t
ivf_search_scratch(const void *index)
{
	return 2 * sizeof(float) * ((const IvfHeader *) index)->n_lists;
}

static void
bound_lists(Search *search)
{
	const CodeScan *scan = &search->scan;
	bool		biased = scan->movies->bias != NULL;

	scan_scores(search->score, scan->query, search->lists.centroids, NULL, search->lists.n);
	for (int32_t list = 0; list < search->lists.n; list++)
		search->upper_bound[list] = search->score[list] +
			scan_upper_bound(&search->lists.bounds[list], scan->query, biased, scan->bound_factor);
}

static void
search_list(Search *search, int32_t list)
{
	const int32_t *first = search->lists.first_block + list;

	scan_blocks(&search->scan, first[0], first[1], search->score[list]);
	search->upper_bound[list] = -INFINITY;
	if (search->check_interrupts != NULL &&
		search->scan.n_scanned - search->n_checked >= CHECK_BLOCKS)
	{
		search->check_interrupts();
		search->n_checked = search->scan.n_scanned;
	}
}

/* The lists with the largest bounds, best first. */
static void
search_first_lists(Search *search)
{
	TopkEntry	entry[N_FIRST];
	Topk		first;

	topk_init(&first, entry, N_FIRST);
	topk_push_all(&first, search->upper_bound, search->lists.n, NULL);
	topk_sort(&first);
	for (int i = 0; i < first.n; i++)
		search_list(search, entry[i].index);
}

int32_t
ivf_search(Topk *topk, const ScanMovies *movies, const void *index, const Codes *codes,
		   float bound_factor, const ScanQuery *query, void (*check_interrupts) (void),
		   void *scratch)
{
	Search		search = {
		.scan.topk = topk,
		.scan.movies = movies,
		.scan.codes = codes,
		.scan.query = query,
		.scan.bound_factor = bound_factor,
		.check_interrupts = check_interrupts
	};

	if (topk->k == 0)
		return 0;
	ivf_open(&search.lists, index);
	search.score = scratch;
	search.upper_bound = search.score + search.lists.n;
	bound_lists(&search);
	search_first_lists(&search);
	for (int32_t list = 0; list < search.lists.n; list++)
	{
		if (search.upper_bound[list] > -INFINITY &&
			search.upper_bound[list] >= scan_threshold(topk))
			search_list(&search, list);
	}
	scan_finish(&search.scan);
	return search.scan.n_scanned;
}
