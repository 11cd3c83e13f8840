/* fleet.h - one program as 10^5 UDP peers: every datagram leaves from an address of choice.
 *
 * All of 127.0.0.0/8 is local, so a socket bound to the wildcard address may send from each of
 * them (IP_PKTINFO), and hears what comes back to any. A source is a number: address and port.
 * Failures of the machine end the program with a message.
 * Owner: the program. Threads: none.
 */
#ifndef LOAD_FLEET_H
#define LOAD_FLEET_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#define FLEET_PORTS_MAX 64u
#define FLEET_DATAGRAM 2048u /* bytes of the longest datagram */

struct fleet_batch;

struct fleet {
	struct sockaddr_in server;
	uint32_t ports; /* sockets, each with a port of its own */
	int fd[FLEET_PORTS_MAX];
	struct fleet_batch *out, *in; /* owned */
	uint32_t out_port;	      /* whose datagrams wait in `out` */
	uint64_t sent, sent_bytes, received, received_bytes;
};

typedef void fleet_receiver(void *arg, uint32_t source, uint8_t *data, size_t len);

/* `server` is "127.0.0.1:4433". */
void fleet_open(struct fleet *f, const char *server, uint32_t ports);
void fleet_close(struct fleet *f);

/* FLEET_DATAGRAM bytes of room for a datagram of that source; then what was written there. */
uint8_t *fleet_reserve(struct fleet *f, uint32_t source);
void fleet_commit(struct fleet *f, size_t len);
void fleet_flush(struct fleet *f);

/* Waits up to `wait_us` for the first datagram, then gives all that are there. Returns how many. */
size_t fleet_receive(struct fleet *f, int64_t wait_us, fleet_receiver *each, void *arg);
/* Datagrams for us that the kernel had no room for. */
uint64_t fleet_kernel_drops(const struct fleet *f);

int64_t fleet_now_us(void);
_Noreturn void fleet_die(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
