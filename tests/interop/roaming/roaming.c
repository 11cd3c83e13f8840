/* Clients with a connection id that change address and port with every datagram, among replays and
 * forgeries, against a dtlsd that echoes. Started by test_roaming.py, which says where it is:
 * ROAMING_PORT (on 127.0.0.1), ROAMING_CLIENTS, ROAMING_DATAGRAMS, ROAMING_PROOF (the content type in
 * which the clients prove their address: 24 heartbeats, 27 path checks, 0 not at all).
 *
 * Every step waits for what it must cause, so the network keeps its order and nothing is left to luck.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cid.h"
#include "clock.h"
#include "seeded.h"

#define SOCKETS 96u   /* of the clients, each on an address and a port of its own */
#define STRANGERS 16u /* behind them: of those who replay and forge                */
#define CLIENTS 8u /* at most; they share the addresses */
#define PATIENCE_MS 10000
#define QUIET_MS 300 /* for what must not come */
#define LONGEST 300u

struct world {
	struct pollfd sockets[SOCKETS + STRANGERS];
	struct seeded random;
	struct sim_client clients[CLIENTS];
	size_t count; /* of them */
	uint32_t at; /* the socket that is sent from */
	struct sim_packet *packet; /* owned: what came last */
	uint32_t came_to;
	uint8_t proof; /* content type; 0 = none */
	unsigned handshakes;
	bool workers[256]; /* that have a client: the first byte of their ids */
};

static struct world *world;

/* In place of the simulation's clock and link. */
struct dt_now
sim_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (struct dt_now){{t.tv_sec * INT64_C(1000000000) + t.tv_nsec}, {time(NULL)}};
}

void
sim_link_send(struct sim_link *l, uint32_t client, bool to_server, const uint8_t *bytes, size_t len)
{
	(void)l;
	(void)client;
	(void)to_server;
	cr_assert(send(world->sockets[world->at].fd, bytes, len, 0) == (ssize_t)len);
}

