/*
 * bias.c: see bias.h.
 */
#include "num/data/bias.h"

#include <math.h>
#include <string.h>

#define ROUNDS 10

/* A loop over the rows that are fitted to. */
#define FOR_EACH_ROW(row, user) \
	for (int64_t row = ratings->start[user]; row < ratings->start[user] + n_rows[user]; row++)

static void
do_not_interrupt(void)
{
}

/*
 * Mean and standard deviation in double precision and two passes: ratings may be
 * far from 0 for their spread, or so small that a square of them is 0.
 */
static void
fit_scale(Biases *biases, const Ratings *ratings, const int32_t *n_rows)
{
	double		sum = 0;
	double		squares = 0;
	int64_t		n = 0;

	for (int32_t user = 0; user < ratings->n_users; user++)
	{
		n += n_rows[user];
		FOR_EACH_ROW(row, user)
			sum += row_value(ratings, row);
	}
	biases->mean = n > 0 ? sum / n : 0;
	for (int32_t user = 0; user < ratings->n_users; user++)
		FOR_EACH_ROW(row, user)
		{
			double		difference = row_value(ratings, row) - biases->mean;

			squares += difference * difference;
		}
	biases->deviation = n > 0 && squares > 0 ? sqrt(squares / n) : 1;
}

/* A rating, standardised. */
static inline double
value(const Biases *biases, const Ratings *ratings, int64_t row)
{
	return (row_value(ratings, row) - biases->mean) / biases->deviation;
}

/* Each movie's bias, given the users'. */
static void
fit_movies(Biases *biases, const Ratings *ratings, const int32_t *n_rows)
{
	memset(biases->sum, 0, ratings->n_movies * sizeof(double));
	for (int32_t user = 0; user < ratings->n_users; user++)
		FOR_EACH_ROW(row, user)
			biases->sum[ratings->movie[row]] += value(biases, ratings, row) - biases->user[user];
	for (int32_t movie = 0; movie < ratings->n_movies; movie++)
		biases->movie[movie] = (float) (biases->sum[movie] /
										(biases->count[movie] + BIAS_MOVIE_DAMPING));
}

/* Each user's bias, given the movies'. */
static void
fit_users(Biases *biases, const Ratings *ratings, const int32_t *n_rows)
{
	for (int32_t user = 0; user < ratings->n_users; user++)
	{
		double		sum = 0;

		FOR_EACH_ROW(row, user)
			sum += value(biases, ratings, row) - biases->movie[ratings->movie[row]];
		biases->user[user] = user_bias((float) sum, n_rows[user]);
	}
}

void
biases_fit(Biases *biases, const Ratings *ratings, const int32_t *n_rows,
		   void (*check_interrupts) (void))
{
	if (check_interrupts == NULL)
		check_interrupts = do_not_interrupt;
	memset(biases->count, 0, ratings->n_movies * sizeof(int32_t));
	for (int32_t user = 0; user < ratings->n_users; user++)
		FOR_EACH_ROW(row, user)
			biases->count[ratings->movie[row]]++;
	memset(biases->user, 0, ratings->n_users * sizeof(float));
	fit_scale(biases, ratings, n_rows);
	for (int round = 0; round < ROUNDS; round++)
	{
		fit_movies(biases, ratings, n_rows);
		check_interrupts();
		fit_users(biases, ratings, n_rows);
		check_interrupts();
	}
}
