/* How long records may be: record_size_limit (RFC 8449) and max_fragment_length (RFC 6066 4). */
#include <criterion/criterion.h>
#include <string.h>

#include "cid_world.h"
#include "conn/conn_state.h"
#include "dtls/alert.h"
#include "forge.h"

#define GCM "ECDHE-ECDSA-AES128-GCM-SHA256"
#define CBC "ECDHE-ECDSA-AES128-SHA256"
#define GCM_AROUND 24u /* explicit nonce and tag */
#define HEARTBEAT_AROUND 19u

/* ---- extension 28 of the client ---- */

static struct {
	bool on;
	uint8_t raw[4];
	size_t len;
	int answered; /* what the server said; -1 = nothing */
} offer;

static int
add_limit(SSL *ssl, unsigned type, unsigned context, const unsigned char **out, size_t *len, X509 *x,
    size_t chain, int *alert, void *arg)
{
	(void)ssl, (void)type, (void)context, (void)x, (void)chain, (void)alert, (void)arg;
	*out = offer.raw;
	*len = offer.len;
	return offer.on;
}

static int
parse_limit(SSL *ssl, unsigned type, unsigned context, const unsigned char *in, size_t len, X509 *x,
    size_t chain, int *alert, void *arg)
{
	(void)ssl, (void)type, (void)context, (void)x, (void)chain, (void)alert, (void)arg;
	cr_assert(len == 2);
	offer.answered = in[0] << 8 | in[1];
	return 1;
}

static void
offer_limit(uint16_t limit)
{
	offer.on = true;
	offer.len = 2;
	offer.answered = -1;
	dt_write_uint(offer.raw, limit, 2);
}

static void
world_init(struct cid_world *w, const struct sim_options *o)
{
	const unsigned where = SSL_EXT_CLIENT_HELLO | SSL_EXT_TLS1_2_SERVER_HELLO;
	cid_world_init(w, o->test, o);
	cr_assert(SSL_CTX_add_custom_ext(w->ctx, 28, where, add_limit, NULL, NULL, parse_limit, NULL));
}

static struct dt_conn *
conn_of(const struct cid_world *w)
{
	return dt_conns_find(w->sim->server.conns, sim_newest(&w->sim->server)->id);
}

/* ---- what is sent ---- */

struct seen {
	size_t id_len;	/* of the client, once it has one */
	size_t longest; /* plaintext of a sealed record to the client */
};

static bool
look(void *arg, struct sim_packet *p)
{
	struct seen *s = arg;
	struct dt_record rec;
	size_t at = 0;
	while (!p->to_server && sim_record_next(p->bytes, p->len, &at, s->id_len, &rec))
		if (rec.epoch == 1 && rec.len - GCM_AROUND > s->longest)
			s->longest = rec.len - GCM_AROUND;
	return true;
}

static void
ask(struct cid_world *w, struct sim_client *c, size_t payload)
{
	static uint8_t d[SIM_RECORD_MAX + 300], m[SIM_RECORD_MAX], bytes[SIM_RECORD_MAX];
	size_t n = sim_heartbeat(1, payload, bytes, payload, 16, m);
	n = sim_cid_seal(c, SIM_HEARTBEAT, m, n, d);
	sim_server_input(&w->sim->server, c->number, d, n);
	sim_settle(w->sim);
}

static void
send_text(struct cid_world *w, struct sim_client *c, size_t len)
{
	static uint8_t text[DT_PLAIN_MAX];
	size_t before = c->message_count;
	cr_assert(dt_conn_max_datagram(conn_of(w)) == len, "%zu", dt_conn_max_datagram(conn_of(w)));
	cr_assert(sim_server_send(&w->sim->server, text, len) == DT_OK);
	sim_settle(w->sim);
	cr_assert(c->message_count == before + 1);
	if (len < DT_PLAIN_MAX)
		cr_assert(sim_server_send(&w->sim->server, text, len + 1) == DT_ERR_TOO_LONG);
}

