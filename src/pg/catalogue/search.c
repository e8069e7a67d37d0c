/*
 * search.c: the best films of the catalogue for a vector.
 *
 * Films of the model are searched by their rows, or if there are many by their
 * codes in lists of similar films; both are exact, unless mlrec.recall allows to
 * miss some.  Fresh films have rows only.
 */
#include "postgres.h"

#include "utils/guc.h"

#include "num/index/index_search.h"
#include "pg/catalogue/search.h"
#include "pg/util/interrupts.h"

static double recall_setting = 1.0;

/*
 * search_define_settings: the settings of this file, once per backend.
 */
void
search_define_settings(void)
{
	DefineCustomRealVariable("mlrec.recall",
							 "Share of the best candidates that retrieval must find.",
							 "1 finds them all. With less, a search of a large catalogue passes "
							 "over what is unlikely to be among them, as far as gave this recall "
							 "when the model was trained.",
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
 * What is enough for a recall.  Small catalogues are searched exactly in any case.
 */
static IvfLevel
level_for(const ImageHeader *header, IvfOrder order, double recall)
{
	if (header->length[IMAGE_INDEX] == 0)
		return (IvfLevel) {1, 1, 1, 1};
	return ivf_level(image_section(header, IMAGE_INDEX), order, (float) recall);
}

/* Films that the model does not have: some, hardly ever many. */
static void
search_fresh(const Catalogue *catalogue, const float *vector, float scale, const uint8 *skip,
			 Topk *topk)
{
	ScanFilms	films = {.rows = catalogue->fresh_vectors, .skip = skip + catalogue->n_known};
	ScanQuery	query;

	scan_prepare(&query, vector, scale, scan_level());
	image_search_rows(topk, &films, catalogue->n_known, catalogue->n_fresh, &query, tick);
}

static void
search(const Catalogue *catalogue, const float *vector, IvfOrder order, double recall,
	   const uint8 *skip, Topk *topk)
{
	const ImageHeader *header = catalogue->model->header;
	void	   *scratch = palloc(image_search_scratch(header));

	image_search(topk, header, vector, order, level_for(header, order, recall).margin, skip,
				 tick, scratch);
	search_fresh(catalogue, vector, order == IVF_LIKELIEST ? header->temperature : 1, skip, topk);
	pfree(scratch);
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
	IvfLevel	nearest;
	IvfLevel	likeliest;

	if (header->length[IMAGE_INDEX] == 0)
		return psprintf("exact, %d vectors", header->n_movies);
	nearest = level_for(header, IVF_NEAREST, recall_setting);
	likeliest = level_for(header, IVF_LIKELIEST, recall_setting);
	if (nearest.margin >= 1 && likeliest.margin >= 1)
		return psprintf("exact, %d codes of 8 bits in %d lists, best ones by vector",
						header->n_movies, index->n_lists);
	return psprintf("inverted file of %d lists, measured with %d users: "
					"recall %.4f in %.1f %% of the films; by relevance %.4f in %.1f %%",
					index->n_lists, index->n_queries, nearest.recall, 100 * nearest.share,
					likeliest.recall, 100 * likeliest.share);
}
