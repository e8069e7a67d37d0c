/*
 * Metrics against values computed by hand, and the AUC against counting pairs.
 */
#include "unit.h"

#include <stdint.h>

#include "num/eval/metrics.h"

#define MAX_N 300

static uint64_t scratch[2 * MAX_N];

static uint32_t
draw(uint32_t n)
{
	static uint64_t state = 7;

	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (state >> 33) % n;
}

static void
test_auc_by_hand(void)
{
	const float score[] = {0.1f, 0.4f, 0.35f, 0.8f};
	const uint8_t liked[] = {0, 0, 1, 1};
	const float tied[] = {1, 1, 1, 2};
	const uint8_t tied_liked[] = {0, 1, 1, 0};
	const float mixed[] = {-2, -1, -0.0f, 0.0f, 3};
	const uint8_t mixed_liked[] = {0, 1, 0, 1, 1};
	const uint8_t all[] = {1, 1, 1, 1};

	/* of four pairs three are right */
	CHECK_NEAR(metrics_auc(score, liked, 4, scratch), 0.75, 0);
	/* of 2 x 2 pairs two are tied, two wrong */
	CHECK_NEAR(metrics_auc(tied, tied_liked, 4, scratch), 0.25, 0);
	/* of 3 x 2 pairs: -1 > -2, -1 < 0, 0 > -2, 0 = -0, 3 above both */
	CHECK_NEAR(metrics_auc(mixed, mixed_liked, 5, scratch), 4.5 / 6, 1e-15);
	CHECK(isnan(metrics_auc(score, all, 4, scratch)));
	CHECK(isnan(metrics_auc(score, liked, 0, scratch)));
	CHECK(isnan(metrics_auc(score, liked, 2, scratch)));
}

static double
auc_by_pairs(const float *score, const uint8_t *liked, int n)
{
	double		wins = 0;
	double		pairs = 0;

	for (int i = 0; i < n; i++)
		for (int j = 0; j < n; j++)
			if (liked[i] && !liked[j])
			{
				wins += score[i] > score[j] ? 1 : score[i] == score[j] ? 0.5 : 0;
				pairs++;
			}
	return wins / pairs;
}

static void
test_auc_against_pairs(void)
{
	float		score[MAX_N];
	float		scaled[MAX_N];
	uint8_t		liked[MAX_N];

	for (int n = 2; n <= MAX_N; n += 7)
		for (int values = 2; values < 100000; values *= 17)
		{
			for (int i = 0; i < n; i++)
			{
				score[i] = ((float) draw(values) - values / 2) * (i % 3 == 0 ? 1e-3f : 1.0f);
				scaled[i] = 0.125f * score[i];
				liked[i] = i == 0 ? 1 : i == 1 ? 0 : draw(2);
			}
			CHECK_NEAR(metrics_auc(score, liked, n, scratch), auc_by_pairs(score, liked, n), 1e-12);
			/* only the order counts */
			CHECK(metrics_auc(scaled, liked, n, scratch) == metrics_auc(score, liked, n, scratch));
		}
}

static void
test_errors(void)
{
	const float predicted[] = {3, 4, 2.5f};
	const float actual[] = {4, 4, 1};

	CHECK_NEAR(metrics_rmse(predicted, actual, 3), sqrt((1 + 0 + 2.25) / 3), 1e-15);
	CHECK_NEAR(metrics_mae(predicted, actual, 3), 2.5 / 3, 1e-15);
	CHECK(isnan(metrics_rmse(predicted, actual, 0)));
	CHECK(isnan(metrics_mae(predicted, actual, 0)));
}

static void
test_lists(void)
{
	const uint8_t relevant[] = {0, 1, 0, 1, 0};
	const uint8_t none[] = {0, 0, 0};

	/* two of four found, one of them among the first three */
	CHECK_NEAR(metrics_recall(relevant, 5, 5, 4), 0.5, 0);
	CHECK_NEAR(metrics_recall(relevant, 5, 3, 4), 0.25, 0);
	CHECK_NEAR(metrics_recall(relevant, 5, 200, 4), 0.5, 0);

	/* 1/log2(3) + 1/log2(5), over the ideal 1 + 1/log2(3) + 1/log2(4) + 1/log2(5) */
	CHECK_NEAR(metrics_ndcg(relevant, 5, 10, 4), 1.0616063116448 / 2.5616063116448, 1e-12);
	/* the ideal list of two places has no room for four */
	CHECK_NEAR(metrics_ndcg(relevant, 5, 2, 4), 0.6309297535715 / 1.6309297535715, 1e-12);
	CHECK_NEAR(metrics_ndcg(relevant + 1, 4, 1, 1), 1, 0);
	CHECK_NEAR(metrics_ndcg(none, 3, 10, 2), 0, 0);

	CHECK_NEAR(metrics_hit(relevant, 5, 1), 0, 0);
	CHECK_NEAR(metrics_hit(relevant, 5, 2), 1, 0);
	CHECK_NEAR(metrics_hit(none, 3, 10), 0, 0);
	CHECK_NEAR(metrics_reciprocal_rank(relevant, 5), 0.5, 0);
	CHECK_NEAR(metrics_reciprocal_rank(none, 3), 0, 0);
	CHECK_NEAR(metrics_reciprocal_rank(relevant, 0), 0, 0);
}

static void
test_rank(void)
{
	const float score[] = {2, 5, 2, 7, 2};
	const uint8_t skip[] = {0, 0, 0, 1, 0};

	CHECK(metrics_rank(score, skip, 5, 1) == 0);
	/* of equal ones the first comes first */
	CHECK(metrics_rank(score, skip, 5, 0) == 1);
	CHECK(metrics_rank(score, skip, 5, 2) == 2);
	CHECK(metrics_rank(score, skip, 5, 4) == 3);
	CHECK(metrics_rank(score, (const uint8_t[5]) {0}, 5, 1) == 1);
}

int
main(void)
{
	test_auc_by_hand();
	test_auc_against_pairs();
	test_errors();
	test_lists();
	test_rank();
	return unit_finish();
}
