/*
 * A training that goes on from an earlier model: before its first step it says
 * of everything that both know what that model says, wherever it now stands.
 */
#include "gradient.h"

#include "exported.h"
#include "num/net/layers.h"
#include "num/train/warm_start.h"

#define GENRES 3
#define HISTORY_WIDTH HISTORY_DIMS

/* The new data: one user, movie, genre and value more, in front of the old ones. */
static const SmallSpec old_spec = {
	.n_users = 8, .n_movies = 15, .n_genres = GENRES, .least = 4, .most = 10, .seed = 3
};

static const char old_names[] = "a\0b\0c\0" "f\0m\0" "1\0" "2\0" "x\0y";
static const char new_names[] = "new\0c\0b\0a\0" "new\0f\0m\0" "new\0" "2\0" "1\0" "y\0x\0new";

/* What has become of the old genres, and of the values of each attribute. */
static const int new_genre[GENRES] = {3, 2, 1};
static const uint8_t new_value[N_ATTRIBUTES][3] = {{0, 2, 3}, {0, 3, 2}, {0, 2, 1}};

static SmallRatings old;
static SmallRatings new;

/* The ratings of before, behind those of the new user. */
static void
add_old_ratings(int32_t n_users)
{
	int32_t		shift = (int32_t) (new.start[1] - new.start[0]);

	for (int32_t user = 0; user <= old.ratings.n_users; user++)
		new.start[user + 1] = old.start[user] + shift;
	new.ratings.n_rows = new.start[n_users];
	new.movie = realloc(new.movie, sizeof(int32_t) * new.ratings.n_rows);
	new.rating = realloc(new.rating, sizeof(float) * new.ratings.n_rows);
	new.time = realloc(new.time, sizeof(int64_t) * new.ratings.n_rows);
	new.prefix = realloc(new.prefix, sizeof(int32_t) * new.ratings.n_rows);
	for (int64_t row = 0; row < old.ratings.n_rows; row++)
	{
		new.movie[shift + row] = old.movie[row] + 1;
		new.rating[shift + row] = old.rating[row];
		new.time[shift + row] = old.time[row];
		new.prefix[shift + row] = old.prefix[row];
	}
	new.ratings.movie = new.movie;
	new.ratings.rating = new.rating;
	new.ratings.time = new.time;
	new.ratings.prefix = new.prefix;
}

/* Users, attributes and movies of before, by their new numbers. */
static void
add_old_features(void)
{
	new.ratings.n_train_rows = new.n_train[0];
	for (int32_t user = 0; user < old.ratings.n_users; user++)
	{
		new.n_train[user + 1] = new.n_trainval[user + 1] = old.n_train[user];
		new.ratings.n_train_rows += old.n_train[user];
		for (int a = 0; a < N_ATTRIBUTES; a++)
			new.attribute[(user + 1) * N_ATTRIBUTES + a] =
				new_value[a][old.attribute[user * N_ATTRIBUTES + a]];
	}
	new.ratings.n_trainval_rows = new.ratings.n_train_rows;
	for (int32_t movie = 0; movie < old.ratings.n_movies; movie++)
	{
		const float *from = old.features + movie * (GENRES + 1);
		float	   *to = new.features + (movie + 1) * (GENRES + 2);

		to[0] = 0;
		for (int genre = 0; genre < GENRES; genre++)
			to[new_genre[genre]] = from[genre];
		to[GENRES + 1] = from[GENRES];
	}
	for (int a = 0; a < N_ATTRIBUTES; a++)
		new.ratings.n_values[a] = 3;
}

/* The old data again, with somebody and something new before all else. */
static void
make_new_data(void)
{
	SmallSpec	spec = old_spec;

	spec.n_users++;
	spec.n_movies++;
	spec.n_genres++;
	new = small_ratings(&spec);
	add_old_ratings(spec.n_users);
	add_old_features();
	/* ids: those of before behind an id that comes before all */
	new.ids[0] = -5;
	for (int32_t i = 0; i < 16 - 1; i++)
		new.ids[i + 1] = old.ids[i];
	movie_statistics(&new.movie_stats, &new.ratings, LIKE_THRESHOLD, small_check_interrupts);
	/* what a movie's bias leaves of a rating is as it was */
	new.movie_stats.mean_rating = old.movie_stats.mean_rating;
	new.movie_stats.deviation = old.movie_stats.deviation;
	for (int32_t movie = 0; movie < old.ratings.n_movies; movie++)
		new.movie_stats.bias[movie + 1] = old.movie_stats.bias[movie];
}

