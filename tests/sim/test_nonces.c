/* A long life of one server, all of it under the audit (audit.h): no key seals two records under one
 * number or one nonce, over flights that are repeated, resumptions, clients that begin again on
 * their path, move, ask and are asked, alerts, and more busy connections than the pool of cipher
 * contexts has room for.
 *
 * SIM_RECORDS=… in the environment says how many sealed records it takes; ten million:
 *
 *	SIM_RECORDS=10000000 build/release/tests/sim/sim --filter nonces/no_key_seals_twice_under_one_number_or_nonce
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

#include "cid_world.h"
#include "conn/conn_state.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RECORDS 40000u
#else
#define RECORDS 100000u
#endif

#define CLIENTS 700u /* 1400 directions; the pool has 1024 contexts */
#define KEY "the key of all of them"

/* One suite list each. */
static const char *const suites[] = {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-CCM", "ECDHE-ECDSA-AES256-CCM8", "ECDHE-ECDSA-CHACHA20-POLY1305", "PSK-AES128-GCM-SHA256",
    "PSK-AES128-CCM8", "PSK-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-SHA256"};
#define SUITES (sizeof(suites) / sizeof(suites[0]))
#define ALL_SUITES \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-CCM:" \
	"ECDHE-ECDSA-AES256-CCM8:ECDHE-ECDSA-CHACHA20-POLY1305:PSK-AES128-GCM-SHA256:PSK-AES128-CCM8:" \
	"PSK-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-SHA256"

/* Where a client lives: one after the other. */
struct place {
	struct sim_client *client;
	SSL_SESSION *session; /* owned: of the one before; NULL = none */
	const char *suites;
	bool psk, stock; /* stock: neither connection id nor heartbeat */
};

struct life {
	struct cid_world w;
	struct sim *sim;
	struct place places[CLIENTS];
	uint64_t begun_again;
	unsigned rounds;
};

/* `path`: of its predecessor; 0 = a new one. On an old one what is meant for the predecessor may
 * still come, which OpenSSL's client bears and the one with ids of ours does not. */
static void
begin(struct life *l, struct place *p, uint32_t path)
{
	static const size_t id_lengths[] = {0, 4, 8, 20};
	struct seeded *r = &l->sim->random;
	struct sim_client *c = sim_add_client(l->sim, l->w.ctx);
	c->number = path ? path : c->number;
	c->psk_identity = p->psk ? "everybody" : NULL;
	c->psk_key = KEY;
	cr_assert(SSL_set_cipher_list(c->ssl, p->suites));
	if (!p->stock && !path) {
		sim_cid_add(c, id_lengths[seeded_below(r, 4)])->mode = 1;
		seeded_fill(r, c->cid->id, c->cid->id_len);
	}
	if (p->session && seeded_below(r, 2))
		SSL_set_session(c->ssl, p->session);
	p->client = c;
	sim_client_start(c);
}

static void
end(struct life *l, struct place *p)
{
	if (p->client->state >= SIM_UP) {
		SSL_SESSION_free(p->session);
		p->session = SSL_get1_session(p->client->ssl);
		SSL_set_shutdown(p->client->ssl, SSL_SENT_SHUTDOWN); /* else it is no good any more */
	}
	sim_drop_client(l->sim, p->client);
	p->client = NULL;
}

static void
talk(struct life *l, struct sim_client *c)
{
	uint8_t text[200];
	seeded_fill(&l->sim->random, text, sizeof(text));
	for (uint64_t n = 1 + seeded_below(&l->sim->random, 20); n; n--)
		sim_client_send(c, text, 1 + seeded_below(&l->sim->random, sizeof(text)));
}

/* What only a client with records of its own can do. */
static void
act(struct life *l, struct sim_client *c)
{
	static const uint8_t hello[72] = {1, 0, 0, 60, 0, 0, 0, 0, 0, 0, 0, 60};
	uint8_t message[64];
	switch (seeded_below(&l->sim->random, 3)) {
	case 0:
		sim_cid_send(c, SIM_HEARTBEAT, message, sim_heartbeat(1, 16, hello, 16, 16, message));
		break;
	case 1: /* a wish to renegotiate: refused by an alert */
		if (seeded_below(&l->sim->random, 20) == 0)
			sim_cid_send(c, DT_HANDSHAKE, hello, sizeof(hello));
		break;
	default:
		if (c->cid->given && c->cid->id_len)
			sim_cid_move(c);
		break;
	}
}

static void
one_turn(struct life *l, struct place *p)
{
	struct sim_client *c = p->client;
	uint64_t dice = seeded_below(&l->sim->random, 1000);
	sim_client_forget(c);
	if (c->state >= SIM_CLOSED) {
		end(l, p);
		begin(l, p, 0);
	} else if (c->state != SIM_UP) {
		return;
	} else if (dice < 700) {
		talk(l, c);
	} else if (dice < 850) {
		if (c->cid && c->cid->keyed)
			act(l, c);
	} else if (dice < 860) {
		sim_client_close(c);
	} else if (dice < 875) {
		uint32_t path = c->number;
		end(l, p);
		begin(l, p, path);
		l->begun_again++;
	}
}

