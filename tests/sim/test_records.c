/* What keys are good for, whose records end a handshake, and messages that do not belong there. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "conn/conn_state.h"
#include "dtls/alert.h"
#include "forge.h"
#include "sim.h"

#define GCM "ECDHE-ECDSA-AES128-GCM-SHA256"
#define CCM_8 "ECDHE-ECDSA-AES128-CCM8"
#define CBC "ECDHE-ECDSA-AES128-SHA256"
#define KEY "the key of the device"

static const char *const suites[] = {GCM, CCM_8, "ECDHE-ECDSA-CHACHA20-POLY1305", CBC};
#define SUITES (sizeof(suites) / sizeof(suites[0]))

/* ---- how much a key bears: RFC 9325 4.4 ---- */

struct world {
	struct sim *sim;
	SSL_CTX *ctx;
	struct sim_client *c;
	struct dt_log log;
	unsigned warnings;
};

static void
take_line(void *arg, const struct dt_log_line *line)
{
	struct world *w = arg;
	w->warnings += line->level == DT_LOG_WARNING;
}

static void
world_init(struct world *w, const char *suite, uint64_t records, uint64_t forgeries)
{
	struct sim_options o = sim_defaults("keys");
	o.suites = suite;
	o.records_per_key = records;
	o.forgeries_per_key = forgeries;
	*w = (struct world){.sim = sim_new(&o), .ctx = sim_client_ctx(suite)};
	w->log = (struct dt_log){.sink = take_line, .arg = w, .level = DT_LOG_WARNING};
	w->sim->server.conns->config.log = &w->log;
	w->c = sim_connect(w->sim, w->ctx);
	cr_assert(w->c->state == SIM_UP);
}

static void
world_fini(struct world *w)
{
	SSL_CTX_free(w->ctx);
	w->sim->server.conns->config.log = NULL;
	sim_free(w->sim);
}

static uint64_t
told(const struct world *w)
{
	return sim_counter(&w->sim->server, DT_COUNT_KEYS_HALF_USED);
}

static void
check_closed(struct world *w)
{
	struct sim_diary *d = sim_newest(&w->sim->server);
	sim_settle(w->sim);
	cr_assert(d->disconnected == 1 && d->end_status == 401, "%s", d->end_text);
	cr_assert(w->c->state == SIM_CLOSED, "no close_notify");
}

Test(records, sealing_is_told_at_half_of_its_bound_and_ends_there)
{
	for (size_t i = 0; i < SUITES; i++) {
		struct world w;
		world_init(&w, suites[i], 20, 0);
		struct dt_conn *c = dt_conns_find(w.sim->server.conns, sim_newest(&w.sim->server)->id);
		while (c->session.state.next_sealed < 19) {
			cr_assert(told(&w) == (c->session.state.next_sealed >= 10));
			cr_assert(sim_server_send(&w.sim->server, "one more", 8) == DT_OK);
		}
		cr_assert(told(&w) == 1 && w.warnings == 1);
		cr_assert(sim_server_send(&w.sim->server, "too many", 8) == DT_ERR_GONE);
		check_closed(&w);
		world_fini(&w);
	}
}

Test(records, a_bound_above_that_of_the_suite_is_none)
{
	struct world w;
	world_init(&w, GCM, UINT64_C(1) << 40, UINT64_C(1) << 40);
	const struct dt_record_state *s =
	    &dt_conns_find(w.sim->server.conns, sim_newest(&w.sim->server)->id)->session.state;
	cr_assert(s->seal_limit == 23726566 && s->forgery_limit == UINT64_C(1) << 36);
	world_fini(&w);
}

static void
forge(struct world *w, uint64_t count)
{
	uint8_t d[DT_RECORD_HEADER + 80] = {0};
	for (uint64_t i = 0; i < count; i++) {
		dt_record_write_header(d, DT_APPLICATION_DATA, DT_VERSION_12, 1, 1000 + i, 80);
		sim_server_input(&w->sim->server, w->c->number, d, sizeof(d));
	}
}

