/* relay.h - what the files of this module share.
 *
 * relay.c     the module: a flow (one connected UDP socket) for each connection
 * upstream.c  back-ends and source addresses: choose one, open a socket to it
 * proxy.c     the PROXY protocol header
 * check.c     the configuration test
 *
 * Threads: struct relay is read-only after open; the rest belongs to one worker.
 */
#ifndef RELAY_H
#define RELAY_H

#include <dtlsd/module.h>
#include <stdbool.h>
#include <sys/socket.h>

struct relay_config {
	struct dtlsd_list to;	  /* struct dtlsd_address           */
	struct dtlsd_list source; /* struct dtlsd_address, port 0   */
	int64_t idle_timeout;	  /* ns; 0 = as long as the client  */
	uint8_t proxy_protocol;
};

#define RELAY_ADDRESS_TEXT 80u /* bytes, with NUL */

struct relay_backend {
	struct sockaddr_storage address;
	socklen_t address_len;
	uint16_t family; /* DTLSD_IPV4, DTLSD_IPV6                              */
	uint64_t seed;	 /* of its address alone, so that order does not matter */
	char text[RELAY_ADDRESS_TEXT];
};

/* The instance. */
struct relay {
	uint32_t backend_count;
	struct relay_backend backends[];
};

/* Why no socket could be opened: errno sorted by what the operator can do about it. */
enum relay_lack {
	RELAY_NO_DESCRIPTOR,
	RELAY_NO_PORT, /* every source address is used up         */
	RELAY_NO_WAY,  /* no route, or the source address is gone */
};

/* NULL without memory. Free it with free(). */
struct relay *relay_new(const struct relay_config *config);

/* Which back-end serves this client: the same for every port of its address, on every worker
 * and after a restart; when a back-end joins or leaves, only its own clients move. */
uint32_t relay_choose(const struct relay *r, const struct dtlsd_address *peer);

/* A non-blocking UDP socket connected to the back-end, from the source address with number
 * `turn` or, where that has no port left, from one of the others. -1 with errno. */
int relay_connect(
    const struct relay_config *config, const struct relay_backend *backend, uint32_t turn);
enum relay_lack relay_lack_of(int error);

/* Fills *out; returns its length, 0 for a family that is neither IPv4 nor IPv6. */
socklen_t relay_sockaddr(const struct dtlsd_address *a, struct sockaddr_storage *out);
/* "192.0.2.1:53", "[::1]:53"; returns out[RELAY_ADDRESS_TEXT]. */
const char *relay_format(const struct dtlsd_address *a, char *out);

#define RELAY_PROXY_HEADER 52u /* bytes at most */

/* PROXY protocol, version 2: the client `peer` sent a datagram to `local`. Returns its length. */
size_t relay_proxy_header(const struct dtlsd_address *peer, const struct dtlsd_address *local,
    uint8_t out[RELAY_PROXY_HEADER]);

void relay_check(const struct dtlsd_check *check);

#endif
