/* world.h - back-ends for the tests of relay: real UDP sockets on loopback.
 *
 * Nothing here sleeps: a datagram that is expected is waited for, at most WAIT_MS.
 */
#ifndef WORLD_H
#define WORLD_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fake_host.h"

#define WAIT_MS 10000 /* far more than loopback takes, so that it is met on failure only */

struct backend {
	int fd;
	uint16_t port;
	struct sockaddr_storage from; /* of the last datagram */
	socklen_t from_len;
};

bool has_ipv6(void);
/* On this address; port 0 = any. Aborts the test when it cannot be had. */
struct backend backend_new(const char *ip, uint16_t port);
/* False when nothing came within `wait_ms`. */
bool backend_get(struct backend *b, uint8_t *out, size_t cap, size_t *len, int wait_ms);
/* To where the last datagram came from. */
void backend_answer(struct backend *b, const void *data, size_t len);
/* Of the last datagram. */
uint16_t backend_from_port(const struct backend *b);
const char *backend_from_ip(const struct backend *b); /* static buffer */

/* A host with an instance that is open: `format` is the configuration, %u the ports. */
struct fake_host *relay_host(uint32_t workers, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Polls until `conn` was sent `count` datagrams; false when WAIT_MS pass without an event. */
bool wait_sent(struct fake_host *h, uint64_t conn, size_t count);
/* Polls until the counter has this value. */
bool wait_counter(struct fake_host *h, const char *name, uint64_t value);

/* From now on no port is left at this source address, or, with NULL, for a socket that is not
 * bound. Played, because really to take them would leave none for the rest of the machine: this
 * program's bind() and connect() stand before those of libc, also for the module. */
void take_ports(const char *source);
void give_ports_back(void);

#endif