Test(records, forgeries_are_told_at_half_of_their_bound_and_end_the_connection_there)
{
	for (size_t i = 0; i < SUITES; i++) {
		struct world w;
		world_init(&w, suites[i], 0, 30);
		forge(&w, 15);
		cr_assert(told(&w) == 0);
		forge(&w, 14);
		cr_assert(told(&w) == 1 && w.warnings == 1);
		sim_check_echo(w.sim, w.c, "still here");
		forge(&w, 1);
		check_closed(&w);
		world_fini(&w);
	}
}

Test(records, without_a_bound_of_ones_own_forgeries_end_nothing_and_a_short_tag_is_told_of)
{
	for (size_t i = 0; i < SUITES; i++) {
		struct world w;
		world_init(&w, suites[i], 0, 0);
		forge(&w, 2000);
		cr_assert(sim_drops(&w.sim->server, DT_DROP_BAD_TAG) == 2000);
		cr_assert(told(&w) == (i == 1), "%s", suites[i]);
		sim_check_echo(w.sim, w.c, "still here");
		world_fini(&w);
	}
}

Test(records, one_line_for_many_connections_in_ten_seconds)
{
	struct world w;
	world_init(&w, CCM_8, 0, 0);
	for (int i = 0; i < 10; i++) {
		w.c = sim_connect(w.sim, w.ctx);
		forge(&w, 100);
	}
	cr_assert(told(&w) == 10 && w.warnings == 1);
	sim_run(w.sim, DT_SECONDS(10));
	w.c = sim_connect(w.sim, w.ctx);
	forge(&w, 100);
	cr_assert(told(&w) == 11 && w.warnings == 2);
	world_fini(&w);
}

/* ---- a forged Finished ---- */

static const char *const psk_suites[] = {"PSK-AES128-CCM8", "ECDHE-PSK-CHACHA20-POLY1305",
    "ECDHE-PSK-AES128-CBC-SHA256"};

/* Somebody who sees that the client answers, and sends records of his own around it. */
struct forger {
	struct sim *sim;
	bool split;		  /* the client's records come one in a datagram */
	unsigned before, between; /* forged records before the flight; behind each datagram of it */
	bool lose_finished;	  /* of the first flight */
	bool sending;
	unsigned flights;
};

static void
send_forged(struct forger *f, uint32_t as, unsigned count)
{
	uint8_t d[DT_RECORD_HEADER + 80] = {0};
	for (unsigned i = 0; i < count; i++) {
		dt_record_write_header(d, DT_CHANGE_CIPHER_SPEC, DT_VERSION_12, 0, 900, 1);
		d[DT_RECORD_HEADER] = 1;
		sim_link_send(&f->sim->link, as, true, d, DT_RECORD_HEADER + 1);
		dt_record_write_header(d, DT_HANDSHAKE, DT_VERSION_12, 1, i, 80);
		sim_link_send(&f->sim->link, as, true, d, sizeof(d));
	}
}

static bool
is_key_exchange(const struct sim_packet *p)
{
	return p->len > DT_RECORD_HEADER && p->bytes[0] == DT_HANDSHAKE && p->bytes[4] == 0 &&
	    p->bytes[DT_RECORD_HEADER] == 16;
}

static bool
forge_around(void *arg, struct sim_packet *p)
{
	struct forger *f = arg;
	struct dt_record rec;
	size_t at = 0, start = 0;
	if (f->sending || !p->to_server || !is_key_exchange(p))
		return true;
	f->sending = true;
	f->flights++;
	send_forged(f, p->client, f->before);
	while (dt_record_next(p->bytes, p->len, &at, &rec) == DT_RECORD_OK) {
		bool lost = rec.epoch == 1 && f->lose_finished && f->flights == 1;
		if (f->split && !lost) {
			sim_link_send(&f->sim->link, p->client, true, p->bytes + start, at - start);
			send_forged(f, p->client, f->between);
		}
		start = at;
	}
	if (!f->split)
		sim_link_send(&f->sim->link, p->client, true, p->bytes, p->len);
	send_forged(f, p->client, f->between);
	f->sending = false;
	return false;
}

