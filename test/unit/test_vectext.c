/*
 * The text form of a vector: what is read, and what is refused where.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "num/base/vectext.h"

#define MAX_DIMS	8

static VecTextResult
parse(const char *text, float *x, int *dims, const char **at)
{
	int			capacity = vectext_count(text);

	return vectext_parse(text, x, capacity < MAX_DIMS ? capacity : MAX_DIMS, dims, at);
}

static void
check_accepted(const char *text, int n, float first, float last)
{
	float		x[MAX_DIMS];
	int			dims;
	const char *at;

	if (!CHECK(parse(text, x, &dims, &at) == VECTEXT_OK))
		printf("  of %s\n", text);
	CHECK(dims == n);
	if (n > 0)
		CHECK(x[0] == first && x[n - 1] == last);
}

/* Refused, for this reason, where rest begins. */
static void
check_refused(const char *text, VecTextResult reason, const char *rest)
{
	float		x[MAX_DIMS];
	int			dims;
	const char *at;

	if (!CHECK(parse(text, x, &dims, &at) == reason) || !CHECK(strcmp(at, rest) == 0))
		printf("  of %s\n", text);
}

int
main(void)
{
	check_accepted("[1]", 1, 1, 1);
	check_accepted("[0.1,-2,3e-5]", 3, 0.1f, 3e-5f);
	check_accepted(" \t\n[ 1 ,\r\n+2. , .5 ] \v\f", 3, 1, 0.5f);
	check_accepted("[1,2,3,4,5,6,7,8]", 8, 1, 8);
	check_accepted("[3.4028235e38,-1E-45]", 2, 3.4028235e38f, -1e-45f);
	check_accepted("[1e-50,-1e-400]", 2, 0, 0);
	check_accepted("[]", 0, 0, 0);
	check_accepted(" [ ] ", 0, 0, 0);

	check_refused("", VECTEXT_NO_OPENING, "");
	check_refused("  ", VECTEXT_NO_OPENING, "");
	check_refused("1,2", VECTEXT_NO_OPENING, "1,2");
	check_refused("{1,2}", VECTEXT_NO_OPENING, "{1,2}");
	check_refused("(1)", VECTEXT_NO_OPENING, "(1)");
	check_refused("[", VECTEXT_NO_NUMBER, "");
	check_refused("[,", VECTEXT_NO_NUMBER, ",");
	check_refused("[,1]", VECTEXT_NO_NUMBER, ",1]");
	check_refused("[1,]", VECTEXT_NO_NUMBER, "]");
	check_refused("[1,,2]", VECTEXT_NO_NUMBER, ",2]");
	check_refused("[a]", VECTEXT_NO_NUMBER, "a]");
	check_refused("[1,null]", VECTEXT_NO_NUMBER, "null]");
	check_refused("[-]", VECTEXT_NO_NUMBER, "-]");
	check_refused("[+-1]", VECTEXT_NO_NUMBER, "+-1]");
	check_refused("[[1]]", VECTEXT_NO_NUMBER, "[1]]");
	check_refused("[0x1p3]", VECTEXT_NO_NUMBER, "0x1p3]");
	check_refused("[1,-0XA]", VECTEXT_NO_NUMBER, "-0XA]");
	check_refused("[1", VECTEXT_NO_SEPARATOR, "");
	check_refused("[1 2]", VECTEXT_NO_SEPARATOR, "2]");
	check_refused("[1;2]", VECTEXT_NO_SEPARATOR, ";2]");
	check_refused("[1}", VECTEXT_NO_SEPARATOR, "}");
	check_refused("[1.2.3]", VECTEXT_NO_SEPARATOR, ".3]");
	check_refused("[1e]", VECTEXT_NO_SEPARATOR, "e]");
	check_refused("[1]]", VECTEXT_TRAILING, "]");
	check_refused("[1],", VECTEXT_TRAILING, ",");
	check_refused("[1] [2]", VECTEXT_TRAILING, "[2]");
	check_refused("[] x", VECTEXT_TRAILING, "x");
	check_refused("[1,2,3,4,5,6,7,8,9]", VECTEXT_TOO_MANY, "9]");
	check_refused("[NaN]", VECTEXT_NOT_FINITE, "NaN]");
	check_refused("[nan(1)]", VECTEXT_NOT_FINITE, "nan(1)]");
	check_refused("[1,inf]", VECTEXT_NOT_FINITE, "inf]");
	check_refused("[-Infinity]", VECTEXT_NOT_FINITE, "-Infinity]");
	check_refused("[1e39]", VECTEXT_OVERFLOW, "1e39]");
	check_refused("[-1e400]", VECTEXT_OVERFLOW, "-1e400]");
	return unit_finish();
}
