/* Heartbeats: RFC 6520. */
#include <criterion/criterion.h>
#include <string.h>

#include "cid_world.h"
#include "conn/conn_state.h"
#include "dtls/alert.h"

#define REQUEST 1u
#define RESPONSE 2u
#define KEEP_ALIVE ((struct dt_keep_alive_config){true, DT_SECONDS(60), DT_SECONDS(2), 3})

static struct sim_options
options(const char *test, enum dt_heartbeat_mode mode)
{
	struct sim_options o = sim_defaults(test);
	o.heartbeat = mode;
	o.idle_timeout = (struct dt_dur){0};
	return o;
}

/* A client that says `mode`; it asks for no connection id where the server gives none. */
static struct sim_client *
connect_as(struct cid_world *w, int mode)
{
	struct sim_client *c = cid_add(w, 8);
	c->cid->mode = mode;
	cid_start(w, c);
	return c;
}

static uint64_t
sent(const struct cid_world *w)
{
	return w->sim->server.sent;
}

/* A message of the client's, and what it caused. */
static uint64_t
tell(struct cid_world *w, struct sim_client *c, const void *message, size_t len)
{
	static uint8_t d[SIM_RECORD_MAX + 300];
	uint64_t before = sent(w);
	size_t n = sim_cid_seal(c, SIM_HEARTBEAT, message, len, d);
	sim_server_input(&w->sim->server, c->number, d, n);
	return sent(w) - before;
}

static uint64_t
ask(struct cid_world *w, struct sim_client *c, const char *payload)
{
	uint8_t m[300];
	size_t n = strlen(payload);
	return tell(w, c, m, sim_heartbeat(REQUEST, n, payload, n, 16, m));
}

/* ---- what is negotiated ---- */

Test(heartbeat, each_side_obeys_the_mode_of_the_other)
{
	static const struct {
		enum dt_heartbeat_mode server;
		int client, answered;
		bool asks, is_answered;
	} table[] = {
	    {DT_HEARTBEAT_PEER_MAY_SEND, 1, 1, true, true},
	    {DT_HEARTBEAT_PEER_MAY_SEND, 2, 1, false, true},
	    {DT_HEARTBEAT_PEER_MAY_NOT_SEND, 1, 2, true, false},
	    {DT_HEARTBEAT_PEER_MAY_NOT_SEND, 2, 2, false, false},
	    {DT_HEARTBEAT_PEER_MAY_SEND, -1, -1, false, false},
	    {DT_HEARTBEAT_OFF, 1, -1, false, false},
	    {DT_HEARTBEAT_OFF, -1, -1, false, false},
	};
	for (size_t i = 0; i < 2 * sizeof(table) / sizeof(table[0]); i++) {
		size_t row = i / 2;
		struct sim_options o = options("modes", table[row].server);
		o.keep_alive = KEEP_ALIVE;
		o.connection_id = i % 2;
		struct cid_world w;
		cid_world_init(&w, o.test, &o);
		struct sim_client *c = connect_as(&w, table[row].client);
		cr_assert(c->cid->server_mode == table[row].answered, "row %zu: %d", row, c->cid->server_mode);
		cr_assert(ask(&w, c, "are you there?") == table[row].is_answered, "row %zu", row);
		sim_run(w.sim, DT_SECONDS(70));
		cr_assert((c->cid->requests > 0) == table[row].asks, "row %zu", row);
		cr_assert(c->state == SIM_UP && c->cid->responses == table[row].is_answered, "row %zu", row);
		sim_check_echo(w.sim, c, "still here");
		cid_world_fini(&w);
	}
}

