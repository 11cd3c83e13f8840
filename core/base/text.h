/* text.h - small things with text: escape what a peer wrote, find the nearest word.
 *
 * Threads: any.
 */
#ifndef DT_BASE_TEXT_H
#define DT_BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* Writes `len` bytes of a peer into out[cap] as printable ASCII: others, quotes and the
 * backslash become \xNN. Cut with "..." when it does not fit. Returns out. Requires: cap >= 8. */
char *dt_text_escape(const void *data, size_t len, char *out, size_t cap);

/* Lower-case hex into out[2 * len + 1]; returns out. */
char *dt_text_hex(const void *data, size_t len, char *out);

/* Edits (insert, delete, replace, swap neighbours) between two words, ignoring case; more than
 * `limit` counts as limit + 1. For "did you mean". */
unsigned dt_text_distance(const char *a, const char *b, unsigned limit);

/* The nearest of `count` words, or NULL when none is near. `word` gives the i-th. */
const char *dt_text_nearest(const char *text, const char *(*word)(const void *arg, size_t i),
    const void *arg, size_t count);

/* Bytes of the UTF-8 character (RFC 3629) that begins here, 0 when there is none. Requires: left > 0. */
size_t dt_text_character(const void *text, size_t left);

#endif
