/* What was done to other DTLS servers, done to this one. The table of docs/threat-model.md says which
 * incident a test stands for. */
#include <criterion/criterion.h>
#include <malloc.h>
#include <string.h>

#include "cid_world.h"
#include "conn/conn_state.h"
#include "dtls/alert.h"
#include "hello.h"
#include "puppet.h"

#define GCM "ECDHE-ECDSA-AES128-GCM-SHA256"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SCALE 50u
#else
#define SCALE 1u
#endif

static size_t
heap_used(void)
{
	struct mallinfo2 m = mallinfo2();
	return m.uordblks + m.hblkhd;
}

/* ---- memory ---- */

enum { LIVE = 1, HALF = 2 };

/* One that is in, as LIVE, and one in the middle of its handshake, as HALF. */
static struct sim *
live_and_half(const char *test, SSL_CTX *ctx, struct sim_knock *k)
{
	struct sim_options o = sim_defaults(test);
	struct sim *sim = sim_new(&o);
	struct sim_client *c = sim_connect(sim, ctx);
	cr_assert(c->state == SIM_UP && c->number == LIVE);
	sim_knock_init(k, sim);
	sim_knock_twice(k, HALF, sim_hello_new(sim));
	cr_assert(dt_conns_count(sim->server.conns) == 2);
	return sim;
}

static size_t
write_early(struct seeded *r, unsigned kind, uint8_t *out)
{
	static const uint32_t claims[] = {100000, 0xffffff, 50};
	struct sim_fragment f = {.type = 11, .message_seq = (uint16_t)(2 + seeded_below(r, 20)), .len = 40};
	size_t len = 1 + seeded_below(r, 1300);
	uint16_t epoch = 0;
	switch (kind) {
	case 0: /* of an epoch to come */
		epoch = (uint16_t)(2 + seeded_below(r, 65534));
		break;
	case 1: /* sealed, before there is a key */
		epoch = 1;
		len = 40;
		break;
	case 2: /* parts of messages that are never whole; the same ones again and again */
		f.claimed = claims[seeded_below(r, 3)];
		f.offset = 1 + (uint32_t)seeded_below(r, f.claimed - f.len);
		return sim_forge_fragment(&f, 0, seeded_below(r, 1000), out);
	default: /* whole, but others are missing before them */
		f.message_seq++;
		f.claimed = f.len;
		return sim_forge_fragment(&f, 0, seeded_below(r, 1000), out);
	}
	seeded_fill(r, out + DT_RECORD_HEADER, len < 40 ? len : 40);
	dt_record_write_header(out, (uint8_t)(20 + seeded_below(r, 6)), DT_VERSION_12, epoch, seeded_below(r, 1000), len);
	return DT_RECORD_HEADER + len;
}

Test(incidents, a_million_early_records_and_parts_fit_into_a_fixed_memory)
{
	static uint8_t d[1500];
	SSL_CTX *ctx = sim_client_ctx(GCM);
	struct sim_knock k;
	struct sim *sim = live_and_half("early records", ctx, &k);
	sim_run(sim, DT_MILLISECONDS(100));
	size_t before = heap_used(), most = 0;
	for (unsigned i = 0; i < 1000000 / SCALE; i++) {
		sim_knock_bytes(&k, i / 4 % 2 ? LIVE : HALF, d, write_early(&sim->random, i % 4, d));
		if (i % 1024 == 0 && heap_used() > before)
			most = heap_used() - before > most ? heap_used() - before : most;
	}
	cr_assert(most <= 256 * 1024, "%zu bytes", most);
	cr_assert(sim_handshake_memory(&sim->server) <= DT_HANDSHAKE_COST + 160 * 1024);
	cr_assert(sim_drops(&sim->server, DT_DROP_BAD_EPOCH) >= 200000 / SCALE);
	cr_assert(sim_drops(&sim->server, DT_DROP_HELD_FULL) >= 50000 / SCALE);
	sim_run(sim, DT_SECONDS(61));
	cr_assert(dt_conns_count(sim->server.conns) == 1 && sim_handshake_memory(&sim->server) == 0);
	cr_assert(SCALE > 1 || heap_used() <= before, "%zu bytes stay", heap_used() - before);
	sim->link.tap = NULL;
	struct sim_client *c = DT_CONTAINER(sim->clients.next, struct sim_client, node);
	sim_check_echo(sim, c, "undisturbed");
	SSL_CTX_free(ctx);
	sim_free(sim);
}

