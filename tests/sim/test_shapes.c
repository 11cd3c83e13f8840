#include <criterion/criterion.h>
#include <string.h>

#include "sim.h"

struct seen {
	size_t longest_to_client, longest_payload, fragments_of_hello, datagrams;
	size_t overhead; /* of a sealed record */
};

static bool
look(void *arg, struct sim_packet *p)
{
	struct seen *s = arg;
	struct dt_record rec;
	size_t at = 0;
	while (dt_record_next(p->bytes, p->len, &at, &rec) == DT_RECORD_OK) {
		struct dt_reader r = dt_reader(rec.body, rec.len);
		struct dt_fragment f;
		size_t around = rec.epoch ? s->overhead : 0;
		if (!p->to_server && rec.len - around > s->longest_payload)
			s->longest_payload = rec.len - around;
		if (p->to_server && rec.epoch == 0 && rec.type == DT_HANDSHAKE && dt_fragment_read(&r, &f))
			s->fragments_of_hello += f.type == DT_HS_CLIENT_HELLO && f.bytes.len < f.length;
	}
	if (!p->to_server && p->len > s->longest_to_client)
		s->longest_to_client = p->len;
	s->datagrams += !p->to_server;
	return true;
}

Test(shapes, max_fragment_length_is_obeyed_in_every_record)
{
	static const struct {
		uint8_t code;
		size_t bytes;
	} table[] = {{TLSEXT_max_fragment_length_512, 512}, {TLSEXT_max_fragment_length_1024, 1024},
	    {TLSEXT_max_fragment_length_2048, 2048}, {TLSEXT_max_fragment_length_4096, 4096}};
	for (size_t i = 0; i < 4; i++) {
		struct sim_options o = sim_defaults("max_fragment_length");
		o.chain_bytes = 5000;
		o.mtu = 9000;
		struct sim *sim = sim_new(&o);
		struct seen seen = {.overhead = 24};
		sim->link.tap = look;
		sim->link.tap_arg = &seen;
		SSL_CTX *ctx = sim_client_ctx("ECDHE-ECDSA-AES128-GCM-SHA256");
		struct sim_client *c = sim_add_client(sim, ctx);
		SSL_set_tlsext_max_fragment_length(c->ssl, table[i].code);
		sim_client_start(c);
		sim_settle(sim);
		cr_assert(c->state == SIM_UP);
		static char text[5001];
		memset(text, 'm', table[i].bytes);
		text[table[i].bytes] = '\0';
		sim_check_echo(sim, c, text);
		cr_assert(seen.longest_payload == table[i].bytes, "%zu", seen.longest_payload);
		cr_assert(sim_server_send(&sim->server, text, table[i].bytes + 1) == DT_ERR_TOO_LONG);
		SSL_CTX_free(ctx);
		sim_free(sim);
	}
}

Test(shapes, a_hello_in_fragments_is_put_together)
{
	struct sim_options o = sim_defaults("fragmented hello");
	struct sim *sim = sim_new(&o);
	struct seen seen = {0};
	sim->link.tap = look;
	sim->link.tap_arg = &seen;
	SSL_CTX *ctx = sim_client_ctx(NULL);
	struct sim_client *c = sim_add_client(sim, ctx);
	uint8_t alpn[1020];
	memset(alpn, 'p', sizeof(alpn));
	for (size_t i = 0; i < sizeof(alpn); i += 255)
		alpn[i] = 254;
	SSL_set_alpn_protos(c->ssl, alpn, sizeof(alpn));
	SSL_set_mtu(c->ssl, 256);
	sim_client_start(c);
	sim_settle(sim);
	cr_assert(seen.fragments_of_hello > 8);
	cr_assert(c->state == SIM_UP);
	sim_check_echo(sim, c, "in one piece");
	SSL_CTX_free(ctx);
	sim_free(sim);
}

/* Puts all fragments of a hello into one datagram. */
struct joiner {
	struct sim_link *link;
	uint8_t bytes[4096];
	size_t len;
	unsigned joined;
	bool sending;
};

static bool
join_hello(void *arg, struct sim_packet *p)
{
	struct joiner *j = arg;
	struct dt_record rec;
	size_t at = 0;
	struct dt_fragment f = {0};
	if (j->sending || !p->to_server || dt_record_next(p->bytes, p->len, &at, &rec) != DT_RECORD_OK)
		return true;
	struct dt_reader r = dt_reader(rec.body, rec.len);
	if (rec.type != DT_HANDSHAKE || !dt_fragment_read(&r, &f) || f.type != DT_HS_CLIENT_HELLO)
		return true;
	memcpy(j->bytes + j->len, p->bytes, p->len);
	j->len += p->len;
	j->joined++;
	if (f.offset + f.bytes.len == f.length) {
		j->sending = true;
		sim_link_send(j->link, p->client, true, j->bytes, j->len);
		j->sending = false;
		j->len = 0;
	}
	return false;
}

