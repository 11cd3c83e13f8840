/* What the wire brings: bad records beside good ones, forgeries by the thousand, and datagrams that
 * are no DTLS at all. RFC 6347 4.1. */
#include <criterion/criterion.h>
#include <string.h>

#include "cid_world.h"
#include "sim.h"

#define CBC "ECDHE-ECDSA-AES128-SHA256"

static const char *const suites[] = {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-ECDSA-AES128-CCM8", "ECDHE-ECDSA-AES256-CCM", CBC};
#define SUITES (sizeof(suites) / sizeof(suites[0]))

/* One client that is in, and what it would send. */
struct line {
	struct sim *sim;
	SSL_CTX *ctx;
	struct sim_client *c;
	struct sim_diary *d;
	uint8_t record[256];
	size_t len;
};

static bool
take_record(void *arg, struct sim_packet *p)
{
	struct line *l = arg;
	if (!p->to_server)
		return true;
	cr_assert(p->len <= sizeof(l->record));
	memcpy(l->record, p->bytes, p->len);
	l->len = p->len;
	return false;
}

static void
line_init(struct line *l, const char *test, const char *suite)
{
	struct sim_options o = sim_defaults(test);
	o.suites = suite;
	l->sim = sim_new(&o);
	l->ctx = sim_client_ctx(suite);
	l->c = sim_connect(l->sim, l->ctx);
	cr_assert(l->c->state == SIM_UP);
	l->d = sim_newest(&l->sim->server);
	l->sim->server.mute = true;
}

static void
line_fini(struct line *l)
{
	SSL_CTX_free(l->ctx);
	sim_free(l->sim);
}

/* A record of the client, as it would go out. */
static size_t
next_record(struct line *l, uint8_t *out)
{
	l->sim->link.tap = take_record;
	l->sim->link.tap_arg = l;
	sim_client_send(l->c, "sixteen or so", 13);
	l->sim->link.tap = NULL;
	memcpy(out, l->record, l->len);
	return l->len;
}

static uint64_t
record_drops(const struct sim_server *s)
{
	uint64_t n = 0;
	for (unsigned i = 0; i < DT_DROPS; i++)
		if (dt_drop_infos[i].kind == DT_DROP_KIND_RECORD)
			n += sim_drops(s, i);
	return n;
}

/* ---- one bad record between two good ones ---- */

enum part { TYPE = 0, VERSION = 1, EPOCH = 3, NUMBER = 5, LENGTH = 11 };

static const struct spoil {
	const char *name;
	enum part part;
	size_t width;   /* bytes that are overwritten; 0 = cut to `value` bytes behind the header */
	uint64_t value;
	enum dt_drop why;
	bool ends;	/* nothing behind it can be found */
} spoils[] = {
    {"type 19", TYPE, 1, 19, DT_DROP_BAD_RECORD, false},
    {"type 26", TYPE, 1, 26, DT_DROP_BAD_RECORD, false},
    {"type 0", TYPE, 1, 0, DT_DROP_BAD_RECORD, false},
    {"type 255", TYPE, 1, 255, DT_DROP_BAD_RECORD, false},
    {"a version of TLS", VERSION, 2, 0x0303, DT_DROP_BAD_RECORD, false},
    {"a version of DTLS that is not there", VERSION, 2, 0xff00, DT_DROP_BAD_RECORD, false},
    {"DTLS 1.0", VERSION, 2, 0xfeff, DT_DROP_BAD_TAG, false},
    {"another type", TYPE, 1, 22, DT_DROP_BAD_TAG, false},
    {"plaintext", EPOCH, 2, 0, DT_DROP_BAD_EPOCH, false},
    {"the next epoch", EPOCH, 2, 2, DT_DROP_BAD_EPOCH, false},
    {"the last epoch", EPOCH, 2, 0xffff, DT_DROP_BAD_EPOCH, false},
    {"another number", NUMBER, 6, 70, DT_DROP_BAD_TAG, false},
    {"the last number", NUMBER, 6, DT_SEQ_MAX, DT_DROP_BAD_TAG, false},
    {"a number that was", NUMBER, 6, 0, DT_DROP_REPLAYED, false},
    {"nothing", LENGTH, 0, 0, DT_DROP_BAD_RECORD, false},
    {"one byte", LENGTH, 0, 1, DT_DROP_BAD_RECORD, false},
    {"seven bytes", LENGTH, 0, 7, DT_DROP_BAD_RECORD, false},
    {"longer than the datagram", LENGTH, 2, 16000, DT_DROP_BAD_RECORD, true},
    {"longer than any", LENGTH, 2, 0xffff, DT_DROP_BAD_RECORD, true},
};

static size_t
spoil(const struct spoil *s, uint8_t *record, size_t len)
{
	if (s->width) {
		dt_write_uint(record + s->part, s->value, s->width);
		return len;
	}
	dt_write_uint(record + LENGTH, s->value, 2);
	return DT_RECORD_HEADER + (size_t)s->value;
}

static void
try_spoil(struct line *l, const struct spoil *s, bool cbc)
{
	uint8_t d[1000], good[256];
	struct sim_server *server = &l->sim->server;
	uint64_t drops = record_drops(server), why = sim_drops(server, s->why), sent = server->sent;
	unsigned datagrams = l->d->datagrams;
	size_t at = next_record(l, d);
	at += spoil(s, d + at, next_record(l, d + at));
	size_t last = next_record(l, good);
	memcpy(d + at, good, last);
	sim_server_input(server, l->c->number, d, at + last);
	cr_assert(l->d->datagrams == datagrams + (s->ends ? 1 : 2), "%s: %u datagrams", s->name,
	    l->d->datagrams - datagrams);
	cr_assert(record_drops(server) == drops + 1, "%s", s->name);
	/* OpenSSL does not say whether a record was replayed, and a short one may be a forgery. */
	cr_assert(cbc || sim_drops(server, s->why) == why + 1, "%s", s->name);
	cr_assert(server->sent == sent && l->d->disconnected == 0, "%s: an answer", s->name);
	if (s->ends) { /* nor was anything of it taken */
		sim_server_input(server, l->c->number, good, last);
		cr_assert(l->d->datagrams == datagrams + 2, "%s", s->name);
	}
}

Test(wire, a_bad_record_hides_only_what_its_length_hides)
{
	for (size_t k = 0; k < SUITES; k++) {
		struct line l;
		line_init(&l, "bad among good", suites[k]);
		for (size_t i = 0; i < sizeof(spoils) / sizeof(spoils[0]); i++)
			try_spoil(&l, &spoils[i], strcmp(suites[k], CBC) == 0);
		line_fini(&l);
	}
}

Test(wire, a_record_longer_than_the_format_allows_is_skipped)
{
	struct line l;
	line_init(&l, "too long", suites[0]);
	static uint8_t d[40000];
	static const size_t lengths[] = {DT_CIPHER_MAX, DT_CIPHER_MAX + 1, 30000};
	for (size_t i = 0; i < 3; i++) {
		uint64_t bad = sim_drops(&l.sim->server, DT_DROP_BAD_RECORD);
		unsigned datagrams = l.d->datagrams;
		memset(d, 0, sizeof(d));
		d[0] = DT_APPLICATION_DATA;
		dt_write_uint(d + VERSION, DT_VERSION_12, 2);
		dt_write_uint(d + EPOCH, 1, 2);
		dt_write_uint(d + NUMBER, 500, 6);
		dt_write_uint(d + LENGTH, lengths[i], 2);
		size_t at = DT_RECORD_HEADER + lengths[i];
		sim_server_input(&l.sim->server, l.c->number, d, at + next_record(&l, d + at));
		cr_assert(l.d->datagrams == datagrams + 1);
		/* The longest that there may be is a forgery, or too long for its plaintext. */
		cr_assert(i == 0 || sim_drops(&l.sim->server, DT_DROP_BAD_RECORD) == bad + 1);
	}
	line_fini(&l);
}

/* RFC 5246 6.2.1 */
Test(wire, a_plaintext_of_more_than_two_to_the_fourteenth_is_dropped)
{
	static const size_t lengths[] = {DT_PLAIN_MAX, DT_PLAIN_MAX + 1, DT_PLAIN_MAX + 1000};
	static uint8_t text[DT_PLAIN_MAX + 1000], d[SIM_RECORD_MAX];
	for (size_t k = 0; k + 1 < SUITES; k++) {
		struct sim_options o = cid_options("long plaintext");
		o.suites = suites[k];
		o.connection_id = false;
		struct cid_world w;
		cid_world_init(&w, o.test, &o);
		SSL_CTX_set_cipher_list(w.ctx, suites[k]);
		struct sim_client *c = cid_add(&w, 0);
		cid_start(&w, c);
		w.sim->server.mute = true;
		for (size_t i = 0; i < 3; i++) {
			size_t n = sim_cid_seal_plain(c, DT_APPLICATION_DATA, text, lengths[i], d);
			sim_server_input(&w.sim->server, c->number, d, n);
		}
		cr_assert(sim_newest(&w.sim->server)->datagrams == 1);
		cr_assert(sim_newest(&w.sim->server)->disconnected == 0);
		cid_world_fini(&w);
	}
}

/* ---- forgeries ---- */

Test(wire, ten_thousand_forgeries_under_every_number_change_nothing)
{
	for (size_t k = 0; k < SUITES; k++) {
		struct line l;
		line_init(&l, "forgeries", suites[k]);
		uint8_t real[256], forged[256];
		size_t len = next_record(&l, real);
		struct sim_server *s = &l.sim->server;
		uint64_t sent = s->sent;
		for (unsigned i = 0; i < 10000; i++) {
			memcpy(forged, real, len);
			forged[len - 1 - i % 8] ^= (uint8_t)(1u << i / 8 % 8);
			if (i % 2) /* the last number there is, and any other */
				dt_write_uint(forged + NUMBER, i % 4 == 1 ? DT_SEQ_MAX : seeded_next(&l.sim->random) >> 16, 6);
			sim_server_input(s, l.c->number, forged, len);
		}
		cr_assert(sim_drops(s, DT_DROP_BAD_TAG) == 10000, "%s: %llu", suites[k],
		    (unsigned long long)sim_drops(s, DT_DROP_BAD_TAG));
		cr_assert(s->sent == sent, "an answer to a forgery");
		sim_server_input(s, l.c->number, real, len);
		cr_assert(l.d->datagrams == 1 && l.d->disconnected == 0, "%s: the real one was shut out", suites[k]);
		s->mute = false;
		sim_check_echo(l.sim, l.c, "still there");
		line_fini(&l);
	}
}

/* ---- what is no DTLS ---- */

static size_t
write_stranger(struct seeded *r, unsigned kind, uint8_t *out)
{
	static const uint8_t stun[] = {0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
	static const uint8_t quic[] = {0xc3, 0, 0, 0, 1, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0};
	static const uint8_t dns[] = {0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1};
	static const uint8_t rtp[] = {0x80, 0x60, 0, 1, 0, 0, 0, 160, 1, 2, 3, 4};
	static const struct dt_span known[] = {{stun, sizeof(stun)}, {quic, sizeof(quic)}, {dns, sizeof(dns)},
	    {rtp, sizeof(rtp)}, {NULL, 0}};
	if (kind < 5) {
		if (known[kind].len)
			memcpy(out, known[kind].data, known[kind].len);
		return known[kind].len;
	}
	size_t len = kind == 5 ? 65507 : kind == 6 ? 1200 : 1 + seeded_below(r, 200);
	seeded_fill(r, out, len);
	if (kind == 7)
		memset(out, 0, len);
	if (kind == 8 && len >= DT_RECORD_HEADER) { /* a header at least */
		out[0] = (uint8_t)(20 + seeded_below(r, 6));
		out[1] = 0xfe;
		out[13 % len] = (uint8_t)(2 + seeded_below(r, 30)); /* no ClientHello */
	}
	return len;
}

/* From nobody, from one in the middle of its handshake, from one that is in. */
Test(wire, what_is_no_hello_is_never_answered)
{
	struct line l;
	line_init(&l, "strangers", suites[0]);
	static uint8_t d[65535];
	struct sim_server *s = &l.sim->server;
	s->request = SIM_WAIT;
	struct sim_client *half = sim_connect(l.sim, l.ctx);
	cr_assert(dt_conns_count(s->conns) == 2);
	const uint32_t from[] = {900, half->number, l.c->number};
	uint64_t sent = s->sent;
	for (unsigned i = 0; i < 9 * 3 * 300; i++) {
		size_t len = write_stranger(&l.sim->random, i % 9, d);
		sim_server_input(s, from[i / 9 % 3], d, len);
		cr_assert(s->sent == sent, "kind %u from %u", i % 9, from[i / 9 % 3]);
	}
	for (unsigned first = 0; first < 256; first++)
		for (size_t len = 1; len < 40; len++) {
			memset(d, 0xff, len);
			d[0] = (uint8_t)first;
			sim_server_input(s, 900, d, len);
		}
	cr_assert(s->sent == sent && dt_conns_count(s->conns) == 2);
	s->mute = false;
	sim_check_echo(l.sim, l.c, "undisturbed");
	sim_verdict(s, DT_GATE_REQUEST, true, 0, NULL);
	sim_run(l.sim, DT_SECONDS(3));
	cr_assert(half->state == SIM_UP);
	line_fini(&l);
}