/* The server speaks first, or has enough. */
static void
serve(struct dt_conn *c, void *arg)
{
	struct life *l = arg;
	uint8_t text[100] = {0};
	if (dt_conn_state(c) != DT_CONN_ESTABLISHED)
		return;
	uint64_t dice = seeded_below(&l->sim->random, 1000);
	enum dt_err err = DT_OK; /* DT_ERR_AGAIN: too much for a path that is not proven yet */
	for (uint64_t n = dice < 100 ? 1 + dice / 3 : 0; n && err == DT_OK; n--)
		err = dt_conn_send(c, text, 1 + seeded_below(&l->sim->random, sizeof(text)), sim_now());
	cr_assert(err == DT_OK || err == DT_ERR_AGAIN);
	if (dice == 999)
		dt_conn_close(c, DT_CLOSE_LOCAL, sim_now());
}

static void
one_round(struct life *l)
{
	for (size_t i = 0; i < CLIENTS; i++)
		one_turn(l, &l->places[i]);
	dt_conns_each(l->sim->server.conns, serve, l);
	bool pause = ++l->rounds % 5 == 0; /* long enough for keep-alive */
	sim_run(l->sim, pause ? DT_SECONDS(61) : DT_MILLISECONDS(700));
	sim_forget(&l->sim->server);
}

static void
life_init(struct life *l)
{
	struct sim_options o = cid_options("nonces");
	o.suites = ALL_SUITES;
	o.psk = o.tickets = true;
	o.heartbeat = DT_HEARTBEAT_PEER_MAY_SEND;
	o.keep_alive = (struct dt_keep_alive_config){true, DT_SECONDS(60), DT_SECONDS(2), 3};
	o.connection_limit = o.handshake_limit = 10 * CLIENTS;
	o.handshake_memory = SIZE_MAX / 2;
	o.faults = (struct sim_faults){5, 5, 5};
	cid_world_init(&l->w, o.test, &o);
	l->sim = l->w.sim;
	l->sim->server.psk = SIM_ACCEPT;
	l->sim->server.key = KEY;
	for (size_t i = 0; i < CLIENTS; i++) {
		struct place *p = &l->places[i];
		p->suites = suites[i % SUITES];
		p->psk = strncmp(p->suites, "PSK", 3) == 0;
		p->stock = i / SUITES % 3 == 0;
		begin(l, p, 0);
	}
}

static void
life_fini(struct life *l)
{
	for (size_t i = 0; i < CLIENTS; i++)
		SSL_SESSION_free(l->places[i].session);
	cid_world_fini(&l->w);
}

static void
report(const struct life *l)
{
	static const enum dt_counter told[] = {DT_COUNT_HANDSHAKES_DONE, DT_COUNT_HANDSHAKES_RESUMED,
	    DT_COUNT_FLIGHTS_REPEATED, DT_COUNT_ALERTS_SENT, DT_COUNT_HEARTBEATS_ASKED, DT_COUNT_HEARTBEATS_ANSWERED,
	    DT_COUNT_PATHS_MOVED};
	const struct sim_audit *a = &l->sim->link.audit;
	fprintf(stderr, "%llu records under %zu keys, each number and each nonce once; %llu with a connection id; %llu copies\n",
	    (unsigned long long)a->sealed, a->key_count, (unsigned long long)a->with_cid, (unsigned long long)a->copies);
	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
		uint64_t count = sim_counter(&l->sim->server, told[i]);
		fprintf(stderr, "  %s %llu", dt_counter_infos[told[i]].name, (unsigned long long)count);
		cr_assert(count > 0, "nothing is shown by that");
	}
	fprintf(stderr, "  begun_again %llu  connections %zu\n", (unsigned long long)l->begun_again,
	    dt_conns_count(l->sim->server.conns));
	cr_assert(l->begun_again > 0 && a->with_cid > a->sealed / 10);
	cr_assert(dt_conns_count(l->sim->server.conns) > 512, "too few to drive each other out of the pool");
}

Test(nonces, no_key_seals_twice_under_one_number_or_nonce)
{
	static struct life l;
	const char *text = getenv("SIM_RECORDS");
	uint64_t wanted = text ? strtoull(text, NULL, 10) : RECORDS;
	life_init(&l);
	while (l.sim->link.audit.sealed < wanted)
		one_round(&l);
	report(&l);
	life_fini(&l);
}

static void
set_back(struct dt_conn *c, void *arg)
{
	(void)arg;
	if (c->state == DT_CONN_ESTABLISHED && c->session.state.next_sealed > 1)
		c->session.state.next_sealed--;
}

Test(nonces, a_server_that_sets_its_numbers_back_is_caught, .signal = SIGABRT)
{
	static struct life l;
	life_init(&l);
	while (l.sim->link.audit.sealed < 3000)
		one_round(&l);
	dt_conns_each(l.sim->server.conns, set_back, NULL);
	one_round(&l);
}
