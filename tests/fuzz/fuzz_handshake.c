/* The whole entrance of the core, dt_conns_input(), between OpenSSL's clients and a link that does what
 * the input says. Whatever that is: events come in order, every datagram is accounted for, and in the end
 * every connection can be closed and leaves nothing behind (sim_server_fini() checks all that).
 *
 * An input is four bytes of settings and a list of operations, each a byte and its arguments. Clients are
 * OpenSSL's own, so what is mutated is always a message as a real client writes it.
 */
#include "fuzz.h"

#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "cid.h"
#include "network.h"
#include "random.h"

#define CLIENTS 4u
#define NOWHERE 0x700000u /* a number that leads to nobody, and from there to the server */
#define WAIT_MAX 600u /* s, of a whole input */
#define PSK "a shared secret"
#define SUITES                                                                                      \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-CCM8:"      \
	"PSK-AES128-CCM8:ECDHE-PSK-CHACHA20-POLY1305:DHE-PSK-AES128-GCM-SHA256:"                    \
	"ECDHE-ECDSA-AES128-SHA256:PSK-AES128-CBC-SHA256"

struct world {
	struct sim *sim; /* owned */
	struct network net;
	struct sim_client *clients[CLIENTS]; /* of sim, in order of their start */
	size_t count;
	struct dt_dur waited;
	bool next_gets_in; /* at the end another client is let in as if nothing had been */
};

/* ---- made once ---- */