static void
open_sockets(struct world *w, uint16_t port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (uint32_t i = 0; i < SOCKETS + STRANGERS; i++) {
		struct sockaddr_in from = {.sin_family = AF_INET};
		uint32_t host = (uint32_t)seeded_below(&w->random, 0xfffffe) + 1;
		from.sin_addr.s_addr = htonl(UINT32_C(127) << 24 | host);
		int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
		cr_assert(fd >= 0 && bind(fd, (struct sockaddr *)&from, sizeof(from)) == 0);
		cr_assert(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
		w->sockets[i] = (struct pollfd){.fd = fd, .events = POLLIN};
	}
}

/* The next datagram from the server, to any of the sockets. False: none came. */
static bool
receive(struct world *w, int patience_ms)
{
	if (poll(w->sockets, SOCKETS + STRANGERS, patience_ms) <= 0)
		return false;
	for (uint32_t i = 0; i < SOCKETS + STRANGERS; i++) {
		if (!w->sockets[i].revents)
			continue;
		ssize_t n = recv(w->sockets[i].fd, w->packet->bytes, 65536, 0);
		cr_assert(n > 0, "a socket of ours has an error");
		w->packet->len = (size_t)n;
		w->came_to = i;
		cr_assert(i < SOCKETS, "a stranger got an answer");
		return true;
	}
	return false;
}

static void
shake_hands(struct world *w, struct sim_client *c)
{
	w->at = (uint32_t)seeded_below(&w->random, SOCKETS);
	w->handshakes++;
	sim_client_start(c);
	while (c->state == SIM_BUSY) {
		if (receive(w, 1100))
			sim_client_input(c, w->packet);
		else
			sim_client_timer(c);
	}
	cr_assert(c->state == SIM_UP && c->cid->given && c->cid->server_id_len == DT_CID_LEN);
	w->workers[c->cid->server_id[0]] = true;
}

static void
leave(struct world *w, struct sim_client *c)
{
	w->at = (uint32_t)seeded_below(&w->random, SOCKETS);
	sim_client_close(c);
	sim_client_fini(c);
}

/* The kernel decides who gets whom; the last one comes again until both workers have somebody. */
static void
connect_all(struct world *w, SSL_CTX *ctx)
{
	static const size_t lengths[CLIENTS] = {255, 254, 32, 20, 8, 2, 1, 0};
	for (size_t i = 0; i < w->count; i++) {
		struct sim_client *c = &w->clients[i];
		sim_client_init(c, NULL, 0, ctx);
		struct sim_cid *own = sim_cid_add(c, w->proof ? CLIENTS - 1 - i : lengths[i]);
		own->mode = w->proof == SIM_HEARTBEAT ? 1 : -1;
		own->offers_rrc = w->proof == SIM_RRC;
		shake_hands(w, c);
		if (i == CLIENTS - 1 && !(w->workers[0] && w->workers[1])) {
			leave(w, c);
			i--;
		}
	}
}

/* ---- one datagram and its answer ---- */

struct shot {
	size_t len, text_len;
	uint8_t bytes[LONGEST + 200], text[LONGEST];
};

static void
load(struct world *w, struct sim_client *c, struct shot *s)
{
	s->text_len = 1 + seeded_below(&w->random, LONGEST);
	seeded_fill(&w->random, s->text, s->text_len);
	s->len = sim_cid_seal(c, 23, s->text, s->text_len, s->bytes);
}

static void
fire(struct world *w, const struct shot *s, uint32_t from)
{
	w->at = from;
	sim_link_send(NULL, 0, true, s->bytes, s->len);
}

/* A question of the server's; some are answered. */
static void
take_question(struct world *w, struct sim_client *c, uint8_t type, const uint8_t *data, size_t len)
{
	uint8_t answer[64] = {1};
	bool heartbeat = type == SIM_HEARTBEAT;
	cr_assert(type == w->proof && data[0] == heartbeat && len == (heartbeat ? 35 : SIM_RRC_LEN));
	c->cid->requests++;
	if (seeded_below(&w->random, 2))
		return;
	if (heartbeat)
		len = sim_heartbeat(2, 16, data + 3, 16, 16, answer);
	else
		memcpy(answer + 1, data + 1, len - 1);
	sim_cid_send(c, type, answer, len);
}

/* Waits for the echo; it must come to this socket. */
static void
expect_echo(struct world *w, struct sim_client *c, const struct shot *s, uint32_t at)
{
	for (;;) {
		struct dt_record rec;
		size_t next = 0, len;
		uint8_t *data;
		cr_assert(receive(w, PATIENCE_MS), "no echo");
		cr_assert(w->came_to == at, "not to the newest address");
		cr_assert(sim_record_next(w->packet->bytes, w->packet->len, &next, c->cid->id_len, &rec));
		cr_assert(next == w->packet->len);
		uint8_t type = sim_cid_open(c, &rec, &data, &len);
		if (type == 23) {
			cr_assert(len == s->text_len && memcmp(data, s->text, len) == 0);
			return;
		}
		w->at = at;
		take_question(w, c, type, data, len);
	}
}

/* From strangers: what was taken already, and what was never sealed. */
static void
disturb(struct world *w, const struct shot *taken)
{
	struct shot s = *taken;
	uint32_t from = SOCKETS + (uint32_t)seeded_below(&w->random, STRANGERS);
	switch (seeded_below(&w->random, 4)) {
	case 0:
		break;
	case 1: /* its number is higher, and what it is sealed with is not */
		s.bytes[5 + seeded_below(&w->random, 6)] ^= (uint8_t)(1 + seeded_below(&w->random, 255));
		break;
	case 2: /* an id of nobody, or of the other worker */
		s.bytes[11 + seeded_below(&w->random, DT_CID_LEN)] ^= (uint8_t)(1 + seeded_below(&w->random, 255));
		break;
	default:
		s.bytes[21 + seeded_below(&w->random, s.len - 21)] ^= (uint8_t)(1 + seeded_below(&w->random, 255));
		break;
	}
	fire(w, &s, from);
}

static void
roam(struct world *w, unsigned datagrams)
{
	static struct shot late, now;
	uint32_t at[CLIENTS];
	for (unsigned i = 0; i < datagrams; i++) {
		uint32_t k = (uint32_t)seeded_below(&w->random, w->count);
		struct sim_client *c = &w->clients[k];
		bool overtaken = seeded_below(&w->random, 8) == 0;
		if (overtaken)
			load(w, c, &late);
		load(w, c, &now);
		at[k] = (uint32_t)seeded_below(&w->random, SOCKETS);
		fire(w, &now, at[k]);
		expect_echo(w, c, &now, at[k]);
		for (uint64_t n = seeded_below(&w->random, 3); n; n--)
			disturb(w, &now);
		if (overtaken && !w->proof) { /* else it may be too much for an unproven address */
			fire(w, &late, (uint32_t)seeded_below(&w->random, SOCKETS));
			expect_echo(w, c, &late, at[k]);
		}
	}
	/* One question may still be on its way; to a stranger comes nothing. */
	while (receive(w, QUIET_MS))
		;
}

static unsigned
number(const char *name)
{
	const char *text = getenv(name);
	cr_assert(text, "started by test_roaming.py");
	return (unsigned)strtoul(text, NULL, 10);
}

Test(roaming, every_datagram_is_answered_at_the_newest_address)
{
	struct world w = {.random = seeded_begin("roaming"), .proof = (uint8_t)number("ROAMING_PROOF")};
	world = &w;
	w.count = number("ROAMING_CLIENTS");
	cr_assert(w.count > 0 && w.count <= CLIENTS);
	w.packet = malloc(sizeof(*w.packet) + 65536);
	cr_assert(w.packet);
	open_sockets(&w, (uint16_t)number("ROAMING_PORT"));
	SSL_CTX *ctx = sim_client_ctx(NULL);
	sim_cid_ctx(ctx);
	connect_all(&w, ctx);
	roam(&w, number("ROAMING_DATAGRAMS"));
	unsigned asked = 0;
	for (size_t i = 0; i < w.count; i++) {
		asked += w.clients[i].cid->requests;
		leave(&w, &w.clients[i]);
	}
	fprintf(stderr, "handshakes=%u\n", w.handshakes);
	cr_assert((asked > 0) == (w.proof != 0));
	for (size_t i = 0; i < SOCKETS + STRANGERS; i++)
		close(w.sockets[i].fd);
	SSL_CTX_free(ctx);
	free(w.packet);
}
