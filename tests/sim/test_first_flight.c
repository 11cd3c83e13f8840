/* The hellos and what the server says to them: numbers, the cookie, extensions, resumption.
 * RFC 6347 4.2, RFC 5746, RFC 7627, RFC 7366. */
#include <criterion/criterion.h>
#include <string.h>

#include "dtls/alert.h"
#include "hello.h"

#define CBC "ECDHE-ECDSA-AES128-SHA256"
#define PSK_GCM 0x00a8u

static struct sim *
cheap_sim(const char *test)
{
	struct sim_options o = sim_defaults(test);
	o.psk = o.psk_only = true;
	return sim_new(&o);
}

static bool
keeps_nothing(struct sim *sim)
{
	struct sim_server *s = &sim->server;
	return dt_conns_count(s->conns) == 0 && sim_handshake_memory(s) == 0 && s->tls->ssl_objects == 0 &&
	    s->load.connections == 0 && dt_wheel_next(&s->wheel).ns == DT_NEVER.ns;
}

/* ---- numbers ---- */

static uint64_t
number_of(const struct sim_knock *k)
{
	struct dt_reader r = dt_reader(k->answer, k->answer_len);
	cr_assert(dt_read_uint(&r, 1) == DT_HANDSHAKE);
	dt_read_uint(&r, 4);
	return dt_read_uint(&r, 6);
}

Test(first_flight, the_numbers_of_the_answers_are_those_of_the_hellos)
{
	static const uint64_t table[][2] = {{0, 1}, {0, 0}, {7, 3}, {5, 900}, {UINT64_C(1) << 40, UINT64_C(1) << 41}};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct sim *sim = cheap_sim("numbers");
		struct sim_knock k;
		sim_knock_init(&k, sim);
		struct sim_hello h = sim_hello_new(sim);
		h.number = table[i][0];
		sim_knock_hello(&k, 1, &h);
		cr_assert(k.got_cookie && number_of(&k) == table[i][0], "row %zu", i);
		/* The version in both headers of the HelloVerifyRequest is 1.0, the message's number 0. */
		cr_assert(k.answer[1] == 0xfe && k.answer[25] == 0xfe && k.answer[26] == 0xff && k.answer[18] == 0);
		cr_assert(keeps_nothing(sim), "a timer runs for a client without a cookie");
		h.cookie = (struct dt_span){k.cookie, sizeof(k.cookie)};
		h.message_seq = 1;
		h.number = table[i][1];
		sim_knock_hello(&k, 1, &h);
		sim_server_extension(&k, 0, NULL);
		cr_assert(number_of(&k) == table[i][1], "row %zu", i);
		sim_free(sim);
	}
}

/* A client that was sent two HelloVerifyRequests starts again; OpenSSL takes no other number. */
Test(first_flight, a_cookie_is_taken_in_the_second_message_only)
{
	static const uint16_t table[] = {0, 2, 3, 255, 256, 65535, 1};
	struct sim *sim = cheap_sim("message_seq");
	struct sim_knock k; /* stays: the server says goodbye at its end */
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		sim_knock_init(&k, sim);
		struct sim_hello h = sim_hello_new(sim);
		sim_knock_hello(&k, 1, &h);
		h.cookie = (struct dt_span){k.cookie, sizeof(k.cookie)};
		h.message_seq = table[i];
		sim_knock_hello(&k, 1, &h);
		cr_assert(dt_conns_count(sim->server.conns) == (table[i] == 1), "%u", table[i]);
		cr_assert(table[i] == 1 || k.datagrams_back == 0);
	}
	cr_assert(sim_drops(&sim->server, DT_DROP_BAD_HELLO) == 6);
	/* Nor is one without it answered by anything that could be taken for the client's next message. */
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		sim_knock_init(&k, sim);
		struct sim_hello h = sim_hello_new(sim);
		h.message_seq = table[i];
		sim_knock_hello(&k, 2, &h);
		cr_assert(k.got_cookie && k.answer[17] == 0 && k.answer[18] == 0, "%u", table[i]);
	}
	sim_free(sim);
}

/* ---- the cookie ---- */

