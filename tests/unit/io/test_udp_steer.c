/* Sockets that share an address: which of them the kernel gives a datagram to. */
#include "sockets.h"

#include "seeded.h"

#define SOCKETS 3u
#define TYPE 25u
#define AT 11u

struct group {
	struct end ends[SOCKETS];
	struct end sender;
	struct dt_path to; /* the group's address */
};

static void
open_group(struct group *g, const char *text)
{
	struct dt_udp_options o = {.address = address(text), .reuse_port = true};
	for (size_t i = 0; i < SOCKETS; i++) {
		open_end(&g->ends[i], &o, 2048);
		o.address = g->ends[0].udp.local;
	}
	struct dt_udp_options from = {.address = address(text)};
	open_end(&g->sender, &from, 2048);
	g->to = (struct dt_path){.peer = g->ends[0].udp.local, .local = g->sender.udp.local};
}

static void
close_group(struct group *g)
{
	for (size_t i = 0; i < SOCKETS; i++)
		close_end(&g->ends[i]);
	close_end(&g->sender);
}

/* The socket that gets it. */
static size_t
send_one(struct group *g, const uint8_t *data, size_t len)
{
	struct pollfd p[SOCKETS];
	put(&g->sender, &g->to, data, len);
	dt_udp_out_flush(&g->sender.out);
	for (size_t i = 0; i < SOCKETS; i++)
		p[i] = (struct pollfd){.fd = g->ends[i].udp.fd, .events = POLLIN};
	cr_assert_eq(poll(p, SOCKETS, 10000), 1, "nothing arrived");
	for (size_t i = 0; i < SOCKETS; i++) {
		if (!p[i].revents)
			continue;
		cr_assert(dt_udp_recv(&g->ends[i].udp, &g->ends[i].in) == 1 && g->ends[i].in.item[0].len == len);
		return i;
	}
	return SOCKETS;
}

static void
steer_by_byte(const char *text)
{
	struct group g;
	open_group(&g, text);
	/* Without it the kernel goes by the addresses, which are the same each time. */
	uint8_t d[64] = {TYPE};
	size_t usual = send_one(&g, d, sizeof(d));
	cr_assert_eq(dt_udp_steer(&g.ends[0].udp, TYPE, AT), DT_OK, "%s", strerror(errno));
	struct seeded s = seeded_begin("steering");
	for (unsigned i = 0; i < 300; i++) {
		size_t len = AT + 1 + seeded_below(&s, sizeof(d) - AT);
		seeded_fill(&s, d, sizeof(d));
		d[0] = TYPE;
		d[AT] = (uint8_t)(i % SOCKETS);
		cr_assert_eq(send_one(&g, d, len), i % SOCKETS);
	}
	/* A byte that names no socket. */
	static const uint8_t nobody[] = {SOCKETS, 100, 127, 128, 255};
	for (size_t i = 0; i < sizeof(nobody); i++) {
		d[AT] = nobody[i];
		cr_assert_eq(send_one(&g, d, sizeof(d)), usual, "byte %u", nobody[i]);
	}
	/* Other types, and datagrams that end before the byte. */
	for (unsigned type = 0; type < 256; type++) {
		d[0] = (uint8_t)type;
		d[AT] = (uint8_t)((usual + 1) % SOCKETS);
		cr_assert_eq(send_one(&g, d, sizeof(d)), type == TYPE ? (usual + 1) % SOCKETS : usual, "type %u", type);
	}
	d[0] = TYPE;
	for (size_t len = 1; len <= AT; len++)
		cr_assert_eq(send_one(&g, d, len), usual, "%zu bytes", len);
	cr_assert_eq(send_one(&g, d, AT + 1), (usual + 1) % SOCKETS);
	close_group(&g);
}

Test(udp_steer, a_byte_of_the_datagram_names_the_socket)
{
	steer_by_byte("127.0.0.1:0");
}

Test(udp_steer, over_ipv6_too)
{
	steer_by_byte("[::1]:0");
}

Test(udp_steer, it_holds_for_sockets_that_join_later)
{
	struct group g;
	struct dt_udp_options o = {.address = address("127.0.0.1:0"), .reuse_port = true};
	open_end(&g.ends[0], &o, 2048);
	o.address = g.ends[0].udp.local;
	open_end(&g.ends[1], &o, 2048);
	cr_assert_eq(dt_udp_steer(&g.ends[0].udp, TYPE, AT), DT_OK);
	open_end(&g.ends[2], &o, 2048);
	struct dt_udp_options from = {.address = address("127.0.0.1:0")};
	open_end(&g.sender, &from, 2048);
	g.to = (struct dt_path){.peer = g.ends[0].udp.local, .local = g.sender.udp.local};
	uint8_t d[20] = {TYPE};
	for (unsigned i = 0; i < 9; i++) {
		d[AT] = (uint8_t)(i % SOCKETS);
		cr_assert_eq(send_one(&g, d, sizeof(d)), i % SOCKETS);
	}
	close_group(&g);
}
