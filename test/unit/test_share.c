/*
 * How much of the networks is taken: all of what is right, nothing of what is noise.
 */
#include "unit.h"

#include <stdlib.h>

#include "num/base/rng.h"
#include "num/train/share.h"

#define USERS 60
#define ROWS_OF_A_USER 40
#define ROWS (USERS * ROWS_OF_A_USER)

static int32_t n_train[USERS];
static int32_t n_trainval[USERS];
static float predicted[ROWS];
static float base[ROWS];
static float actual[ROWS];

/* Between -1 and 1. */
static float
noise(uint64_t key, int i)
{
	return 2 * rng_uniform(key, i) - 1;
}

/* What is to be found is `signal` times what the networks say, of n users. */
static Share
fit(double signal, double other, int n_users)
{
	Ratings		ratings = {.n_users = n_users, .n_train_rows = 100, .n_train = n_train,
		.n_trainval = n_trainval};

	for (int user = 0; user < n_users; user++)
	{
		n_train[user] = user % 3;
		n_trainval[user] = user % 3 + ROWS_OF_A_USER;
	}
	ratings.n_trainval_rows = 100 + n_users * ROWS_OF_A_USER;
	for (int i = 0; i < ROWS; i++)
	{
		float		says = noise(1, i);

		base[i] = noise(2, i);
		predicted[i] = base[i] + says;
		actual[i] = (float) (base[i] + signal * says + other * noise(3, i));
	}
	return share_fit(predicted, base, actual, &ratings);
}

static void
test_shares(void)
{
	Share		all = fit(1, 0, USERS);
	Share		half = fit(0.5, 1, USERS);

	/* one user tells nothing, two are put in who have shown nothing; all weigh nearly the same */
	CHECK_NEAR(all.share, (USERS - 1) / (USERS + 1.0), 0.01);
	CHECK_NEAR(all.rmse, (1 - all.share) * all.base_rmse, 1e-5);
	CHECK_NEAR(all.base_rmse, sqrt(1 / 3.0), 0.02);
	/* less than the half by about the error */
	CHECK(half.share > 0.37 && half.share < 0.49);
	CHECK(half.rmse < half.base_rmse);
	CHECK(fit(2, 0.1, USERS).share == all.share);
	CHECK_NEAR(fit(1, 0, 2).share, 1 / 3.0, 0.02);
	CHECK_NEAR(fit(1, 0, 1).share, 0, 1e-6);
	CHECK(fit(-0.5, 1, USERS).share == 0);
	CHECK(fit(0, 1, USERS).share < 0.02);
	CHECK(fit(-0.5, 1, USERS).rmse == fit(-0.5, 1, USERS).base_rmse);
}

/* Nothing to go by; networks that say nothing; numbers that ran away. */
static void
test_edges(void)
{
	Ratings		ratings = {.n_users = 1, .n_train_rows = 3, .n_trainval_rows = 3,
		.n_train = n_train, .n_trainval = n_trainval};
	Share		share;

	n_train[0] = n_trainval[0] = 3;
	share = share_fit(NULL, NULL, NULL, &ratings);
	CHECK(share.share == 1 && isnan(share.rmse) && isnan(share.base_rmse));

	n_trainval[0] = 5;
	ratings.n_trainval_rows = 5;
	fit(0, 1, 1);
	n_train[0] = 3;
	n_trainval[0] = 5;
	predicted[0] = base[0];
	predicted[1] = base[1];
	share = share_fit(predicted, base, actual, &ratings);
	CHECK(share.share == 0 && share.rmse == share.base_rmse);
	predicted[1] = NAN;
	CHECK(share_fit(predicted, base, actual, &ratings).share == 0);
	predicted[1] = INFINITY;
	CHECK(share_fit(predicted, base, actual, &ratings).share == 0);
}

int
main(void)
{
	test_shares();
	test_edges();
	return unit_finish();
}