static void
obey(uint16_t limit, size_t id_len, bool is_resumed)
{
	struct sim_options o = sim_defaults("record_size_limit");
	o.connection_id = id_len > 0;
	o.tickets = true;
	o.heartbeat = DT_HEARTBEAT_PEER_MAY_SEND;
	o.idle_timeout = (struct dt_dur){0};
	o.chain_bytes = 3000;
	o.mtu = 9000;
	struct cid_world w;
	world_init(&w, &o);
	cr_assert(SSL_CTX_set_cipher_list(w.ctx, GCM));
	struct seen seen = {.id_len = id_len};
	struct sim_client *c = NULL;
	for (int k = 0; k <= is_resumed; k++) {
		SSL_SESSION *session = c ? SSL_get1_session(c->ssl) : NULL;
		offer_limit(k == is_resumed ? limit : 4000);
		c = cid_add(&w, id_len);
		c->cid->mode = 1;
		if (session)
			SSL_set_session(c->ssl, session);
		w.sim->link.tap = look;
		w.sim->link.tap_arg = &seen;
		seen.longest = 0;
		cid_start(&w, c);
		SSL_SESSION_free(session);
	}
	cr_assert(SSL_session_reused(c->ssl) == is_resumed && offer.answered == 16384);
	size_t most = (limit < 16384 + (id_len ? 1 : 0) ? limit : 16384u + (id_len ? 1 : 0)) - (id_len ? 1 : 0);
	cr_assert(seen.longest <= limit, "a flight");
	send_text(&w, c, most);
	cr_assert(seen.longest == most + (id_len ? 1 : 0), "%zu", seen.longest);
	if (most + HEARTBEAT_AROUND < 8000) {
		ask(&w, c, most - HEARTBEAT_AROUND);
		cr_assert(c->cid->responses == 1);
		ask(&w, c, most - HEARTBEAT_AROUND + 1);
		cr_assert(c->cid->responses == 1 && seen.longest <= limit);
	}
	sim_check_echo(w.sim, c, "alive");
	cid_world_fini(&w);
}

Test(record_size, the_limit_of_the_client_is_obeyed_in_every_sealed_record)
{
	static const uint16_t limits[] = {64, 65, 100, 513, 1400, 4096, 16383, 16384, 16385, 65535};
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		for (size_t id_len = 0; id_len <= 8; id_len += 8)
			obey(limits[i], id_len, false);
}

Test(record_size, resumption_negotiates_the_limit_anew)
{
	obey(64, 0, true);
	obey(64, 8, true);
	obey(5000, 0, true);
	struct sim_options o = sim_defaults("resumed without");
	o.tickets = true;
	struct cid_world w;
	world_init(&w, &o);
	offer_limit(100);
	struct sim_client *c = sim_connect(w.sim, w.ctx);
	SSL_SESSION *session = SSL_get1_session(c->ssl);
	send_text(&w, c, 100);
	offer.on = false;
	c = sim_add_client(w.sim, w.ctx);
	SSL_set_session(c->ssl, session);
	sim_client_start(c);
	sim_settle(w.sim);
	cr_assert(SSL_session_reused(c->ssl));
	send_text(&w, c, 16384);
	SSL_SESSION_free(session);
	cid_world_fini(&w);
}

Test(record_size, the_limit_is_obeyed_on_a_suite_of_openssl)
{
	struct sim_options o = sim_defaults("limit and CBC");
	o.suites = CBC;
	struct cid_world w;
	world_init(&w, &o);
	offer_limit(300);
	struct sim_client *c = sim_connect(w.sim, w.ctx);
	cr_assert(c->state == SIM_UP && offer.answered == 16384);
	send_text(&w, c, 300);
	cid_world_fini(&w);
}

Test(record_size, each_offer_has_its_verdict)
{
	static const struct {
		uint8_t raw[4];
		size_t len;
		int alert; /* -1 = the handshake is done */
	} table[] = {
	    {{0, 64}, 2, -1},
	    {{0xff, 0xff}, 2, -1},
	    {{0, 63}, 2, DT_ALERT_ILLEGAL_PARAMETER},
	    {{0, 0}, 2, DT_ALERT_ILLEGAL_PARAMETER},
	    {{0}, 0, DT_ALERT_DECODE_ERROR},
	    {{64}, 1, DT_ALERT_DECODE_ERROR},
	    {{0, 64, 0}, 3, DT_ALERT_DECODE_ERROR},
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct sim_options o = sim_defaults("offers");
		struct cid_world w;
		world_init(&w, &o);
		offer_limit(0);
		memcpy(offer.raw, table[i].raw, 4);
		offer.len = table[i].len;
		struct sim_client *c = sim_connect(w.sim, w.ctx);
		cr_assert(c->alert == table[i].alert && (c->state == SIM_UP) == (table[i].alert < 0),
		    "row %zu: state %d, alert %d", i, (int)c->state, c->alert);
		cid_world_fini(&w);
	}
}

