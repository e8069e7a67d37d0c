/*
 * parallel.c: training a stage with several processes.
 *
 * The participants are this backend, the leader, and background workers of a
 * ParallelContext.  They share one block of memory: the data, once, and what
 * trainer.h calls the shared block.  Every participant runs trainer_run on it;
 * what they do between barriers is the trainer's business.
 *
 * Leaving halfway: the only place where a participant waits is the barrier,
 * and waiting there processes interrupts, as the trainer's ticks do while it
 * works.  If the leader is cancelled, the end of its transaction destroys the
 * ParallelContext, which terminates the workers and then frees the memory.  If
 * a worker dies, the leader gets its message (or learns of its death) at its
 * next interrupt check, and fails likewise.
 *
 * Workers may be fewer than asked for.  How many there are is known only after
 * all launched ones have attached; until the leader has said so they sleep.
 *
 * With no workers asked for or none to be had, or no room for shared memory,
 * the same code runs alone on ordinary memory, with the same result.
 */
#include "postgres.h"

#ifndef WIN32
#include <sys/statvfs.h>
#endif

#include "access/parallel.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "port/atomics.h"
#include "storage/condition_variable.h"
#include "storage/dsm_impl.h"
#include "storage/spin.h"
#include "utils/memutils.h"

#include "pg/train/blas_buffer.h"
#include "pg/train/parallel.h"
#include "pg/util/huge_alloc.h"
#include "pg/util/interrupts.h"

#define TEAM_KEY UINT64CONST(1)

/*
 * Looks at the barrier before going to sleep, about half a millisecond.
 * Participants have equal shares of work and arrive close together some
 * thousand times a second; falling asleep and being woken takes longer.
 */
#define SPINS 10000

/* Where all participants meet: storage/barrier.h, but awake at first. */
typedef struct SpinBarrier
{
	pg_atomic_uint32 arrived;
	pg_atomic_uint32 round;		/* how often all have met */
	ConditionVariable met;
} SpinBarrier;

/* Start of the shared memory. */
typedef struct TeamShared
{
	slock_t		mutex;
	int			n_participants; /* 0 until the team is complete */
	ConditionVariable complete;
	SpinBarrier barrier;

	StageShape	shape;
	TrainOptions options;
	double		mean_rating;	/* of MovieStatistics */
	double		deviation;
	Ratings		ratings;		/* counts; pointers are each process's own */
} TeamShared;

/* What a process knows of the shared memory. */
typedef struct TeamMemory
{
	TeamShared *shared;
	Ratings		ratings;
	MovieStatistics movie_stats;
	void	   *trainer;		/* the trainer's shared block */
} TeamMemory;

PGDLLEXPORT void mlrec_train_worker(dsm_segment *seg, shm_toc *toc);

/*
 * Takes room for an array and, in the process that has it, copies it there.
 */
static const void *
copy_into(Arena *arena, const void *source, Size size)
{
	void	   *at = arena_take(arena, 1, size);

	if (at && source)
		memcpy(at, source, size);
	return at;
}

/*
 * Lays the shared memory out.  The leader's ratings and movies have the arrays
 * to be copied; a worker's have none.  While measuring the arena has no base.
 */
static void
carve(TeamMemory *memory, Arena *arena, const StageShape *shape, const Ratings *ratings,
	  const MovieStatistics *movie_stats, const TrainOptions *options)
{
	Ratings    *own = &memory->ratings;
	Size		rows = ratings->n_rows;
	Size		users = ratings->n_users;
	Size		movies = ratings->n_movies;

	memory->shared = ARENA_ARRAY(arena, TeamShared, 1);
	*own = *ratings;
	own->start = copy_into(arena, ratings->start, sizeof(int64) * (users + 1));
	own->n_train = copy_into(arena, ratings->n_train, sizeof(int32) * users);
	own->n_trainval = copy_into(arena, ratings->n_trainval, sizeof(int32) * users);
	own->movie = copy_into(arena, ratings->movie, sizeof(int32) * rows);
	own->rating = copy_into(arena, ratings->rating, sizeof(float) * rows);
	own->prefix = copy_into(arena, ratings->prefix, sizeof(int32) * rows);
	own->attribute = copy_into(arena, ratings->attribute, users * N_ATTRIBUTES);
	own->movie_features = copy_into(arena, ratings->movie_features,
									sizeof(float) * movies * (ratings->n_genres + 1));
	own->time = copy_into(arena, ratings->time, sizeof(int64) * rows);
	own->user_ids = own->movie_ids = NULL;
	own->movie_listed = NULL;
	memory->movie_stats.mean_rating = movie_stats->mean_rating;
	memory->movie_stats.deviation = movie_stats->deviation;
	memory->movie_stats.ratings =
		(int32 *) copy_into(arena, movie_stats->ratings, sizeof(int32) * movies);
	memory->movie_stats.bias =
		(float *) copy_into(arena, movie_stats->bias, sizeof(float) * movies);
	memory->movie_stats.popularity =
		(float *) copy_into(arena, movie_stats->popularity, sizeof(float) * movies);

	/* the trainer measures the data through these arrays, so it gets the source's */
	memory->trainer = arena_take(arena, 1,
								 trainer_shared_size(shape, ratings->n_train ? ratings : own,
													 options));
}