Test(heartbeat, an_unknown_mode_is_an_illegal_parameter)
{
	static const int modes[] = {0, 3, 4, 255};
	for (size_t i = 0; i < 4; i++) {
		struct sim_options o = options("unknown mode", DT_HEARTBEAT_PEER_MAY_SEND);
		struct cid_world w;
		cid_world_init(&w, o.test, &o);
		struct sim_client *c = cid_add(&w, 8);
		c->cid->mode = modes[i];
		sim_client_start(c);
		sim_settle(w.sim);
		cr_assert(c->state == SIM_FAILED && c->alert == DT_ALERT_ILLEGAL_PARAMETER, "mode %d", modes[i]);
		cid_world_fini(&w);
	}
}

Test(heartbeat, resumption_negotiates_anew)
{
	struct sim_options o = options("resumption", DT_HEARTBEAT_PEER_MAY_SEND);
	o.tickets = true;
	struct cid_world w;
	cid_world_init(&w, o.test, &o);
	struct sim_client *a = connect_as(&w, 1);
	SSL_SESSION *s = SSL_get1_session(a->ssl);
	for (int mode = -1; mode <= 2; mode += mode < 0 ? 2 : 1) {
		struct sim_client *b = cid_add(&w, 8);
		b->cid->mode = mode;
		SSL_set_session(b->ssl, s);
		cid_start(&w, b);
		cr_assert(SSL_session_reused(b->ssl) && b->cid->server_mode == (mode < 0 ? -1 : 1));
		cr_assert(ask(&w, b, "x") == (mode < 0 ? 0 : 1));
	}
	SSL_SESSION_free(s);
	cid_world_fini(&w);
}

/* ---- the bytes ---- */

Test(heartbeat, a_response_is_the_payload_and_sixteen_bytes_of_padding)
{
	static const char *const payloads[] = {"", "a", "0123456789abcdef", "a longer one, which is not a power of two"};
	uint8_t padding[2][16] = {{0}};
	for (int form = 0; form < 2; form++) {
		struct sim_options o = options("bytes", DT_HEARTBEAT_PEER_MAY_SEND);
		o.connection_id = form;
		struct cid_world w;
		cid_world_init(&w, o.test, &o);
		struct sim_client *c = connect_as(&w, 2);
		for (size_t i = 0; i < 4; i++) {
			size_t n = strlen(payloads[i]);
			uint8_t m[300];
			/* Padding is ignored, however much there is of it. */
			cr_assert(tell(&w, c, m, sim_heartbeat(REQUEST, n, payloads[i], n, 16 + 50 * i, m)) == 1);
			sim_settle(w.sim);
			cr_assert(c->cid->responses == i + 1 && c->cid->heard_len == 3 + n + 16);
			cr_assert(c->cid->heard[0] == RESPONSE && c->cid->heard[1] == 0 && c->cid->heard[2] == n);
			cr_assert(memcmp(c->cid->heard + 3, payloads[i], n) == 0);
			memcpy(padding[i % 2], c->cid->heard + 3 + n, 16);
			cr_assert(memcmp(padding[0], padding[1], 16) != 0, "the padding is not random");
		}
		cid_world_fini(&w);
	}
}

/* What the server sent to a client without a connection id: one response to just that payload. */
struct listener {
	struct sim_client *client;
	const uint8_t *payload;
	size_t len;
	unsigned good, bad;
};

static bool
compare(void *arg, struct sim_packet *p)
{
	struct listener *l = arg;
	struct dt_record rec;
	size_t at = 0, len;
	uint8_t *data;
	if (p->to_server)
		return true;
	bool good = sim_record_next(p->bytes, p->len, &at, l->client->cid->id_len, &rec) && at == p->len &&
	    sim_cid_open(l->client, &rec, &data, &len) == SIM_HEARTBEAT && len == 3 + l->len + 16 &&
	    data[0] == RESPONSE && ((size_t)data[1] << 8 | data[2]) == l->len &&
	    memcmp(data + 3, l->payload, l->len) == 0;
	l->good += good;
	l->bad += !good;
	return false;
}

