/*
 * remap.c: data that was read now, coded as an older model's was.
 *
 * Which genres and attribute values there are, in which order, and between
 * which years movies lie, is learned from the data, and so may have changed
 * since a model was trained.  Names that the model does not know become
 * unknown values, or no genre.
 */
#include "postgres.h"

#include "num/data/movie_features.h"
#include "pg/data/remap.h"
#include "pg/util/encoding.h"

/*
 * Reads n names at *cursor and moves it behind them; returns the index of each
 * among the model's own names, or -1, palloc'd.
 */
static int32 *
map_names(const char **cursor, int32 n, char **own, int32 n_own)
{
	int32	   *map = palloc(Max(n, 1) * sizeof(int32));

	for (int32 i = 0; i < n; i++)
	{
		char	   *name = utf8_to_server(*cursor);

		map[i] = -1;
		for (int32 j = 0; j < n_own && map[i] < 0; j++)
			if (strcmp(name, own[j]) == 0)
				map[i] = j;
		pfree(name);
		*cursor += strlen(*cursor) + 1;
	}
	return map;
}

/* Genre flags and years as the model's movies have them. */
static float *
remap_features(const Dataset *dataset, const ModelFileHeader *header, const int32 *map)
{
	const Ratings *ratings = &dataset->ratings;
	const float *from = ratings->movie_features;
	const YearScale scale = {header->min_year, header->max_year, header->median_year};
	float	   *features = palloc_extended((Size) ratings->n_movies * (header->n_genres + 1) *
											   sizeof(float),
										   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	float	   *to = features;

	for (int32 movie = 0; movie < ratings->n_movies; movie++)
	{
		for (int32 genre = 0; genre < ratings->n_genres; genre++)
			if (map[genre] >= 0)
				to[map[genre]] = from[genre];
		to[header->n_genres] = year_feature(&scale, dataset->year[movie]);
		from += ratings->n_genres + 1;
		to += header->n_genres + 1;
	}
	return features;
}

/* Values of one attribute of all users, from codes to codes. */
static void
remap_attribute(uint8 *to, const uint8 *from, int32 n_users, const int32 *map)
{
	for (Size i = 0; i < (Size) n_users * N_ATTRIBUTES; i += N_ATTRIBUTES)
		to[i] = from[i] == 0 ? 0 : (uint8) (1 + map[from[i] - 1]);
}

void
remap_ratings(Ratings *ratings, const Dataset *dataset, const CachedModel *model)
{
	const ModelFileHeader *header = model->header;
	const char *names = dataset->names;
	uint8	   *attribute;
	int32	   *map;

	*ratings = dataset->ratings;
	attribute = palloc_extended((Size) ratings->n_users * N_ATTRIBUTES, MCXT_ALLOC_HUGE);

	map = map_names(&names, ratings->n_genres, model->genres, header->n_genres);
	ratings->movie_features = remap_features(dataset, header, map);
	ratings->n_genres = header->n_genres;
	pfree(map);

	for (int a = 0; a < N_ATTRIBUTES; a++)
	{
		map = map_names(&names, ratings->n_values[a], model->values[a], header->n_values[a]);
		remap_attribute(attribute + a, dataset->ratings.attribute + a, ratings->n_users, map);
		ratings->n_values[a] = header->n_values[a];
		pfree(map);
	}
	ratings->attribute = attribute;
}