/* Bytes of shared memory, with room to align it. */
static Size
team_size(const ParallelJob *job)
{
	TeamMemory	memory;
	Arena		arena = {NULL, 0};

	carve(&memory, &arena, job->shape, job->ratings, job->movie_stats, job->options);
	return add_size(arena.used, ARENA_ALIGN);
}

Size
parallel_memory(const ParallelJob *job)
{
	Size		private = mul_size(job->workers + 1,
								   trainer_private_size(job->shape, job->ratings, job->options));
	Size		params = mul_size(2 * sizeof(float), stage_size(job->shape));

	return add_size(team_size(job), add_size(private, params));
}

/* Puts the leader's data into the shared memory. */
static void
fill_team(TeamMemory *memory, void *block, const ParallelJob *job)
{
	Arena		arena = {aligned(block), 0};

	carve(memory, &arena, job->shape, job->ratings, job->movie_stats, job->options);
	SpinLockInit(&memory->shared->mutex);
	ConditionVariableInit(&memory->shared->complete);
	pg_atomic_init_u32(&memory->shared->barrier.arrived, 0);
	pg_atomic_init_u32(&memory->shared->barrier.round, 0);
	ConditionVariableInit(&memory->shared->barrier.met);
	memory->shared->n_participants = 0;
	memory->shared->shape = *job->shape;
	memory->shared->options = *job->options;
	memory->shared->options.rates = NULL;
	memory->shared->mean_rating = memory->movie_stats.mean_rating;
	memory->shared->deviation = memory->movie_stats.deviation;
	memory->shared->ratings = memory->ratings;
}

/* Waits for the others; alone there is nobody to wait for. */
static void
spin_barrier_wait(void *team)
{
	TeamShared *shared = team;
	SpinBarrier *barrier = &shared->barrier;
	uint32		round;

	check_interrupts();
	if (shared->n_participants == 1)
		return;
	round = pg_atomic_read_u32(&barrier->round);
	if (pg_atomic_add_fetch_u32(&barrier->arrived, 1) == (uint32) shared->n_participants)
	{
		pg_atomic_write_u32(&barrier->arrived, 0);
		pg_atomic_fetch_add_u32(&barrier->round, 1);
		ConditionVariableBroadcast(&barrier->met);
		return;
	}
	for (int i = 0; i < SPINS && pg_atomic_read_u32(&barrier->round) == round; i++)
		pg_spin_delay();
	while (pg_atomic_read_u32(&barrier->round) == round)
		ConditionVariableSleep(&barrier->met, PG_WAIT_EXTENSION);
	ConditionVariableCancelSleep();
	pg_memory_barrier();
}

/* Runs one participant's part; the trainer is in the current memory context. */
static Trainer *
take_part(const TeamMemory *memory, const TrainOptions *options, int participant,
		  const ParallelJob *job)
{
	TeamShared *shared = memory->shared;
	Team		team = {
		.participant = participant,
		.n_participants = shared->n_participants,
		.barrier = spin_barrier_wait,
		.arg = shared,
		.check_interrupts = check_interrupts
	};
	Size		size = trainer_private_size(&shared->shape, &memory->ratings, options);
	void	   *private = alloc_aligned(size, 0);
	Trainer    *trainer = trainer_attach(memory->trainer, private, &shared->shape,
										 &memory->ratings, &memory->movie_stats, options, &team);

	if (job)
		trainer_begin(trainer, job->start);
	spin_barrier_wait(shared);
	trainer_run(trainer, job ? job->report : NULL, job ? job->arg : NULL);
	return trainer;
}

/* Says that the team is complete, and how large it is. */
static void
complete_team(TeamShared *shared, int n_participants)
{
	SpinLockAcquire(&shared->mutex);
	shared->n_participants = n_participants;
	SpinLockRelease(&shared->mutex);
	ConditionVariableBroadcast(&shared->complete);
}

static void
wait_for_team(TeamShared *shared)
{
	for (;;)
	{
		bool		complete;

		SpinLockAcquire(&shared->mutex);
		complete = shared->n_participants > 0;
		SpinLockRelease(&shared->mutex);
		if (complete)
			break;
		ConditionVariableSleep(&shared->complete, PG_WAIT_EXTENSION);
	}
	ConditionVariableCancelSleep();
}

/*
 * mlrec_train_worker: entry point of the background workers.
 */
void
mlrec_train_worker(dsm_segment *seg, shm_toc *toc)
{
	void	   *block = aligned(shm_toc_lookup(toc, TEAM_KEY, false));
	TeamShared *shared = block;
	Ratings		counts;
	MovieStatistics movie_stats = {0};
	Arena		arena = {block, 0};
	TeamMemory	memory;

	blas_buffer_take();
	wait_for_team(shared);

	movie_stats.mean_rating = shared->mean_rating;
	movie_stats.deviation = shared->deviation;
	/* the pointers are the leader's: only the counts count */
	counts = shared->ratings;
	counts.start = counts.time = NULL;
	counts.n_train = counts.n_trainval = counts.movie = counts.prefix = NULL;
	counts.rating = counts.movie_features = NULL;
	counts.attribute = NULL;
	counts.weight = NULL;		/* the leader has put weights into deviations */
	carve(&memory, &arena, &shared->shape, &counts, &movie_stats, &shared->options);
	take_part(&memory, &shared->options, ParallelWorkerNumber + 1, NULL);
}