Test(incidents, messages_that_nobody_expects_are_thrown_away_one_by_one)
{
	static uint8_t d[2000];
	SSL_CTX *ctx = sim_client_ctx(GCM);
	struct sim_knock k;
	struct sim *sim = live_and_half("HelloRequest", ctx, &k);
	struct sim_client *c = DT_CONTAINER(sim->clients.next, struct sim_client, node);
	struct sim_forge f;
	sim_forge_init(&f, c);
	size_t before = heap_used();
	for (unsigned i = 0; i < 100000 / SCALE; i++) {
		uint8_t message[DT_HS_HEADER] = {i % 3 ? (uint8_t)(21 + i % 200) : 0};
		message[5] = (uint8_t)i;
		sim_knock_bytes(&k, LIVE, d, sim_forge_seal(&f, DT_HANDSHAKE, 10 + i, message, sizeof(message), d));
		cr_assert(k.datagrams_back == 0);
		/* A hundred of them in one record, none of which is the next one. */
		for (unsigned n = 0; n < 100; n++) {
			memcpy(d + DT_RECORD_HEADER + n * sizeof(message), message, sizeof(message));
			d[DT_RECORD_HEADER + n * sizeof(message) + 5] = (uint8_t)(3 + n);
		}
		dt_record_write_header(d, DT_HANDSHAKE, DT_VERSION_12, 0, i, 100 * sizeof(message));
		sim_knock_bytes(&k, HALF, d, DT_RECORD_HEADER + 100 * sizeof(message));
	}
	cr_assert(heap_used() <= before + 4096);
	cr_assert(dt_conns_count(sim->server.conns) == 2);
	sim->link.tap = NULL;
	cr_assert(sim_server_send(&sim->server, "x", 1) == DT_ERR_GONE); /* the newest is the one that is not in */
	struct dt_path path = sim_path(LIVE);
	cr_assert(dt_conn_state(dt_conns_find_path(sim->server.conns, &path)) == DT_CONN_ESTABLISHED);
	sim_forge_fini(&f);
	SSL_CTX_free(ctx);
	sim_free(sim);
}

/* ---- offers ---- */

static size_t
write_offers(struct seeded *r, uint8_t *out)
{
	static const uint8_t usual[] = {0, 10, 0, 6, 0, 4, 0, 29, 0, 23, 0, 13, 0, 4, 0, 2, 4, 3};
	/* use_srtp and session_ticket more often than the others. */
	static const uint8_t types[] = {14, 35, 14, 35, 0, 1, 5, 11, 15, 16, 21, 22, 23, 28, 35, 42, 43, 51, 54, 61};
	static const uint8_t srtp[] = {0, 4, 0, 1, 0, 2, 9, 'm'}; /* an identifier longer than it is */
	memcpy(out, usual, sizeof(usual));
	uint8_t *at = out + sizeof(usual);
	uint8_t type = types[seeded_below(r, sizeof(types))];
	size_t len = seeded_below(r, type == 35 ? 300 : 30);
	dt_write_uint(at, type, 2);
	dt_write_uint(at + 2, len, 2);
	seeded_fill(r, at + 4, len);
	if (type == 14 && seeded_below(r, 2)) {
		len = seeded_below(r, sizeof(srtp) + 1);
		dt_write_uint(at + 2, len, 2);
		memcpy(at + 4, srtp, len);
	}
	return sizeof(usual) + 4 + len;
}

