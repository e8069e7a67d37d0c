/*
 * The reader of vectors under libFuzzer: whatever bytes come, it stays within the
 * text and within the array, and what it accepts is finite and reads back the
 * same from its own printing.
 *
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -Isrc \
 *       test/fuzz/fuzz_vectext.c src/num/base/vectext.c -lm -o build/fuzz_vectext
 *   build/fuzz_vectext -max_total_time=60
 */
#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "num/base/vectext.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* x as text; every float takes at most 16 bytes with its comma */
static char *
print(const float *x, int dims)
{
	char	   *text = malloc(dims * 16 + 3);
	char	   *end = text;

	*end++ = '[';
	for (int i = 0; i < dims; i++)
		end += sprintf(end, "%s%.9g", i == 0 ? "" : ",", x[i]);
	strcpy(end, "]");
	return text;
}

static void
check_again(const float *x, int dims)
{
	char	   *text = print(x, dims);
	float	   *again = malloc(sizeof(float) * dims);
	const char *at;
	int			n;

	assert(vectext_count(text) == dims);
	assert(vectext_parse(text, again, dims, &n, &at) == VECTEXT_OK);
	assert(n == dims && memcmp(x, again, sizeof(float) * dims) == 0);
	free(again);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *text = malloc(size + 1);
	float	   *x;
	const char *at;
	int			capacity;
	int			dims;

	memcpy(text, data, size);
	text[size] = '\0';
	capacity = vectext_count(text);
	x = malloc(sizeof(float) * capacity);

	if (vectext_parse(text, x, capacity, &dims, &at) == VECTEXT_OK)
	{
		assert(dims == 0 || dims == capacity);
		for (int i = 0; i < dims; i++)
			assert(isfinite(x[i]));
		if (dims > 0)
			check_again(x, dims);
	}
	assert(at >= text && at <= text + strlen(text));
	free(x);
	free(text);
	return 0;
}
