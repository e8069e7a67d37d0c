/*
 * vocabulary.c: the distinct values of a category, counted while they arrive.
 *
 * Values get codes in order of arrival.  vocabulary_finish keeps the most
 * frequent ones and numbers them in the order of their bytes, so that an index
 * depends neither on the order of the rows nor on a collation.
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
	int32		index;			/* after vocabulary_finish; -1: not kept */
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
	int32	   *kept;			/* [n_kept], codes by index */
	int32		n_kept;
};

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
		v->value[v->n].index = -1;
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
	for (int32 index = 0; index < v->n_kept; index++)
		v->value[v->kept[index]].index = index;
	return occurring;
}

int32
vocabulary_size(const Vocabulary *v)
{
	return v->n_kept;
}

int32
vocabulary_index(const Vocabulary *v, int32 code)
{
	return v->value[code].index;
}

void
vocabulary_append(const Vocabulary *v, StringInfo names)
{
	for (int32 index = 0; index < v->n_kept; index++)
	{
		char	   *text = utf8_from_server(v->value[v->kept[index]].text);

		appendBinaryStringInfo(names, text, strlen(text) + 1);
		pfree(text);
	}
}