Test(incidents, malformed_offers_by_the_ten_thousand_leave_nothing_behind)
{
	struct sim_options o = sim_defaults("malformed offers");
	o.psk = o.psk_only = true; /* cheap to begin */
	o.tickets = o.connection_id = true;
	o.heartbeat = DT_HEARTBEAT_PEER_MAY_SEND;
	o.handshake_limit = o.connection_limit = 10000;
	struct sim *sim = sim_new(&o);
	struct sim_knock k;
	sim_knock_init(&k, sim);
	size_t before = 0;
	unsigned total = 20000 / (SCALE > 1 ? 20 : 1), warm = total / 4, refused = 0;
	for (unsigned i = 0; i < total; i++) {
		uint8_t extensions[400];
		struct sim_hello h = sim_hello_new(sim);
		h.extensions = (struct dt_span){extensions, write_offers(&sim->random, extensions)};
		sim_knock_twice(&k, 1 + i % 500, h);
		refused += sim_answered_alert(&k) >= 0;
		if (i % 250 == 249) {
			sim_run(sim, DT_SECONDS(61));
			sim_forget(&sim->server);
		}
		if (i == warm)
			before = heap_used();
	}
	sim_run(sim, DT_SECONDS(61));
	sim_forget(&sim->server);
	cr_assert(refused > total / 20 && refused < total, "%u of %u", refused, total);
	cr_assert(dt_conns_count(sim->server.conns) == 0 && sim->server.tls->ssl_objects == 0);
	cr_assert(heap_used() <= before + 64 * 1024, "%zu bytes more", heap_used() - before);
	sim_free(sim);
}

/* A stranger says hello in the name of a client, once a millisecond, from `first` on. The client's own
 * hello is answered after 5. */
static struct sim_client *
connect_among_spoofed(struct sim *sim, SSL_CTX *ctx, unsigned first)
{
	static const uint16_t null_suites[] = {0x0001, 0x0002, 0x003b, 0xc006};
	static const uint8_t wrong[DT_COOKIE_LEN] = {7};
	uint8_t d[SIM_HELLO_BYTES];
	struct sim_hello h = sim_hello_new(sim);
	h.suites = null_suites;
	h.suite_count = 4;
	struct sim_client *c = sim_add_client(sim, ctx);
	sim_client_start(c);
	for (unsigned ms = 0; ms < 60; ms++) {
		h.cookie = (struct dt_span){wrong, ms % 2 ? sizeof(wrong) : 0};
		h.message_seq = (uint16_t)(ms % 3);
		h.number = ms;
		if (ms >= first)
			sim_server_input(&sim->server, c->number, d, sim_hello_write(&h, d));
		sim_run(sim, DT_MILLISECONDS(1));
	}
	sim_run(sim, DT_SECONDS(3));
	return c;
}

Test(incidents, a_spoofed_hello_without_encryption_never_aborts_the_real_one)
{
	struct sim_options o = sim_defaults("spoofed hello");
	struct sim *sim = sim_new(&o);
	SSL_CTX *ctx = sim_client_ctx(NULL);
	for (unsigned first = 6; first < 40; first++) {
		struct sim_client *c = connect_among_spoofed(sim, ctx, first);
		cr_assert(c->state == SIM_UP, "%u: state %d, alert %d", first, (int)c->state, c->alert);
		sim_check_echo(sim, c, "the real one");
		cr_assert(sim_newest(&sim->server)->status == 0);
	}
	/* A client that took the cookie of the stranger's hello waits for an answer, and begins anew. */
	struct sim_client *c = connect_among_spoofed(sim, ctx, 0);
	cr_assert(c->state == SIM_BUSY && c->alert < 0);
	uint32_t number = c->number;
	sim_drop_client(sim, c);
	c = sim_add_client(sim, ctx);
	c->number = number;
	sim_client_start(c);
	sim_settle(sim);
	cr_assert(c->state == SIM_UP);
	SSL_CTX_free(ctx);
	sim_free(sim);
}

Test(incidents, a_header_alone_is_no_endless_loop)
{
	SSL_CTX *ctx = sim_client_ctx(GCM);
	struct sim_knock k;
	struct sim *sim = live_and_half("headers", ctx, &k);
	uint8_t d[100 * (DT_RECORD_HEADER + DT_CID_LEN)];
	for (unsigned i = 0; i < 3 * 6 * 4; i++) {
		uint8_t type = (uint8_t)(20 + i / 3 % 6);
		size_t one = DT_RECORD_HEADER + (type == DT_TLS12_CID ? DT_CID_LEN : 0);
		memset(d, 0, sizeof(d));
		for (size_t at = 0; at + one <= sizeof(d); at += one)
			dt_record_write_header(d + at, type, DT_VERSION_12, (uint16_t)(i / 18), 900, 0);
		sim_knock_bytes(&k, i % 3, d, one);
		sim_knock_bytes(&k, i % 3, d, 100 * one);
		cr_assert(k.datagrams_back == 0);
	}
	cr_assert(dt_conns_count(sim->server.conns) == 2);
	/* An empty part of a message, whole and not. */
	struct sim_fragment f = {.type = 11, .message_seq = 3};
	for (f.claimed = 0; f.claimed < 3; f.claimed++)
		for (f.offset = 0; f.offset <= f.claimed; f.offset++)
			for (unsigned n = 0; n < 100; n++)
				sim_knock_bytes(&k, HALF, d, sim_forge_fragment(&f, 0, n, d));
	cr_assert(dt_conns_count(sim->server.conns) == 2 && k.datagrams_back == 0);
	SSL_CTX_free(ctx);
	sim_free(sim);
}