Test(first_flight, a_cookie_of_any_length_is_read_within_its_message)
{
	struct sim *sim = cheap_sim("cookie lengths");
	struct sim_knock k;
	sim_knock_init(&k, sim);
	uint8_t cookie[255], d[SIM_HELLO_BYTES];
	seeded_fill(&sim->random, cookie, sizeof(cookie));
	for (size_t len = 0; len < 256; len++) {
		struct sim_hello h = sim_hello_new(sim);
		h.cookie = (struct dt_span){cookie, len};
		h.message_seq = len != 0;
		sim_knock_hello(&k, 1, &h);
		cr_assert(k.datagrams_back == 1 && k.got_cookie, "%zu bytes: as if there was none", len);
		/* And one that claims to be longer than the hello. */
		size_t n = sim_hello_write(&h, d);
		size_t at = DT_RECORD_HEADER + DT_HS_HEADER + 2 + 32 + 1;
		size_t rest = n - at - 1;
		if (rest < 255) {
			d[at] = (uint8_t)(rest + 1);
			sim_knock_bytes(&k, 1, d, n);
			cr_assert(k.datagrams_back == 0, "%zu of %zu bytes", rest + 1, rest);
		}
	}
	cr_assert(keeps_nothing(sim) && k.bytes_back <= k.bytes_in);
	sim_free(sim);
}

/* A hello in two fragments, cut at `cut` bytes of its body. */
static void
knock_in_two(struct sim_knock *k, uint32_t from, const struct sim_hello *h, size_t cut)
{
	uint8_t whole[SIM_HELLO_BYTES], part[SIM_HELLO_BYTES];
	size_t head = DT_RECORD_HEADER + DT_HS_HEADER, len = sim_hello_write(h, whole) - head;
	for (int i = 0; i < 2; i++) {
		size_t offset = i ? cut : 0, n = i ? len - cut : cut;
		memcpy(part, whole, head);
		dt_write_uint(part + 11, DT_HS_HEADER + n, 2);
		dt_write_uint(part + DT_RECORD_HEADER + 6, offset, 3);
		dt_write_uint(part + DT_RECORD_HEADER + 9, n, 3);
		memcpy(part + head, whole + head + offset, n);
		sim_knock_bytes(k, from, part, head + n);
	}
}

/* The resuming hello of a stock client, without a cookie. */
struct thief {
	uint8_t hello[1500];
	size_t len;
};

static bool
keep_hello(void *arg, struct sim_packet *p)
{
	struct thief *t = arg;
	if (p->to_server && t->len == 0) {
		memcpy(t->hello, p->bytes, p->len);
		t->len = p->len;
	}
	return true;
}

Test(first_flight, a_ticket_is_no_cookie)
{
	struct sim_options o = sim_defaults("ticket without cookie");
	o.tickets = true;
	struct sim *sim = sim_new(&o);
	SSL_CTX *ctx = sim_client_ctx(NULL);
	struct sim_client *c = sim_connect(sim, ctx);
	SSL_SESSION *s = SSL_get1_session(c->ssl);
	sim_client_close(c);
	struct thief t = {.len = 0};
	sim->link.tap = keep_hello;
	sim->link.tap_arg = &t;
	c = sim_add_client(sim, ctx);
	SSL_set_session(c->ssl, s);
	sim_client_start(c);
	sim_settle(sim);
	cr_assert(SSL_session_reused(c->ssl) && t.len > 200);
	sim_client_close(c);
	sim_settle(sim);
	struct sim_knock k;
	sim_knock_init(&k, sim);
	for (uint32_t from = 100; from < 1100; from++)
		sim_knock_bytes(&k, from, t.hello, t.len);
	cr_assert(keeps_nothing(sim) && k.bytes_back <= k.bytes_in);
	cr_assert(sim_drops(&sim->server, DT_DROP_NO_COOKIE) >= 1000);
	SSL_SESSION_free(s);
	SSL_CTX_free(ctx);
	sim_free(sim);
}

