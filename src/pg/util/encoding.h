/*
 * encoding.h: names as a model file has them, whatever the database's encoding.
 */
#ifndef MLREC_UTIL_ENCODING_H
#define MLREC_UTIL_ENCODING_H

/*
 * Converted, palloc'd.  What has no equivalent, or is not known to be of any
 * encoding (SQL_ASCII), stays as it is: such a name is then like no other.
 */
extern char *utf8_from_server(const char *text);
extern char *utf8_to_server(const char *text);

#endif							/* MLREC_UTIL_ENCODING_H */