/* ---- amplification ---- */

#define SOURCES 100u

/* What each source sent and got. */
struct ledger {
	uint64_t in[SOURCES], back[SOURCES];
	uint8_t cookies[SOURCES][DT_COOKIE_LEN];
	uint8_t random[32];
};

static bool
write_down(void *arg, struct sim_packet *p)
{
	struct ledger *l = arg;
	if (p->to_server || p->client >= SOURCES)
		return true;
	l->back[p->client] += p->len;
	if (p->len == DT_HVR_LEN && p->bytes[DT_RECORD_HEADER] == DT_HS_HELLO_VERIFY_REQUEST)
		memcpy(l->cookies[p->client], p->bytes + DT_HVR_LEN - DT_COOKIE_LEN, DT_COOKIE_LEN);
	return false;
}

/* One datagram of a source that cannot read what is sent to it: a hello without a cookie, with one of
 * somebody else, cut or not; several in one datagram; records of any kind. */
static size_t
write_unproven(struct sim *sim, const struct ledger *l, uint32_t from, uint8_t *out)
{
	struct seeded *r = &sim->random;
	struct sim_hello h = sim_hello_new(sim);
	uint32_t other = (uint32_t)seeded_below(r, SOURCES);
	uint64_t kind = seeded_below(r, 6);
	memcpy(h.random, l->random, sizeof(h.random));
	h.no_extensions = seeded_below(r, 2);
	h.message_seq = (uint16_t)seeded_below(r, 3);
	if (kind >= 2 && other != from)
		h.cookie = (struct dt_span){l->cookies[other], seeded_below(r, DT_COOKIE_LEN + 1)};
	size_t len = sim_hello_write(&h, out);
	if (kind == 3) { /* several */
		memcpy(out + len, out, len);
		memcpy(out + 2 * len, out, len);
		len *= 3;
	} else if (kind == 4) {
		len = 1 + seeded_below(r, len);
	} else if (kind == 5) {
		len = DT_RECORD_HEADER + seeded_below(r, 60);
		dt_record_write_header(out, (uint8_t)(20 + seeded_below(r, 6)), DT_VERSION_12,
		    (uint16_t)seeded_below(r, 3), seeded_below(r, 10), len - DT_RECORD_HEADER);
	}
	return len;
}

Test(incidents, nobody_gets_more_than_it_sent_before_its_address_is_proven)
{
	static uint8_t d[4096];
	struct sim_options o = sim_defaults("amplification");
	o.chain_bytes = 4000;
	struct sim *sim = sim_new(&o);
	struct ledger l = {.random = {1}};
	sim->link.tap = write_down;
	sim->link.tap_arg = &l;
	for (unsigned i = 0; i < 100000 / SCALE; i++) {
		uint32_t from = (uint32_t)seeded_below(&sim->random, SOURCES);
		size_t len = write_unproven(sim, &l, from, d);
		l.in[from] += len;
		sim_server_input(&sim->server, from, d, len);
		cr_assert(l.back[from] <= l.in[from], "%u got %llu for %llu bytes", from,
		    (unsigned long long)l.back[from], (unsigned long long)l.in[from]);
		if (i % 100 == 0)
			sim_run(sim, DT_SECONDS(1)); /* cookies come and go */
	}
	cr_assert(sim_counter(&sim->server, DT_COUNT_COOKIES_SENT) > 10000 / SCALE);
	cr_assert(dt_conns_count(sim->server.conns) == 0 && sim_counter(&sim->server, DT_COUNT_HANDSHAKES_STARTED) == 0);
	sim_free(sim);
}