/* Every claim that a request of this size can make: RFC 6520 4, CVE-2014-0160. */
static void
claim_everything(struct cid_world *w, struct sim_client *c, size_t size)
{
	static uint8_t m[SIM_RECORD_MAX], d[SIM_RECORD_MAX + 300];
	struct sim_server *s = &w->sim->server;
	const size_t around = DT_RECORD_HEADER + 8 + 16 + (c->cid->given ? c->cid->id_len + 1u : 0);
	struct listener l = {.client = c, .payload = m + 3};
	w->sim->link.tap = compare;
	w->sim->link.tap_arg = &l;
	seeded_fill(&w->sim->random, m, sizeof(m));
	m[0] = REQUEST;
	for (size_t claimed = 0; claimed <= UINT16_MAX; claimed++) {
		if (size >= 3)
			dt_write_uint(m + 1, claimed, 2);
		size_t len = sim_cid_seal(c, SIM_HEARTBEAT, m, size, d);
		bool valid = claimed + 3 + 16 <= size && claimed + 19 + around <= 16384;
		if (valid) /* no limit of answers in a second */
			sim_clock_move(dt_mono_add(sim_now().mono, DT_MILLISECONDS(100)));
		l.len = claimed;
		l.good = l.bad = 0;
		uint64_t before = s->sent;
		sim_server_input(s, c->number, d, len);
		cr_assert(s->sent - before == valid && l.good == valid && l.bad == 0, "%zu bytes that claim %zu", size,
		    claimed);
		if (size < 3)
			break; /* there is nothing that claims */
	}
	w->sim->link.tap = NULL;
}

static void
claim_on(size_t size, bool with_id)
{
	struct sim_options o = options("claims", DT_HEARTBEAT_PEER_MAY_SEND);
	o.mtu = 16384;
	o.connection_id = with_id;
	struct cid_world w;
	cid_world_init(&w, o.test, &o);
	SSL_CTX_set_cipher_list(w.ctx, "ECDHE-ECDSA-AES128-GCM-SHA256");
	struct sim_client *c = connect_as(&w, 2);
	claim_everything(&w, c, size);
	sim_check_echo(w.sim, c, "still here");
	cid_world_fini(&w);
}

Test(heartbeat, no_claim_of_a_payload_that_is_not_there_is_answered)
{
	static const size_t sizes[] = {0, 1, 2, 3, 4, 18, 19, 20, 21, 35, 36, 100, 255, 256, 1024};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		claim_on(sizes[i], i % 2);
}

Test(heartbeat, nor_is_it_in_a_record_of_4096_bytes)
{
	claim_on(4096, false);
}

Test(heartbeat, nor_is_it_in_a_record_of_16384_bytes)
{
	claim_on(16384, false);
}

Test(heartbeat, padding_below_sixteen_bytes_and_unknown_types_are_discarded)
{
	struct sim_options o = options("padding", DT_HEARTBEAT_PEER_MAY_SEND);
	struct cid_world w;
	cid_world_init(&w, o.test, &o);
	struct sim_client *c = connect_as(&w, 1);
	uint8_t m[300];
	for (size_t padding = 0; padding < 20; padding++) {
		sim_run(w.sim, DT_SECONDS(1));
		size_t n = sim_heartbeat(REQUEST, 5, "hello", 5, padding, m);
		cr_assert(tell(&w, c, m, n) == (padding >= 16), "%zu bytes of padding", padding);
	}
	for (unsigned type = 0; type < 256; type++) {
		sim_run(w.sim, DT_SECONDS(1));
		size_t n = sim_heartbeat((uint8_t)type, 5, "hello", 5, 16, m);
		cr_assert(tell(&w, c, m, n) == (type == REQUEST), "type %u", type);
	}
	cr_assert(sim_drops(&w.sim->server, DT_DROP_BAD_CONTENT) == 16 + 254);
	sim_check_echo(w.sim, c, "still here");
	cid_world_fini(&w);
}

/* ---- when ---- */

/* Heartbeats before, beside and behind everything that the client sends in its handshake. */
struct noise {
	struct sim *sim;
	struct sim_client *client;
	unsigned sent;
};

