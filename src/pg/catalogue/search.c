/*
 * search.c: the best movies of the catalogue for a vector.
 *
 * Movies of the model are searched by their rows, or if there are many by their
 * codes in lists of similar movies; both are exact, unless mlrec.recall allows to
 * miss some.  Fresh movies have rows only.
 */
#include "postgres.h"

#include "utils/guc.h"

#include "num/index/index_search.h"
#include "pg/catalogue/search.h"
#include "pg/util/interrupts.h"

static double recall_setting = 1.0;

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
level_for(const ModelFileHeader *header, IvfOrder order, double recall)
{
	if (header->length[MODEL_FILE_INDEX] == 0)
		return (IvfLevel) {1, 1, 1, 1};
	return ivf_level(model_file_section(header, MODEL_FILE_INDEX), order, (float) recall);
}

/* Movies that the model does not have: some, hardly ever many. */
static void
search_fresh(const Catalogue *catalogue, const float *vector, float scale, const uint8 *skip,
			 Topk *topk)
{
	ScanMovies	movies = {.vectors = catalogue->fresh_vectors, .skip = skip + catalogue->n_known};
	ScanQuery	query;

	scan_prepare(&query, vector, scale, scan_level());
	index_search_vectors(topk, &movies, catalogue->n_known, catalogue->n_fresh, &query,
						 check_interrupts);
}

static void
search(const Catalogue *catalogue, const float *vector, float temperature, double recall,
	   const uint8 *skip, Topk *topk)
{
	const ModelFileHeader *header = catalogue->model->header;
	IvfOrder	order = temperature > 0 ? IVF_BY_LOGIT : IVF_BY_COSINE;
	void	   *scratch = palloc(index_search_scratch(header));

	index_search(topk, header, vector, temperature, level_for(header, order, recall).bound_factor,
				 skip, check_interrupts, scratch);
	search_fresh(catalogue, vector, temperature > 0 ? temperature : 1, skip, topk);
	pfree(scratch);
}

void
search_by_cosine(const Catalogue *catalogue, const float *vector, double recall, const uint8 *skip,
				 Topk *topk)
{
	search(catalogue, vector, 0, recall, skip, topk);
}

void
search_by_logit(const Catalogue *catalogue, const float *vector, float temperature, double recall,
				const uint8 *skip, Topk *topk)
{
	search(catalogue, vector, temperature, recall, skip, topk);
}

/* ---------------------------------------------------------------------------
 * What is done
 * ------------------------------------------------------------------------- */

char *
search_describe(const ModelFileHeader *header)
{
	const IvfHeader *index = model_file_section(header, MODEL_FILE_INDEX);
	IvfLevel	nearest;
	IvfLevel	by_logit;

	if (header->length[MODEL_FILE_INDEX] == 0)
		return psprintf("exact, %d vectors", header->n_movies);
	nearest = level_for(header, IVF_BY_COSINE, recall_setting);
	by_logit = level_for(header, IVF_BY_LOGIT, recall_setting);
	if (nearest.bound_factor >= 1 && by_logit.bound_factor >= 1)
		return psprintf("exact, %d codes of 8 bits in %d lists, best ones by vector",
						header->n_movies, index->n_lists);
	return psprintf("inverted file of %d lists, measured with %d users: "
					"recall %.4f in %.1f %% of the movies; by relevance %.4f in %.1f %%",
					index->n_lists, index->n_queries, nearest.recall, 100 * nearest.share,
					by_logit.recall, 100 * by_logit.share);
}
