/* span.h - bytes that somebody else owns, and a reader that cannot run past them.
 *
 * Every length from the wire goes through a reader: a short read marks it bad,
 * gives zeros from then on, and the caller looks at `bad` once at the end.
 * Integers are big-endian, as on the wire. Threads: none.
 */
#ifndef DT_BASE_SPAN_H
#define DT_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dt_span {
	const uint8_t *data; /* borrowed */
	size_t len;	     /* bytes */
};

struct dt_reader {
	const uint8_t *at;
	size_t left; /* bytes */
	bool bad;
};

static inline struct dt_reader
dt_reader(const uint8_t *data, size_t len)
{
	return (struct dt_reader){data, len, false};
}

/* The next `n` bytes; {NULL, 0} and `bad` when there are fewer. */
static inline struct dt_span
dt_read_bytes(struct dt_reader *r, size_t n)
{
	if (r->bad || n > r->left) {
		r->bad = true;
		return (struct dt_span){NULL, 0};
	}
	struct dt_span s = {r->at, n};
	r->at += n;
	r->left -= n;
	return s;
}

/* A number of `n` <= 8 bytes; 0 when bad. */
static inline uint64_t
dt_read_uint(struct dt_reader *r, size_t n)
{
	struct dt_span s = dt_read_bytes(r, n);
	uint64_t v = 0;
	for (size_t i = 0; i < s.len; i++)
		v = v << 8 | s.data[i];
	return v;
}

/* A vector that begins with its length in `n` bytes (RFC 5246 4.3). */
static inline struct dt_span
dt_read_vector(struct dt_reader *r, size_t n)
{
	size_t len = (size_t)dt_read_uint(r, n);
	return dt_read_bytes(r, len);
}

static inline void
dt_write_uint(uint8_t *to, uint64_t v, size_t n)
{
	while (n--) {
		to[n] = (uint8_t)v;
		v >>= 8;
	}
}

#endif