static struct sim_client *
begin_psk(struct forger *f, const char *suite, const char *key, SSL_CTX **ctx)
{
	struct sim_options o = sim_defaults("forged Finished");
	o.psk = o.psk_only = true;
	o.suites = suite;
	f->sim = sim_new(&o);
	f->sim->server.psk = SIM_ACCEPT;
	f->sim->server.key = KEY;
	f->sim->link.tap = forge_around;
	f->sim->link.tap_arg = f;
	*ctx = sim_client_ctx(suite);
	struct sim_client *c = sim_add_client(f->sim, *ctx);
	c->psk_identity = "device";
	c->psk_key = key;
	return c;
}

Test(records, forged_records_do_not_end_the_handshake_of_a_pre_shared_key)
{
	static const struct forger table[] = {
	    {.before = 1}, {.before = 20}, {.between = 20}, {.split = true, .between = 1},
	    {.split = true, .before = 5, .between = 20}, {.split = true, .between = 20, .lose_finished = true},
	};
	for (size_t i = 0; i < 3 * 2 * 6; i++) {
		struct forger f = table[i % 6];
		bool deferred = i / 6 % 2;
		SSL_CTX *ctx;
		struct sim_client *c = begin_psk(&f, psk_suites[i / 12], KEY, &ctx);
		f.sim->server.psk = deferred ? SIM_WAIT : SIM_ACCEPT;
		sim_client_start(c);
		sim_settle(f.sim);
		if (deferred)
			sim_verdict(&f.sim->server, DT_GATE_PSK, true, 0, KEY);
		sim_run(f.sim, DT_SECONDS(5));
		cr_assert(c->state == SIM_UP, "row %zu: state %d, alert %d", i, (int)c->state, c->alert);
		sim_check_echo(f.sim, c, "undisturbed");
		SSL_CTX_free(ctx);
		sim_free(f.sim);
	}
}

/* Key exchange and Finished in one datagram: at once. In several: with the third flight, 3 s later. */
Test(records, a_wrong_key_is_told_so_within_the_first_repetitions)
{
	for (size_t i = 0; i < 3 * 2; i++) {
		struct forger f = {.split = i % 2};
		SSL_CTX *ctx;
		struct sim_client *c = begin_psk(&f, psk_suites[i / 2], "another", &ctx);
		sim_client_start(c);
		sim_run(f.sim, DT_MILLISECONDS(2900));
		cr_assert((c->state == SIM_BUSY) == f.split, "row %zu: state %d", i, (int)c->state);
		sim_run(f.sim, DT_MILLISECONDS(300));
		struct sim_diary *d = sim_newest(&f.sim->server);
		cr_assert(d->connected == 1 && d->status == 403, "row %zu: %s", i, d->text);
		cr_assert(strstr(d->text, "wrong key") && f.flights == (f.split ? 3 : 1));
		cr_assert(c->state == SIM_FAILED && c->alert == DT_ALERT_DECRYPT_ERROR);
		SSL_CTX_free(ctx);
		sim_free(f.sim);
	}
}

/* ---- a certificate without its proof, on a suite of OpenSSL's ---- */

static bool
steal_proof(void *arg, struct sim_packet *p)
{
	unsigned *stolen = arg;
	uint8_t out[8192];
	size_t at = 0, used = 0, start = 0;
	struct dt_record rec;
	while (p->to_server && p->len <= sizeof(out) && dt_record_next(p->bytes, p->len, &at, &rec) == DT_RECORD_OK) {
		bool proof = rec.epoch == 0 && rec.type == DT_HANDSHAKE && rec.body[0] == 15;
		if (!proof) {
			memcpy(out + used, p->bytes + start, at - start);
			used += at - start;
		}
		*stolen += proof;
		start = at;
	}
	if (!p->to_server || p->len > sizeof(out))
		return true;
	memcpy(p->bytes, out, used);
	p->len = used;
	return used != 0;
}

