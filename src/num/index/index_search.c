/*
 * index_search.c: see image_search.h.
 */
#include "num/index/index_search.h"

/* Films scored by their rows between two ticks */
#define ROWS_AT_A_TIME (256 * 1024)

size_t
image_search_scratch(const ImageHeader *header)
{
	return header->length[IMAGE_INDEX] > 0 ?
		ivf_search_scratch(image_section(header, IMAGE_INDEX)) : 0;
}

void
image_search_rows(Topk *topk, const ScanFilms *films, int32_t first, int32_t n,
				  const ScanQuery *query, void (*tick) (void))
{
	for (int32_t at = 0; at < n; at += ROWS_AT_A_TIME)
	{
		scan_rows(topk, films, first, at, n - at < ROWS_AT_A_TIME ? n : at + ROWS_AT_A_TIME, query);
		if (tick != NULL)
			tick();
	}
}

void
image_search(Topk *topk, const void *image, const float *vector, IvfOrder order, float margin,
			 const uint8_t *skip, void (*tick) (void), void *scratch)
{
	const ImageHeader *header = image;
	ScanFilms	films = {.rows = image_section(image, IMAGE_MOVIE_VECTORS), .skip = skip};
	ScanQuery	query;
	Codes		codes;

	if (order == IVF_LIKELIEST)
		films.bias = image_section(image, IMAGE_MOVIE_POPULARITY);
	scan_prepare(&query, vector, order == IVF_LIKELIEST ? header->temperature : 1, scan_level());
	if (header->length[IMAGE_INDEX] == 0)
	{
		image_search_rows(topk, &films, 0, header->n_movies, &query, tick);
		return;
	}
	codes_open(&codes, image_section(image, IMAGE_MOVIE_CODES));
	ivf_search(topk, &films, image_section(image, IMAGE_INDEX), &codes, margin, &query, tick,
			   scratch);
}
