/*
 * limits.c: what the machine can do, as limits to compare mlrec with.
 *
 *	limits kernels
 *		The name of the BLAS kernels in use.
 *	limits epoch STAGE HISTORY GENRES MOVIES LIKES ROWS BATCH PROCESSES
 *		Seconds of the matrix products of an epoch, and nothing else: a part of
 *		them is done, the time is that of all.
 *	limits bandwidth MEGABYTES PROCESSES
 *		Gigabytes a second that are read by dot products over an array.
 *
 * The products of an epoch are those of the networks of tensors.h, as a textbook
 * would have them: for each row of a batch and each layer one product forward
 * and two back, in shards as the trainer takes them, and with a softmax its
 * three products over the catalogue for the rows that take part.  What the
 * trainer saves by computing less than that counts for it.
 */
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cblas.h>

#include "num/base/simd.h"
#include "num/data/batch.h"
#include "num/net/layers.h"
#include "num/net/tensors.h"
#include "num/train/retrieval_loss.h"
#include "timing.h"

/* The share of rows in the softmax whether liked or not: with the history in order. */
#define IN_ORDER 0.5

/* The part of an epoch that is measured: one in so many shards. */
#define PART 4

/* ---------------------------------------------------------------------------
 * Several processes at once
 * ------------------------------------------------------------------------- */

typedef struct Starter
{
	atomic_int	ready;
	double		started;
	double		ended[16];
} Starter;

/*
 * Runs work(arg, process, processes) in each of so many processes, all starting
 * together; returns the seconds until the last one has ended.
 */
