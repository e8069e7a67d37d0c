/*
 * list_sums.c: list metrics summed over many lists.
 */
#include "num/eval/list_sums.h"

#include <math.h>

#include "num/eval/metrics.h"

#define SHORT_RECALL 50

void
list_sums_add(ListSums *sums, const int32_t *list, int32_t n, const ListTruth *truth, int32_t top_k,
			  int32_t top_n, uint8_t *hits)
{
	for (int32_t i = 0; i < n; i++)
	{
		hits[i] = truth->relevant[list[i]];
		if (i >= top_n)
			continue;
		sums->shown[list[i]] = 1;
		if (!isnan(truth->future[list[i]]))
		{
			sums->rating += truth->future[list[i]];
			sums->n_rated++;
		}
	}
	sums->n++;
	sums->recall_k += metrics_recall(hits, n, top_k, truth->n_relevant);
	sums->recall_50 += metrics_recall(hits, n, SHORT_RECALL, truth->n_relevant);
	sums->ndcg += metrics_ndcg(hits, n, top_n, truth->n_relevant);
	sums->hit += metrics_hit(hits, n, top_n);
	sums->reciprocal_rank += metrics_reciprocal_rank(hits, n);
}

void
list_sums_merge(ListSums *sums, const ListSums *other, int32_t n_movies)
{
	sums->n += other->n;
	sums->recall_k += other->recall_k;
	sums->recall_50 += other->recall_50;
	sums->ndcg += other->ndcg;
	sums->hit += other->hit;
	sums->reciprocal_rank += other->reciprocal_rank;
	sums->n_rated += other->n_rated;
	sums->rating += other->rating;
	for (int32_t movie = 0; movie < n_movies; movie++)
		sums->shown[movie] |= other->shown[movie];
}

static double
ratio(double sum, int64_t n)
{
	return n > 0 ? sum / n : NAN;
}

void
list_sums_recall(const ListSums *sums, double *value, int32_t top_k)
{
	value[METRIC_QUERIES] = sums->n;
	value[METRIC_RECALL_K] = ratio(sums->recall_k, sums->n);
	if (top_k > SHORT_RECALL)
		value[METRIC_RECALL_50] = ratio(sums->recall_50, sums->n);
}

/* The share of the eligible movies that have been shown. */
static double
coverage(const ListSums *sums, int32_t n_movies, int32_t n_eligible)
{
	int64_t		n = 0;

	for (int32_t movie = 0; movie < n_movies; movie++)
		n += sums->shown[movie];
	return sums->n > 0 ? ratio(n, n_eligible) : NAN;
}

void
list_sums_metrics(const ListSums *sums, double *value, EvaluateMetric first, int32_t n_movies,
				 int32_t n_eligible)
{
	value[first] = ratio(sums->ndcg, sums->n);
	value[first + METRIC_HIT - METRIC_NDCG] = ratio(sums->hit, sums->n);
	value[first + METRIC_MRR - METRIC_NDCG] = ratio(sums->reciprocal_rank, sums->n);
	value[first + METRIC_COVERAGE - METRIC_NDCG] = coverage(sums, n_movies, n_eligible);
	value[first + METRIC_HIT_RATING - METRIC_NDCG] = ratio(sums->rating, sums->n_rated);
}