static bool
add_heartbeats(void *arg, struct sim_packet *p)
{
	struct noise *n = arg;
	uint8_t d[200], m[64];
	struct sim_client *c = n->client;
	if (!p->to_server || c->state == SIM_UP || n->sent > 100)
		return true;
	n->sent += 2;
	size_t len = sim_heartbeat(REQUEST, 5, "early", 5, 16, m);
	dt_record_write_header(d, DT_HEARTBEAT, DT_VERSION_12, 0, 100 + n->sent, len);
	memcpy(d + DT_RECORD_HEADER, m, len);
	sim_link_send(&n->sim->link, c->number, true, d, DT_RECORD_HEADER + len);
	if (c->cid->next) /* there are keys */
		sim_link_send(&n->sim->link, c->number, true, d, sim_cid_seal(c, DT_HEARTBEAT, m, len, d));
	return true;
}

static bool
is_heartbeat(struct sim_client *c)
{
	return c->cid->responses || c->cid->requests;
}

Test(heartbeat, never_during_the_handshake)
{
	for (int row = 0; row < 4; row++) {
		struct sim_options o = options("handshake", DT_HEARTBEAT_PEER_MAY_SEND);
		o.keep_alive = (struct dt_keep_alive_config){true, DT_SECONDS(1), DT_SECONDS(1), 3};
		o.connection_id = row & 1;
		struct cid_world w;
		cid_world_init(&w, o.test, &o);
		struct noise n = {.sim = w.sim};
		w.sim->link.tap = add_heartbeats;
		w.sim->link.tap_arg = &n;
		w.sim->server.auth = row & 2 ? SIM_WAIT : SIM_ACCEPT;
		struct sim_client *c = n.client = cid_add(&w, 8);
		c->cid->mode = 1;
		sim_client_start(c);
		sim_settle(w.sim);
		if (row & 2) {
			sim_run(w.sim, DT_SECONDS(10));
			cr_assert(c->state == SIM_BUSY && !is_heartbeat(c));
			sim_verdict(&w.sim->server, DT_GATE_AUTH, true, 0, NULL);
			sim_settle(w.sim);
		}
		cr_assert(c->state == SIM_UP && n.sent > 4);
		cr_assert(sim_counter(&w.sim->server, DT_COUNT_HEARTBEATS_ANSWERED) == 0, "row %d", row);
		cr_assert(!is_heartbeat(c), "row %d", row);
		cid_world_fini(&w);
	}
}

Test(heartbeat, in_the_clear_it_is_nothing)
{
	struct sim_options o = options("clear", DT_HEARTBEAT_PEER_MAY_SEND);
	struct cid_world w;
	cid_world_init(&w, o.test, &o);
	struct sim_client *c = connect_as(&w, 1);
	uint8_t d[100], *m = d + DT_RECORD_HEADER;
	size_t len = sim_heartbeat(REQUEST, 5, "clear", 5, 16, m);
	for (uint16_t epoch = 0; epoch < 4; epoch++) {
		uint64_t before = sent(&w);
		dt_record_write_header(d, DT_HEARTBEAT, DT_VERSION_12, epoch, 1000, len);
		sim_server_input(&w.sim->server, c->number, d, DT_RECORD_HEADER + len);
		cr_assert(sent(&w) == before);
	}
	sim_check_echo(w.sim, c, "still here");
	cid_world_fini(&w);
}

Test(heartbeat, sixteen_answers_in_a_second_and_no_more)
{
	struct sim_options o = options("rate", DT_HEARTBEAT_PEER_MAY_SEND);
	struct cid_world w;
	cid_world_init(&w, o.test, &o);
	struct sim_client *c = connect_as(&w, 1);
	for (unsigned second = 1; second <= 5; second++) {
		uint64_t answered = 0;
		for (int i = 0; i < 100; i++)
			answered += ask(&w, c, "x");
		cr_assert(answered == 16, "%llu", (unsigned long long)answered);
		cr_assert(sim_drops(&w.sim->server, DT_DROP_HEARTBEAT_RATE) == second * 84);
		cr_assert(sim_counter(&w.sim->server, DT_COUNT_HEARTBEATS_ANSWERED) == second * 16);
		sim_run(w.sim, DT_SECONDS(1));
	}
	cid_world_fini(&w);
}