/* The number of its sealed Finished cannot be read, so that the proof may still be on its way: such a
 * handshake ends at its bound. */
Test(records, a_certificate_without_its_proof_never_gets_in_on_cbc_either)
{
	struct sim_identity ca, id;
	sim_identity_make(&ca, &(struct sim_cert_wish){.name = "CA", .ca = true});
	sim_identity_make(&id, &(struct sim_cert_wish){.name = "stolen", .issuer = &ca});
	struct sim_options o = sim_defaults("no proof");
	o.suites = CBC;
	o.client_auth = DT_CLIENT_AUTH_REQUIRED;
	o.client_ca = ca.cert;
	struct sim *sim = sim_new(&o);
	SSL_CTX *ctx = sim_client_ctx(CBC);
	SSL_CTX_use_certificate(ctx, id.cert);
	SSL_CTX_use_PrivateKey(ctx, id.key);
	unsigned stolen = 0;
	sim->link.tap = steal_proof;
	sim->link.tap_arg = &stolen;
	struct sim_client *c = sim_connect(sim, ctx);
	sim_run(sim, DT_SECONDS(61));
	struct sim_diary *d = sim_newest(&sim->server);
	cr_assert(stolen > 1 && c->state != SIM_UP);
	cr_assert(d->auths == 0 && d->connected == 1 && d->status != 0, "%s", d->text);
	SSL_CTX_free(ctx);
	sim_free(sim);
	sim_identity_free(&id);
	sim_identity_free(&ca);
}

/* ---- messages that do not belong there ---- */

static void
send_change(struct sim *sim, uint32_t as, size_t len, uint8_t value)
{
	uint8_t d[DT_RECORD_HEADER + 4];
	dt_record_write_header(d, DT_CHANGE_CIPHER_SPEC, DT_VERSION_12, 0, 700, len);
	memset(d + DT_RECORD_HEADER, value, len);
	sim_server_input(&sim->server, as, d, DT_RECORD_HEADER + len);
}

/* A client whose hello has been answered; its own answer is not sent yet. */
static struct sim_client *
half_open(struct sim *sim, SSL_CTX *ctx)
{
	struct sim_client *c = sim_add_client(sim, ctx);
	sim_client_start(c);
	sim_run(sim, DT_MILLISECONDS(17));
	cr_assert(sim_newest(&sim->server)->connected == 0 && c->state == SIM_BUSY);
	return c;
}

Test(records, a_change_cipher_spec_early_or_twice_changes_nothing)
{
	static const char *const both[] = {GCM, CBC};
	for (size_t i = 0; i < 2; i++) {
		struct sim_options o = sim_defaults("early change");
		o.suites = both[i];
		struct sim *sim = sim_new(&o);
		SSL_CTX *ctx = sim_client_ctx(NULL);
		struct sim_client *c = half_open(sim, ctx);
		uint64_t before = sim_drops(&sim->server, DT_DROP_UNEXPECTED);
		send_change(sim, c->number, 1, 1);
		send_change(sim, c->number, 1, 1);
		cr_assert(sim_drops(&sim->server, DT_DROP_UNEXPECTED) == before);
		send_change(sim, c->number, 0, 1);
		send_change(sim, c->number, 2, 1);
		send_change(sim, c->number, 1, 0);
		send_change(sim, c->number, 1, 2);
		cr_assert(sim_drops(&sim->server, DT_DROP_UNEXPECTED) == before + 4);
		sim_settle(sim);
		cr_assert(c->state == SIM_UP, "%s", both[i]);
		send_change(sim, c->number, 1, 1);
		sim_check_echo(sim, c, "unchanged");
		SSL_CTX_free(ctx);
		sim_free(sim);
	}
}

