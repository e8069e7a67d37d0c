/*
 * vocabulary.c: the distinct values of a category, counted while they arrive.
 *
 * Values get codes in order of arrival.  vocabulary_finish keeps the most
 * frequent ones and gives them places in the order of their bytes, so that
 * neither the order of the rows nor a collation decides about a place.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/memutils.h"

#include "pg/data/vocabulary.h"
#include "pg/util/encoding.h"

typedef struct Value
{
	const char *text;
	int64		count;
	int32		place;			/* after vocabulary_finish; -1: not kept */
} Value;

typedef struct ValueEntry
{
	const char *text;
	int32		code;
	char		status;
} ValueEntry;

#define SH_PREFIX values
#define SH_ELEMENT_TYPE ValueEntry
#define SH_KEY_TYPE const char *
#define SH_KEY text
#define SH_HASH_KEY(tb, key) hash_bytes((const unsigned char *) (key), strlen(key))
#define SH_EQUAL(tb, a, b) (strcmp(a, b) == 0)
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct Vocabulary
{
	MemoryContext context;
	values_hash *codes;
	Value	   *value;			/* [n], by code */
	int32		n;
	int32		capacity;
	int32	   *kept;			/* [n_kept], codes by place */
	int32		n_kept;
};

/* An empty vocabulary in the current memory context. */
Vocabulary *
vocabulary_create(void)
{
	Vocabulary *v = palloc0(sizeof(Vocabulary));

	v->context = CurrentMemoryContext;
	v->codes = values_create(v->context, 64, NULL);
	v->capacity = 64;
	v->value = palloc(v->capacity * sizeof(Value));
	return v;
}

/* The value's code; it occurs `count` times more, which may be 0. */
int32
vocabulary_add(Vocabulary *v, const char *text, int64 count)
{
	bool		found;
	ValueEntry *entry = values_insert(v->codes, text, &found);

	if (!found)
	{
		if (v->n == v->capacity)
		{
			v->capacity *= 2;
			v->value = repalloc_huge(v->value, (Size) v->capacity * sizeof(Value));
		}
		entry->text = MemoryContextStrdup(v->context, text);
		entry->code = v->n;
		v->value[v->n].text = entry->text;
		v->value[v->n].count = 0;
		v->value[v->n].place = -1;
		v->n++;
	}
	v->value[entry->code].count += count;
	return entry->code;
}

static int
by_text(const void *a, const void *b, void *value)
{
	const Value *values = value;

	return strcmp(values[*(const int32 *) a].text, values[*(const int32 *) b].text);
}

static int
by_count(const void *a, const void *b, void *value)
{
	const Value *values = value;
	int64		x = values[*(const int32 *) a].count;
	int64		y = values[*(const int32 *) b].count;

	return x != y ? (x > y ? -1 : 1) : by_text(a, b, value);
}

/*
 * Keeps the `max` most frequent of the values that occurred at all, and gives
 * them their places.  Returns how many there would have been.
 */
int32
vocabulary_finish(Vocabulary *v, int32 max)
{
	int32		occurring = 0;

	v->kept = MemoryContextAllocHuge(v->context, ((Size) v->n + 1) * sizeof(int32));
	for (int32 code = 0; code < v->n; code++)
		if (v->value[code].count > 0)
			v->kept[occurring++] = code;

	qsort_arg(v->kept, occurring, sizeof(int32), by_count, v->value);
	v->n_kept = Min(occurring, max);
	qsort_arg(v->kept, v->n_kept, sizeof(int32), by_text, v->value);
	for (int32 place = 0; place < v->n_kept; place++)
		v->value[v->kept[place]].place = place;
	return occurring;
}

/* How many values were kept. */
int32
vocabulary_size(const Vocabulary *v)
{
	return v->n_kept;
}

/* The place of a value among those kept, or -1. */
int32
vocabulary_index(const Vocabulary *v, int32 code)
{
	return v->value[code].place;
}

/* Appends the values kept, in order, in UTF-8, each with its NUL. */
void
vocabulary_append(const Vocabulary *v, StringInfo names)
{
	for (int32 place = 0; place < v->n_kept; place++)
	{
		char	   *text = utf8_from_server(v->value[v->kept[place]].text);

		appendBinaryStringInfo(names, text, strlen(text) + 1);
		pfree(text);
	}
}
