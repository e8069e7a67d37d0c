/*
 * Whether what users have just rated betters their lists, against the long way.
 */
#include "unit.h"

#include "num/eval/moments.h"
#include "random_model.h"
#include "small_ratings.h"

#define USERS 12
#define MOVIES 60
#define MOST_RATINGS 11

/* The last row or the last two of each user are validation rows. */
static const SmallSpec spec = {
	.n_users = USERS, .n_movies = MOVIES, .n_genres = 3, .least = 6, .most = MOST_RATINGS,
	.every_validation = 5, .seed = 3
};

typedef struct World
{
	SmallRatings data;
	ModelFileHeader *file;
	Model	   *model;
} World;

static World
open_world(const SmallSpec *of)
{
	World		world = {.data = small_ratings(of)};
	const Ratings *ratings = &world.data.ratings;
	float	   *popularity;

	world.file = random_model_file(ratings, ratings->user_ids, USERS, ratings->movie_ids, MOVIES,
								   1);
	world.model = random_model_open(world.file);
	/* movies that the model does not know, known before and rated next */
	world.data.movie[ratings->start[1]] = -1;
	world.data.movie[ratings->start[3] - 1] = -1;
	/* so that the cosine has something to say */
	popularity = random_model_section(world.file, MODEL_FILE_MOVIE_POPULARITY);
	for (int32_t movie = 0; movie < MOVIES; movie++)
		popularity[movie] /= 20;
	return world;
}

static void
close_world(World *world)
{
	small_free(&world->data);
	free(world->file);
	free(world->model);
}

/* The user at the moment of a row, or long after what was known then. */
static void
know(const World *world, int32_t user, int64_t row, bool at_once, float *retrieval,
	 float *temperature)
{
	const Ratings *ratings = &world->data.ratings;
	const int64_t *time = ratings->time + ratings->start[user];
	float		decay[MOST_RATINGS] = {0};
	float		ranking[VECTOR_DIMS];
	float	   *scratch = malloc(sizeof(float) * model_users_scratch(world->model, 1));
	UserInput	input = {
		.user = user,
		.n_history = ratings->prefix[row],
		.history_movie = ratings->movie + ratings->start[user],
		.history_rating = ratings->rating + ratings->start[user],
		.history_decay = decay
	};

	memcpy(input.attribute, ratings->attribute + user * N_ATTRIBUTES, N_ATTRIBUTES);
	for (int i = 1; i < input.n_history; i++)
		decay[i] = expf((float) (time[i - 1] - time[i]) / 86400);
	if (at_once)
		input.left = expf((float) (time[input.n_history - 1] - ratings->time[row]) / 86400);
	model_users(world->model, &input, 1, retrieval, temperature, ranking, scratch);
	free(scratch);
}

/* 1 / log2(2 + rank) of the row's movie; temperature 0: by popularity. */
static double
gain_of(const World *world, int32_t user, int64_t row, const float *retrieval, float temperature)
{
	const Ratings *ratings = &world->data.ratings;
	const float *vectors = model_file_section(world->file, MODEL_FILE_MOVIE_VECTORS);
	const float *popularity = model_file_section(world->file, MODEL_FILE_MOVIE_POPULARITY);
	double		score[MOVIES];
	int			rank = 0;

	for (int32_t movie = 0; movie < MOVIES; movie++)
	{
		score[movie] = popularity[movie];
		for (int d = 0; d < VECTOR_DIMS; d++)
			score[movie] += temperature * retrieval[d] * vectors[movie * VECTOR_DIMS + d];
	}
	for (int i = 0; i < ratings->prefix[row]; i++)
	{
		int32_t		movie = ratings->movie[ratings->start[user] + i];

		if (movie >= 0)
			score[movie] = -INFINITY;
	}
	for (int32_t movie = 0; movie < MOVIES; movie++)
		rank += score[movie] > score[ratings->movie[row]];
	return 1 / log2(2 + rank);
}

static void
judge_the_long_way(const World *world, Judges *still, Judges *popularity)
{
	const Ratings *ratings = &world->data.ratings;

	*still = *popularity = (Judges) {0};
	for (int32_t user = 0; user < USERS; user++)
	{
		double		gain[3] = {0};
		double		n = 0;

		for (int32_t i = ratings->n_train[user]; i < ratings->n_trainval[user]; i++)
		{
			int64_t		row = ratings->start[user] + i;
			float		retrieval[VECTOR_DIMS];
			float		temperature;

			if (ratings->movie[row] < 0)
				continue;
			n++;
			know(world, user, row, true, retrieval, &temperature);
			gain[0] += gain_of(world, user, row, retrieval, temperature);
			know(world, user, row, false, retrieval, &temperature);
			gain[1] += gain_of(world, user, row, retrieval, temperature);
			gain[2] += gain_of(world, user, row, retrieval, 0);
		}
		if (n == 0)
			continue;
		judges_add(still, gain[0] / sqrt(n), gain[1] / sqrt(n));
		judges_add(popularity, gain[0] / sqrt(n), gain[2] / sqrt(n));
	}
}

/* What the extension says of a world; the judges in *moments. */
static bool
agree(const World *world, Moments *moments)
{
	const Ratings *ratings = &world->data.ratings;
	Arena		arena = {NULL, 0};
	float	   *scratch = malloc(sizeof(float) * model_users_scratch(world->model, 2));
	bool		result;

	moments_take(moments, world->file, ratings, &arena);
	arena = (Arena) {aligned_alloc(ARENA_ALIGN, arena.used), 0};
	moments_take(moments, world->file, ratings, &arena);
	result = moments_agree(moments, world->model, small_check_interrupts, scratch);
	free(arena.base);
	free(scratch);
	return result;
}

static void
check_same(const Judges *judges, const Judges *expected)
{
	CHECK(judges->n == expected->n);
	CHECK_NEAR(judges->ndcg, expected->ndcg, 1e-9);
	CHECK_NEAR(judges->base_ndcg, expected->base_ndcg, 1e-9);
	CHECK_NEAR(judges->squares, expected->squares, 1e-9);
}

/* All movies that are rated next are where the users are looking at that moment. */
static void
look_ahead(World *world)
{
	const Ratings *ratings = &world->data.ratings;
	float	   *vectors = random_model_section(world->file, MODEL_FILE_MOVIE_VECTORS);

	for (int32_t user = 0; user < USERS; user++)
	{
		int64_t		row = ratings->start[user] + ratings->n_train[user];
		float		temperature;

		if (ratings->movie[row] < 0)
			continue;
		know(world, user, row, true, vectors + (int64_t) ratings->movie[row] * VECTOR_DIMS,
			 &temperature);
	}
}

static void
test_moments(void)
{
	World		world = open_world(&spec);
	Moments		moments;
	Judges		still;
	Judges		popularity;

	judge_the_long_way(&world, &still, &popularity);
	CHECK(still.n >= USERS - 1 && still.squares > 0 && popularity.squares > 0);
	CHECK(agree(&world, &moments) == (judges_agree(&still, 1) && judges_agree(&popularity, 1)));
	check_same(&moments.still, &still);
	check_same(&moments.popularity, &popularity);

	look_ahead(&world);
	judge_the_long_way(&world, &still, &popularity);
	CHECK(agree(&world, &moments));
	check_same(&moments.still, &still);
	check_same(&moments.popularity, &popularity);

	/* who must not be shown an order is not asked */
	world.file->in_order = 0;
	CHECK(!agree(&world, &moments));
	CHECK(moments.still.n == 0 && moments.popularity.n == 0);
	close_world(&world);
}

int
main(void)
{
	test_moments();
	return unit_finish();
}
