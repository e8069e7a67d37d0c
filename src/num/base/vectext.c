/*
 * vectext.c: reads the text form of a vector.
 */
#include "num/base/vectext.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WHITE_SPACE		" \t\n\v\f\r"
#define DECIMAL_CHARS	"+-.0123456789eE"

int
vectext_count(const char *text)
{
	int			count = 1;

	for (; *text != '\0'; text++)
		count += *text == ',';
	return count;
}

static const char *
skip_space(const char *text)
{
	return text + strspn(text, WHITE_SPACE);
}

/*
 * Reads the number at *at into *x and moves *at behind it; after an error *at
 * stays.  strtof also takes hexadecimal, which is refused for being no
 * notation of SQL.
 */
static VecTextResult
parse_number(const char **at, float *x)
{
	char	   *end;
	float		value;

	errno = 0;
	value = strtof(*at, &end);
	if (end == *at)
		return VECTEXT_NO_NUMBER;
	if (!isfinite(value))
		return errno == ERANGE ? VECTEXT_OVERFLOW : VECTEXT_NOT_FINITE;
	if (strspn(*at, DECIMAL_CHARS) < (size_t) (end - *at))
		return VECTEXT_NO_NUMBER;
	*x = value;
	*at = end;
	return VECTEXT_OK;
}

VecTextResult
vectext_parse(const char *text, float *x, int max_dims, int *dims, const char **at)
{
	VecTextResult result;

	*dims = 0;
	*at = skip_space(text);
	if (**at != '[')
		return VECTEXT_NO_OPENING;
	*at = skip_space(*at + 1);

	/* "]" may come first, but not after a comma */
	while (**at != ']' || *dims > 0)
	{
		if (*dims == max_dims)
			return VECTEXT_TOO_MANY;
		result = parse_number(at, &x[*dims]);
		if (result != VECTEXT_OK)
			return result;
		*dims += 1;

		*at = skip_space(*at);
		if (**at == ']')
			break;
		if (**at != ',')
			return VECTEXT_NO_SEPARATOR;
		*at = skip_space(*at + 1);
	}

	*at = skip_space(*at + 1);
	return **at == '\0' ? VECTEXT_OK : VECTEXT_TRAILING;
}
