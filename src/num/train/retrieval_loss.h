/*
 * retrieval_loss.h: the retrieval head, as phases of a step.
 */
#ifndef MLREC_TRAIN_RETRIEVAL_LOSS_H
#define MLREC_TRAIN_RETRIEVAL_LOSS_H

#include "num/train/trainer.h"

/* Rows of the softmax at a time. */
#define SOFTMAX_ROWS 384

/* The softmax over movies: its parts are the shards of movies. */
typedef struct SoftmaxWork
{
	/*
	 * Shared: a shard of rows owns its queries, one of movies its part of the rest.
	 * Rows are those of batch.asked, in their order.
	 */
	float	   *query;			/* [slots][VECTOR_DIMS] temperature * user */
	float	   *offset;			/* [max_movies] added to the cosines */
	SoftmaxPart *part;			/* [N_SHARDS][slots] */
	float	   *dquery;			/* [N_SHARDS][slots][VECTOR_DIMS] */

	/* private: of a block of rows in the softmax */
	union
	{
		float	   *logits;		/* [SOFTMAX_ROWS][max_movies] of this participant's movies */
		float	   *chances;	/* not yet divided by their sum */
	};
	float	   *weighted;		/* [SOFTMAX_ROWS][VECTOR_DIMS] queries as a shard counts them */
	int32_t    *known;			/* [longest history] movies that a row's user knows */
} SoftmaxWork;

/* Carve the memory of trainer->softmax, if there is a softmax. */
extern void retrieval_carve_shared(Trainer *trainer, Arena *arena);
extern void retrieval_carve_private(Trainer *trainer, Arena *arena);

/*
 * retrieval_rows: the cross-entropy of a shard of rows, and what the softmax asks.
 * retrieval_softmax: the answers, and the gradient of the chances by this
 * participant's movies; has barriers of its own.  retrieval_users: the gradient of a
 * shard's raw user vectors.  retrieval_movies: that of a shard of movies' unit vectors
 * by the softmax.
 */
extern void retrieval_rows(Trainer *trainer, int shard);
extern void retrieval_softmax(Trainer *trainer);
extern void retrieval_users(Trainer *trainer, int shard);
extern void retrieval_movies(Trainer *trainer, int shard);

#endif							/* MLREC_TRAIN_RETRIEVAL_LOSS_H */
