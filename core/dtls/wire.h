/* wire.h - where this room puts the datagrams it makes.
 *
 * `reserve` gives space for a datagram of up to `cap` bytes, or NULL when there is none; `commit`
 * hands over its first `len` bytes. One datagram at a time. Threads: the caller's.
 */
#ifndef DT_DTLS_WIRE_H
#define DT_DTLS_WIRE_H

#include <stddef.h>
#include <stdint.h>

struct dt_wire {
	void *arg;
	uint8_t *(*reserve)(void *arg, size_t cap);
	void (*commit)(void *arg, size_t len);
};

#endif
