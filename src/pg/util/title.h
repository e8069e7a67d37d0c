/*
 * title.h: the year in a movie's title.
 */
#ifndef MLREC_UTIL_TITLE_H
#define MLREC_UTIL_TITLE_H

/*
 * The year in the last "(dddd)" of a title of `length` bytes, or 0 if it has none.
 * Works in every server encoding: none has ASCII bytes inside longer characters.
 */
extern int	title_year(const char *title, int length);

#endif							/* MLREC_UTIL_TITLE_H */