Test(first_flight, there_is_no_way_around_the_cookie)
{
	struct sim *sim = cheap_sim("around the cookie");
	struct sim_knock k;
	sim_knock_init(&k, sim);
	static const uint8_t id[32] = {1, 2, 3};
	struct sim_hello h = sim_hello_new(sim);
	sim_knock_hello(&k, 1, &h);
	uint8_t cookie[DT_COOKIE_LEN];
	memcpy(cookie, k.cookie, sizeof(cookie));
	struct sim_hello good = h;
	good.cookie = (struct dt_span){cookie, sizeof(cookie)};
	good.message_seq = 1;

	struct sim_hello other = good; /* it was made for another random */
	other.random[5] ^= 1;
	sim_knock_hello(&k, 1, &other);
	other = good; /* and another session */
	other.session_id = (struct dt_span){id, sizeof(id)};
	sim_knock_hello(&k, 1, &other);
	for (uint32_t from = 2; from < 200; from++) /* and another address */
		sim_knock_hello(&k, from, &good);
	for (size_t len = 0; len < sizeof(cookie); len++) { /* a part of it is not it */
		other = good;
		other.cookie.len = len;
		sim_knock_hello(&k, 1, &other);
	}
	other = h; /* no cookie, but a session */
	other.session_id = (struct dt_span){id, sizeof(id)};
	sim_knock_hello(&k, 1, &other);
	knock_in_two(&k, 1, &h, 40);
	for (size_t cut = 1; cut < 35 + sizeof(cookie); cut++) /* a cookie that is not whole in the first part */
		knock_in_two(&k, 1, &good, cut);
	uint8_t d[SIM_HELLO_BYTES]; /* in an epoch where nothing is authenticated yet */
	size_t len = sim_hello_write(&good, d);
	d[4] = 1;
	sim_knock_bytes(&k, 1, d, len);
	cr_assert(keeps_nothing(sim), "a handshake began");
	cr_assert(k.bytes_back <= k.bytes_in);

	knock_in_two(&k, 1, &good, 36 + sizeof(cookie));
	cr_assert(dt_conns_count(sim->server.conns) == 1, "the true one is good, also in two parts");
	sim_free(sim);
}

/* ---- extensions ---- */

