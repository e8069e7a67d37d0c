/*
 * timing.c: see timing.h.
 */
#include "timing.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "num/base/arena.h"

double
now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + 1e-9 * time.tv_nsec;
}

static int
compare(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return x < y ? -1 : x > y;
}

double
median(double *times, int n)
{
	qsort(times, n, sizeof(double), compare);
	return n % 2 ? times[n / 2] : (times[n / 2 - 1] + times[n / 2]) / 2;
}

void
fail(const char *format, ...)
{
	va_list		arguments;

	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(1);
}

void *
room(size_t size)
{
	size_t		rounded = (size + ARENA_ALIGN) / ARENA_ALIGN * ARENA_ALIGN;
	void	   *memory = aligned_alloc(ARENA_ALIGN, rounded);

	if (memory == NULL)
		fail("no memory for %zu bytes", size);
	memset(memory, 0, rounded);
	return memory;
}

void *
read_whole(const char *path, size_t *size)
{
	FILE	   *file = fopen(path, "rb");
	void	   *bytes;

	if (file == NULL || fseek(file, 0, SEEK_END) != 0)
		fail("%s: %s", path, strerror(errno));
	*size = ftell(file);
	rewind(file);
	bytes = room(*size);
	if (fread(bytes, 1, *size, file) != *size)
		fail("%s: could not be read whole", path);
	fclose(file);
	return bytes;
}

long
number(const char *argument)
{
	char	   *end;
	long		value = strtol(argument, &end, 10);

	if (end == argument || *end != '\0')
		fail("\"%s\" is not a number", argument);
	return value;
}
