/* source.h - the text of a configuration file, and which line and column a byte of it is in.
 *
 * Owner: caller's storage between dt_source_read() or _copy() and _fini. Threads: none.
 */
#ifndef DT_CONFIG_SOURCE_H
#define DT_CONFIG_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct dt_source {
	char *name; /* owned: as the caller wrote it                     */
	char *dir;  /* owned: absolute; relative paths begin here        */
	char *text; /* owned: UTF-8 without byte order mark, then a NUL  */
	size_t len; /* bytes                                             */
};

struct dt_source_place {
	uint32_t line, column; /* from 1; a column is a character */
};

/* DT_ERR_SYSTEM: errno says why; DT_ERR_TOO_LONG: over `max` bytes. */
enum dt_err dt_source_read(struct dt_source *s, const char *path, size_t max) DT_MUST_USE;
enum dt_err dt_source_copy(
    struct dt_source *s, const char *text, size_t len, const char *name) DT_MUST_USE;
void dt_source_fini(struct dt_source *s);

/* Requires: at <= s->len. */
struct dt_source_place dt_source_where(const struct dt_source *s, size_t at);
/* The first byte that is not UTF-8 (RFC 3629), or s->len. */
size_t dt_source_bad_byte(const struct dt_source *s);

/* Up to `max` bytes of a file and a NUL behind them. *out is owned by the caller: dt_free_secret()
 * it with max + 1 bytes when it may hold a secret. Errors as dt_source_read(). */
enum dt_err dt_source_slurp(const char *path, size_t max, char **out, size_t *len) DT_MUST_USE;

#endif