/* Each begins with the groups and signatures that the client takes. */
#define USUAL 0, 10, 0, 6, 0, 4, 0, 29, 0, 23, 0, 13, 0, 4, 0, 2, 4, 3
static const uint8_t usual[] = {USUAL};
static const uint8_t renegotiation[] = {USUAL, 0xff, 1, 0, 1, 0};
static const uint8_t of_a_session[] = {USUAL, 0xff, 1, 0, 13, 12, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
static const uint8_t both[] = {USUAL, 0, 22, 0, 0, 0, 23, 0, 0};
static const uint8_t master_twice[] = {USUAL, 0, 23, 0, 0, 0, 23, 0, 0};

static const uint16_t gcm[] = {0xc02b}, cbc[] = {0xc023}, signalled[] = {0xc02b, 0x00ff};

static const struct offer {
	const uint16_t *suites;
	size_t suite_count;
	struct dt_span extensions;
	bool renegotiation, encrypt_then_mac, master_secret; /* answered */
	int alert; /* instead of a ServerHello; 0 = none */
} offers[] = {
    {gcm, 1, {usual, sizeof(usual)}, false, false, false, 0},
    {gcm, 1, {renegotiation, sizeof(renegotiation)}, true, false, false, 0},
    {signalled, 2, {usual, sizeof(usual)}, true, false, false, 0},
    {gcm, 1, {of_a_session, sizeof(of_a_session)}, false, false, false, DT_ALERT_HANDSHAKE_FAILURE},
    {gcm, 1, {both, sizeof(both)}, false, false, true, 0},
    {cbc, 1, {both, sizeof(both)}, false, true, true, 0},
    {cbc, 1, {usual, sizeof(usual)}, false, false, false, DT_ALERT_HANDSHAKE_FAILURE},
    {gcm, 1, {master_twice, sizeof(master_twice)}, false, false, false, DT_ALERT_DECODE_ERROR},
};

static void
check_answer(const struct sim_knock *k, const struct offer *o, size_t row)
{
	static const uint16_t known[] = {11, 22, 23}; /* point formats, encrypt_then_mac, master secret */
	uint8_t compression = 9;
	bool found = sim_server_extension(k, 0xff01, &compression).data;
	cr_assert(found == o->renegotiation && compression == 0, "row %zu", row);
	cr_assert((sim_server_extension(k, 22, NULL).data != NULL) == o->encrypt_then_mac, "row %zu", row);
	cr_assert((sim_server_extension(k, 23, NULL).data != NULL) == o->master_secret, "row %zu", row);
	for (uint16_t type = 0; type < 100; type++) {
		bool expected = type == known[0] || type == known[1] || type == known[2];
		cr_assert(expected || !sim_server_extension(k, type, NULL).data, "row %zu: extension %u", row, type);
	}
}

/* Compression is offered each time. */
Test(first_flight, what_was_offered_is_answered_and_nothing_else)
{
	static const uint8_t deflate[] = {1, 0};
	struct sim_options o = sim_defaults("extensions");
	o.suites = "ECDHE-ECDSA-AES128-GCM-SHA256:" CBC;
	struct sim *sim = sim_new(&o);
	struct sim_knock k;
	sim_knock_init(&k, sim);
	for (size_t i = 0; i < sizeof(offers) / sizeof(offers[0]); i++) {
		struct sim_hello h = sim_hello_new(sim);
		h.suites = offers[i].suites;
		h.suite_count = offers[i].suite_count;
		h.extensions = offers[i].extensions;
		h.compressions = (struct dt_span){deflate, sizeof(deflate)};
		sim_knock_twice(&k, (uint32_t)i + 1, h);
		if (offers[i].alert)
			cr_assert(sim_answered_alert(&k) == offers[i].alert, "row %zu: %d", i, sim_answered_alert(&k));
		else
			check_answer(&k, &offers[i], i);
	}
	sim_free(sim);
}

/* RFC 7627 5.3 */
Test(first_flight, a_session_is_resumed_under_the_master_secret_it_was_made_with)
{
	enum outcome { RESUMED, FULL, REFUSED };
	static const enum outcome table[2][2] = {{RESUMED, FULL}, {REFUSED, RESUMED}};
	static const char *const suites[] = {"ECDHE-ECDSA-AES128-GCM-SHA256", CBC};
	for (unsigned i = 0; i < 8; i++) {
		bool then = i & 1, now = i & 2;
		struct sim_options o = sim_defaults("extended master secret");
		o.tickets = true;
		o.suites = suites[i / 4];
		struct sim *sim = sim_new(&o);
		SSL_CTX *ctx = sim_client_ctx(NULL);
		if (!then)
			SSL_CTX_set_options(ctx, SSL_OP_NO_EXTENDED_MASTER_SECRET);
		struct sim_client *c = sim_connect(sim, ctx);
		cr_assert(c->state == SIM_UP && SSL_get_extms_support(c->ssl) == then);
		SSL_SESSION *s = SSL_get1_session(c->ssl);
		sim_client_close(c);
		sim_settle(sim);
		c = sim_add_client(sim, ctx);
		SSL_set_session(c->ssl, s);
		if (now)
			SSL_clear_options(c->ssl, SSL_OP_NO_EXTENDED_MASTER_SECRET);
		else
			SSL_set_options(c->ssl, SSL_OP_NO_EXTENDED_MASTER_SECRET);
		sim_client_start(c);
		sim_settle(sim);
		struct sim_diary *d = sim_newest(&sim->server);
		switch (table[then][now]) {
		case RESUMED:
		case FULL:
			cr_assert(c->state == SIM_UP && d->resumed == (table[then][now] == RESUMED), "row %u", i);
			cr_assert(SSL_get_extms_support(c->ssl) == now);
			sim_check_echo(sim, c, "again");
			break;
		case REFUSED:
			cr_assert(c->state == SIM_FAILED && c->alert >= 0 && d->connected == 1 && d->status == 403, "row %u", i);
			break;
		}
		SSL_SESSION_free(s);
		SSL_CTX_free(ctx);
		sim_free(sim);
	}
}
