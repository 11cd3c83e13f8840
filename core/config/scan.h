/* scan.h - walks over JSON text with comments: finds what is wrong with it, and where a value is.
 *
 * jansson makes the values; it keeps no place of a value, gives up at the first duplicate key and
 * knows no comments. This fills the gaps: RFC 8259 grammar, `//` and block comments.
 * Works on borrowed text of `len` bytes that must be UTF-8. Threads: none.
 */
#ifndef DT_CONFIG_SCAN_H
#define DT_CONFIG_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define DT_SCAN_DEPTH 32u /* objects and lists in one another */

/* Takes one fault. `pointer` is NULL for a fault of the grammar, of which there is at most one;
 * a duplicate key has one. `suggestion` may be NULL. */
struct dt_scan_sink {
	void (*fault)(
	    void *arg, size_t at, const char *pointer, const char *suggestion, const char *text);
	void *arg;
};

enum dt_scan_part { DT_SCAN_VALUE, DT_SCAN_KEY };

/* DT_ERR_CONFIG after a fault of the grammar. Duplicate keys are only told to the sink. */
enum dt_err dt_scan_check(
    const char *text, size_t len, const struct dt_scan_sink *sink) DT_MUST_USE;

/* Whether a text is one value of any type; for values that stand in a table, not in a file. */
bool dt_scan_is_value(const char *text);

/* Behind blanks and comments that begin at `at`, or behind the value there.
 * Requires of these and all below: dt_scan_check() found the grammar right. */
size_t dt_scan_skip_space(const char *text, size_t len, size_t at);
size_t dt_scan_skip_value(const char *text, size_t len, size_t at);

/* Overwrites comments by spaces. */
void dt_scan_blank(char *text, size_t len);

/* The offset of what `pointer` names, or of the nearest value around it that exists; of keys with
 * the same name the last. An index into what is no list stands for the thing itself, since a lone
 * item counts as a list of one. matched[strlen(pointer) + 1] gets the pointer that was found. */
size_t dt_scan_find(
    const char *text, size_t len, const char *pointer, enum dt_scan_part part, char *matched);

#endif