static const struct {
	const char *suites;
	bool certificate, psk;
} kinds[] = {
    {"ECDHE-ECDSA-AES128-GCM-SHA256", false, false},
    {"ECDHE-ECDSA-CHACHA20-POLY1305:PSK-AES128-CCM8", true, false},
    {"ECDHE-ECDSA-AES128-SHA256", true, false},
    {"PSK-AES128-CCM8", false, true},
    {"ECDHE-PSK-CHACHA20-POLY1305", false, true},
    {"DHE-PSK-AES128-GCM-SHA256:PSK-AES128-CCM8", false, true},
    {"PSK-AES128-CBC-SHA256", false, true},
    {"ECDHE-ECDSA-AES128-CCM8:AES128-SHA", true, false},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static struct sim_identity ca, server, device;
static SSL_CTX *contexts[KINDS];

static void
make_identities(void)
{
	sim_clock_begin();
	sim_random_begin(1);
	sim_identity_make(&ca, &(struct sim_cert_wish){.name = "CA", .ca = true});
	sim_identity_make(&server, &(struct sim_cert_wish){.name = "server", .issuer = &ca, .comment = 1200});
	sim_identity_make(&device, &(struct sim_cert_wish){.name = "device", .issuer = &ca, .comment = 700});
	for (size_t i = 0; i < KINDS; i++) {
		SSL_CTX *ctx = contexts[i] = sim_client_ctx(kinds[i].suites);
		sim_cid_ctx(ctx);
		if (kinds[i].certificate)
			DT_ASSERT(SSL_CTX_use_certificate(ctx, device.cert) && SSL_CTX_use_PrivateKey(ctx, device.key));
	}
}

/* ---- the server ---- */

static void
make_server(struct world *w, struct dt_reader *in)
{
	uint8_t a = (uint8_t)dt_read_uint(in, 1), b = (uint8_t)dt_read_uint(in, 1), c = (uint8_t)dt_read_uint(in, 1);
	uint8_t d = (uint8_t)dt_read_uint(in, 1);
	struct sim_options o = sim_defaults("handshake");
	o.seed = 1;
	o.suites = SUITES;
	o.identity = &server;
	o.client_ca = ca.cert;
	o.psk = true;
	o.tickets = !(a & 1);
	o.connection_id = !(a & 2);
	o.client_auth = (enum dt_client_auth)((a >> 2 & 3) % 3);
	o.heartbeat = (enum dt_heartbeat_mode)((a >> 4 & 3) % 3);
	o.move_policy = (enum dt_move_policy)((d & 3) % 3);
	o.record_size_limit = d & 4 ? 64 : 0;
	o.records_per_key = d & 8 ? 12 : 0;
	o.forgeries_per_key = d & 16 ? 3 : 0;
	o.keep_alive = (struct dt_keep_alive_config){a >> 7, DT_SECONDS(20), DT_SECONDS(2), 3};
	o.mtu = b & 1 ? 256 : 1400;
	o.handshake_memory = b & 2 ? 100 * 1024 : o.handshake_memory;
	o.last_flight_memory = b & 4 ? 1000 : o.last_flight_memory;
	o.connection_limit = b & 8 ? 2 : o.connection_limit;
	o.hellos_per_prefix = b & 16 ? 6 : 0;
	o.idle_timeout = b & 32 ? (struct dt_dur){0} : DT_SECONDS(30);
	w->next_gets_in = b >> 7;
	w->sim = sim_new(&o);
	struct sim_server *s = &w->sim->server;
	s->request = (enum sim_verdict)(c & 3);
	s->psk = (enum sim_verdict)(c >> 2 & 3);
	s->auth = (enum sim_verdict)(c >> 4 & 3);
	s->key = PSK;
	s->alert = c >> 6 & 1 ? 49 : 0;
	s->closes = b & 64 ? (enum sim_place)(1 + (c >> 6 | (a & 1) << 2) % 5) : SIM_NOWHERE;
}

static struct dt_conn *
newest(const struct world *w)
{
	const struct sim_diary *d = sim_newest(&w->sim->server);
	return d ? dt_conns_find(w->sim->server.conns, d->id) : NULL;
}

static void
server_sends(struct world *w, struct dt_reader *in)
{
	uint8_t data[1400] = {0};
	size_t len = dt_read_uint(in, 2) % sizeof(data);
	struct dt_conn *c = newest(w);
	if (c)
		(void)!dt_conn_send(c, data, len, sim_now());
}

static void
server_closes(struct world *w, struct dt_reader *in)
{
	static const enum dt_close why[] = {DT_CLOSE_MODULE, DT_CLOSE_DRAIN, DT_CLOSE_IDLE, DT_CLOSE_KEY_LIMIT};
	struct dt_conn *c = newest(w);
	uint8_t i = (uint8_t)dt_read_uint(in, 1);
	if (c)
		dt_conn_close(c, why[i % 4], sim_now());
}

static void
give_verdict(struct dt_conn *c, void *arg)
{
	uint8_t how = *(const uint8_t *)arg;
	struct dt_span key = {(const uint8_t *)PSK, how & 2 ? 3 : strlen(PSK)}, none = {NULL, 0};
	for (enum dt_gate_kind kind = DT_GATE_REQUEST; kind <= DT_GATE_AUTH; kind++)
		if (dt_conn_waiting(c, kind)) {
			dt_conn_verdict(c, kind, !(how & 1), how >> 2 & 1 ? 49 : 0,
			    kind == DT_GATE_PSK ? key : none, sim_now());
			return;
		}
}

static void
verdicts(struct world *w, struct dt_reader *in)
{
	uint8_t how = (uint8_t)dt_read_uint(in, 1);
	dt_conns_each(w->sim->server.conns, give_verdict, &how);
}

/* ---- the clients ---- */

static void
resume(struct world *w, struct sim_client *c)
{
	for (size_t i = w->count; i-- > 0;) {
		SSL_SESSION *s = SSL_get_session(w->clients[i]->ssl);
		if (w->clients[i]->state == SIM_UP && s && SSL_SESSION_has_ticket(s)) {
			SSL_SESSION *own = SSL_SESSION_dup(s);
			SSL_set_session(c->ssl, own);
			SSL_SESSION_free(own);
			return;
		}
	}
}

static void
ask_for_id(struct sim_client *c, struct dt_reader *in)
{
	static const uint8_t lens[] = {0, 1, 8, 255};
	uint8_t how = (uint8_t)dt_read_uint(in, 1), how2 = (uint8_t)dt_read_uint(in, 1);
	struct sim_cid *x = sim_cid_add(c, lens[how & 3]);
	x->offers = !(how & 4);
	x->mode = how >> 3 & 3;
	x->mode = x->mode ? x->mode : -1;
	x->deaf = how >> 5 & 1;
	x->keep_clear = how >> 6 & 1;
	x->roams = how >> 7;
	x->offers_rrc = how2 & 1;
	x->rrc_len = how2 >> 2 & 1;
	x->says = how2 & 2 ? 2 : 1;
}

static struct sim_client *
start(struct world *w, uint8_t how, uint8_t more, struct dt_reader *in)
{
	size_t kind = how % KINDS;
	struct sim_client *c = sim_add_client(w->sim, contexts[kind]);
	c->lenient = true;
	if (kinds[kind].psk) {
		c->psk_identity = more & 1 ? "nobody" : "somebody";
		c->psk_key = more & 2 ? "another secret" : PSK;
	}
	if (how & 8)
		resume(w, c);
	if (how & 16)
		SSL_set_mtu(c->ssl, 256);
	if (how & 32)
		SSL_set_tlsext_max_fragment_length(c->ssl, TLSEXT_max_fragment_length_512);
	if (how & 64)
		SSL_set_tlsext_host_name(c->ssl, "name.example");
	if (how & 128)
		ask_for_id(c, in);
	if (more & 16 && w->count) { /* its address is that of another, who has gone away */
		c->number = w->clients[0]->number;
		w->clients[0]->number = NOWHERE;
	}
	if (more & 4)
		SSL_set_options(c->ssl, SSL_OP_NO_ENCRYPT_THEN_MAC);
	if (more & 8)
		SSL_set_options(c->ssl, SSL_OP_NO_TICKET);
	sim_client_start(c);
	return c;
}

static void
client_starts(struct world *w, struct dt_reader *in)
{
	uint8_t how = (uint8_t)dt_read_uint(in, 1), more = (uint8_t)dt_read_uint(in, 1);
	if (w->count == CLIENTS)
		return;
	w->clients[w->count] = start(w, how, more, in);
	w->count++;
}

static struct sim_client *
one(const struct world *w, struct dt_reader *in)
{
	size_t i = dt_read_uint(in, 1);
	return w->count ? w->clients[i % w->count] : NULL;
}

/* One that can send data; NULL = it cannot. */
static struct sim_client *
one_up(const struct world *w, struct dt_reader *in)
{
	struct sim_client *c = one(w, in);
	return c && c->state == SIM_UP ? c : NULL;
}

static void
client_sends(struct world *w, struct dt_reader *in)
{
	uint8_t data[600] = {0};
	struct sim_client *c = one_up(w, in);
	size_t len = 1 + dt_read_uint(in, 1) * 2;
	if (c)
		sim_client_send(c, data, len);
}

static void
client_closes(struct world *w, struct dt_reader *in)
{
	struct sim_client *c = one_up(w, in);
	if (c)
		sim_client_close(c);
}

/* A sealed record that OpenSSL would not write: any type, any content, in the midst of the handshake. */
static void
client_seals(struct world *w, struct dt_reader *in)
{
	struct sim_client *c = one(w, in);
	uint8_t type = (uint8_t)(20 + dt_read_uint(in, 1) % 8), how = (uint8_t)dt_read_uint(in, 1);
	size_t len = dt_read_uint(in, 1);
	struct dt_span s = dt_read_bytes(in, len < in->left ? len : in->left);
	if (!c || !c->cid || !sim_cid_can_seal(c))
		return;
	if (how & 1)
		sim_cid_move(c);
	c->cid->padding = how >> 1;
	sim_cid_send(c, type, s.len ? s.data : (const uint8_t *)"", s.len);
}

/* ---- what else happens ---- */

static void
deliver(struct world *w, struct dt_reader *in)
{
	(void)in;
	network_deliver(&w->net);
}

static void
settle(struct world *w, struct dt_reader *in)
{
	(void)in;
	network_settle(&w->net);
}

static void
wait(struct world *w, struct dt_reader *in)
{
	uint8_t n = (uint8_t)dt_read_uint(in, 1);
	struct dt_dur d = n & 0x80 ? DT_SECONDS(n & 0x7f) : DT_MILLISECONDS(20 * n);
	if (w->waited.ns + d.ns > DT_SECONDS(WAIT_MAX).ns)
		return;
	w->waited.ns += d.ns;
	sim_run(w->sim, d);
}

static void
inject(struct world *w, struct dt_reader *in)
{
	uint32_t client = 1 + (uint32_t)dt_read_uint(in, 1) % (CLIENTS + 1);
	size_t len = dt_read_uint(in, 1);
	struct dt_span s = dt_read_bytes(in, len < in->left ? len : in->left);
	network_inject(&w->net, client, s.data, s.len);
}

/* The system takes no datagrams of so many bytes to a client. */
static void
too_long(struct world *w, struct dt_reader *in)
{
	struct dt_path path = sim_path(1 + (uint32_t)dt_read_uint(in, 1) % (CLIENTS + 1));
	dt_conns_too_long(w->sim->server.conns, &path, dt_read_uint(in, 2));
}

static void
memory_fails(struct world *w, struct dt_reader *in)
{
	(void)w;
	dt_mem_fail_nth(1 + dt_read_uint(in, 1));
}

#define ON_NETWORK(verb)                                                                            \
	static void verb##_first(struct world *w, struct dt_reader *in)                            \
	{                                                                                          \
		network_##verb(&w->net, in);                                                       \
	}
ON_NETWORK(drop)
ON_NETWORK(postpone)
ON_NETWORK(repeat)
ON_NETWORK(flip)
ON_NETWORK(lie)
ON_NETWORK(refragment)
ON_NETWORK(readdress)
ON_NETWORK(glue)
ON_NETWORK(recall)

/* In the order of their bytes: a kept input means what it meant only while nothing moves here. */
static void (*const operations[])(struct world *, struct dt_reader *) = {settle, client_starts, deliver,
    drop_first, postpone_first, repeat_first, flip_first, lie_first, refragment_first, readdress_first,
    glue_first, recall_first, wait, verdicts, client_sends, client_closes, client_seals, server_sends,
    server_closes, inject, memory_fails, too_long};
#define OPERATIONS (sizeof(operations) / sizeof(operations[0]))

/* Whatever was: the half-open ones have gone, and the server serves. */
static void
check_next(struct world *w)
{
	struct sim_server *s = &w->sim->server;
	struct dt_reader none = dt_reader(NULL, 0);
	s->request = s->psk = s->auth = SIM_ACCEPT;
	s->closes = SIM_NOWHERE;
	sim_run(w->sim, DT_SECONDS(100));
	network_fini(&w->net);
	network_init(&w->net, w->sim);
	DT_ASSERT(s->load.handshakes == 0);
	dt_conns_close_all(s->conns, NULL, DT_CLOSE_DRAIN, sim_now());
	struct sim_client *c = start(w, 0, 0, &none);
	network_settle(&w->net);
	DT_ASSERT(c->state == SIM_UP);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct dt_reader in = dt_reader(data, len);
	struct world w = {0};
	if (!contexts[0])
		make_identities();
	sim_clock_begin();
	make_server(&w, &in);
	network_init(&w.net, w.sim);
	while (!in.bad && in.left)
		operations[dt_read_uint(&in, 1) % OPERATIONS](&w, &in);
	dt_mem_fail_nth(0);
	if (w.next_gets_in)
		check_next(&w);
	sim_free(w.sim);
	network_fini(&w.net);
	return 0;
}
