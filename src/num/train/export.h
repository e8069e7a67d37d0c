/*
 * export.h: from trained parameters to the model file that is stored and served.
 */
#ifndef MLREC_TRAIN_EXPORT_H
#define MLREC_TRAIN_EXPORT_H

#include "num/data/statistics.h"
#include "num/model/model.h"
#include "num/net/tensors.h"

/* The order by relevance, see relevance.h. */
typedef struct RelevanceOrder
{
	float		cosine_weight;	/* the temperature, of that of the softmax */
	float		rating_weight;
	bool		newcomers_popular;	/* as in model_file.h */
	bool		live;			/* it follows what a user has just rated, where the order of
								 * ratings is known */
} RelevanceOrder;

/* That of a model that is not tuned: retrieval's; relevance_tune does better. */
#define UNTUNED_ORDER {.cosine_weight = 1, .live = true}

/* What a model file is made of. */
typedef struct ExportInput
{
	const Ratings *ratings;
	int64_t		second;			/* in the units of the ratings' times */
	const MovieStatistics *movie_stats;
	const float *params[N_STAGES];
	const StageShape *shape[N_STAGES];
	const char *names;			/* for MODEL_FILE_NAMES */
	size_t		names_length;
	RelevanceOrder order;
} ExportInput;

/*
 * Completes the header's counts and layout; its ratings, years, threshold and share
 * are the caller's.  Returns the size of the model file.
 */
extern uint64_t export_layout(ModelFileHeader *header, const ExportInput *input);

/* Bytes of scratch that export_model_file needs. */
extern size_t export_scratch(const ExportInput *input);

/*
 * Fills a model file of header->size bytes, 64-byte aligned: all sections, with
 * the vectors of movies and users computed.  The model file is not finalized yet.
 * check_interrupts is called now and then, and may not return.
 */
extern void export_model_file(void *file, const ModelFileHeader *header, const ExportInput *input,
							  void (*check_interrupts) (void), void *scratch);

#endif							/* MLREC_TRAIN_EXPORT_H */
