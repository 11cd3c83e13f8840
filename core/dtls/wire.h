/* wire.h - where this room puts the datagrams it makes.
 *
 * `reserve` gives space for a datagram of up to `cap` bytes, or NULL when there is none; `commit`
 * hands over its first `len` bytes. One datagram at a time. `alert` says that the one that is committed
 * next is an alert, which a sealed one does not show; NULL = nobody wants to know.
 * Threads: the caller's.
 */
#ifndef DT_DTLS_WIRE_H
#define DT_DTLS_WIRE_H

#include <stddef.h>
#include <stdint.h>

struct dt_wire {
	void *arg;
	uint8_t *(*reserve)(void *arg, size_t cap);
	void (*commit)(void *arg, size_t len);
	void (*alert)(void *arg);
};

static inline void
dt_wire_commit_alert(const struct dt_wire *wire, size_t len)
{
	if (wire->alert)
		wire->alert(wire->arg);
	wire->commit(wire->arg, len);
}

#endif
