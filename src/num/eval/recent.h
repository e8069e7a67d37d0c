/*
 * recent.h: how many liked each movie in the days before a moment.
 *
 * What is popular changes, so a list for a moment has to beat what was liked
 * shortly before it, and not only what was liked at any time.
 */
#ifndef MLREC_EVAL_RECENT_H
#define MLREC_EVAL_RECENT_H

#include "num/base/arena.h"
#include "num/data/ratings.h"

/* Likes in order of their days */
typedef struct RecentLikes
{
	int64_t		first;			/* the earliest time */
	int64_t		day;			/* as of ratings.h */
	int32_t		n_days;			/* 0: days are not known, or more than can be kept */
	int64_t    *start;			/* [n_days + 1] */
	int64_t    *time;			/* [start[n_days]] */
	int32_t    *movie;			/* [start[n_days]] */
	bool	   *trained;		/* [start[n_days]] of the training part */
} RecentLikes;

/*
 * Takes the arrays from the arena and, unless that only measures, fills them with
 * the ratings of like_threshold or more.
 */
extern void recent_open(RecentLikes *recent, const Ratings *ratings, float like_threshold,
						Arena *arena);

/*
 * Counts into count [n_movies] the likes of each movie in the time from `days` days
 * before `moment` to just before it; of the training part alone, or of all.
 * moment is at most just after the last rating; recent->n_days > 0.
 */
extern void recent_count(const RecentLikes *recent, int64_t moment, int days, bool trained_only,
						 float *count, int32_t n_movies);

#endif							/* MLREC_EVAL_RECENT_H */
