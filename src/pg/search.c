/*
 * search.c: the best films of the catalogue for a vector.
 *
 * Films of the model are searched by their rows, or if there are many by their
 * codes; both are exact.  If mlrec.recall allows to miss some, very many are
 * searched by lists of similar films.  Fresh films have rows only.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/guc.h"

#include "../num/scan.h"
#include "search.h"

/* Films between two looks for interrupts: a few milliseconds at most */
#define FILMS_AT_A_TIME (256 * 1024)

static double recall_setting = 1.0;

/*
 * search_define_settings: the settings of this file, once per backend.
 */
void
search_define_settings(void)
{
	DefineCustomRealVariable("mlrec.recall",
							 "Share of the best candidates that retrieval must find.",
							 "1 searches everything. Less lets recommend() use the index that "
							 "models of large catalogues have, with as many lists as gave this "
							 "recall when the model was trained.",
							 &recall_setting, 1.0, 0.0, 1.0,
							 PGC_USERSET, 0, NULL, NULL, NULL);
}

double
search_recall(void)
{
	return recall_setting;
}

/* ---------------------------------------------------------------------------
 * Searching
 * ------------------------------------------------------------------------- */

/*
 * How few lists give a recall; no lists if only a search of everything does.
 */
static IvfLevel
level_for(const ImageHeader *header, IvfOrder order, double recall)
{
	if (header->length[IMAGE_INDEX] == 0 || recall >= 1)
		return (IvfLevel) {1, 0};
	return ivf_level(image_section(header, IMAGE_INDEX), order, (float) recall);
}

static void
search_rows(const ScanFilms *films, int32 first, int32 n, const ScanQuery *query, Topk *topk)
{
	for (int32 at = 0; at < n; at += FILMS_AT_A_TIME)
	{
		CHECK_FOR_INTERRUPTS();
		scan_rows(topk, films, first, at, at + Min(FILMS_AT_A_TIME, n - at), query);
	}
}

static void
search_codes(const ScanFilms *films, const Codes *codes, const ScanQuery *query, Topk *topk)
{
	for (int32 at = 0; at < codes->n_blocks; at += FILMS_AT_A_TIME / CODE_BLOCK)
	{
		CHECK_FOR_INTERRUPTS();
		scan_codes(topk, films, codes, at,
				   at + Min(FILMS_AT_A_TIME / CODE_BLOCK, codes->n_blocks - at), query);
	}
}

static void
search_lists(const ImageHeader *header, const ScanFilms *films, const Codes *codes, int32 probes,
			 const ScanQuery *query, Topk *topk)
{
	const void *index = image_section(header, IMAGE_INDEX);
	void	   *scratch = palloc(ivf_search_scratch(index));

	ivf_search(topk, films, index, codes, probes, query, scratch);
	pfree(scratch);
}

static void
search(const Catalogue *catalogue, const float *vector, IvfOrder order, double recall,
	   const uint8 *skip, Topk *topk)
{
	const ImageHeader *header = catalogue->model->header;
	int32		probes = level_for(header, order, recall).probes;
	ScanFilms	known = {.rows = image_section(header, IMAGE_MOVIE_VECTORS), .skip = skip};
	ScanFilms	fresh = {.rows = catalogue->fresh_vectors, .skip = skip + catalogue->n_known};
	ScanQuery	query;
	Codes		codes;

	scan_prepare(&query, vector, order == IVF_LIKELIEST ? header->temperature : 1, scan_level());
	if (order == IVF_LIKELIEST)
		known.bias = image_section(header, IMAGE_MOVIE_POPULARITY);
	if (header->length[IMAGE_MOVIE_CODES] > 0)
		codes_open(&codes, image_section(header, IMAGE_MOVIE_CODES));

	if (probes > 0)
		search_lists(header, &known, &codes, probes, &query, topk);
	else if (header->length[IMAGE_MOVIE_CODES] > 0)
		search_codes(&known, &codes, &query, topk);
	else
		search_rows(&known, 0, header->n_movies, &query, topk);
	search_rows(&fresh, catalogue->n_known, catalogue->n_fresh, &query, topk);
}

void
search_nearest(const Catalogue *catalogue, const float *vector, double recall, const uint8 *skip,
			   Topk *topk)
{
	search(catalogue, vector, IVF_NEAREST, recall, skip, topk);
}

void
search_likeliest(const Catalogue *catalogue, const float *vector, double recall, const uint8 *skip,
				 Topk *topk)
{
	search(catalogue, vector, IVF_LIKELIEST, recall, skip, topk);
}

/* ---------------------------------------------------------------------------
 * What is done
 * ------------------------------------------------------------------------- */

char *
search_describe(const ImageHeader *header)
{
	const IvfHeader *index = image_section(header, IMAGE_INDEX);
	IvfLevel	nearest = level_for(header, IVF_NEAREST, recall_setting);
	IvfLevel	likeliest = level_for(header, IVF_LIKELIEST, recall_setting);

	if (header->length[IMAGE_MOVIE_CODES] == 0)
		return psprintf("exact, %d vectors", header->n_movies);
	if (nearest.probes == 0)
		return psprintf("exact, %d codes of 8 bits, best ones by vector", header->n_movies);
	return psprintf("inverted file, %d of %d lists, recall %.4f measured with %d users; "
					"by relevance %d lists, recall %.4f",
					nearest.probes, index->n_lists, nearest.recall, index->n_queries,
					likeliest.probes > 0 ? likeliest.probes : index->n_lists, likeliest.recall);
}
