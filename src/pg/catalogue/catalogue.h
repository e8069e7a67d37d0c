/*
 * catalogue.h: the movies that can be recommended at this moment.
 *
 * A movie is known by its index: below n_known the model's movies in order of
 * their ids, then the fresh ones, in order of theirs.
 */
#ifndef MLREC_CATALOGUE_CATALOGUE_H
#define MLREC_CATALOGUE_CATALOGUE_H

#include "pg/catalogue/catalogue_version.h"
#include "pg/catalogue/movie_rows.h"
#include "pg/store/cache.h"

typedef struct Catalogue
{
	RefCounted	ref;
	const CachedModel *model;
	int32		n_known;		/* movies of the model */
	int32		n_fresh;		/* movies in movies that the model does not know */
	int32		n_movies;		/* both */
	bool		listed_only;	/* of StoreRelations: is_restricted */
	uint8	   *hidden;			/* [n_movies], 1: has no row in movies that can be seen */
	int64	   *fresh_ids;		/* [n_fresh] ascending */
	float	   *fresh_vectors;	/* [n_fresh * VECTOR_DIMS], unit: retrieval */
	float	   *fresh_rank_vectors; /* [n_fresh * VECTOR_DIMS]: ranking */
	CatalogueVersion *key;		/* as of what it holds; NULL: for one call */
} Catalogue;

/*
 * The movies as the caller's snapshot sees movies, held in the current memory
 * context, which the model must be too.  The caller is connected to SPI.
 */
extern const Catalogue *catalogue_now(CachedModel *model, const StoreRelations *relations);

/* A copy of hidden[], palloc'd, to be made the mask of one call. */
extern uint8 *catalogue_hidden(const Catalogue *catalogue);

/* Index of a movie, hidden or not, or -1. */
extern int32 catalogue_find(const Catalogue *catalogue, int64 movie_id);

/* The movie_id of the movie at an index, and its vectors [VECTOR_DIMS] in either stage. */
extern int64 catalogue_id(const Catalogue *catalogue, int32 movie);
extern const float *catalogue_vector(const Catalogue *catalogue, int32 movie);
extern const float *catalogue_rank_vector(const Catalogue *catalogue, int32 movie);

/* ln(1 + recent likes) of a movie, 0 of a fresh one. */
extern float catalogue_popularity(const Catalogue *catalogue, int32 movie);

#endif							/* MLREC_CATALOGUE_CATALOGUE_H */
