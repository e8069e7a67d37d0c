/*
 * list_sums.h: list metrics summed over many lists.
 */
#ifndef MLREC_EVAL_LIST_SUMS_H
#define MLREC_EVAL_LIST_SUMS_H

#include "num/eval/evaluation.h"

/* What a list is held against. */
typedef struct ListTruth
{
	uint8_t    *relevant;		/* [n_movies], 1: is looked for */
	int32_t		n_relevant;
	float	   *future;			/* [n_movies], the rating that the user went on to
								 * give, NaN for none */
} ListTruth;

typedef struct ListSums
{
	int64_t		n;				/* lists */
	double		recall_k;
	double		recall_50;
	double		ndcg;
	double		hit;
	double		reciprocal_rank;
	int64_t		n_rated;		/* movies of a first n that the user went on to rate */
	double		rating;			/* sum of these ratings */
	uint8_t    *shown;			/* [n_movies], 1: has been in a first n */
} ListSums;

/*
 * Adds a list of n movies, best first, of which top_k ranks were to be filled.
 * truth->n_relevant >= 1; hits [n] is work space.
 */
extern void list_sums_add(ListSums *sums, const int32_t *list, int32_t n, const ListTruth *truth,
						  int32_t top_k, int32_t top_n, uint8_t *hits);

/* sums += other */
extern void list_sums_merge(ListSums *sums, const ListSums *other, int32_t n_movies);

/*
 * The means, into value [N_METRICS]: METRIC_QUERIES and recall by one
 * function (recall@50 if top_k > 50); the five metrics from METRIC_NDCG, or
 * from METRIC_NDCG_BY_RATING, as first says, by the other.  n_eligible: movies
 * that can appear.
 */
extern void list_sums_recall(const ListSums *sums, double *value, int32_t top_k);
extern void list_sums_metrics(const ListSums *sums, double *value, EvaluateMetric first,
							 int32_t n_movies, int32_t n_eligible);

#endif							/* MLREC_EVAL_LIST_SUMS_H */
