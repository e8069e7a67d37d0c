/*
 * vocabulary.h: the distinct values of a category, counted while they arrive.
 */
#ifndef MLREC_DATA_VOCABULARY_H
#define MLREC_DATA_VOCABULARY_H

#include "lib/stringinfo.h"

typedef struct Vocabulary Vocabulary;

extern Vocabulary *vocabulary_create(void);
extern int32 vocabulary_add(Vocabulary *vocabulary, const char *text, int64 count);
extern int32 vocabulary_finish(Vocabulary *vocabulary, int32 max);
extern int32 vocabulary_size(const Vocabulary *vocabulary);
extern int32 vocabulary_index(const Vocabulary *vocabulary, int32 code);
extern void vocabulary_append(const Vocabulary *vocabulary, StringInfo names);

#endif							/* MLREC_DATA_VOCABULARY_H */