Test(shapes, the_fragments_of_a_hello_may_share_a_datagram)
{
	struct sim_options o = sim_defaults("joined hello");
	struct sim *sim = sim_new(&o);
	struct joiner j = {.link = &sim->link};
	sim->link.tap = join_hello;
	sim->link.tap_arg = &j;
	SSL_CTX *ctx = sim_client_ctx(NULL);
	struct sim_client *c = sim_add_client(sim, ctx);
	uint8_t alpn[1020];
	memset(alpn, 'p', sizeof(alpn));
	for (size_t i = 0; i < sizeof(alpn); i += 255)
		alpn[i] = 254;
	SSL_set_alpn_protos(c->ssl, alpn, sizeof(alpn));
	SSL_set_mtu(c->ssl, 256);
	sim_client_start(c);
	sim_settle(sim);
	cr_assert(j.joined > 8 && c->state == SIM_UP);
	SSL_CTX_free(ctx);
	sim_free(sim);
}

/* Sends the messages of a client in other fragments than it did: of so many bytes, some of them twice,
 * overlapping, in any order. */
struct shredder {
	struct sim_link *link;
	struct seeded *random;
	size_t longest; /* bytes of a fragment */
	struct {
		size_t len;
		uint8_t bytes[DT_RECORD_HEADER + DT_HS_HEADER + 300];
	} crumbs[12000];
	size_t count;
	bool sending;
};

static void
add_crumb(struct shredder *s, const struct dt_record *rec, size_t from, size_t len)
{
	cr_assert(s->count < sizeof(s->crumbs) / sizeof(s->crumbs[0]) && len <= 300);
	uint8_t *at = s->crumbs[s->count].bytes;
	dt_record_write_header(at, DT_HANDSHAKE, DT_VERSION_12, 0, 2000 + s->count, DT_HS_HEADER + len);
	struct dt_reader r = dt_reader(rec->body, rec->len);
	struct dt_fragment f;
	cr_assert(dt_fragment_read(&r, &f));
	memcpy(at + DT_RECORD_HEADER, rec->body, DT_HS_HEADER);
	dt_write_uint(at + DT_RECORD_HEADER + 6, f.offset + from, 3);
	dt_write_uint(at + DT_RECORD_HEADER + 9, len, 3);
	memcpy(at + DT_RECORD_HEADER + DT_HS_HEADER, f.bytes.data + from, len);
	s->crumbs[s->count++].len = DT_RECORD_HEADER + DT_HS_HEADER + len;
}

static void
shred_record(struct shredder *s, const struct dt_record *rec)
{
	size_t len = rec->len - DT_HS_HEADER;
	for (size_t at = 0; at < len;) {
		size_t n = 1 + seeded_below(s->random, s->longest);
		n = n < len - at ? n : len - at;
		add_crumb(s, rec, at, n);
		if (seeded_below(s->random, 4) == 0) { /* again, and the bytes around it */
			size_t from = at - seeded_below(s->random, at < s->longest ? at + 1 : s->longest);
			size_t to = at + n + seeded_below(s->random, s->longest);
			add_crumb(s, rec, from, (to < len ? to : len) - from);
		}
		at += n;
	}
}

static void
send_crumbs(struct shredder *s, uint32_t client)
{
	s->sending = true;
	while (s->count) {
		size_t i = seeded_below(s->random, s->count);
		sim_link_send(s->link, client, true, s->crumbs[i].bytes, s->crumbs[i].len);
		s->crumbs[i] = s->crumbs[--s->count];
	}
	s->sending = false;
}

static bool
shred(void *arg, struct sim_packet *p)
{
	struct shredder *s = arg;
	struct dt_record rec;
	size_t at = 0;
	bool whole = false;
	if (s->sending || !p->to_server)
		return true;
	while (dt_record_next(p->bytes, p->len, &at, &rec) == DT_RECORD_OK) {
		if (rec.epoch == 0 && rec.type == DT_HANDSHAKE && rec.body[0] != DT_HS_CLIENT_HELLO)
			shred_record(s, &rec);
		else
			whole = true;
	}
	send_crumbs(s, p->client);
	return whole; /* the plain ones in it are of a number that was, by then */
}