/* Stages with random parameters of which none is zero, statistics included. */
static void
random_stages(StageShape *shape, float **params, const SmallRatings *data, int32_t n_known)
{
	for (Stage stage = 0; stage < N_STAGES; stage++)
	{
		stage_shape(&shape[stage], stage, n_known, data->ratings.n_movies,
					data->ratings.n_genres, data->ratings.n_values, HISTORY_WIDTH);
		params[stage] = malloc(sizeof(float) * stage_size(&shape[stage]));
		fill_random(params[stage], stage_size(&shape[stage]), 0.2f, 50 + stage);
	}
	for (int i = 0; i < RANKER_HIDDEN1; i++)
		params[STAGE_RANKING][shape[STAGE_RANKING].offset[TENSOR_RANK_VARIANCE1] + i] =
			0.5f + i % 3;
	for (int i = 0; i < RANKER_HIDDEN2; i++)
		params[STAGE_RANKING][shape[STAGE_RANKING].offset[TENSOR_RANK_VARIANCE2] + i] =
			0.5f + i % 5;
}

static ModelFileHeader *
model_file_of(const SmallRatings *data, StageShape *shape, float **params, const char *names,
			  size_t length)
{
	const StageShape *shapes[N_STAGES] = {&shape[STAGE_RETRIEVAL], &shape[STAGE_RANKING]};
	const float *const all[N_STAGES] = {params[STAGE_RETRIEVAL], params[STAGE_RANKING]};

	return exported_model_file(data, shapes, all, names, length,
							   (RelevanceOrder) UNTUNED_ORDER);
}

/* Vectors number from .. of one model file are those number 0 .. of the other. */
static void
check_vectors(const ModelFileHeader *file, int from, const ModelFileHeader *before, int n,
			  ModelFileSection section)
{
	const float *is = model_file_section(file, section);
	const float *was = model_file_section(before, section);
	double		worst = 0;

	for (int i = 0; i < n * VECTOR_DIMS; i++)
		worst = worst_of(worst, fabs(is[from * VECTOR_DIMS + i] - was[i]));
	CHECK_NEAR(worst, 0, 1e-5);
}

/* Who and what is new begins as the unknown. */
static void
check_new_rows(const StageShape *shape, float **params, const StageShape *old_shape,
			   float **old_params)
{
	const float *users = params[STAGE_RETRIEVAL] + shape[STAGE_RETRIEVAL].offset[TENSOR_USER_ID];

	for (Stage stage = 0; stage < N_STAGES; stage++)
	{
		const float *row = params[stage] + shape[stage].offset[TENSOR_MOVIE_ID];
		int			width = shape[stage].width[TENSOR_MOVIE_ID];

		CHECK(memcmp(row, row + width, sizeof(float) * width) == 0);
		CHECK(memcmp(row, old_params[stage] + old_shape[stage].offset[TENSOR_MOVIE_ID],
					 sizeof(float) * width) == 0);
	}
	CHECK(memcmp(users, users + USER_ID_DIMS, sizeof(float) * USER_ID_DIMS) == 0);
}

static void
test_moved(void)
{
	StageShape	old_shape[N_STAGES];
	StageShape	shape[N_STAGES];
	float	   *old_params[N_STAGES];
	float	   *params[N_STAGES];
	ModelFileHeader *before;
	ModelFileHeader *after;
	int			trained = 0;

	random_stages(old_shape, old_params, &old, old.ratings.n_users);
	random_stages(shape, params, &new, new.ratings.n_users);
	before = model_file_of(&old, old_shape, old_params, old_names, sizeof(old_names));
	for (Stage stage = 0; stage < N_STAGES; stage++)
	{
		stage_init(params[stage], &shape[stage], 77);
		warm_start(params[stage], &shape[stage], &new.ratings, new_names, before);
	}

	/* the new movie must not pull at the others' histories: nobody else rated it */
	after = model_file_of(&new, shape, params, new_names, sizeof(new_names));
	CHECK(after->n_users == before->n_users + 1 && after->n_movies == before->n_movies + 1);
	check_vectors(after, 1, before, before->n_movies, MODEL_FILE_MOVIE_VECTORS);
	check_vectors(after, 1, before, before->n_movies, MODEL_FILE_MOVIE_RANK_VECTORS);
	check_vectors(after, 1, before, before->n_users, MODEL_FILE_USER_VECTORS);

	/* the ranker: all of it that no name or id decides */
	for (Tensor t = TENSOR_RANK_W1; t < TENSOR_FIRST_TABLE; t++)
		CHECK(memcmp(params[STAGE_RANKING] + shape[STAGE_RANKING].offset[t],
					 old_params[STAGE_RANKING] + old_shape[STAGE_RANKING].offset[t],
					 sizeof(float) * (old_shape[STAGE_RANKING].offset[t + 1] -
									  old_shape[STAGE_RANKING].offset[t])) == 0);

	check_new_rows(shape, params, old_shape, old_params);
	for (int32_t movie = 0; movie < old.ratings.n_movies; movie++)
		trained += old.movie_stats.ratings[movie] > 0;
	CHECK(trained > 10);

	for (Stage stage = 0; stage < N_STAGES; stage++)
	{
		free(params[stage]);
		free(old_params[stage]);
	}
	free(before);
	free(after);
}

int
main(void)
{
	old = small_ratings(&old_spec);
	make_new_data();
	test_moved();
	small_free(&old);
	small_free(&new);
	return unit_finish();
}
