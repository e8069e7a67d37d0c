/*
 * Who judges the order by relevance, and how.
 */
#include "unit.h"

#include "num/eval/judges.h"

/* n users whose lists differ by `gain` on average and by `spread` to either side. */
static Judges
users(int n, double gain, double spread)
{
	Judges		judges = {0};

	for (int i = 0; i < n; i++)
		judges_add(&judges, 0.5 + gain + (i % 2 ? spread : -spread), 0.5);
	return judges;
}

static bool
prefer(Judges warm, Judges cold)
{
	Judges		judges = judges_counting(&warm, &cold);

	return judges_agree(&judges, 1);
}

static void
test_sums(void)
{
	Judges		judges = {0};

	judges_add(&judges, 0.75, 0.5);
	judges_add(&judges, 0.25, 0.375);
	CHECK(judges.n == 2);
	CHECK_NEAR(judges.ndcg, 1, 1e-12);
	CHECK_NEAR(judges.base_ndcg, 0.875, 1e-12);
	CHECK_NEAR(judges.squares, 0.0625 + 0.015625, 1e-12);
}

static void
test_who_counts(void)
{
	Judges		cold = users(300, -0.01, 0.2);
	Judges		few = users(JUDGES_ENOUGH - 1, 0.02, 0.1);
	Judges		enough = users(JUDGES_ENOUGH, 0.02, 0.1);
	Judges		all = judges_counting(&few, &cold);

	CHECK(judges_counting(&enough, &cold).n == JUDGES_ENOUGH);
	CHECK(all.n == JUDGES_ENOUGH - 1 + 300);
	CHECK_NEAR(all.ndcg, few.ndcg + cold.ndcg, 1e-12);
	CHECK_NEAR(all.base_ndcg, few.base_ndcg + cold.base_ndcg, 1e-12);

	/* newcomers lose by chance, together more than the others gain */
	CHECK(prefer(enough, cold));
	CHECK(!prefer(few, cold));
	CHECK(!prefer(users(60, -0.02, 0.1), users(300, 0.1, 0.1)));
	CHECK(prefer(few, users(300, 0.01, 0.2)));
	/* by a hair */
	CHECK(!prefer(users(JUDGES_ENOUGH, 0.001, 0.1), cold));
	CHECK(!prefer(users(JUDGES_ENOUGH - 1, 0.001, 0.1), users(300, 0.001, 0.2)));
}

static void
test_newcomers_lose(void)
{
	Judges		warm = users(60, 0.02, 0.1);
	Judges		few = users(JUDGES_ENOUGH - 1, 0.02, 0.1);
	Judges		lose = users(300, -0.03, 0.1);
	Judges		by_chance = users(300, -0.01, 0.1);
	Judges		nobody = {0};

	CHECK(prefer(warm, lose));
	CHECK(judges_newcomers_lose(&warm, &lose));
	CHECK(!judges_newcomers_lose(&warm, &by_chance));
	CHECK(!judges_newcomers_lose(&warm, &nobody));
	CHECK(!judges_newcomers_lose(&warm, &warm));
	/* these have been asked already */
	CHECK(!judges_newcomers_lose(&few, &lose));
}

static void
test_few(void)
{
	Judges		nobody = {0};
	Judges		four = users(4, 0.2, 0);
	Judges		five = users(5, 0.2, 0);
	Judges		by_chance = users(10, 0.01, 0.1);

	CHECK(!judges_agree(&nobody, 1) && !judges_agree(&four, 1) && judges_agree(&five, 1));
	CHECK(!judges_agree(&by_chance, 1) && judges_agree(&by_chance, 0.1));
	CHECK(!prefer(nobody, nobody));
	CHECK(!prefer(users(4, 0.2, 0), nobody));
	CHECK(prefer(users(5, 0.2, 0), nobody));
	CHECK(prefer(nobody, users(5, 0.2, 0)));
	CHECK(!prefer(users(60, 0, 0), nobody));
}

int
main(void)
{
	test_sums();
	test_who_counts();
	test_newcomers_lose();
	test_few();
	return unit_finish();
}