static double
together(void (*work) (void *arg, int process, int processes), void *arg, int processes)
{
	Starter    *starter = mmap(NULL, sizeof(Starter), PROT_READ | PROT_WRITE,
							   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	double		end = 0;
	double		start;

	if (starter == MAP_FAILED || processes < 1 || processes > 16)
		fail("cannot start %d processes", processes);
	for (int process = 0; process < processes; process++)
	{
		if (fork() == 0)
		{
			work(arg, -1, processes);	/* warm up */
			atomic_fetch_add(&starter->ready, 1);
			while (atomic_load(&starter->ready) <= processes)
				usleep(50);
			work(arg, process, processes);
			starter->ended[process] = now();
			_exit(0);
		}
	}
	while (atomic_load(&starter->ready) < processes)
		usleep(50);
	start = now();
	atomic_fetch_add(&starter->ready, 1);
	while (wait(NULL) > 0);
	for (int process = 0; process < processes; process++)
		end = fmax(end, starter->ended[process]);
	munmap(starter, sizeof(Starter));
	return end - start;
}

/* ---------------------------------------------------------------------------
 * Matrix products
 * ------------------------------------------------------------------------- */

typedef struct Epoch
{
	StageShape	shape;
	int			shards;			/* in all batches */
	int			rows;			/* of a shard */
	int			softmax_rows;	/* of a shard, 0: none */
	int			movies;
} Epoch;

typedef struct Work
{
	float	   *in;
	float	   *out;
	float	   *weight;
} Work;

/* A layer: forward, the gradient of its weights, the gradient of its inputs. */
static void
layer(Work *work, int rows, int fan_in, int fan_out)
{
	LayerSize	size = layer_size(rows, fan_in, fan_out);

	matmul(work->out, work->in, work->weight, size, false);
	matmul_gradient(work->weight, work->in, work->out, size, false);
	matmul_transposed(work->in, work->out, work->weight, size, false);
}

static void
shard(Work *work, const Epoch *epoch)
{
	const StageShape *shape = &epoch->shape;
	int			rows = epoch->rows;

	layer(work, rows, shape->user_inputs, shape->user_hidden);
	layer(work, rows, shape->user_hidden, VECTOR_DIMS);
	if (shape->stage == STAGE_RETRIEVAL)
	{
		layer(work, rows, shape->movie_inputs, shape->movie_hidden);
		layer(work, rows, shape->movie_hidden, VECTOR_DIMS);
		for (int at = 0; at < epoch->softmax_rows; at += SOFTMAX_ROWS)
			layer(work, epoch->softmax_rows - at < SOFTMAX_ROWS ? epoch->softmax_rows - at :
				  SOFTMAX_ROWS, VECTOR_DIMS, epoch->movies);
		return;
	}
	layer(work, rows, shape->n_features, VECTOR_DIMS);
	layer(work, rows, 2 * VECTOR_DIMS, RANKER_HIDDEN1);
	layer(work, rows, RANKER_HIDDEN1, RANKER_HIDDEN2);
	layer(work, rows, RANKER_HIDDEN2, RANKER_HIDDEN3);
}

static void
multiply(void *arg, int process, int processes)
{
	const Epoch *epoch = arg;
	size_t		inputs = epoch->shape.user_inputs > RANKER_HIDDEN1 ? epoch->shape.user_inputs :
		RANKER_HIDDEN1;
	size_t		wide = epoch->movies > RANKER_HIDDEN1 ? epoch->movies : RANKER_HIDDEN1;
	size_t		rows = epoch->rows > SOFTMAX_ROWS ? epoch->rows : SOFTMAX_ROWS;
	Work		work = {
		.in = room(sizeof(float) * rows * inputs),
		.out = room(sizeof(float) * rows * wide),
		.weight = room(sizeof(float) * inputs * wide)
	};

	if (process < 0)
		shard(&work, epoch);
	else
		for (int s = process; s < epoch->shards; s += processes)
			shard(&work, epoch);
	free(work.in);
	free(work.out);
	free(work.weight);
}

/* STAGE HISTORY GENRES MOVIES LIKES ROWS BATCH PROCESSES; LIKES 0: no softmax. */
static void
print_epoch(char **argument)
{
	int32_t		n_values[N_ATTRIBUTES] = {2, 7, 21};
	long		rows = number(argument[5]);
	long		batch = number(argument[6]);
	double		liked = (double) number(argument[4]) / rows;
	int			processes = (int) number(argument[7]);
	double		in_order;
	double		shards;
	Epoch		epoch = {.movies = (int) number(argument[3])};

	stage_shape(&epoch.shape, strcmp(argument[0], "ranking") == 0 ? STAGE_RANKING : STAGE_RETRIEVAL,
				1, 1, (int) number(argument[2]), n_values, (int) number(argument[1]));
	epoch.rows = (int) (batch / N_SHARDS);
	shards = (double) rows / epoch.rows;
	epoch.shards = (int) (shards / PART) / processes * processes;
	in_order = liked > 0 && epoch.shape.recents > 0 ? IN_ORDER : 0;
	epoch.softmax_rows = (int) lrint(epoch.rows * (in_order + (1 - in_order) * liked));
	if (epoch.shards == 0)
		fail("too few rows");
	printf("%.6f\n", together(multiply, &epoch, processes) * shards / epoch.shards);
}

/* ---------------------------------------------------------------------------
 * Memory
 * ------------------------------------------------------------------------- */

typedef struct Array
{
	float	   *value;
	size_t		n;
} Array;

static float sink;

static void
read_array(void *arg, int process, int processes)
{
	const Array *array = arg;
	static float query[1024];
	size_t		blocks = array->n / 1024;
	size_t		from;
	size_t		to;

	if (process < 0)
		return;
	from = blocks * process / processes;
	to = blocks * (process + 1) / processes;
	for (size_t block = from; block < to; block++)
		sink += simd_dot(array->value + block * 1024, query, 1024);
}

static void
print_bandwidth(char **argument)
{
	Array		array = {.n = (size_t) number(argument[0]) << 18};
	double		times[5];

	array.value = room(sizeof(float) * array.n);
	for (int i = 0; i < 5; i++)
		times[i] = together(read_array, &array, (int) number(argument[1]));
	printf("%.3f\n", sizeof(float) * array.n / median(times, 5) / 1e9);
}

int
main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (strcmp(what, "kernels") == 0 && argc == 2)
		puts(openblas_get_corename());
	else if (strcmp(what, "epoch") == 0 && argc == 10)
		print_epoch(argv + 2);
	else if (strcmp(what, "bandwidth") == 0 && argc == 4)
		print_bandwidth(argv + 2);
	else
		fail("usage: see the top of limits.c");
	return 0;
}
