/* udp.h - unconnected UDP sockets: datagrams in and out, many per system call.
 *
 * Each datagram carries its path: whom it came from and which of our addresses it was sent to
 * (IP_PKTINFO, IPV6_PKTINFO), and what goes out leaves from the local address of its path.
 * An IPv4 peer of a dual-stack socket has an IPv4 address here.
 * Sockets are non-blocking and closed on exec. A failed call leaves errno.
 * Owner: sockets and batches belong to one worker. Threads: none.
 */
#ifndef DT_IO_UDP_H
#define DT_IO_UDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/counters.h"
#include "base/err.h"
#include "base/path.h"

#define DT_UDP_BATCH 32u	  /* datagrams per receive call                             */
#define DT_UDP_OUT_SLOTS 64u	  /* datagrams per send call                                */
#define DT_UDP_PAYLOAD_MAX 65527u /* bytes; what a UDP length field can say, less its header */

struct dt_udp_options {
	struct dtlsd_address address; /* port 0: the kernel chooses, see dt_udp.local           */
	bool reuse_port;	      /* several sockets share the address (SO_REUSEPORT)       */
	bool dual_stack;	      /* an IPv6 wildcard takes IPv4 as well                    */
	uint32_t receive_buffer;      /* bytes; 0 = as the system has it. Beyond the system's   */
	uint32_t send_buffer;	      /* limit only with CAP_NET_ADMIN, else cut down to it     */
	bool dont_fragment;	      /* the IP flag; without it the kernel may send fragments  */
	uint8_t dscp;		      /* 0 to 63, RFC 2474                                      */
};

struct dt_udp {
	uint32_t magic;
	int fd;			    /* owned; watch it for EPOLLIN */
	uint16_t family;	    /* DTLSD_IPV4, DTLSD_IPV6      */
	struct dtlsd_address local; /* as bound, with the real port */
};

/* What the kernel granted of the two buffers, in bytes of datagrams as one asks for them. */
void dt_udp_buffers(const struct dt_udp *u, uint32_t *receive, uint32_t *send);

/* DT_ERR_SYSTEM (errno: EADDRINUSE, EADDRNOTAVAIL, EACCES, …); *u is closed then. */
enum dt_err dt_udp_open(struct dt_udp *u, const struct dt_udp_options *options) DT_MUST_USE;
/* Also for one that failed to open or was closed before. */
void dt_udp_close(struct dt_udp *u);

/* Binds once without SO_REUSEPORT and lets go again: with it a port that somebody else serves
 * gives no error. 0 when the address is free (or its port is 0), else the errno. */
int dt_udp_probe(const struct dt_udp_options *options) DT_MUST_USE;
/* Writes "name (pid 123)" of a process that holds the address, or one that overlaps it, into
 * buf[cap]. False when /proc does not tell, as for processes of other users. Slow. */
bool dt_udp_holder(const struct dtlsd_address *address, char *buf, size_t cap);

/* The kernel hands each datagram that begins with `type` to the socket of the group whose index, in
 * the order in which they were opened, stands in the byte at `offset`; all others, and those whose
 * byte names no socket, go by the kernel's own hash. For all sockets that share this one's address, of
 * which there must be two at least;
 * to be called again when one of them was closed. DT_ERR_SYSTEM, errno. */
enum dt_err dt_udp_steer(struct dt_udp *u, uint8_t type, uint32_t offset) DT_MUST_USE;

/* ---- in ----------------------------------------------------------------------------------- */

struct dt_udp_datagram {
	struct dt_path path;
	uint8_t *data;	 /* borrowed until the next dt_udp_recv(); may be rewritten */
	size_t len;	 /* bytes at `data` */
	size_t capacity; /* bytes that may be written there */
	bool truncated;	 /* it was longer than the packet size: this is its beginning */
};

struct dt_udp_slots;

/* One per worker, used for its sockets one after the other. */
struct dt_udp_batch {
	uint32_t magic;
	size_t count; /* items that the last receive filled */
	struct dt_udp_datagram item[DT_UDP_BATCH];
	struct dt_udp_slots *slots;   /* owned */
	struct dt_counters *counters; /* borrowed */
};

/* Datagrams up to `packet_size` bytes arrive whole. Counts RECEIVED and RECEIVED_BYTES.
 * DT_ERR_NOMEM. Requires: 1 <= packet_size <= DT_UDP_PAYLOAD_MAX. */
enum dt_err dt_udp_batch_init(
    struct dt_udp_batch *b, size_t packet_size, struct dt_counters *counters) DT_MUST_USE;
/* Also for one that failed to be made or is all zero. */
void dt_udp_batch_fini(struct dt_udp_batch *b);
/* Up to DT_UDP_BATCH datagrams that wait. Returns their number, 0 when none does. */
size_t dt_udp_recv(struct dt_udp *u, struct dt_udp_batch *b);

/* ---- out ---------------------------------------------------------------------------------- */

struct dt_udp_out_slots;

/* Datagrams that wait for the end of the turn. One per socket. */
struct dt_udp_out {
	uint32_t magic;
	size_t count;			/* datagrams that wait                          */
	struct dt_udp *udp;		/* borrowed                                     */
	struct dt_counters *counters;	/* borrowed                                     */
	struct dt_udp_out_slots *slots; /* owned                                      */
	/* May be set: the kernel refused a datagram (EMSGSIZE, EPERM, ENETUNREACH, EAGAIN when its
	 * buffers are full, …). It may not touch this batch. */
	void (*failed)(void *arg, const struct dt_path *path, size_t len, int error);
	void *failed_arg; /* borrowed */
};

/* Counts SENT, SENT_BYTES, SEND_FAILED. DT_ERR_NOMEM. */
enum dt_err dt_udp_out_init(
    struct dt_udp_out *o, struct dt_udp *u, struct dt_counters *counters) DT_MUST_USE;
/* Drops what waits. Also for one that failed to be made or is all zero. */
void dt_udp_out_fini(struct dt_udp_out *o);

/* Room for a datagram of up to `cap` bytes, never NULL; flushes first when the batch is full.
 * The pointer is good until the next call on this batch; without a commit nothing is sent.
 * A wildcard local address lets the kernel choose the source.
 * Requires: cap <= DT_UDP_PAYLOAD_MAX; peer and local of one family, which the socket speaks. */
uint8_t *dt_udp_out_reserve(struct dt_udp_out *o, const struct dt_path *path, size_t cap);
/* The datagram is complete. Requires: 0 < len <= cap of the reserve just before. */
void dt_udp_out_commit(struct dt_udp_out *o, size_t len);
/* Hands all of them to the kernel, in order. One that is refused is counted and does not hold up
 * those behind it. Never waits: when the socket's buffer is full the rest counts as refused. */
void dt_udp_out_flush(struct dt_udp_out *o);

#endif
