/*
 * ranker.h: the deep part of the ranking stage.
 *
 *		[user | movie] (128) - Dense 128, ReLU, batch norm, dropout 0.3
 *		- Dense 128, ReLU, batch norm, dropout 0.2 - Dense 64, ReLU, dropout 0.1
 *		- Dense 1
 *
 * plus the dot product of the two vectors, whose first numbers are biases:
 *
 *		user[0] + movie[0] + share * (deep + user[1..] . movie[1..])
 *
 * The biases are not learned by the network: they are those of bias.h, the user's
 * from the ratings known at the moment, so that the network only has to say what
 * they leave over, in deviations.  The share is 1 in training.  What is served
 * has the share of the network's part that the validation ratings bear out
 * (share.h), 0 where that is nothing.
 *
 * Deep and wide side by side, as in Cheng et al. 2016 (Wide & Deep) and He et
 * al. 2017 (NeuMF).  In training batch normalization takes the statistics of
 * the rows at hand, one shard of a batch (ghost batch normalization, Hoffer et
 * al. 2017: no process waits for another's statistics); for inference running
 * means of them are folded into the next layer's weights.
 */
#ifndef MLREC_NET_RANKER_H
#define MLREC_NET_RANKER_H

#include "num/net/layers.h"
#include "num/net/tensors.h"

/* The first number of n ranking vectors [n][VECTOR_DIMS] is a bias [n]. */
static inline void
put_biases(float *vectors, const float *bias, int32_t n)
{
	for (int32_t i = 0; i < n; i++)
		vectors[(int64_t) i * VECTOR_DIMS] = bias[i];
}

/* Without a bias, as in a gradient, which reaches none. */
static inline void
clear_biases(float *dvectors, int32_t n)
{
	for (int32_t i = 0; i < n; i++)
		dvectors[(int64_t) i * VECTOR_DIMS] = 0;
}

/*
 * Whom and what the rows of a shard are about.  The first layer is computed in
 * halves, one for each vector instead of one for each row, and a row adds up two
 * of them: users may have one vector for several rows, and a movie of a batch is
 * rated in several.
 */
typedef struct RankerPairs
{
	int			n_rows;
	int			n_users;
	const float *user;			/* [n_users][VECTOR_DIMS] */
	const int32_t *user_of;		/* [rows], from 0 up in steps of 0 or 1 */
	const float *movie;			/* [movies][VECTOR_DIMS] */
	const float *movie_half;	/* [movies][RANKER_HIDDEN1] */
	const int32_t *movie_of;	/* [rows] */
} RankerPairs;

/*
 * Activations of one shard, kept between forward and backward.  Where two names stand
 * for one place, backward puts the second where forward has left the first, which
 * nobody needs any more by then: that keeps a shard within the caches.
 */
typedef struct RankerActivations
{
	union
	{
		float	   *relu1;		/* [rows][RANKER_HIDDEN1] */
		float	   *duser_half; /* [n_users][RANKER_HIDDEN1] by the users' halves of it */
	};
	union
	{
		float	   *out1;		/* [rows][RANKER_HIDDEN1], the caller's */
		float	   *dout1;		/* in the end the gradient before the ReLU: by both halves */
	};
	float	   *relu2;			/* [rows][RANKER_HIDDEN2] */
	union
	{
		float	   *out2;		/* [rows][RANKER_HIDDEN2] */
		float	   *dout2;
	};
	float	   *out3;			/* [rows][RANKER_HIDDEN3] */
	float	   *dout3;
	float	   *prediction;		/* [rows] */
	float	   *dprediction;	/* [rows] */
	float	   *mean1;			/* statistics of the shard, the caller's */
	float	   *istd1;
	float	   *mean2;
	float	   *istd2;
	float	   *work;			/* [2 * RANKER_HIDDEN1] */
} RankerActivations;

struct Arena;					/* arena.h */
extern void ranker_activations(RankerActivations *activations, struct Arena *arena, int rows);

typedef struct RankerDropout
{
	Dropout		layer1;
	Dropout		layer2;
	Dropout		layer3;
} RankerDropout;

/* The movies' half of the first layer: half [n][RANKER_HIDDEN1] of movie [n][VECTOR_DIMS]. */
extern void ranker_movies_forward(float *half, const float *movie, const float *params,
								  const StageShape *shape, int n);

/* dmovie [n][VECTOR_DIMS] and the movies' half of TENSOR_RANK_W1's gradient, from dhalf. */
extern void ranker_movies_backward(float *dmovie, float *dparams, const float *dhalf,
								   const float *movie, const float *params,
								   const StageShape *shape, int n);

/*
 * activations->prediction of the pairs, in training mode.
 */
extern void ranker_forward(RankerActivations *activations, const RankerPairs *pairs,
						   const float *params, const StageShape *shape,
						   const RankerDropout *dropout);

/*
 * From activations->dprediction: duser [n_users][VECTOR_DIMS]; of each row's
 * movie, by its half of the first layer, the gradient in activations->dout1
 * [rows][RANKER_HIDDEN1], and by its vector itself dmovie [rows][VECTOR_DIMS];
 * and those of the weights, but for the movies' half of TENSOR_RANK_W1, in
 * dparams.
 */
extern void ranker_backward(RankerActivations *activations, const RankerPairs *pairs, float *duser,
							float *dmovie, float *dparams, const float *params,
							const StageShape *shape, const RankerDropout *dropout);

/*
 * running += (1 - momentum) * (statistic - running), for a shard's mean and
 * unbiased variance.
 */
extern void ranker_update_statistics(float *params, const StageShape *shape, const float *mean1,
									 const float *istd1, const float *mean2, const float *istd2,
									 int rows, float momentum);

/*
 * The ranker for inference (rank_pairs.h): batch normalization folded away, weights
 * packed as dense.h has them.
 */
typedef struct FoldedRanker
{
	float		w1_user[VECTOR_DIMS * RANKER_HIDDEN1] __attribute__((aligned(64)));
	float		w1_movie[VECTOR_DIMS * RANKER_HIDDEN1];
	float		b1[RANKER_HIDDEN1];
	float		w2[RANKER_HIDDEN1 * RANKER_HIDDEN2];
	float		b2[RANKER_HIDDEN2];
	float		w3[RANKER_HIDDEN2 * RANKER_HIDDEN3];
	float		b3[RANKER_HIDDEN3];
	float		w4[RANKER_HIDDEN3];
	float		b4;
	float		share;			/* of the networks' part */
} FoldedRanker;

/* The ranker of a ranking stage's parameters, with the running statistics; share: of its part. */
extern void ranker_fold(FoldedRanker *folded, const float *params, const StageShape *shape,
						float share);

#endif							/* MLREC_NET_RANKER_H */