/* A copy of the trained parameters in ordinary memory. */
static float *
copy_params(const Trainer *trainer, const StageShape *shape)
{
	Size		size = sizeof(float) * stage_size(shape);
	float	   *params = MemoryContextAllocHuge(CurrentMemoryContext, size);

	memcpy(params, trainer_params(trainer), size);
	return params;
}

/* Trains without others. */
static float *
train_alone(const ParallelJob *job, Share *share)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "mlrec training",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	void	   *block = MemoryContextAllocHuge(context, team_size(job));
	TeamMemory	memory;
	Trainer    *trainer;
	float	   *params;

	fill_team(&memory, block, job);
	complete_team(memory.shared, 1);
	trainer = take_part(&memory, job->options, 0, job);
	MemoryContextSwitchTo(caller);
	params = copy_params(trainer, job->shape);
	*share = trainer_share(trainer);
	MemoryContextDelete(context);
	return params;
}

/* ---------------------------------------------------------------------------
 * With as many as there are to be had
 * ------------------------------------------------------------------------- */

/*
 * Whether a segment of this size can be had.  POSIX shared memory lives in a
 * file system that containers like to keep at 64 MB; growing a segment beyond
 * it is an error that would end the training.
 */
static bool
shared_memory_has_room(const ParallelJob *job, Size size)
{
#ifndef WIN32
	struct statvfs room;
	uint64		available;

	if (dynamic_shared_memory_type != DSM_IMPL_POSIX || statvfs("/dev/shm", &room) != 0)
		return true;
	available = (uint64) room.f_bavail * room.f_frsize;
	if (available > add_size(size, size / 8))
		return true;
	ereport(job->shortage_level,
			(errmsg("training goes on without workers"),
			 errdetail("Shared memory of %zu MB is needed, %zu MB are left in /dev/shm.",
					   (size >> 20) + 1, (Size) (available >> 20)),
			 errhint("Make /dev/shm larger, in a container with --shm-size.")));
	return false;
#else
	return true;
#endif
}

/* Fewer workers than asked for change nothing but the time. */
static void
report_shortage(const ParallelJob *job, int n_workers)
{
	if (n_workers == job->workers)
		return;
	ereport(job->shortage_level,
			(errmsg("training goes on with %d of %d workers", n_workers, job->workers),
			 errdetail("The server has no more background workers to spare."),
			 errhint("Raise max_worker_processes or max_parallel_workers, or look in "
					 "pg_stat_activity for whom the others work.")));
}

/* Without a segment there are no workers, and ordinary memory does. */
static void
report_no_segment(const ParallelJob *job)
{
	ereport(job->shortage_level,
			(errmsg("training goes on without workers"),
			 errdetail("All segments of dynamic shared memory are in use."),
			 errhint("Raise max_connections, which their number depends on.")));
}

/* Trains with workers; the ParallelContext has been set up. */
static float *
train_together(ParallelContext *pcxt, const ParallelJob *job, Size size, Share *share)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "mlrec training",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	void	   *block = shm_toc_allocate(pcxt->toc, size);
	TeamMemory	memory;
	Trainer    *trainer;
	float	   *params;

	fill_team(&memory, block, job);
	shm_toc_insert(pcxt->toc, TEAM_KEY, block);
	LaunchParallelWorkers(pcxt);
	WaitForParallelWorkersToAttach(pcxt);
	report_shortage(job, pcxt->nworkers_launched);
	complete_team(memory.shared, pcxt->nworkers_launched + 1);
	trainer = take_part(&memory, job->options, 0, job);
	MemoryContextSwitchTo(caller);
	params = copy_params(trainer, job->shape);
	*share = trainer_share(trainer);
	WaitForParallelWorkersToFinish(pcxt);
	MemoryContextDelete(context);
	return params;
}

float *
parallel_train(const ParallelJob *job, int *n_workers, Share *share)
{
	Size		size = team_size(job);
	ParallelContext *pcxt;
	float	   *params;

	*n_workers = 0;
	blas_buffer_take();
	if (job->workers == 0 || !shared_memory_has_room(job, size))
		return train_alone(job, share);

	EnterParallelMode();
	pcxt = CreateParallelContext("mlrec", "mlrec_train_worker", job->workers);
	shm_toc_estimate_chunk(&pcxt->estimator, size);
	shm_toc_estimate_keys(&pcxt->estimator, 1);
	InitializeParallelDSM(pcxt);
	if (pcxt->seg == NULL)
	{
		report_no_segment(job);
		params = train_alone(job, share);
	}
	else
	{
		params = train_together(pcxt, job, size, share);
		*n_workers = pcxt->nworkers_launched;
	}
	DestroyParallelContext(pcxt);
	ExitParallelMode();
	return params;
}