Test(record_size, of_both_extensions_one_is_answered_and_both_are_obeyed)
{
	static const struct {
		uint16_t limit;
		size_t most;
	} table[] = {{100, 100}, {2000, 1024}, {65535, 1024}};
	for (size_t i = 0; i < 3; i++) {
		struct sim_options o = sim_defaults("both");
		struct cid_world w;
		world_init(&w, &o);
		offer_limit(table[i].limit);
		struct sim_client *c = sim_add_client(w.sim, w.ctx);
		SSL_set_tlsext_max_fragment_length(c->ssl, TLSEXT_max_fragment_length_1024);
		sim_client_start(c);
		sim_settle(w.sim);
		cr_assert(c->state == SIM_UP && offer.answered == -1);
		send_text(&w, c, table[i].most);
		cid_world_fini(&w);
	}
}

Test(record_size, without_a_limit_of_its_own_a_server_says_nothing)
{
	struct sim_options o = sim_defaults("no limit");
	o.record_size_limit = 0;
	struct cid_world w;
	world_init(&w, &o);
	offer_limit(100);
	struct sim_client *c = sim_connect(w.sim, w.ctx);
	cr_assert(c->state == SIM_UP && offer.answered == -1);
	send_text(&w, c, 16384);
	cid_world_fini(&w);
}

/* ---- what is received ---- */

Test(record_size, a_record_longer_than_we_said_is_dropped_and_the_connection_lives)
{
	static const struct {
		const char *suite;
		size_t id_len, most; /* bytes of content */
	} table[] = {{GCM, 0, 500}, {GCM, 8, 499}, {CBC, 0, 500}};
	static uint8_t text[501];
	for (size_t i = 0; i < 3; i++) {
		struct sim_options o = sim_defaults("too long for us");
		o.suites = table[i].suite;
		o.record_size_limit = 500;
		o.connection_id = table[i].id_len > 0;
		struct cid_world w;
		world_init(&w, &o);
		offer_limit(16384);
		struct sim_client *c = cid_connect(&w, table[i].id_len);
		struct sim_diary *d = sim_newest(&w.sim->server);
		cr_assert(offer.answered == 500);
		sim_client_send(c, text, table[i].most);
		sim_settle(w.sim);
		cr_assert(d->datagrams == 1, "row %zu", i);
		sim_client_send(c, text, table[i].most + 1);
		sim_settle(w.sim);
		cr_assert(d->datagrams == 1 && sim_drops(&w.sim->server, DT_DROP_BAD_RECORD) == 1, "row %zu", i);
		sim_check_echo(w.sim, c, "alive");
		cid_world_fini(&w);
	}
}

/* ---- max_fragment_length ---- */

/* Writes another code into the hello's extension. */
static bool
change_code(void *arg, struct sim_packet *p)
{
	static const uint8_t head[] = {0, 1, 0, 1, TLSEXT_max_fragment_length_512};
	const uint8_t *code = arg;
	for (size_t i = DT_RECORD_HEADER; p->to_server && i + sizeof(head) <= p->len; i++)
		if (memcmp(p->bytes + i, head, sizeof(head)) == 0)
			p->bytes[i + 4] = *code;
	return true;
}

Test(record_size, an_unknown_code_of_max_fragment_length_is_an_illegal_parameter)
{
	static const uint8_t codes[] = {0, 5, 6, 128, 255};
	for (size_t i = 0; i < sizeof(codes); i++) {
		struct sim_options o = sim_defaults("codes");
		struct sim *sim = sim_new(&o);
		SSL_CTX *ctx = sim_client_ctx(NULL);
		uint8_t code = codes[i];
		sim->link.tap = change_code;
		sim->link.tap_arg = &code;
		struct sim_client *c = sim_add_client(sim, ctx);
		SSL_set_tlsext_max_fragment_length(c->ssl, TLSEXT_max_fragment_length_512);
		sim_client_start(c);
		sim_settle(sim);
		cr_assert(c->state == SIM_FAILED && c->alert == DT_ALERT_ILLEGAL_PARAMETER, "code %u: alert %d",
		    code, c->alert);
		SSL_CTX_free(ctx);
		sim_free(sim);
	}
}
