/*
 * index_search.c: see index_search.h.
 */
#include "num/index/index_search.h"

/* Movies scored by their vectors between two checks for interrupts */
#define VECTORS_AT_A_TIME (256 * 1024)

size_t
index_search_scratch(const ModelFileHeader *header)
{
	return header->length[MODEL_FILE_INDEX] > 0 ?
		ivf_search_scratch(model_file_section(header, MODEL_FILE_INDEX)) : 0;
}

void
index_search_vectors(Topk *topk, const ScanMovies *movies, int32_t first, int32_t n,
					 const ScanQuery *query, void (*check_interrupts) (void))
{
	for (int32_t at = 0; at < n; at += VECTORS_AT_A_TIME)
	{
		int32_t		end = n - at < VECTORS_AT_A_TIME ? n : at + VECTORS_AT_A_TIME;

		scan_vectors(topk, movies, first, at, end, query);
		if (check_interrupts != NULL)
			check_interrupts();
	}
}

void
index_search(Topk *topk, const void *file, const float *vector, float temperature,
			 float bound_factor, const uint8_t *skip, void (*check_interrupts) (void),
			 void *scratch)
{
	const ModelFileHeader *header = file;
	ScanMovies	movies = {
		.vectors = model_file_section(file, MODEL_FILE_MOVIE_VECTORS),
		.skip = skip
	};
	ScanQuery	query;
	Codes		codes;

	if (temperature > 0)
		movies.bias = model_file_section(file, MODEL_FILE_MOVIE_POPULARITY);
	scan_prepare(&query, vector, temperature > 0 ? temperature : 1, scan_level());
	if (header->length[MODEL_FILE_INDEX] == 0)
	{
		index_search_vectors(topk, &movies, 0, header->n_movies, &query, check_interrupts);
		return;
	}
	codes_open(&codes, model_file_section(file, MODEL_FILE_MOVIE_CODES));
	ivf_search(topk, &movies, model_file_section(file, MODEL_FILE_INDEX), &codes, bound_factor,
			   &query, check_interrupts, scratch);
}
