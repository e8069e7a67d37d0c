/*
 * generate.c: ratings of any number, with tastes planted in them.
 *
 *	generate USERS MOVIES RATINGS DIRECTORY
 *
 * writes movies, users and ratings as COPY reads them.  A rating is the mean of
 * its movie, the kindness of its user and the product of their hidden traits,
 * with noise, rounded and cut to 1 .. 5.  Movies are known unevenly (the square
 * of a uniform number chooses one), nobody rates a movie twice, and every movie is
 * rated at least once if there are twice as many ratings.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "num/base/rng.h"
#include "timing.h"

#define TRAITS 8
#define FIRST_DAY 956703932
#define DAYS 900

static const char *const genres[] = {
	"Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama",
	"Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War",
	"Western"
};
#define N_GENRES ((int) (sizeof(genres) / sizeof(genres[0])))

static const int ages[] = {1, 18, 25, 35, 45, 50, 56};

enum
{
	MOVIE = 1, USER, CHOICE, NOISE, TRAIT = 100
};

static float
normal(uint64_t key, uint64_t index)
{
	float		sum = 0;

	for (int i = 0; i < 6; i++)
		sum += rng_uniform(key, index * 6 + i);
	return (sum - 3) * 1.4142f;
}

static FILE *
open_file(const char *directory, const char *name)
{
	char		path[4096];
	FILE	   *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "w");
	if (file == NULL)
		fail("cannot write %s", path);
	return file;
}

static void
write_movies(const char *directory, long movies)
{
	FILE	   *file = open_file(directory, "movies");

	for (long movie = 0; movie < movies; movie++)
	{
		int			first = rng_below(MOVIE, 2 * movie, N_GENRES);
		int			second = rng_below(MOVIE, 2 * movie + 1, N_GENRES);

		fprintf(file, "%ld\tMovie number %ld (%d)\t%s", movie + 1, movie + 1,
				1930 + (int) rng_below(MOVIE + 50, movie, 71), genres[first]);
		fprintf(file, first == second ? "\n" : "|%s\n", genres[second]);
	}
	fclose(file);
}

static void
write_users(const char *directory, long users)
{
	FILE	   *file = open_file(directory, "users");

	for (long user = 0; user < users; user++)
		fprintf(file, "%ld\t%c\t%d\t%d\n", user + 1,
				rng_below(USER, 3 * user, 100) < 72 ? 'M' : 'F',
				ages[rng_below(USER, 3 * user + 1, 7)], (int) rng_below(USER, 3 * user + 2, 21));
	fclose(file);
}

/* Traits lean on one of a few hundred kinds of movie, as genres do. */
static float
movie_trait(long movie, int trait)
{
	uint32_t	kind = rng_below(TRAIT, movie, 300);

	return 0.6f * normal(TRAIT + 1, (uint64_t) kind * TRAITS + trait) +
		0.3f * normal(TRAIT + 2, (uint64_t) movie * TRAITS + trait);
}

static int
rate(long user, long movie, uint64_t index)
{
	float		x = 3.4f + 0.4f * normal(TRAIT + 4, movie) + 0.3f * normal(TRAIT + 5, user) +
		0.6f * normal(NOISE, index);

	for (int trait = 0; trait < TRAITS; trait++)
		x += 0.5f * movie_trait(movie, trait) * normal(TRAIT + 3, (uint64_t) user * TRAITS + trait);
	return x < 1.5f ? 1 : x > 4.5f ? 5 : (int) lrintf(x);
}

static void
write_ratings(const char *directory, long users, long movies, long ratings)
{
	FILE	   *file = open_file(directory, "ratings");
	int32_t    *last_user = room(sizeof(int32_t) * movies); /* who rated it last, plus 1 */
	long		written = 0;
	long		next_movie = 0;
	uint64_t	draw = 0;

	for (long user = 0; user < users; user++)
	{
		long		until = (long) ((double) ratings * (user + 1) / users);

		while (written < until)
		{
			float		u = rng_uniform(CHOICE, draw++);
			long		movie = (long) ((double) u * u * movies);

			/* one in two is the next movie of all, until each has had its turn */
			if (next_movie < movies && draw % 2 == 0)
				movie = next_movie++;
			if (last_user[movie] == user + 1)
			{
				if (draw > 1000ul * (ratings + 1))
					fail("too few movies for so many ratings");
				continue;
			}
			last_user[movie] = (int32_t) user + 1;
			fprintf(file, "%ld\t%ld\t%d\t%ld\n", user + 1, movie + 1, rate(user, movie, written),
					FIRST_DAY + (long) rng_below(CHOICE + 1, written, DAYS * 86400));
			written++;
		}
	}
	fclose(file);
	free(last_user);
}

int
main(int argc, char **argv)
{
	if (argc != 5)
		fail("usage: generate USERS MOVIES RATINGS DIRECTORY");
	write_movies(argv[4], number(argv[2]));
	write_users(argv[4], number(argv[1]));
	write_ratings(argv[4], number(argv[1]), number(argv[2]), number(argv[3]));
	return 0;
}
