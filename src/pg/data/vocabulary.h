/*
 * vocabulary.h: the distinct values of a category, counted while they arrive.
 */
#ifndef MLREC_DATA_VOCABULARY_H
#define MLREC_DATA_VOCABULARY_H

#include "lib/stringinfo.h"

typedef struct Vocabulary Vocabulary;

/* An empty vocabulary in the current memory context. */
extern Vocabulary *vocabulary_create(void);

/* The code of a value, which occurs `count` more times (0 is allowed). */
extern int32 vocabulary_add(Vocabulary *vocabulary, const char *text, int64 count);

/*
 * Keeps the `max` most frequent of the values that occurred at all, and numbers
 * them.  Returns the number of values that occurred.  Comes before the functions
 * below.
 */
extern int32 vocabulary_finish(Vocabulary *vocabulary, int32 max);

/* The number of values kept. */
extern int32 vocabulary_size(const Vocabulary *vocabulary);

/* The index of a value among those kept, or -1. */
extern int32 vocabulary_index(const Vocabulary *vocabulary, int32 code);

/* Appends the values kept, in order of their index, in UTF-8, each with its NUL. */
extern void vocabulary_append(const Vocabulary *vocabulary, StringInfo names);

#endif							/* MLREC_DATA_VOCABULARY_H */
