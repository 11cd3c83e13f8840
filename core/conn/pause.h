/* pause.h - application data that waits while its connection is paused.
 *
 * Bounded by what the service allows one connection and by what the worker holds in all; what does
 * not fit is dropped and counted, and the owner of the events is told, once for each pause.
 * Everything else goes on: heartbeats, alerts, moves, keep-alive, and data counts against the idle
 * timeout when it comes. Nothing waits on a connection that is not paused.
 * Owner: the connection. Threads: none.
 */
#ifndef DT_CONN_PAUSE_H
#define DT_CONN_PAUSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"

struct dt_conn;
struct dt_pause_queue;

/* Of one connection; the memory of the queue counts as bytes. */
struct dt_pause_limits {
	uint32_t datagrams;
	size_t bytes;
};

struct dt_pause {
	struct dt_pause_queue *queue; /* owned; NULL = nothing waits */
	bool paused;
	bool ahead; /* a pause is on its way */
	bool told;  /* that something was dropped */
};

/* Whether data that comes now has to wait. */
bool dt_pause_holds(const struct dt_conn *c);
/* A datagram that has to wait; its bytes are copied, with the room behind them. */
void dt_pause_hold(struct dt_conn *c, const uint8_t *data, size_t len, size_t capacity);
/* The connection ends: drops what waits, and tells. */
void dt_pause_drop(struct dt_conn *c);

#endif
