/*
 * vectext.h: the text form of a vector, [0.1,-2,3e-5].
 */
#ifndef MLREC_BASE_VECTEXT_H
#define MLREC_BASE_VECTEXT_H

#pragma GCC visibility push(hidden)

typedef enum VecTextResult
{
	VECTEXT_OK,
	VECTEXT_NO_OPENING,			/* "[" expected */
	VECTEXT_NO_NUMBER,			/* a number expected */
	VECTEXT_NOT_FINITE,			/* NaN or infinity written out */
	VECTEXT_OVERFLOW,			/* a number too large for a float */
	VECTEXT_NO_SEPARATOR,		/* "," or "]" expected */
	VECTEXT_TRAILING,			/* something follows "]" */
	VECTEXT_TOO_MANY			/* more numbers than max_dims */
} VecTextResult;

/*
 * The number of values in a well-formed text; of any other text an upper bound of
 * what vectext_parse can store.
 */
extern int	vectext_count(const char *text);

/*
 * Reads text into x[max_dims] and stores the number of values in *dims, which is
 * 0 for "[]".  White space may surround every part.  Numbers are decimal; one
 * too small for a float becomes zero.  After an error, *at points to where it was found.
 * Expects the "C" numeric locale, which the server runs in.
 */
extern VecTextResult vectext_parse(const char *text, float *x, int max_dims,
								   int *dims, const char **at);

#pragma GCC visibility pop

#endif							/* MLREC_BASE_VECTEXT_H */
