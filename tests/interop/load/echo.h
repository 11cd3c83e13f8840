/* echo.h - what clients say to an echo server, and whether every byte came back.
 *
 * Nothing is repeated: what does not come back is counted as lost. The content of a datagram
 * follows from the seed, its client and its number, so nothing is kept of it.
 * Owner: the program. Threads: none. Units: microseconds.
 */
#ifndef LOAD_ECHO_H
#define LOAD_ECHO_H

#include "client.h"

struct echo_plan {
	uint64_t seed;
	size_t max_size;      /* bytes of a datagram, 1 to this */
	uint32_t datagrams;   /* of each client                 */
	uint32_t outstanding; /* unanswered datagrams, of all clients together */
	int64_t pace_us;      /* of echo_watch(): a datagram of each client in this time */
};

struct echo_totals {
	uint64_t sent, echoed, lost;
	uint64_t wrong; /* came, and is nothing that was sent and not yet answered */
	double seconds;
	uint32_t p50_us, p99_us, max_us; /* of echo_watch() */
};

/* All clients say what they have to say, in turns, as fast as answers come. */
struct echo_totals echo_run(struct client *clients, uint32_t count, const struct echo_plan *plan);
/* One datagram of each client every pace_us, until standard input ends. */
struct echo_totals echo_watch(struct client *clients, uint32_t count, const struct echo_plan *plan);

#endif
