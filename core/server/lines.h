/* lines.h - JSON objects, one in each line, into a buffer of fixed size.
 *
 * A line that does not fit is taken back whole: what stands in the buffer can be sent at any time.
 * Texts are escaped; bytes that are no UTF-8 become U+FFFD.
 * Owner: the caller's storage; the bytes are borrowed. Threads: none. RFC 8259.
 */
#ifndef DT_SERVER_LINES_H
#define DT_SERVER_LINES_H

#include <dtlsd/module.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dt_lines {
	char *bytes;   /* borrowed */
	size_t cap;    /* of bytes */
	size_t len;    /* of complete lines, and of the one that is being written */
	size_t start;  /* where that one begins */
	bool separate; /* a comma stands before its next member */
	bool full;     /* it does not fit */
};

/* Begins a line with {"id":ID; `id` is JSON text. */
void dt_lines_begin(struct dt_lines *l, const char *id);
/* True: the line is complete; false: it did not fit, and nothing of it is left. */
bool dt_lines_end(struct dt_lines *l);

/* Members. `name` is a plain word. */
void dt_lines_open(struct dt_lines *l, const char *name); /* "name":{ */
void dt_lines_close(struct dt_lines *l);
void dt_lines_text(struct dt_lines *l, const char *name, const char *text); /* NULL = null */
void dt_lines_number(struct dt_lines *l, const char *name, uint64_t value);
void dt_lines_bool(struct dt_lines *l, const char *name, bool value);
/* Seconds, with three decimals. */
void dt_lines_seconds(struct dt_lines *l, const char *name, int64_t ns);
/* Seconds since 1970 as "2026-01-31T12:00:00Z". */
void dt_lines_date(struct dt_lines *l, const char *name, int64_t seconds);
void dt_lines_address(struct dt_lines *l, const char *name, const struct dtlsd_address *a);
/* An id of a connection: 16 hex digits as a text. */
void dt_lines_conn(struct dt_lines *l, const char *name, uint64_t conn);

#endif