Test(incidents, a_replayed_cookie_buys_one_flight_a_second_until_it_is_two_minutes_old)
{
	struct sim_options o = sim_defaults("replayed cookie");
	o.chain_bytes = 4000;
	struct sim *sim = sim_new(&o);
	struct sim_knock k;
	uint8_t d[SIM_HELLO_BYTES];
	sim_knock_init(&k, sim);
	struct sim_hello h = sim_hello_new(sim);
	sim_knock_hello(&k, 1, &h);
	uint8_t cookie[DT_COOKIE_LEN];
	memcpy(cookie, k.cookie, sizeof(cookie));
	h.cookie = (struct dt_span){cookie, sizeof(cookie)};
	h.message_seq = 1;
	size_t len = sim_hello_write(&h, d);
	sim_knock_bytes(&k, 1, d, len);
	unsigned flight = k.datagrams_back, seconds = 0;
	cr_assert(flight > 2);
	for (; dt_conns_count(sim->server.conns) && seconds < 200; seconds++) {
		uint64_t sent = sim->server.sent;
		for (unsigned i = 0; i < 100; i++) {
			sim_run(sim, DT_MILLISECONDS(10));
			sim_server_input(&sim->server, 1, d, len);
		}
		uint64_t datagrams = sim->server.sent - sent;
		cr_assert(seconds > 55 || datagrams <= 2 * flight, "second %u: %llu datagrams", seconds,
		    (unsigned long long)datagrams);
	}
	cr_assert(sim->server.sent <= 1 + (seconds + 10) * flight, "%llu", (unsigned long long)sim->server.sent);
	sim_run(sim, DT_SECONDS(200));
	sim_knock_bytes(&k, 1, d, len);
	cr_assert(k.datagrams_back == 1 && dt_conns_count(sim->server.conns) == 0, "an old cookie is none");
	sim_free(sim);
}

/* ---- identities and ids ---- */

static void
change_identity(struct sim_puppet *p, void *arg)
{
	static uint8_t body[2 + 65535];
	const size_t *len = arg;
	cr_assert(p->steps[0].type == 16);
	dt_write_uint(body, *len, 2);
	memset(body + 2, 'i', *len);
	p->steps[0].body = sim_puppet_keep(p, body, 2 + *len);
	p->steps[0].len = 2 + *len;
}

Test(incidents, identities_of_any_length_are_refused_alike)
{
	static const size_t lengths[] = {0, 1, 127, 128, 129, 255, 256, 1000, 16384, 65535};
	static struct sim_puppet p;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct sim_options o = sim_defaults("identities");
		o.psk = o.psk_only = true;
		struct sim *sim = sim_new(&o);
		SSL_CTX *ctx = sim_client_ctx("PSK-AES128-CCM8");
		struct sim_client *c = sim_add_client(sim, ctx);
		size_t len = lengths[i];
		c->psk_identity = "somebody";
		c->psk_key = "key";
		sim_puppet_init(&p, sim, c);
		p.change = change_identity;
		p.arg = &len;
		sim_client_start(c);
		sim_settle(sim);
		sim->link.tap = NULL; /* its repetitions pass: a flight in several datagrams needs them */
		sim_run(sim, DT_SECONDS(4));
		struct sim_diary *d = sim_newest(&sim->server);
		cr_assert(c->state == SIM_FAILED && c->alert == DT_ALERT_DECRYPT_ERROR, "%zu bytes: alert %d", len, c->alert);
		cr_assert(d->status == 403 && d->identities == (len > 0 && len <= 128), "%zu bytes: %s", len, d->text);
		sim_puppet_fini(&p);
		SSL_CTX_free(ctx);
		sim_free(sim);
	}
}

/* Ours has one length; the client's may have any. */
Test(incidents, connection_ids_of_clients_have_any_length)
{
	struct cid_world w;
	struct sim_options o = cid_options("lengths of ids");
	cid_world_init(&w, o.test, &o);
	for (size_t len = 0; len < 256; len++) {
		struct sim_client *c = cid_connect(&w, len);
		cr_assert(c->cid->given && c->cid->server_id_len == DT_CID_LEN);
		sim_check_echo(w.sim, c, "there and back");
		sim_client_close(c);
		sim_settle(w.sim);
		sim_drop_client(w.sim, c);
	}
	cid_world_fini(&w);
}
