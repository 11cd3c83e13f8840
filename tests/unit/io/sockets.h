/* sockets.h - what the tests of UDP share: sockets on a port of the kernel's choice, one datagram
 * sent, the next one received. */
#ifndef DT_TEST_IO_SOCKETS_H
#define DT_TEST_IO_SOCKETS_H

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/addr.h"
#include "io/udp.h"

#define SIZE(a) (sizeof(a) / sizeof((a)[0]))

struct end {
	struct dt_udp udp;
	struct dt_udp_batch in;
	struct dt_udp_out out;
	struct dt_counters counters;
};

static inline struct dtlsd_address
address(const char *text)
{
	struct dtlsd_address a;
	cr_assert_eq(dt_addr_parse(text, &a), DT_OK);
	return a;
}

static inline void
open_end(struct end *e, const struct dt_udp_options *options, size_t packet_size)
{
	char text[DT_ADDR_TEXT];
	memset(e, 0, sizeof(*e));
	cr_assert_eq(dt_udp_open(&e->udp, options), DT_OK, "no socket on %s: %s",
	    dt_addr_format(&options->address, text), strerror(errno));
	cr_assert_eq(dt_udp_batch_init(&e->in, packet_size, &e->counters), DT_OK);
	cr_assert_eq(dt_udp_out_init(&e->out, &e->udp, &e->counters), DT_OK);
}

static inline void
open_on(struct end *e, const char *text)
{
	struct dt_udp_options o = {.address = address(text)};
	open_end(e, &o, 2048);
}

static inline void
close_end(struct end *e)
{
	dt_udp_out_fini(&e->out);
	dt_udp_batch_fini(&e->in);
	dt_udp_close(&e->udp);
}

static inline struct dt_path
path_to(const struct end *from, const char *ip, uint16_t port)
{
	struct dt_path p = {.local = from->udp.local};
	cr_assert_eq(dt_addr_parse_ip(ip, &p.peer), DT_OK);
	p.peer.port = port;
	return p;
}

static inline void
put(struct end *e, const struct dt_path *path, const void *data, size_t len)
{
	memcpy(dt_udp_out_reserve(&e->out, path, len), data, len);
	dt_udp_out_commit(&e->out, len);
}

/* Waits for the next batch; a datagram on the loopback is there or it is lost. */
static inline size_t
receive(struct end *e)
{
	struct pollfd p = {.fd = e->udp.fd, .events = POLLIN};
	cr_assert_eq(poll(&p, 1, 10000), 1, "nothing arrived");
	return dt_udp_recv(&e->udp, &e->in);
}

static inline bool
is_empty(struct end *e)
{
	return dt_udp_recv(&e->udp, &e->in) == 0;
}

static inline uint64_t
counted(const struct end *e, enum dt_counter which)
{
	return atomic_load(&e->counters.count[which]);
}

#endif
