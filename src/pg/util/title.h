/*
 * title.h: what a movie's title tells.
 */
#ifndef MLREC_UTIL_TITLE_H
#define MLREC_UTIL_TITLE_H

extern int	title_year(const char *title, int length);

#endif							/* MLREC_UTIL_TITLE_H */