Test(shapes, a_flight_in_crumbs_overlapping_repeated_and_in_any_order_is_put_together)
{
	static struct shredder s;
	static const size_t longest[] = {1, 2, 7, 50, 130};
	struct sim_identity ca, id;
	sim_identity_make(&ca, &(struct sim_cert_wish){.name = "CA", .ca = true});
	sim_identity_make(&id, &(struct sim_cert_wish){.name = "crumbs", .issuer = &ca});
	for (size_t i = 0; i < 10; i++) {
		struct sim_options o = sim_defaults("crumbs");
		o.client_auth = DT_CLIENT_AUTH_REQUIRED;
		o.client_ca = ca.cert;
		o.suites = i < 5 ? NULL : "ECDHE-ECDSA-AES128-SHA256";
		o.mtu = 256;
		struct sim *sim = sim_new(&o);
		s = (struct shredder){.link = &sim->link, .random = &sim->random, .longest = longest[i % 5]};
		sim->link.tap = shred;
		sim->link.tap_arg = &s;
		SSL_CTX *ctx = sim_client_ctx(NULL);
		SSL_CTX_use_certificate(ctx, id.cert);
		SSL_CTX_use_PrivateKey(ctx, id.key);
		struct sim_client *c = sim_connect(sim, ctx);
		cr_assert(c->state == SIM_UP, "of %zu bytes: state %d, alert %d", s.longest, (int)c->state, c->alert);
		cr_assert_str_eq(sim_newest(&sim->server)->subject, "CN=crumbs");
		cr_assert(sim_counter(&sim->server, DT_COUNT_FLIGHTS_REPEATED) == 0);
		sim_check_echo(sim, c, "whole");
		SSL_CTX_free(ctx);
		sim_free(sim);
	}
	sim_identity_free(&id);
	sim_identity_free(&ca);
}

Test(shapes, certificate_chains_of_any_size_arrive_within_the_mtu)
{
	static const struct {
		size_t chain;
		uint16_t mtu;
	} table[] = {{0, 256}, {0, 512}, {0, 1280}, {5000, 256}, {5000, 1400}, {20000, 256}, {20000, 1400},
	    {20000, 9000}, {20000, 16384}, {60000, 1400}};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct sim_options o = sim_defaults("chains");
		o.chain_bytes = table[i].chain;
		o.mtu = table[i].mtu;
		struct sim *sim = sim_new(&o);
		struct seen seen = {0};
		sim->link.tap = look;
		sim->link.tap_arg = &seen;
		SSL_CTX *ctx = sim_client_ctx(NULL);
		struct sim_client *c = sim_connect(sim, ctx);
		cr_assert(c->state == SIM_UP);
		cr_assert(seen.longest_to_client <= table[i].mtu);
		sim_check_echo(sim, c, "x");
		SSL_CTX_free(ctx);
		sim_free(sim);
	}
}

Test(shapes, a_client_certificate_of_twenty_kilobytes_is_read)
{
	struct sim_identity ca, id;
	sim_identity_make(&ca, &(struct sim_cert_wish){.name = "CA", .ca = true});
	sim_identity_make(&id, &(struct sim_cert_wish){.name = "large", .issuer = &ca, .comment = 20000});
	struct sim_options o = sim_defaults("large client certificate");
	o.client_auth = DT_CLIENT_AUTH_REQUIRED;
	o.client_ca = ca.cert;
	struct sim *sim = sim_new(&o);
	SSL_CTX *ctx = sim_client_ctx(NULL);
	SSL_CTX_use_certificate(ctx, id.cert);
	SSL_CTX_use_PrivateKey(ctx, id.key);
	struct sim_client *c = sim_connect(sim, ctx);
	cr_assert(c->state == SIM_UP);
	cr_assert_str_eq(sim_newest(&sim->server)->subject, "CN=large");
	SSL_CTX_free(ctx);
	sim_free(sim);
	sim_identity_free(&id);
	sim_identity_free(&ca);
}

Test(shapes, datagrams_of_every_length_come_back_whole)
{
	struct sim_options o = sim_defaults("lengths");
	struct sim *sim = sim_new(&o);
	SSL_CTX *ctx = sim_client_ctx(NULL);
	struct sim_client *c = sim_connect(sim, ctx);
	static char text[16385];
	for (size_t len = 1; len <= 16384; len = len < 40 ? len + 1 : len * 2 - len % 2 + (len % 3 == 0)) {
		seeded_fill(&sim->random, text, len);
		for (size_t i = 0; i < len; i++)
			text[i] |= 1;
		text[len] = '\0';
		sim_check_echo(sim, c, text);
	}
	memset(text, 'l', 16384);
	sim_check_echo(sim, c, text);
	SSL_CTX_free(ctx);
	sim_free(sim);
}