Test(heartbeat, a_response_to_nothing_is_nothing)
{
	struct sim_options o = options("unexpected", DT_HEARTBEAT_PEER_MAY_SEND);
	struct cid_world w;
	cid_world_init(&w, o.test, &o);
	struct sim_client *c = connect_as(&w, 1);
	uint8_t m[100];
	for (int i = 0; i < 50; i++)
		cr_assert(tell(&w, c, m, sim_heartbeat(RESPONSE, 16, "0123456789abcdef", 16, 16, m)) == 0);
	sim_check_echo(w.sim, c, "still here");
	cid_world_fini(&w);
}

Test(heartbeat, a_suite_of_openssl_never_sees_one)
{
	struct sim_options o = options("cbc", DT_HEARTBEAT_PEER_MAY_SEND);
	o.suites = "ECDHE-ECDSA-AES128-SHA256";
	o.keep_alive = KEEP_ALIVE;
	struct cid_world w;
	cid_world_init(&w, o.test, &o);
	struct sim_client *c = connect_as(&w, 1);
	cr_assert(c->cid->server_mode == -1);
	uint8_t d[100] = {0};
	dt_record_write_header(d, DT_HEARTBEAT, DT_VERSION_12, 1, 50, 64);
	uint64_t before = sent(&w);
	sim_server_input(&w.sim->server, c->number, d, DT_RECORD_HEADER + 64);
	cr_assert(sent(&w) == before && sim_drops(&w.sim->server, DT_DROP_UNEXPECTED) == 1);
	sim_run(w.sim, DT_SECONDS(600));
	sim_check_echo(w.sim, c, "still here");
	cid_world_fini(&w);
}

/* ---- how large ---- */

Test(heartbeat, a_response_obeys_max_fragment_length_and_the_mtu)
{
	static const struct {
		uint8_t code;
		uint16_t mtu;
		size_t longest; /* plaintext of a response */
	} table[] = {{TLSEXT_max_fragment_length_512, 9000, 512}, {TLSEXT_max_fragment_length_1024, 9000, 1024},
	    {TLSEXT_max_fragment_length_4096, 9000, 4096}, {TLSEXT_max_fragment_length_4096, 1400, 1400 - 37},
	    {TLSEXT_max_fragment_length_DISABLED, 1400, 1400 - 37}, {TLSEXT_max_fragment_length_DISABLED, 256, 256 - 37},
	    {TLSEXT_max_fragment_length_DISABLED, 16384, 16384 - 37}};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct sim_options o = options("sizes", DT_HEARTBEAT_PEER_MAY_SEND);
		o.mtu = table[i].mtu;
		struct cid_world w;
		cid_world_init(&w, o.test, &o);
		SSL_CTX_set_cipher_list(w.ctx, "ECDHE-ECDSA-AES128-GCM-SHA256");
		struct sim_client *c = cid_add(&w, 8);
		c->cid->mode = 1;
		SSL_set_tlsext_max_fragment_length(c->ssl, table[i].code);
		cid_start(&w, c);
		static uint8_t m[SIM_RECORD_MAX], payload[SIM_RECORD_MAX];
		for (size_t len = table[i].longest - 1; len <= table[i].longest + 1 && len <= DT_PLAIN_MAX; len++) {
			size_t n = sim_heartbeat(REQUEST, len - 19, payload, len - 19, 16, m);
			bool fits = len <= table[i].longest;
			cr_assert(tell(&w, c, m, n) == fits, "row %zu, %zu bytes", i, len);
			sim_settle(w.sim);
			cr_assert(!fits || c->cid->heard_len == len);
		}
		cid_world_fini(&w);
	}
}