/* Takes the client's key exchange away. */
static bool
drop_key_exchange(void *arg, struct sim_packet *p)
{
	(void)arg;
	struct dt_record rec;
	size_t at = 0;
	if (!p->to_server || !is_key_exchange(p) || dt_record_next(p->bytes, p->len, &at, &rec) != DT_RECORD_OK)
		return true;
	memmove(p->bytes, p->bytes + at, p->len - at);
	p->len -= at;
	return true;
}

Test(records, without_a_key_exchange_nothing_is_accepted)
{
	static const char *const both[] = {GCM, CBC};
	for (size_t i = 0; i < 2; i++) {
		struct sim_options o = sim_defaults("no key exchange");
		o.suites = both[i];
		struct sim *sim = sim_new(&o);
		SSL_CTX *ctx = sim_client_ctx(NULL);
		sim->link.tap = drop_key_exchange;
		struct sim_client *c = sim_connect(sim, ctx);
		sim_run(sim, DT_SECONDS(61));
		struct sim_diary *d = sim_newest(&sim->server);
		cr_assert(c->state != SIM_UP && d->auths == 0 && d->connected == 1 && d->status != 0);
		SSL_CTX_free(ctx);
		sim_free(sim);
	}
}

Test(records, a_finished_in_the_clear_is_dropped)
{
	static const char *const both[] = {GCM, CBC};
	for (size_t i = 0; i < 2; i++) {
		struct sim_options o = sim_defaults("Finished in the clear");
		o.suites = both[i];
		struct sim *sim = sim_new(&o);
		SSL_CTX *ctx = sim_client_ctx(NULL);
		struct sim_client *c = half_open(sim, ctx);
		uint8_t d[128];
		uint64_t before = sim_drops(&sim->server, DT_DROP_UNEXPECTED);
		for (uint16_t seq = 0; seq < 8; seq++) {
			struct sim_fragment f = {20, 0x5a, seq, 12, 0, 12};
			sim_server_input(&sim->server, c->number, d, sim_forge_fragment(&f, 0, 600, d));
		}
		cr_assert(sim_drops(&sim->server, DT_DROP_UNEXPECTED) == before + 8);
		sim_settle(sim);
		cr_assert(c->state == SIM_UP, "%s", both[i]);
		SSL_CTX_free(ctx);
		sim_free(sim);
	}
}

/* In the place of the client's first message, and there is nothing that could be right in it: whatever
 * the type says, nobody gets in, and the answer is an alert or none. */
Test(records, no_message_of_another_type_gets_a_client_in)
{
	for (unsigned type = 0; type < 256; type++) {
		struct sim_options o = sim_defaults("types");
		o.client_auth = type % 2 ? DT_CLIENT_AUTH_REQUESTED : DT_CLIENT_AUTH_NONE;
		struct sim *sim = sim_new(&o);
		SSL_CTX *ctx = sim_client_ctx(GCM);
		struct sim_client *c = half_open(sim, ctx);
		uint8_t bytes[128];
		struct sim_fragment f = {(uint8_t)type, 0, 2, 40, 0, 40};
		sim_drop_client(sim, c);
		uint64_t alerts = sim_counter(&sim->server, DT_COUNT_ALERTS_SENT);
		sim_server_input(&sim->server, 1, bytes, sim_forge_fragment(&f, 0, 600, bytes));
		send_change(sim, 1, 1, 1);
		sim_run(sim, DT_SECONDS(61));
		struct sim_diary *d = sim_newest(&sim->server);
		cr_assert(d->auths == 0 && d->connected == 1 && d->status != 0, "type %u: %s", type, d->text);
		cr_assert(sim_counter(&sim->server, DT_COUNT_ALERTS_SENT) - alerts <= 1);
		SSL_CTX_free(ctx);
		sim_free(sim);
	}
}
