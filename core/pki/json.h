/* json.h - steps through the members of a JSON object in place, for JSON Web Keys.
 *
 * Gives each value as the bytes that it is written with; only texts are decoded. It does not judge
 * the grammar of values that nobody asks for. No allocation, no recursion. Threads: none.
 * RFC 8259.
 */
#ifndef DT_PKI_JSON_H
#define DT_PKI_JSON_H

#include "base/span.h"

struct dt_json {
	struct dt_span left; /* what was not read yet, borrowed */
	uint8_t close;	     /* '}' or ']' */
	bool first, ended, bad;
};

/* `value` begins and ends as an object or a list; else what follows is nothing, and bad. */
struct dt_json dt_json_open(struct dt_span value);
/* The next member of an object (`key` is raw, without its quotes), or item of a list (`key` may be
 * NULL). False at the end, and when it is bad: look at `bad` then. */
bool dt_json_next(struct dt_json *j, struct dt_span *key, struct dt_span *value);
/* The text that `value` is, into out[value.len], with its length; false when it is no text, or has
 * an escape for what is not ASCII. */
bool dt_json_text(struct dt_span value, uint8_t *out, size_t *len);

#endif
